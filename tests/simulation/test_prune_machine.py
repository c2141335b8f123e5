"""Old versions go while devices write, read, die and are away: no pack goes that anybody needs.

The real engine on simulated disks and stores, driven by hypothesis step by step: what comes next may depend on nothing
that was fixed before. After each step every device is held to this: each chunk of what its tree holds, and of every
version that it has while no rule lets any go, has a place that it knows of, and the pack of that place is on a store.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncd.model.entry import Kind
from syncd.model.location import pack_name
from syncd.model.version import Row
from tests.simulation import oracles
from tests.simulation.bugs import BUGS
from tests.simulation.device import SimDevice
from tests.simulation.people import OPERATIONS
from tests.simulation.run import Counts, Simulation, Violation
from tests.simulation.schedule import (
    ADVANCE,
    BRING_BACK,
    CALLS,
    CUT,
    DAYS,
    EVERYWHERE,
    KILL,
    OTHER,
    PEOPLE,
    POLICY,
    POWER,
    PRUNE,
    RESTART,
    STALE,
    STORE_FAILS,
    TURN,
    Decision,
    Interrupt,
    Schedule,
)

SHORT = 1000  # steps in CI
STEPS = int(os.environ.get("SYNCD_STEPS", SHORT))
LENGTH = 50  # steps of one run
LONGEST = 80  # days of one run: who says nothing for 90 is waited for no more
NUMBER = st.integers(0, 999)
DEVICE = st.integers(0, 3)
# What makes versions, and lets them go, comes oftener.
WORDS = st.sampled_from([*["create", "edit", "save by rename", "remove", "again", "directory with"] * 4, *OPERATIONS])
INTERRUPTS = st.lists(
    st.one_of(
        st.builds(
            Interrupt,
            st.integers(1, 120),
            st.sampled_from([KILL, OTHER, STORE_FAILS, POWER]),
            st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
        ),
        st.builds(
            Interrupt,
            st.integers(1, 3),
            st.sampled_from([KILL, POWER]),
            st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
            st.sampled_from([*CALLS, "delete", "delete-done", "put"]),
        ),
    ),
    max_size=2,
).map(tuple)


def needed_by(device: SimDevice, *, history: bool) -> list[Row]:
    """Return what a device's state has that can be asked for: its tree; and its history, while all of that is kept."""
    nodes = device.state.nodes
    rows = nodes.everything() if history else nodes.live()
    return [row for row in rows if row.alive and row.kind == Kind.FILE]


def check_packs(simulation: Simulation, *, history: bool) -> None:
    """Hold every device to the invariant.

    Raises:
        Violation: something that a device needs is nowhere.
    """
    there = simulation.shelf.objects
    for device in simulation.devices:
        if device.state.db.in_transaction:
            continue
        for row in needed_by(device, history=history):
            assert row.depth == 0, "the contents of simulated files are small"
            for at in range(0, len(row.content), 16):
                chunk = row.content[at : at + 16]
                place = device.state.chunks.get(chunk)
                if place is None:
                    raise Violation(f"{device.name} knows no place of what {row.name!r} holds")
                name = pack_name(device.state.packs.get(place.pack).pack)
                if name not in there:
                    raise Violation(f"{device.name} needs {name} for {row.name!r}, and it is gone")


