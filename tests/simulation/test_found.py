"""Schedules in which a promise was broken once: each was made small, and runs with every change."""

from __future__ import annotations

from tests.simulation.run import Simulation
from tests.simulation.schedule import Decision, Interrupt, Schedule


def test_seed_4005265() -> None:
    """A version of a node that others had changed meanwhile was taken for what they all came to: an edit was overruled."""
    decisions = (
        Decision("people", 1, (892, 916, 758), "directory with", ()),
        Decision("people", 0, (269, 629, 152), "create", ()),
        Decision("people", 0, (799, 364, 476), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (651, 487, 262), "save by backup", ()),
        Decision("everywhere", 3, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (650, 821, 263), "chmod", ()),
        Decision("people", 3, (31, 993, 198), "directory with", ()),
        Decision("everywhere", 3, (), "", (Interrupt(1, "kill", (951, 437, 257, 180), ""),)),
        Decision("people", 3, (566, 181, 179), "case", ()),
        Decision("turn", 3, (), "", ()),
    )
    Simulation(Schedule(4005265, 4, ("small", "plain", "small", "plain"), False, (0, 0, 0, 0), decisions)).run()


def test_seed_4002871() -> None:
    """After a rebuild, an old content under the name of a copy was taken for news, once the copy had been renamed."""
    decisions = (
        Decision("people", 1, (413, 843, 962), "create", ()),
        Decision("people", 1, (93, 365, 905), "create", ()),
        Decision("people", 0, (89, 40, 954), "create", ()),
        Decision("people", 1, (329, 958, 430), "directory with", ()),
        Decision("stale", 1, (669, 416), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (172, 807, 814), "save by removal", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 1, (), "", (Interrupt(1, "act", (235, 58, 917, 467), "move"),)),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (65, 798, 441), "case", ()),
        Decision("wipe", 1, (792, 896), "", ()),
    )
    Simulation(Schedule(4002871, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_5008518() -> None:
    """Somebody wrote into a file in the moment between two exchanges; the way back took it for what was staged."""
    decisions = (
        Decision("people", 1, (660, 412, 355), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (301, 247, 760), "save by rename", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision(
            "everywhere",
            0,
            (),
            "",
            (
                Interrupt(1, "act", (993, 484, 768, 501), "exchange"),
                Interrupt(9, "act", (19, 578, 96, 73), ""),
            ),
        ),
    )
    Simulation(Schedule(5008518, 3, ("plain", "plain", "plain"), False, (0, 0, 0), decisions)).run()
