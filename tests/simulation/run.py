"""Runs one schedule and judges what came of it.

Everything happens in one thread; whoever interrupts whom is in the schedule. So a seed makes the same trace
every time, and the trace's checksum is part of the result.
"""

from __future__ import annotations

import contextlib
import errno
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.engine.cycle import Cycle
from syncd.engine.deciding import decide
from syncd.engine.guards import holds
from syncd.engine.picking import in_place
from syncd.engine.progress import Progress
from syncd.engine.pruning import prune
from syncd.engine.reviewing import approve
from syncd.errors import Failed, StoreFull, StoreGone, StoreReadOnly
from syncd.history.tree import path_at
from tests.simulation import oracles
from tests.simulation.device import Clock, Killed, SimDevice
from tests.simulation.ledger import Ledger
from tests.simulation.people import OPERATIONS, Person
from tests.simulation.schedule import (
    ACT,
    ADVANCE,
    AWAY,
    BRING_BACK,
    CUT,
    DAMAGED,
    DAYS,
    DEAF,
    EMPTIED,
    EVERYWHERE,
    KILL,
    OTHER,
    PEOPLE,
    POLICY,
    POWER,
    PRUNE,
    RESTART,
    RESTORE,
    STALE,
    STORE_FAILS,
    SYSTEM_FAILS,
    TURN,
    UNMOUNT,
    WIPE,
    Decision,
    Interrupt,
    Schedule,
)
from tests.simulation.store import Shelf, Shelves
from tests.simulation.system import PERSONALITIES, ROOT

MOST_POINTS = 100_000  # of one schedule; the longest that ended had 20,000
ROUNDS = 14  # of every device looking at everything, until there is peace
STORE_CALLS = {"put", "put-done", "get", "stat", "list-store", "delete", "delete-done"}
SYSTEM_CALLS = {"create", "open", "read", "write", "fsync", "list", "rename", "move", "exchange", "unlink",
                "rmdir", "mkdir", "link", "symlink", "chmod", "utime", "lstat"}  # fmt: skip
GAPS = ("rename", "exchange", "move")  # between looking and doing, where a rename cannot be told to replace nothing
CODES = [errno.EIO, errno.EACCES, errno.ENOSPC, errno.EMFILE, errno.EBUSY]
WORDS = sorted(OPERATIONS)


