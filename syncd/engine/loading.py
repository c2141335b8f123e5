"""Beginning with a checkpoint: filling an empty state with what somebody wrote down of all journals.

Invariant: a checkpoint is believed only if its device's key signed it and the store has, at its frontier, the very
records that it names. Where none is, or one cannot be read whole, every record is folded instead.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator

from blake3 import blake3

from syncd.engine.fold import take_statements
from syncd.engine.journals import open_record
from syncd.engine.packfates import note_birth
from syncd.errors import Damaged, NotUnlocked, ObjectMissing, StateDamaged
from syncd.journal.checkpoint import (
    CHECKPOINTS,
    Checkpoint,
    PartKind,
    checkpoint_name,
    decode_location_part,
    decode_manifest,
    decode_record_part,
    decode_statement_part,
    decode_versions,
    part_name,
)
from syncd.journal.record import record_name
from syncd.journal.statements import Statement
from syncd.model.ids import DeviceId, EpochId
from syncd.seal.envelope import ObjectKind, OpenObject, read_clear
from syncd.seal.epochs import EpochRoots
from syncd.seal.keys import VaultKeys
from syncd.state.db import State
from syncd.state.devices import Device, RecordRow
from syncd.state.filling import Filling, Knotted, Stated
from syncd.state.packs import chunk_entries
from syncd.store.provider import Provider

log = logging.getLogger("syncd.engine")
_NAME = re.compile(r"checkpoint/([0-9a-f]{32})/([0-9a-f]{16})")
NOWHERE = bytes(16)  # the id of what lies elsewhere by now


def trusted_epochs(opened: Collection[EpochRoots]) -> frozenset[EpochId] | None:
    """Return the epochs whose checkpoints may be believed before any record was read; None for all.

    A device that was revoked has the older keys, and could make up a checkpoint that says nothing of that. So it is the
    one that has all others in its past; where that is not one alone, none is.
    """
    if len(opened) < 2:
        return None
    older = {epoch for roots in opened for epoch in roots.past}
    newest = {roots.epoch for roots in opened} - older
    return frozenset(newest if len(newest) == 1 else ())


def load_newest(
    state: State, store: Provider, keys: VaultKeys, trusted: frozenset[EpochId] | None = None
) -> Checkpoint | None:
    """Fill an empty state from the checkpoint that stands for most; None when none can be used.

    Args:
        state: empty.
        store: has the checkpoints.
        keys: open them.
        trusted: epochs under which one may be sealed; None for all.

    Raises:
        StoreError: the store could not be asked.
    """
    for checkpoint in sorted(_checkpoints(store, keys, trusted), key=_weight, reverse=True):
        name = checkpoint_name(checkpoint.device, checkpoint.sequence)
        try:
            with state.transaction():
                _Loading(state, store, keys, checkpoint).run()
        except (Damaged, NotUnlocked, ObjectMissing, StateDamaged, Knotted) as error:
            log.warning("%s cannot be used: %s", name, error)
            continue
        return checkpoint
    return None


def _weight(checkpoint: Checkpoint) -> int:
    return sum(seen.sequence for seen in checkpoint.frontier)


def newest_checkpoints(store: Provider) -> dict[DeviceId, int]:
    """Return the sequence number of each device's newest checkpoint; nobody reads another one."""
    newest: dict[DeviceId, int] = {}
    for listed in store.list(CHECKPOINTS):
        match = _NAME.fullmatch(listed.name)
        if match:
            device, sequence = DeviceId(bytes.fromhex(match[1])), int(match[2], 16)
            newest[device] = max(sequence, newest.get(device, 0))
    return newest


def _checkpoints(store: Provider, keys: VaultKeys, trusted: frozenset[EpochId] | None) -> Iterator[Checkpoint]:
    """Yield the newest checkpoint of each device, if its signature is the device's."""
    for device, sequence in newest_checkpoints(store).items():
        name = checkpoint_name(device, sequence)
        try:
            epoch = EpochId(read_clear(store.get(name), ObjectKind.CHECKPOINT, name).header.epoch)
            if trusted is not None and epoch not in trusted:
                log.info("%s is sealed under an older epoch, and left out", name)
                continue
            found = open_checkpoint(store, keys, device, sequence)
        except (Damaged, NotUnlocked, ObjectMissing) as error:
            log.warning("%s cannot be used: %s", name, error)
            continue
        yield found


