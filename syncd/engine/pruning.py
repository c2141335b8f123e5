"""Letting go of what nobody keeps: condemn, answer others' condemnations, wait, delete (syncd/retention/fates.py).

All of it runs between two passes of the loop, beside no open batch. A kill anywhere leaves statements that are true:
what was said to go may stay for longer, and what was deleted is deleted again. Invariant: a pack is deleted only after
every device said that it needs none of it, this device has looked once more, and every store was asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from syncd.engine.inward import Inward
from syncd.engine.marking import Marked, kind_of, mark, share_of
from syncd.engine.outbox import Outbox
from syncd.engine.packfates import NEWS, known_cases
from syncd.engine.policies import policy_of
from syncd.engine.progress import Progress
from syncd.engine.standing import standing
from syncd.engine.stores import settings_of
from syncd.engine.storeset import store_set
from syncd.engine.vault import Vault
from syncd.errors import Damaged, NeedsAttention, ObjectMissing, StoreFull
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.model import cbor
from syncd.model.ids import OWN_DEVICE
from syncd.model.location import Located, pack_name, pack_of
from syncd.pack.reader import AHEAD
from syncd.retention.fates import Case, Fate, Judgment, awaited, open_for
from syncd.state.chunks import located
from syncd.state.receipts import DAY_NS

log = logging.getLogger("syncd.engine")
WAIT_NS = DAY_NS  # of this device's life, between condemnation and deletion: longer than any pass, or than a join
LAPSE_DAYS = 90  # a device that said nothing for so long is waited for no more
WORTH = 0.6  # of a pack in use: below, what is in use is stored anew and the rest goes (restic, borg and kopia: alike)
AT_ONCE = 128 << 20  # bytes of packs that are rewritten in one record
SMALL, MANY_SMALL = 1 << 20, 128  # bytes of a pack, and packs: each save makes one, and what costs is their number
ORPHAN_NS = 7 * DAY_NS  # of this device's life, that a pack is there which no record names: then its author is gone
_CONDEMNED_AT, _ORPHANS = "condemned-at-", "orphans"
REPACK = 1


@dataclass(slots=True)
class Pruned:
    """What was found and done.

    Attributes:
        kept: versions that were replaced and stay, by the reason.
        dropped: versions that nothing keeps, and `dropped_bytes` of them.
        dead: packs that nothing needs; `repacked`: packs of which too little was needed, or that are small.
        orphans: packs that no record names, and that go, too.
        freed: bytes that come free once they are deleted.
        waiting: (packs, devices whose word is to come) of condemnations that are under way.
        deleted: packs that were deleted now, and `deleted_bytes` of them.
        held_by: stores that this device does not use, so that nothing could be deleted there: nothing is anywhere.
    """

    kept: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    dropped_bytes: int = 0
    dead: int = 0
    repacked: int = 0
    orphans: int = 0
    freed: int = 0
    waiting: list[tuple[int, list[str]]] = field(default_factory=list)
    deleted: int = 0
    deleted_bytes: int = 0
    held_by: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kept": self.kept,
            "dropped_versions": self.dropped,
            "dropped_bytes": self.dropped_bytes,
            "condemned_packs": self.dead,
            "repacked_packs": self.repacked,
            "orphans": self.orphans,
            "will_free_bytes": self.freed,
            "waiting": [{"packs": packs, "for": names} for packs, names in self.waiting],
            "deleted_packs": self.deleted,
            "deleted_bytes": self.deleted_bytes,
            "held_by": self.held_by,
        }


class Judged(NamedTuple):
    """What is marked, and the packs, by local numbers: of which nothing is, and those to be stored anew."""

    marked: Marked
    dead: list[int]
    anew: list[int]


class Pruning:
    """One look at what may go."""

    def __init__(self, vault: Vault, progress: Progress) -> None:
        self._vault, self._state, self._progress = vault, vault.state, progress
        self._own = bytes(vault.state.devices.get(OWN_DEVICE).id)
        self.found = Pruned()
        self._marked: Marked | None = None  # what was marked last, while it is still so

    # -- answering others -----------------------------------------------------------------------

    def answer(self, outbox: Outbox) -> bool:
        """Say of each condemnation of others what is needed of it, and let the rest go; return whether any was open.

        The next commit says it, before anything else is taken into the outbox.
        """
        if not self._state.get(NEWS) or not self._state.devices.get(OWN_DEVICE).sequence:
            return False
        all_cases = known_cases(self._state)
        waiting = open_for(all_cases, self._own)
        if not waiting:
            with self._state.transaction():
                self._state.set(NEWS, b"")
            return False
        needed = self._needed_of_condemned()
        self._marked = None  # more may be heard before anything is judged
        for judgment in waiting:
            case = all_cases[judgment]
            needs = sorted(case.going) if needed is None else sorted(case.going & needed)
            if needs:
                about = [[judgment.device, judgment.sequence]]
                outbox.say(statement(StatementKind.RESCUE, packs=needs, about=about))
            log.info("of %d condemned packs %d are needed here", len(case.going), len(needs))
            outbox.say(statement(StatementKind.ACKNOWLEDGE, device=judgment.device, sequence=judgment.sequence))
        return True

    def _needed_of_condemned(self) -> set[bytes] | None:
        """Return the condemned packs that have what is needed and lies nowhere else; None where nobody can tell."""
        condemned = self._state.packs.fated(Fate.CONDEMNED)
        try:
            marked = self._marked = self._mark(condemned)
        except (Damaged, ObjectMissing) as error:
            log.warning("what is needed of condemned packs cannot be told, so all is: %s", error.message)
            return None
        used = marked.marks.by_pack()
        return {self._state.packs.get(number).pack for number in condemned if used.get(number, (0, 0))[0]}

    def _mark(self, avoid: set[int]) -> Marked:
        now_ns = self._vault.ambient.now_ns()
        return mark(self._vault, policy_of(self._state), now_ns, avoid, self._progress.checkpoint)

    # -- condemning -----------------------------------------------------------------------------

    def judge(self) -> Judged:
        """Find which packs are to go: those that nothing needs, of which too little is, and those that are small."""
        condemned = self._state.packs.fated(Fate.CONDEMNED)
        marked = self._marked or self._mark(condemned)
        self.found.kept, self.found.dropped = dict(sorted(marked.kept.items())), marked.dropped
        self.found.dropped_bytes = marked.dropped_bytes
        used = marked.marks.by_pack()
        sizes = {number: size for number, _, size in self._state.packs.listed() if number not in condemned}
        sizes |= {number: self._state.packs.get(number).size for number in self._forsaken()}
        dead = [number for number in sizes if not used.get(number, (0, 0))[0]]
        shares = {number: share_of(used.get(number, (0, 0))) for number in sizes if number not in condemned}
        thin = [number for number, share in shares.items() if 0 < share < WORTH]
        small = [number for number, share in shares.items() if share >= WORTH and sizes[number] <= SMALL]
        anew = sorted([*thin, *(small if len(small) >= MANY_SMALL else ())])
        self.found.dead, self.found.repacked = len(dead), len(anew)
        self.found.freed = sum(sizes[number] for number in dead)
        self.found.freed += int(sum(sizes[number] * (1 - share_of(used[number])) for number in anew))
        return Judged(marked, dead, anew)

    def _forsaken(self) -> list[int]:
        """Return packs that are to go by the word of devices alone that fell silent: nobody is left to delete them."""
        here, going, forsaken = self._awaited_devices(), set[bytes](), set[bytes]()
        for judgment, case in known_cases(self._state).items():
            (going if judgment.device in here else forsaken).update(case.going)
        return list(self._state.packs.known(forsaken - going))

    def _orphans(self) -> list[bytes]:
        """Return packs that no record has named for long: who put them died before it said so, or lost a state.

        Who comes back after all finds them condemned, and stores their content anew (outbox.py).
        """
        packs, lived = self._state.packs, self._state.receipts.lived_ns()
        known = {pack for _, pack, _ in packs.listed()} | {pack.pack for _, pack in packs.intents()}
        going = {pack for case in known_cases(self._state).values() for pack in case.going}
        listed = {pack_of(listed.name) for listed in self._vault.store.list("pack/")}
        before = dict(cbor.loads(self._state.get(_ORPHANS) or cbor.dumps([])))
        now = {pack: before.get(pack, lived) for pack in listed - known - going if pack is not None}
        if now != before:
            with self._state.transaction():
                self._state.set(_ORPHANS, cbor.dumps([[pack, since] for pack, since in now.items()]))
        return [pack for pack, since in now.items() if lived - since >= ORPHAN_NS]

    def condemn(self, outbox: Outbox) -> None:
        """Say which packs are to go, after what is needed of them was stored anew."""
        marked, dead, anew = self.judge()
        orphans = self._orphans()
        self.found.orphans = len(orphans)
        if not (dead or anew or orphans):
            return
        for numbers in self._groups(anew):
            self._repack(outbox, marked, numbers)
        packs = sorted([*(self._state.packs.get(number).pack for number in [*dead, *anew]), *orphans])
        sequence = self._state.devices.get(OWN_DEVICE).sequence + 1
        with self._state.transaction():
            lived = self._state.receipts.look(self._vault.ambient.now_ns())
            self._state.set(f"{_CONDEMNED_AT}{sequence}", str(lived).encode())
        outbox.say(statement(StatementKind.CONDEMN, packs=packs))
        outbox.commit()
        log.info("condemned %d packs", len(packs))

    def _groups(self, numbers: list[int]) -> Iterator[list[int]]:
        group, size = list[int](), 0
        for number in numbers:
            group.append(number)
            size += self._state.packs.get(number).size
            if size >= AT_ONCE:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _repack(self, outbox: Outbox, marked: Marked, numbers: list[int]) -> None:
        reader = self._vault.reader()
        by_segment: dict[tuple[int, int], list[tuple[bytes, Located]]] = {}
        for entries in marked.marks.in_packs(numbers).values():
            for chunk, raw in entries:
                at = located(raw)
                by_segment.setdefault((at.pack, at.segment), []).append((chunk, at))
        places = list(by_segment)
        for number, place in enumerate(places):
            self._progress.checkpoint()
            for following in places[number : number + AHEAD]:
                reader.prefetch(following)
            segment = reader.segment(*place)
            for chunk, at in by_segment[place]:
                data = bytes(segment[at.offset : at.offset + at.length])
                outbox.move(chunk, data, kind_of(reader, chunk, data))
        packs = sorted(self._state.packs.get(number).pack for number in numbers)
        outbox.say(statement(StatementKind.MOVED, packs=packs, reason=REPACK))
        outbox.commit()

    # -- deleting -------------------------------------------------------------------------------

    def delete(self, outbox: Outbox) -> None:
        """Delete what every device has let go, where the time has come, and say so."""
        ripe, needed = self._ripe_cases()
        for judgment, case in ripe.items():
            self._delete(outbox, judgment, case, needed)

    def make_room(self) -> None:
        """Delete it on stores that are full, where nothing can be said before; what is deleted again is said then."""
        ripe, needed = self._ripe_cases()
        under_way = {pack.pack for _, pack in self._state.packs.intents()}
        for case in ripe.values():
            for pack in sorted(case.going - needed - under_way):
                self._vault.store.delete(pack_name(pack))

    def _ripe_cases(self) -> tuple[dict[Judgment, Case], set[bytes]]:
        """Return what this device condemned and may delete by now, and the packs of it that are needed after all."""
        own_cases = {
            judgment: case
            for judgment, case in known_cases(self._state).items()
            if judgment.device == self._own and case.going
        }
        if not own_cases:
            return {}, set()
        ripe = {judgment: case for judgment, case in own_cases.items() if self._is_ripe(judgment, case)}
        self.found.held_by = self._not_used_here() if ripe else []
        if not ripe or self.found.held_by or not self._all_is_known():
            return {}, set()
        all_cases = known_cases(self._state)  # somebody may have said more just now
        ripe = {judgment: all_cases[judgment] for judgment in ripe if self._is_ripe(judgment, all_cases[judgment])}
        needed = self._needed_of_condemned()
        return ({}, set()) if needed is None else (ripe, needed)

    def _is_ripe(self, judgment: Judgment, case: Case) -> bool:
        devices = self._awaited_devices()
        waiting = awaited(case, self._own, devices)
        if waiting:
            self.found.waiting.append((len(case.going), sorted(devices[device] for device in waiting)))
            return False
        if self._state.receipts.lived_ns() - self._condemned_at(judgment.sequence) < WAIT_NS:
            self.found.waiting.append((len(case.going), []))
            return False
        return True

    def _condemned_at(self, sequence: int) -> int:
        """Return when in this device's life it condemned; after a rebuild, now."""
        name = f"{_CONDEMNED_AT}{sequence}"
        known = self._state.get(name)
        if known is None:
            known = str(self._state.receipts.lived_ns()).encode()
            with self._state.transaction():
                self._state.set(name, known)
        return int(known)

    def _awaited_devices(self) -> dict[bytes, str]:
        """Return the devices whose word counts: those that said something within the last months of this one's life."""
        recent, out = self._state.receipts.younger_than(LAPSE_DAYS), standing(self._state).revoked
        return {
            bytes(device.id): self._state.called(device)
            for device in self._state.devices.all()
            if device.sequence and (device.no in recent or device.no == OWN_DEVICE) and device.id not in out
        }

    def _not_used_here(self) -> list[str]:
        """Return the stores of the vault that are disabled on this device."""
        settings = settings_of(self._vault.settings.stores, store_set(self._state))
        return [setting.name for setting in settings if not setting.enabled]

    def _all_is_known(self) -> bool:
        """Take what all stores show now; tell whether that is all, and nothing of it is wrong."""
        arrived = Inward(self._vault).fetch(discover=True)
        self._marked = None
        return self._vault.store.whole and not arrived.alarms and not arrived.behind

    def _delete(self, outbox: Outbox, judgment: Judgment, case: Case, needed: set[bytes]) -> None:
        needs = sorted(case.going & needed)
        if needs:
            self._marked = None  # what they hold is to be found in them from now on
            log.info("%d condemned packs are needed after all", len(needs))
            about = [[judgment.device, judgment.sequence]]
            outbox.say(statement(StatementKind.RESCUE, packs=needs, about=about))
        names = []
        numbers = {pack: number for number, pack in self._state.packs.known(case.going - needed).items()}
        for pack in sorted(case.going - needed):
            self._progress.checkpoint()
            self._vault.store.delete(pack_name(pack))
            names.append(pack_name(pack))
            if pack in numbers:
                self.found.deleted_bytes += self._state.packs.get(numbers[pack]).size
        self.found.deleted += len(names)
        if names:
            outbox.say(statement(StatementKind.DELETED, names=names))
        outbox.commit()
        log.info("deleted %d packs", len(names))