class Pruning(RuleBasedStateMachine):
    """A vault of some devices, one step after another."""

    @initialize(
        devices=st.integers(2, 4),
        stores=st.sampled_from([1, 1, 2]),
        seed=st.integers(0, 99),
        policy=st.one_of(st.none(), NUMBER),
        first=st.lists(st.tuples(NUMBER, NUMBER, NUMBER), min_size=2, max_size=8),
    )
    def begin(
        self, devices: int, stores: int, seed: int, policy: int | None, first: list[tuple[int, int, int]]
    ) -> None:
        plain = ("plain",) * devices
        self.simulation = Simulation(
            Schedule(seed, devices, plain, False, (0,) * devices, (), 3, stores, stores, prunes=True)
        )
        self.history, self.days = True, 0
        for device in self.simulation.devices:
            device.found()
        for at, numbers in enumerate(first):
            self.do(PEOPLE, at, *numbers, word="create")
        if policy is not None:
            self.somebody_says_what_is_kept(0, policy)
        self.all_look(())

    def do(self, what: str, device: int, *numbers: int, word: str = "", interrupts: tuple[Interrupt, ...] = ()) -> None:
        number = device % len(self.simulation.devices)
        self.simulation._decide(Decision(what, number, numbers, word, interrupts))

    @rule(device=DEVICE, word=WORDS, a=NUMBER, b=NUMBER, c=NUMBER)
    def somebody_does(self, device: int, word: str, a: int, b: int, c: int) -> None:
        self.do(PEOPLE, device, a, b, c, word=word)

    @rule(device=DEVICE, whole=st.booleans(), interrupts=INTERRUPTS)
    def it_looks(self, device: int, whole: bool, interrupts: tuple[Interrupt, ...]) -> None:
        self.do(EVERYWHERE if whole else TURN, device, interrupts=interrupts)

    @rule(interrupts=st.lists(INTERRUPTS, max_size=4))
    def all_look(self, interrupts: Sequence[tuple[Interrupt, ...]]) -> None:
        for device in range(len(self.simulation.devices)):
            self.do(EVERYWHERE, device, interrupts=interrupts[device] if device < len(interrupts) else ())

    @rule(
        device=DEVICE,
        edits=st.lists(st.tuples(DEVICE, NUMBER), max_size=3),
        interrupts=st.lists(INTERRUPTS, max_size=4),
    )
    def a_day_of_it(self, device: int, edits: list[tuple[int, int]], interrupts: list[tuple[Interrupt, ...]]) -> None:
        """What comes to an end: it is condemned, all say what they need of it, a day goes by, it goes."""
        self.do(PRUNE, device, 0, interrupts=interrupts[0] if interrupts else ())
        for who, number in edits:
            self.do(PEOPLE, who, number, number, number, word="again" if number % 2 else "edit")
        self.all_look(interrupts[1:])
        self.all_look(())
        if self.days < LONGEST:
            self.days_go_by(1)
        self.do(PRUNE, device, 0, interrupts=interrupts[-1] if interrupts else ())

    @rule(device=DEVICE, number=NUMBER)
    def somebody_says_what_is_kept(self, device: int, number: int) -> None:
        self.history = False
        self.do(POLICY, device, number)

    @rule(device=DEVICE, interrupts=INTERRUPTS)
    def it_prunes(self, device: int, interrupts: tuple[Interrupt, ...]) -> None:
        self.do(PRUNE, device, 0, interrupts=interrupts)

    @precondition(lambda self: self.days < LONGEST)
    @rule(count=st.integers(0, 2))
    def days_go_by(self, count: int) -> None:
        self.days += 1 + count
        self.do(DAYS, 0, count)

    @rule(seconds=st.sampled_from([1, 30, 600, 40_000]))
    def time_goes_by(self, seconds: int) -> None:
        self.do(ADVANCE, 0, seconds)

    @rule(device=DEVICE, which=NUMBER, how=NUMBER, interrupts=INTERRUPTS)
    def somebody_wants_it_back(self, device: int, which: int, how: int, interrupts: tuple[Interrupt, ...]) -> None:
        self.do(BRING_BACK, device, which, how, interrupts=interrupts)

    @rule(device=DEVICE, cut=st.booleans(), number=NUMBER)
    def it_starts_again(self, device: int, cut: bool, number: int) -> None:
        self.do(CUT if cut else RESTART, device, number)

    @rule(device=DEVICE, number=NUMBER)
    def a_listing_is_late(self, device: int, number: int) -> None:
        self.do(STALE, device, number)

    @rule(device=DEVICE, key=st.one_of(st.none(), NUMBER))
    def listings_come_in_another_order(self, device: int, key: int | None) -> None:
        for door in self.simulation.devices[device % len(self.simulation.devices)].doors:
            door.order = key

    @invariant()
    def nothing_needed_is_gone(self) -> None:
        if hasattr(self, "simulation"):
            check_packs(self.simulation, history=self.history)

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.heal()
            self.simulation.settle()
            check_packs(self.simulation, history=self.history)
            oracles.judge(self.simulation)


def run(steps: int, *, small: bool = True) -> Counts:
    """Run so many steps, the short run always the same ones; return what was done in them.

    Args:
        steps: about.
        small: what fails is made small.
    """
    done = Counts()

    class Counting(Pruning):
        def teardown(self) -> None:
            super().teardown()
            if hasattr(self, "simulation"):
                done.add(self.simulation.counts)

    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink] if small else [Phase.generate]
    each = settings(
        max_examples=max(1, steps // LENGTH),
        stateful_step_count=LENGTH,
        phases=phases,
        derandomize=steps <= SHORT,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Counting, settings=each)
    return done


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_no_pack_goes_that_anybody_needs() -> None:
    done = run(STEPS)
    print(done)
    assert done.deleted > STEPS // 200, f"hardly any pack went: {done}"
    assert done.kills > STEPS // 200, f"hardly anybody died: {done}"


@pytest.mark.slow
@pytest.mark.parametrize("bug", ["nobody is waited for", "what stands is not needed"])
def test_the_machine_catches(bug: str) -> None:
    with BUGS[bug](), pytest.raises(Violation, match=r"gone|knows no place"):
        run(SHORT, small=False)