def open_checkpoint(store: Provider, keys: VaultKeys, device: DeviceId, sequence: int) -> Checkpoint:
    """Return what a device says in a checkpoint.

    Raises:
        Damaged, ObjectMissing, NotUnlocked: it cannot be read, or its device has not signed it.
    """
    name = checkpoint_name(device, sequence)
    first = open_record(store.get(record_name(device, 1)), keys, None, lambda other: 0, record_name(device, 1))
    payload = _payload(store, keys, ObjectKind.CHECKPOINT, name)
    found = decode_manifest(payload, keys.vault, first.head.verifying, name)
    if first.head.device != device or (found.device, found.sequence) != (device, sequence):
        raise Damaged(f"{name}: is another device's checkpoint")
    return found


def _payload(store: Provider, keys: VaultKeys, kind: ObjectKind, name: str) -> bytes:
    sealed = store.get(name)
    epoch = EpochId(read_clear(sealed, kind, name).header.epoch)
    return OpenObject(sealed, kind, keys.object_secret(epoch, kind.word), keys.vault, name).payload()


class _Loading:
    """One checkpoint on its way into an empty state."""

    def __init__(self, state: State, store: Provider, keys: VaultKeys, checkpoint: Checkpoint) -> None:
        self._state, self._store, self._keys, self._checkpoint = state, store, keys, checkpoint
        self._number = state.devices.number

    def run(self) -> None:
        self._records()
        self._statements()
        self._check_frontier()
        self._locations()
        filling = Filling(self._state.db)
        for part, payload in self._parts(PartKind.VERSIONS):
            filling.superseded(self._stated(payload, part))
        for part, payload in self._parts(PartKind.TREE):
            filling.heads(self._stated(payload, part))
        self._state.finish(filling)
        seen = [(bytes(seen.device), seen.sequence) for seen in self._checkpoint.frontier]
        note_birth(self._state, seen)
        for tip in self._state.devices.all():
            if tip.sequence:
                self._state.receipts.note(tip.no, 0)

    def _parts(self, kind: PartKind) -> Iterator[tuple[str, bytes]]:
        for part in self._checkpoint.parts:
            if part.kind == kind:
                name = part_name(part.name)
                sealed = self._store.get(name)
                if blake3(sealed).digest() != part.name:
                    raise Damaged(f"{name}: is not what the checkpoint names")
                yield name, _payload(self._store, self._keys, ObjectKind.PART, name)

    def _check_frontier(self) -> None:
        """Compare the records at the frontier with those that the store has."""
        for seen in self._checkpoint.frontier:
            name = record_name(seen.device, seen.sequence)
            device = self._state.devices.get(self._number(DeviceId(seen.device)))
            record = open_record(self._store.get(name), self._keys, device.verifying, lambda other: 0, name)
            if record.hash != seen.hash or record.head.lamport != seen.lamport or record.head.device != seen.device:
                raise Damaged(f"{name}: is not the record that the checkpoint names")

    def _records(self) -> None:
        tips = {self._number(DeviceId(seen.device)): seen for seen in self._checkpoint.frontier}
        for name, payload in self._parts(PartKind.RECORDS):
            for line in decode_record_part(payload, self._number, name):
                tip = tips.get(line.device)
                if tip is None or line.sequence > tip.sequence:
                    raise Damaged(f"{name}: tells of records beyond the checkpoint's frontier")
                known = tip.hash if line.sequence == tip.sequence else b""
                self._state.devices.advance(
                    RecordRow(
                        line.device,
                        line.sequence,
                        known,
                        line.size,
                        line.lamport,
                        line.claimed_ns,
                        line.effective_ns,
                        line.changes,
                        line.first,
                    )
                )
        for number, seen in tips.items():
            device = self._state.devices.get(number)
            if (device.sequence, device.hash, device.lamport) != (seen.sequence, seen.hash, seen.lamport):
                raise Damaged(f"{checkpoint_name(self._checkpoint.device, self._checkpoint.sequence)}: lacks records")

    def _statements(self) -> None:
        said: dict[tuple[int, int], list[Statement]] = {}
        for name, payload in self._parts(PartKind.STATEMENTS):
            for number, sequence, _, statement in decode_statement_part(payload, self._number, name):
                said.setdefault((number, sequence), []).append(statement)
        for (number, sequence), statements in said.items():
            take_statements(self._state, number, sequence, statements)
        unknown: list[Device] = [
            device for device in self._state.devices.all() if device.sequence and not device.verifying
        ]
        if unknown:
            raise Damaged(f"the checkpoint does not say who {unknown[0].id.hex()} is")

    def _locations(self) -> None:
        for name, payload in self._parts(PartKind.LOCATIONS):
            entries = []
            for locations in decode_location_part(payload, name):
                placed = chunk_entries(self._state.packs.add(locations), locations)
                entries += [entry for entry in placed if entry[0] != NOWHERE]
            self._state.chunks.add(entries)

    def _stated(self, payload: bytes, name: str) -> Iterator[Stated]:
        for row in decode_versions(payload, self._number, name):
            yield Stated(row.version, row.change, row.effective_ns)