def _policy(number: int) -> dict[str, object]:
    """Return what somebody says is kept."""
    keep, count = [("last", 0), ("last", 0), ("last", 1), ("within", 1), ("daily", 2)][number % 5]
    return {"rules": [{"path_b64": "", "keep": keep, "count": count}], "undeletable_days": 0}


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Counts:
    """What was done, over one run or many."""

    schedules: int = 0
    operations: int = 0
    turns: int = 0
    kills: int = 0
    cuts: int = 0
    faults: int = 0
    points: int = 0
    records: int = 0
    checkpoints: int = 0
    brought: int = 0
    emptied: int = 0
    damaged: int = 0
    several: int = 0
    condemned: int = 0
    deleted: int = 0

    def add(self, other: Counts) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Simulation:
    """One schedule under way."""

    schedule: Schedule
    counts: Counts = field(default_factory=Counts)
    trace: int = 0
    story: list[str] | None = None  # told when somebody wants to read it

    def __post_init__(self) -> None:
        self.clock, self.ledger = Clock(), Ledger()
        each = [Shelf(name=f"store{at}") for at in range(self.schedule.stores)]
        self.shelves = Shelves(each, self.schedule.commit)
        self.shelf = self.shelves if self.schedule.stores > 1 else self.shelves.each[0]
        self._waiting: dict[int, list[Interrupt]] = {}
        self._base: dict[int, int] = {}
        self._matched: dict[int, int] = {}
        self._quiet = False
        self._identities = 0
        self.devices = [self._device(number) for number in range(self.schedule.devices)]
        for decision in self.schedule.decisions:
            if decision.what == RESTORE:
                self.devices[decision.device].keeps_snapshots = True
        self.people = [Person(device.system, self.ledger.content) for device in self.devices]

    def _device(self, number: int) -> SimDevice:
        return SimDevice(
            number,
            f"dev{number}",
            self.clock,
            self.shelf,
            PERSONALITIES[self.schedule.personalities[number]],
            str(self.schedule.seed),
            self._point,
            self._next_identity,
            self.schedule.skews_s[number] * 1_000_000_000,
            self.schedule.checkpoints,
            commit=self.schedule.commit,
        )

    def _next_identity(self) -> int:
        self._identities += 1
        return 20 + self._identities

    def say(self, text: str) -> None:
        if self.story is not None:
            self.story.append(text)

    # -- points ---------------------------------------------------------------------------------

    def _point(self, device: SimDevice, call: str, about: str) -> None:
        self.trace = zlib.crc32(f"{device.number}{call}{about}".encode(), self.trace)
        self.counts.points += 1
        if self.counts.points > MOST_POINTS:
            raise Violation("it never ends")
        waiting = self._waiting.get(device.number)
        if self._quiet or not waiting:
            return
        first = waiting[0]
        if first.call:
            if call != first.call:
                return
            self._matched[device.number] = self._matched.get(device.number, 0) + 1
            if self._matched[device.number] < first.after:
                return
            self._matched[device.number] = 0
        elif device.counted - self._base[device.number] < first.after:
            return
        if first.what == STORE_FAILS and call not in STORE_CALLS:
            return
        if first.what == SYSTEM_FAILS and call not in SYSTEM_CALLS:
            return
        waiting.pop(0)
        self.say(f"    at {call} {about}: {first.what} {first.numbers}")
        self._interrupt(device, first, call, about)

    def _interrupt(self, device: SimDevice, given: Interrupt, call: str, about: str) -> None:
        a, b, c, d = given.numbers
        if given.what in (KILL, POWER):
            device.dead = True
            self.counts.kills += 1
            self.ledger.crashed(device)
            if given.what == POWER:
                self._cut(device, a)
            raise Killed
        if given.what == ACT and call in GAPS and not device.system.personality.fine_renames:
            return  # to look and then to rename is the best that such a system offers
        if given.what == ACT and given.call:
            self._act_here(device.number, about, a)
        elif given.what == ACT:
            self._act(device.number, WORDS[d % len(WORDS)], a, b, c)
        elif given.what == OTHER:
            other = self.devices[a % len(self.devices)]
            if not other.busy:
                self._look(other.number, whole=bool(b % 2))
        elif given.what == STORE_FAILS:
            self.counts.faults += 1
            self.ledger.crashed(device)
            raise [StoreGone, StoreGone, StoreFull, StoreReadOnly][a % 4]("the simulated store fails")
        elif given.what == SYSTEM_FAILS:
            self.counts.faults += 1
            code = CODES[a % len(CODES)]
            raise OSError(code, os.strerror(code), about)

    # -- decisions ------------------------------------------------------------------------------

    def _act(self, number: int, word: str, a: int, b: int, c: int) -> None:
        device = self.devices[number]
        with self.ledger.watching(device):
            came = self.people[number].act(word, a, b, c)
        self.say(f"  {device.name}: {word} {a} {b} {c}{'' if came else ' (nothing)'}")
        self.counts.operations += came

    def _act_here(self, number: int, about: str, how: int) -> None:
        """Let a person do something to the very entry that the device is about to change."""
        device = self.devices[number]
        path = about.encode("utf-8", "replace")
        if not path.startswith(ROOT + b"/"):
            return
        path = path.removeprefix(ROOT + b"/")
        with self.ledger.watching(device):
            came = self.people[number].act_on(path, how)
        self.say(f"  {device.name}: acts on {about} {how}{'' if came else ' (nothing)'}")
        self.counts.operations += came

    def _look(self, number: int, *, whole: bool, interrupts: tuple[Interrupt, ...] = ()) -> None:
        device = self.devices[number]
        self.counts.turns += 1
        self._waiting[number], self._base[number] = list(interrupts), device.counted
        self._matched.pop(number, None)
        before, untold = self.ledger.here(device), self.ledger.untold(device)
        try:
            if whole:
                through = device.look_everywhere()
                if through:
                    self.ledger.published(device, before, untold)
                else:
                    self.ledger.glimpsed(device, before)
            else:
                device.turn()
                self.ledger.glimpsed(device, before)
            device.tend()
        finally:
            self._waiting.pop(number, None)
        oracles.hangs_together(device)
        status = device.cycle.status
        if "inside syncd" in status.reason:
            raise Violation(f"{device.name}: {status.reason}")

    def _bring_back(self, number: int, which: int, *, exact: bool, interrupts: tuple[Interrupt, ...]) -> None:
        """Let a person at a device have an old version of something again, or of a directory with all that was in it."""
        device = self.devices[number]
        nodes = device.state.nodes
        old = sorted((row for row in nodes.everything() if row.alive), key=lambda row: row.version)
        if not old:
            return
        row = old[which % len(old)]
        path = path_at(nodes, row)
        self.ledger.bringing_back(device, row, path)
        self.counts.brought += 1

        def bring(cycle: Cycle) -> object:
            self.ledger.bringing_back(device, row, path)  # it may be done later than in the look that begins now
            return in_place(
                cycle.vault,
                [path],
                Progress(lambda: 0.0),
                at_ns=row.recorded_ns,
                version=None,
                exact=exact,
                dry_run=False,
            )

        answer = device.cycle.ask(bring)
        self._look(number, whole=False, interrupts=interrupts)
        self.ledger.bringing_back(device, row, path)  # and what was published first
        error = answer.exception() if answer.done() else None
        self.say(f"  {device.name}: {path!r} as it was: {error}")
        if isinstance(error, Failed) and "inside syncd" in error.message:
            raise Violation(f"{device.name}: {error.message}")

    def _ask(self, decision: Decision, work: Callable[[Cycle], object]) -> None:
        """Have the loop of a device do something that a person asks for."""
        device = self.devices[decision.device]
        answer = device.cycle.ask(work)
        self._look(decision.device, whole=False, interrupts=decision.interrupts)
        error = answer.exception() if answer.done() else None
        self.say(f"  {device.name}: {decision.what}: {error}")
        if isinstance(error, Failed) and "inside syncd" in error.message:
            raise Violation(f"{device.name}: {error.message}")

    def _pruned(self, cycle: Cycle) -> object:
        found = prune(cycle.vault, Progress(lambda: 0.0))
        self.counts.condemned += found.dead + found.repacked
        self.counts.deleted += found.deleted
        self.say(f"    {found.fields()}")
        return found

    def _days(self, count: int) -> None:
        """Let days go by, of which all devices that run take note."""
        for _ in range(count):
            self.clock.advance(86_500.0)
            for device in self.devices:
                with contextlib.suppress(Killed), device.state.transaction():
                    device.state.receipts.look(device.now_ns())

    def _cut(self, device: SimDevice, number: int) -> None:
        self.counts.cuts += 1
        keep = number % (len(device.system.log) + 1)
        with self.ledger.losing_power(device):
            device.system.cut(keep)

    def _decide(self, decision: Decision) -> None:
        device, numbers = self.devices[decision.device], decision.numbers
        self.say(f"{decision.what} {device.name} {decision.word}{numbers} {len(decision.interrupts) or ''}")
        if decision.what == PEOPLE:
            if self.schedule.calm:
                self.settle()
            self._act(decision.device, decision.word, *numbers)
        elif decision.what in (TURN, EVERYWHERE):
            self._look(decision.device, whole=decision.what == EVERYWHERE, interrupts=decision.interrupts)
        elif decision.what == BRING_BACK:
            self._bring_back(decision.device, numbers[0], exact=numbers[1] % 4 == 0, interrupts=decision.interrupts)
        elif decision.what == POLICY:
            self._ask(decision, lambda cycle: decide(cycle.vault, "retention", _policy(numbers[0])))
        elif decision.what == PRUNE:
            self._ask(decision, self._pruned)
        elif decision.what == DAYS:
            self._days(1 + numbers[0] % 3)
        elif decision.what == ADVANCE:
            self.clock.advance(numbers[0] / 1000)
        elif decision.what == RESTART:
            device.start()
        elif decision.what == CUT:
            self._cut(device, numbers[0])
            device.start()
        elif decision.what == WIPE:
            away = [shelf.away for shelf in self.shelves.each]
            if all(away):
                return  # nobody can make a state anew without a store
            self.ledger.forgetting(device)
            if any(away):
                device.wipe_as_another()
            else:
                device.wipe()
        elif decision.what == RESTORE:
            self.ledger.forgetting(device, older=True)
            device.restore(numbers[0])
        elif decision.what == UNMOUNT:
            device.system.mounted = not device.system.mounted
        elif decision.what == DEAF:
            device.deaf = not device.deaf
        elif decision.what == STALE:
            for door in device.doors:
                door.shelf.previous = set(sorted(door.shelf.objects)[: numbers[0]])
                door.stale = True
        elif decision.what in (AWAY, EMPTIED, DAMAGED):
            self._trouble(decision.what, *numbers)

    def _trouble(self, what: str, which: int, number: int) -> None:
        """Let something happen to a store; nothing that no other one has is lost, but for what counts as put nowhere.

        Who lost the state that has such an object is nobody to put it again.
        """
        shelf = self.shelves.each[which % len(self.shelves.each)]
        if what == AWAY:
            shelf.away = not shelf.away
            return
        spared = [name for name in sorted(shelf.objects) if self.shelves.can_spare(shelf, name)]
        dear = shelf.objects.keys() - set(spared)
        if not any(decision.what == WIPE for decision in self.schedule.decisions):
            dear = {name for name in dear if name in self.shelves.counted or not name.startswith(("pack/", "record/"))}
        if what == EMPTIED and not dear:
            shelf.objects.clear()
            self.counts.emptied += 1
        elif what == DAMAGED and not shelf.damaged and any(name.startswith("record/") for name in spared):
            shelf.damaged = True
            name = spared[number % len(spared)]
            data = shelf.objects[name]
            at = number % len(data)
            shelf.objects[name] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            self.counts.damaged += 1

    # -- the whole ------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everybody look at everything, with nothing going wrong, until nobody has anything to say."""
        was, self._quiet = self._quiet, True
        rounds_of_peace = 0  # one is not enough: a deletion is told by a second look
        for _ in range(ROUNDS):
            before = (self.shelf.puts, sum(device.system.changes for device in self.devices))
            self.clock.advance(3.0)
            for device in self.devices:
                self._look(device.number, whole=True)
                if device.cycle.status.state != "idle":
                    self.say(f"  {device.name}: {device.cycle.status.state} {device.cycle.status.reason}")
            idle = all(device.cycle.status.state == "idle" for device in self.devices)
            peace = idle and before == (self.shelf.puts, sum(device.system.changes for device in self.devices))
            peace = not self._answer() and peace
            rounds_of_peace = rounds_of_peace + 1 if peace else 0
            if rounds_of_peace == 2:
                self._quiet = was
                return
        raise Violation("they do not come to rest")

    def _answer(self) -> bool:
        """Say yes to what waits for a yes; return whether anything did."""
        asked = [device for device in self.devices if holds(device.state)]
        for device in asked:
            self.say(f"  {device.name}: yes to {approve(device.state)}")
        return bool(asked)

    def heal(self) -> None:
        """Let nothing be wrong any more."""
        self._quiet = True
        for shelf in self.shelves.each:
            shelf.away = False
        for device in self.devices:
            device.deaf = False
            for door in device.doors:
                door.stale = False
            device.system.mounted = True
            device.system.personality = PERSONALITIES[
                "coarse" if device.personality.name == "small" else device.personality.name
            ]
            device.start()

    def run(self) -> Simulation:
        """Run it all.

        Raises:
            Violation: a promise was broken.
        """
        self.counts.schedules = 1
        self.counts.several = int(self.schedule.stores > 1)
        for device in self.devices:
            device.found()
        for decision in self.schedule.decisions:
            self._decide(decision)
            if self.schedule.calm and decision.what == PEOPLE:
                oracles.calm(self, decision.device)
        self.heal()
        self.settle()
        self.counts.records = sum(name.startswith("record/") for name in self.shelf.objects)
        oracles.judge(self)
        return self