def would_prune(vault: Vault, progress: Progress) -> Pruned:
    """Return what would go, as far as this device knows the vault; the vault may be opened for reading."""
    pruning = Pruning(vault, progress)
    pruning.judge()
    return pruning.found


def prune(vault: Vault, progress: Progress) -> Pruned:
    """Let go of what nobody keeps, as far as that can be done now; return what was found.

    Raises:
        NeedsAttention: a journal is not as it should be, so nobody can tell what is needed.
        StoreError: a store could not be asked; nothing is lost, and the next time goes on.
    """
    pruning = Pruning(vault, progress)
    with vault.state.transaction():
        vault.state.receipts.look(vault.ambient.now_ns())
    arrived = Inward(vault).fetch(discover=True)
    if arrived.alarms:
        raise NeedsAttention(
            f"nothing goes while an alarm stands: {next(iter(sorted(arrived.alarms.values())))}",
            hint="`syncd status` tells the alarms.",
        )
    try:
        outbox = Outbox(vault)
    except StoreFull:
        pruning.make_room()
        pruning.found = Pruned()
        outbox = Outbox(vault)
    try:
        if pruning.answer(outbox):
            outbox.commit()
        pruning.delete(outbox)
        outbox.refresh()
        pruning.condemn(outbox)
    finally:
        outbox.abandon()
    return pruning.found
