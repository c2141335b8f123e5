"""What happens in one simulation: a list of decisions made from a seed before anything runs.

A decision is a plain tuple of words and numbers. Leaving one out leaves the others meaningful, which is what
makes a failing schedule small (`shrink`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from tests.simulation.people import OPERATIONS, WEIGHTS

PEOPLE, TURN, EVERYWHERE, ADVANCE, RESTART, CUT, WIPE, DEAF, RESTORE, STALE, UNMOUNT, BRING_BACK = (
    "people", "turn", "everywhere", "advance", "restart", "cut", "wipe", "deaf", "restore", "stale", "unmount", "bring back",
)  # fmt: skip
POLICY, PRUNE, DAYS = "policy", "prune", "days"
AWAY, EMPTIED, DAMAGED = "away", "emptied", "damaged"  # a store: numbers are which, and what
KILL, ACT, OTHER, STORE_FAILS, SYSTEM_FAILS, POWER = "kill", "act", "other", "store fails", "system fails", "power"


CALLS = [
    "exchange",
    "exchange",
    "exchange",
    "rename",
    "move",
    "unlink",
    "rmdir",
    "read-end",
    "fsync",
    "commit",
    "put-done",
    "utime",
]


# What people do in a long life: they mostly go on with what is there.
LIVES = {"create": 2, "edit": 2, "mkdir": 1, "move": 2, "remove": 1, "swap": 1, "save by rename": 1, "chmod": 1}
LONG = 600  # decisions in it


ODD = ["blind", "mac", "linkless"]  # file systems that cannot keep all that others can


class Interrupt(NamedTuple):
    """What comes in between: after so many points of one turn, or of those that make one call."""

    after: int
    what: str
    numbers: tuple[int, int, int, int]
    call: str = ""


class Decision(NamedTuple):
    """One thing that happens, to one device."""

    what: str
    device: int
    numbers: tuple[int, ...] = ()
    word: str = ""
    interrupts: tuple[Interrupt, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """A whole simulation. `calm`: nobody does anything before all know what was done before."""

    seed: int
    devices: int
    personalities: tuple[str, ...]
    calm: bool
    skews_s: tuple[int, ...]
    decisions: tuple[Decision, ...]
    checkpoints: int = 500  # records between two of them
    stores: int = 1
    commit: int = 1  # how many of them a change has to be on
    prunes: bool = False  # old versions go


def of_seed(seed: int) -> Schedule:
    """Return the schedule that a run has for a seed: in one of five old versions go, one of forty is a long life."""
    return live_long(seed) if seed % 40 == 7 else make(seed, prunes=seed % 5 == 0)


def live_long(seed: int) -> Schedule:
    """Return a schedule of hundreds of turns, a moment apart, in which few names have a long past."""
    source = random.Random(f"life {seed}")
    devices = source.choice([2, 3])
    decisions = []
    while len(decisions) < LONG:
        draw, device = source.random(), source.randrange(devices)
        if draw < 0.45:
            word = source.choices(list(LIVES), list(LIVES.values()))[0]
            decisions.append(Decision(PEOPLE, device, _numbers(source, 3), word))
        elif draw < 0.9:
            decisions.append(Decision(ADVANCE, device, (source.choice([50, 200, 400, 800]),)))
            decisions.append(Decision(TURN, device, interrupts=_interrupts(source, rough=True)))
        elif draw < 0.91:
            decisions.append(Decision(EVERYWHERE, device, interrupts=_interrupts(source, rough=True)))
        else:
            decisions.append(Decision(ADVANCE, device, (source.choice([20, 200, 500, 1000, 2500]),)))
    return Schedule(seed, devices, ("plain",) * devices, False, (0,) * devices, tuple(decisions))


def make(seed: int, length: int = 18, *, several: bool = True, prunes: bool = False) -> Schedule:
    """Return the schedule of a seed; `several` lets there be more than one store, `prunes` lets old versions go."""
    source = random.Random(f"schedule {seed}")
    odd = random.Random(f"odd {seed}")  # a stream of its own: what it does not touch stays the schedule that it was
    devices = source.choice([2, 2, 2, 3, 3, 4])
    if odd.random() < 0.04:
        devices = 5
    calm = source.random() < 0.2
    rough = source.random() < 0.7 and not calm
    kinds = ["plain"] * 5 + ["coarse", "fat", "small"]
    personalities = tuple(source.choice(kinds) for _ in range(devices))
    personalities = tuple(odd.choice(ODD) if odd.random() < 0.15 else kind for kind in personalities)
    skews = tuple(source.choice([0, 0, 0, -100_000, 100_000, 40_000_000]) for _ in range(devices))
    decisions = [
        Decision(PEOPLE, source.randrange(devices), _numbers(source, 3), source.choice(["create", "directory with"]))
        for _ in range(source.randrange(1, 5))
    ]
    for _ in range(source.randrange(length // 2, length * 2)):
        decisions.append(_decision(source, devices, rough))
    checkpoints = odd.choice([2, 3, 5]) if odd.random() < 0.2 else 500
    if odd.random() < 0.15 and not calm:  # somebody wants an old version again
        for _ in range(odd.choice([1, 2])):
            brought = Decision(BRING_BACK, odd.randrange(devices), _numbers(odd, 2), interrupts=_interrupts(odd, rough))
            decisions.insert(odd.randrange(len(decisions) // 2, len(decisions) + 1), brought)
    stores, commit = _stores(random.Random(f"stores {seed}"), decisions, calm=calm) if several else (1, 1)
    if prunes:
        _prune(random.Random(f"prune {seed}"), decisions, devices, rough)
    return Schedule(seed, devices, personalities, calm, skews, tuple(decisions), checkpoints, stores, commit, prunes)


def _prune(source: random.Random, decisions: list[Decision], devices: int, rough: bool) -> None:
    """Let somebody say what is kept, let any device prune at any time, and let days go by."""
    decisions.insert(
        source.randrange(len(decisions) // 2 + 1), Decision(POLICY, source.randrange(devices), _numbers(source, 1))
    )
    for _ in range(source.randrange(3, 7)):
        what = source.choice([PRUNE, PRUNE, DAYS])
        decided = Decision(what, source.randrange(devices), _numbers(source, 1), interrupts=_interrupts(source, rough))
        decisions.insert(source.randrange(len(decisions) // 3, len(decisions) + 1), decided)
    last = source.randrange(devices)
    ending = [Decision(EVERYWHERE, device) for device in range(devices)]
    if source.random() < 0.6:  # somebody wants an old version again, whose packs are about to be condemned elsewhere
        decisions.append(Decision(BRING_BACK, source.randrange(devices), _numbers(source, 2)))
    decisions += [Decision(PRUNE, last, (0,))]
    if source.random() < 0.6:  # or just were
        decisions.append(Decision(BRING_BACK, source.randrange(devices), _numbers(source, 2)))
    decisions += [*ending, *ending, Decision(DAYS, last, (1,))]
    decisions += [Decision(PRUNE, last, (0,), interrupts=_interrupts(source, rough)), *ending]


def _stores(source: random.Random, decisions: list[Decision], *, calm: bool) -> tuple[int, int]:
    """Return how many stores there are, W of them, and let things happen to them."""
    if source.random() < 0.6 or any(decision.what == RESTORE for decision in decisions):
        # An old state that goes on where only a store that is away knows better forks its journal: no rule mends that.
        return 1, 1
    stores = source.choice([2, 2, 3])
    commit = source.randrange(1, stores + 1)
    for _ in range(0 if calm else source.randrange(4)):
        what = source.choice([AWAY, AWAY, AWAY, EMPTIED, DAMAGED])
        decisions.insert(source.randrange(len(decisions) + 1), Decision(what, 0, _numbers(source, 2)))
    return stores, commit


def _numbers(source: random.Random, count: int) -> tuple[int, ...]:
    return tuple(source.randrange(1000) for _ in range(count))


def _decision(source: random.Random, devices: int, rough: bool) -> Decision:
    device, draw = source.randrange(devices), source.random()
    if draw < 0.5:
        return Decision(PEOPLE, device, _numbers(source, 3), _operation(source))
    if draw < 0.62:
        return Decision(TURN, device, interrupts=_interrupts(source, rough))
    if draw < 0.84:
        return Decision(EVERYWHERE, device, interrupts=_interrupts(source, rough))
    if draw < 0.92 or not rough:
        return Decision(ADVANCE, device, (source.choice([1, 30, 60, 300, 600, 2500, 40_000]),))
    word = source.choice([RESTART, CUT, WIPE, DEAF, STALE, RESTORE, UNMOUNT])
    return Decision(word, device, _numbers(source, 2))


def _operation(source: random.Random) -> str:
    words = list(OPERATIONS)
    return source.choices(words, [WEIGHTS.get(word, 1) for word in words])[0]


def _interrupts(source: random.Random, rough: bool) -> tuple[Interrupt, ...]:
    if not rough or source.random() < 0.4:
        return ()
    found = []
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        after = int(2 ** source.uniform(0, 7))
        what = source.choice([KILL, KILL, ACT, ACT, OTHER, STORE_FAILS, SYSTEM_FAILS, POWER])
        a, b, c, d = _numbers(source, 4)
        call = ""
        if what in (ACT, KILL, POWER) and source.random() < 0.5:  # just before something is changed, or believed
            call, after = source.choice(CALLS), source.choice([1, 1, 2, 3])
        found.append(Interrupt(after, what, (a, b, c, d), call))
    return tuple(sorted(found))
