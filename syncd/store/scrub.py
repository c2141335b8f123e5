"""Reading all that the stores hold, again and again, a little at a time: damage is found while it can be mended.

A round goes through the names of a store in steps, and takes so many days; each object is read and compared with what
its name stands for. A copy that is damaged is noted as owed, where there are several stores: catching up replaces it
(catchup.py). Where there is one, it is told, and `syncd repair` has what to do.

Invariant: what stood on a store from the beginning of a round to its end was read in it. How far a round is stands in a
file beside the state; a step that was broken off begins anew.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from syncd.errors import ObjectMissing, StoreError
from syncd.store.member import Member
from syncd.store.provider import Listed, Provider
from syncd.store.replicas import Replicas

log = logging.getLogger("syncd.store")
FILE = "scrub.json"
DAY_S = 86_400.0
# Packs go by the first two digits of their hash, so no step lists more than a 256th of them.
STEPS = (
    *("genesis", "slot/", "epoch/", "volume/", "checkpoint/", "part/", "record/"),
    *(f"pack/{digits:02x}/" for digits in range(256)),
)
BATCH, BATCH_BYTES = 64, 8 << 20  # of what is read at once: others want the line, too
MOST_NAMED = 1000  # damaged objects that are kept by name


@dataclass(frozen=True, slots=True)
class Round:
    """How far the reading of a store is.

    Attributes:
        step: of STEPS, the next one.
        began_s: when the round began, seconds since 1970; 0 for never.
        stepped_s: when the last step ended.
        ended_s: when the last whole round ended; 0 for never.
        damaged: objects that were found damaged, and are so still as far as is known.
    """

    step: int = 0
    began_s: float = 0.0
    stepped_s: float = 0.0
    ended_s: float = 0.0
    damaged: tuple[str, ...] = ()

    @property
    def percent(self) -> int:
        """How much of the round is done."""
        return self.step * 100 // len(STEPS)

    def due(self, now_s: float, days: float) -> bool:
        """Tell whether the next step is due; after a time without any, steps come twice as fast."""
        each_s = days * DAY_S / len(STEPS)
        behind = self.began_s + self.step * each_s < now_s - each_s
        return abs(now_s - self.stepped_s) >= (each_s / 2 if behind else each_s)

    def stepped(self, now_s: float) -> Round:
        """Return the round after a step."""
        if self.step + 1 < len(STEPS):
            return replace(self, step=self.step + 1, stepped_s=now_s)
        return Round(0, now_s, now_s, ended_s=now_s, damaged=self.damaged)


def load(path: Path) -> dict[str, Round]:
    """Return the rounds by the stores' names; of a file that is damaged, none."""
    try:
        raw = json.loads(path.read_text())
        return {name: Round(**{**fields, "damaged": tuple(fields["damaged"])}) for name, fields in raw.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s cannot be used (%s): reading the stores begins anew", path, error)
        return {}


def save(path: Path, rounds: Mapping[str, Round]) -> None:
    """Write the rounds, whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({name: asdict(one) for name, one in rounds.items()}))
    os.replace(new, path)


@dataclass(slots=True)
class _Step:
    """What of a step is still to be read; `asked` is under way."""

    names: deque[Listed] | None = None
    asked: Future[Any] | None = None


class Scrub:
    """Reads the stores of a vault.

    Args:
        stores: of the vault.
        path: of the file that remembers how far it is.
        days: that a round takes; 0 for never.
        now_s: seconds since 1970.
        told: hears how many objects are known to be damaged.
    """

    def __init__(
        self,
        stores: Replicas,
        path: Path,
        days: float,
        now_s: Callable[[], float],
        told: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._stores, self._path, self._days, self._now_s, self._told = stores, path, days, now_s, told
        names = {member.name for member in stores.members}
        self._rounds = {name: found for name, found in load(path).items() if name in names}
        self._tell()
        self._steps: dict[str, _Step] = {}

    def _tell(self) -> None:
        self._told(sum(len(found.damaged) for found in self._rounds.values()))

    def turn(self) -> None:
        """Take what was read, and have more read where that is due; waits for no store."""
        for member in self._stores.members if self._days else ():
            if not member.resting:
                self._turn(member)

    def _turn(self, member: Member) -> None:
        found = self._rounds.get(member.name, Round())
        if not found.began_s:
            now_s = self._now_s()
            self._note(member, Round(began_s=now_s, stepped_s=now_s))
            return
        self._forget_mended(member)
        step = self._steps.get(member.name)
        if step is None:
            if found.due(self._now_s(), self._days):
                self._steps[member.name] = step = _Step()
                step.asked = member.read(lambda provider: deque(provider.list(STEPS[found.step])))
            return
        if step.asked is not None:
            if not step.asked.done():
                return
            try:
                self._take(member, step, step.asked.result())
            except StoreError as error:
                log.info("the store %s could not be read: %s", member.name, error.message)
                del self._steps[member.name]
                return
            step.asked = None
        if step.names:
            batch = _batch(step.names)
            step.asked = member.read(lambda provider: self._read(provider, batch))
        else:
            del self._steps[member.name]
            self._note(member, self._rounds[member.name].stepped(self._now_s()))

    def _read(self, provider: Provider, batch: list[Listed]) -> dict[str, bool]:
        """Return of each object whether it is damaged; what went meanwhile is left out."""
        found = {}
        for listed in batch:
            try:
                data = provider.get(listed.name)
            except ObjectMissing:
                continue
            found[listed.name] = self._stores.sound(listed.name, data) is False
        return found

    def _take(self, member: Member, step: _Step, said: Any) -> None:
        if isinstance(said, deque):
            step.names = said
            self._forget_gone(member, {listed.name for listed in said})
            return
        before = self._rounds[member.name]
        sound = {name for name, damaged in said.items() if not damaged}
        bad = [name for name, damaged in said.items() if damaged]
        for name in bad:
            log.error("the store %s holds %s damaged", member.name, name)
        if bad and len(self._stores.members) > 1:
            self._stores.owing.owe([member.name], [Listed(name, 0) for name in bad])
        now = tuple(dict.fromkeys([*(name for name in before.damaged if name not in sound), *bad]))[:MOST_NAMED]
        if now != before.damaged:
            self._note(member, replace(before, damaged=now))

    def _forget_mended(self, member: Member) -> None:
        """Forget damage that another store's copy has replaced."""
        before = self._rounds[member.name]
        if len(self._stores.members) > 1 and before.damaged:
            still = tuple(name for name in before.damaged if self._stores.owing.owes(member.name, name))
            if still != before.damaged:
                log.info("the store %s has %d objects whole again", member.name, len(before.damaged) - len(still))
                self._note(member, replace(before, damaged=still))

    def _forget_gone(self, member: Member, listed: set[str]) -> None:
        before = self._rounds[member.name]
        prefix = STEPS[before.step]
        still = tuple(name for name in before.damaged if name in listed or not name.startswith(prefix))
        if still != before.damaged:
            self._note(member, replace(before, damaged=still))

    def _note(self, member: Member, now: Round) -> None:
        self._rounds[member.name] = now
        self._tell()
        try:
            save(self._path, self._rounds)
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)  # a full disk: it goes on, and is written next time


def _batch(names: deque[Listed]) -> list[Listed]:
    batch = [names.popleft()]
    while names and len(batch) < BATCH and sum(listed.size for listed in batch) + names[0].size <= BATCH_BYTES:
        batch.append(names.popleft())
    return batch
