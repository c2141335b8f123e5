"""Writing checkpoints: all that a new device needs to begin with, so that it need not read every record ever said.

A checkpoint is a signed manifest over parts, each a stretch of keys. Stretches begin where the keys say, so a
part in which nothing changed is the part that was written before, and is not written again. Memory is one part.
Invariant: a manifest is put after its parts are durable, and says nothing beyond the frontier that it names.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blake3 import blake3

from syncd.engine.batch import dump_statements, load_statements
from syncd.engine.fold import CHECKPOINTED
from syncd.engine.vault import Vault
from syncd.journal.checkpoint import (
    Checkpoint,
    PartEntry,
    PartKind,
    RecordLine,
    VersionRow,
    checkpoint_name,
    encode_location_part,
    encode_manifest,
    encode_record_part,
    encode_statement_part,
    encode_versions,
    part_name,
)
from syncd.journal.record import Seen
from syncd.journal.statements import StatementKind, from_wire
from syncd.journal.statements import state as statement
from syncd.model import cbor
from syncd.model.entry import Change
from syncd.model.ids import COUNTER_MASK, OWN_DEVICE, counter_of, device_of, key
from syncd.model.location import PackLocations
from syncd.model.version import Row
from syncd.seal.envelope import ObjectKind
from syncd.state.chunks import located
from syncd.state.devices import Device
from syncd.state.nodes import unpack_parents
from syncd.state.said import PartRow

log = logging.getLogger("syncd.engine")
STRETCH = 1 << 14  # identities, and records, of one device in a part
WEIGHT = 4 * 1024 * 1024  # bytes of a part before it is compressed, about; no object is larger than 8 MiB
PACKS_TO_A_PART = 32  # on average, by the first byte of their names
CHUNKS_AT_ONCE = 400_000  # sorted in memory: 13 MB


class Draft(NamedTuple):
    """A part about to be written."""

    kind: PartKind
    first: bytes
    payload: bytes
    rows: int


def known_records(vault: Vault) -> int:
    """Return how many records this device has folded, of all devices."""
    return sum(device.sequence for device in vault.state.devices.all())


def is_due(vault: Vault) -> bool:
    """Tell whether enough was said since the last checkpoint; who said the last of it, writes the next."""
    since = known_records(vault) - int(vault.state.get(CHECKPOINTED) or b"0")
    return since >= vault.settings.upload.checkpoint_records and _can_be_told(vault)


def _can_be_told(vault: Vault) -> bool:
    """Tell whether the state has every statement: one made by an older program has not."""
    return all(
        next(vault.state.said.all_of(device.no), None) for device in vault.state.devices.all() if device.sequence
    )


def write_checkpoint(vault: Vault) -> Checkpoint:
    """Write the parts that changed, and a manifest over all; the next record tells of it.

    Raises:
        StoreError: something could not be put; the next attempt goes on from there.
    """
    state = vault.state
    tips = [device for device in state.devices.all() if device.sequence]
    own = state.devices.get(OWN_DEVICE)
    parts = [_put_part(vault, draft) for draft in _drafts(vault, tips)]
    checkpoint = Checkpoint(
        own.id,
        own.sequence,
        tuple(Seen(device.id, device.sequence, device.hash, device.lamport) for device in tips),
        tuple(PartEntry(part.kind, part.first, part.name, part.size, part.rows) for part in parts),
    )
    payload = encode_manifest(checkpoint, vault.keys.vault, vault.device.sign)
    name = checkpoint_name(own.id, own.sequence)
    told = load_statements(state.get("statements"))
    if vault.store.stat(name) is None:  # else this device wrote one when it had said as much; the next says more
        vault.store.put(name, vault.seal(ObjectKind.CHECKPOINT, payload))
        told.append(statement(StatementKind.CHECKPOINT, sequence=own.sequence, hash=blake3(payload).digest()))
    with state.transaction():
        state.said.forget_parts_but({part.name for part in parts})
        state.set("statements", dump_statements(told))
        state.set(CHECKPOINTED, str(known_records(vault)).encode())
    log.info("wrote a checkpoint of %d parts", len(parts))
    return checkpoint


def _put_part(vault: Vault, draft: Draft) -> PartRow:
    digest = blake3(draft.payload).digest()
    before = vault.state.said.part(draft.kind, draft.first)
    if before is not None and before.digest == digest and vault.store.stat(part_name(before.name)) == before.size:
        return before
    sealed = vault.seal(ObjectKind.PART, draft.payload)
    name = blake3(sealed).digest()
    vault.store.put(part_name(name), sealed)
    part = PartRow(draft.kind, draft.first, digest, name, len(sealed), draft.rows)
    with vault.state.transaction():
        vault.state.said.put_part(part)
    return part


# -- what stands in the parts ---------------------------------------------------------------------


def _drafts(vault: Vault, tips: list[Device]) -> Iterator[Draft]:
    """Yield all parts, each kind's sorted by first key."""
    by_id = sorted(tips, key=lambda device: device.id)
    for kind in (PartKind.TREE, PartKind.VERSIONS):
        for device in by_id:
            yield from _versions(vault, kind, device)
    yield from _locations(vault)
    for device in by_id:
        yield from _statements(vault, device)
    for device in by_id:
        yield from _records(vault, device)


def _first(device: Device, counter: int) -> bytes:
    return device.id + counter.to_bytes(8, "big")


class _Times:
    """Which record of a device made a version, and its effective time."""

    def __init__(self, vault: Vault) -> None:
        self._devices = vault.state.devices
        self._lines: dict[int, tuple[list[int], list[tuple[int, int]]]] = {}

    def of(self, version: int) -> tuple[int, int, int]:
        """Return (device, sequence, effective ns)."""
        number = device_of(version)
        if number not in self._lines:
            made = [row for row in self._devices.records_of(number) if row.changes]
            self._lines[number] = [row.first for row in made], [(row.sequence, row.effective_ns) for row in made]
        firsts, lines = self._lines[number]
        return number, *lines[bisect_right(firsts, counter_of(version)) - 1]


def _versions(vault: Vault, kind: PartKind, device: Device) -> Iterator[Draft]:
    nodes, times = vault.state.nodes, _Times(vault)
    last = max(vault.state.devices.last_version(device.no), 1)
    for begin in range(0, last + 1, STRETCH):
        lowest, highest = key(device.no, begin), key(device.no, min(begin + STRETCH - 1, COUNTER_MASK))
        rows = (
            nodes.heads_between(lowest, highest) if kind == PartKind.TREE else nodes.superseded_between(lowest, highest)
        )
        gathered: list[VersionRow] = []
        weight = 0
        for row in rows:
            identity = row.node if kind == PartKind.TREE else row.version
            new = not gathered or identity != (
                gathered[-1].change.node if kind == PartKind.TREE else gathered[-1].version
            )
            if weight >= WEIGHT and new:
                yield _version_draft(vault, kind, device, gathered)
                gathered, weight = [], 0
            gathered.append(VersionRow(row.version, *times.of(row.version), _change_of(row)))
            weight += 64 + len(row.name) + len(row.content) + len(row.inline)
        if gathered:
            yield _version_draft(vault, kind, device, gathered)


def _version_draft(vault: Vault, kind: PartKind, device: Device, rows: list[VersionRow]) -> Draft:
    first = rows[0].change.node if kind == PartKind.TREE else rows[0].version
    payload = encode_versions(kind, rows, lambda number: vault.state.devices.get(number).id, device.no)
    return Draft(kind, _first(device, counter_of(first)), payload, len(rows))


def _change_of(row: Row) -> Change:
    return Change(row.node, *row[2:12], unpack_parents(row.parents))


def _locations(vault: Vault) -> Iterator[Draft]:
    """Yield the places of all chunks, pack by pack in the order of their names."""
    packs = sorted(vault.state.packs.all(), key=lambda pack: pack[1].pack)
    counts = vault.state.chunks.packs()
    for group in _in_groups(packs, counts):
        held = vault.state.chunks.in_packs({number for number, _ in group})
        gathered: list[PackLocations] = []
        weight = 0
        for number, bare in group:
            entries = held.get(number, [])
            gathered.append(_located(bare, entries))
            weight += 80 + 24 * len(entries)
            if weight >= WEIGHT or bare.pack[0] % PACKS_TO_A_PART == 0:
                yield Draft(PartKind.LOCATIONS, gathered[0].pack, encode_location_part(gathered), len(gathered))
                gathered, weight = [], 0
        if gathered:
            yield Draft(PartKind.LOCATIONS, gathered[0].pack, encode_location_part(gathered), len(gathered))


def _in_groups(
    packs: list[tuple[int, PackLocations]], counts: dict[int, int]
) -> Iterator[list[tuple[int, PackLocations]]]:
    """Yield packs in groups whose chunks fit into memory, each ending where a part may end."""
    group: list[tuple[int, PackLocations]] = []
    chunks = 0
    for number, bare in packs:
        group.append((number, bare))
        chunks += counts.get(number, 0)  # a pack whose chunks all lie elsewhere, too, is a pack all the same
        if chunks >= CHUNKS_AT_ONCE and bare.pack[0] % PACKS_TO_A_PART == 0:
            yield group
            group, chunks = [], 0
    if group:
        yield group


def _located(bare: PackLocations, entries: Iterable[tuple[bytes, bytes]]) -> PackLocations:
    """Return what a pack holds; what lies elsewhere by now leaves a gap that has no id."""
    counts = [0] * len(bare.segments)
    ids: list[bytes] = []
    lengths: list[int] = []
    reached: dict[int, int] = {}
    for chunk, raw in entries:
        at = located(raw)
        gap = at.offset - reached.get(at.segment, 0)
        if gap:
            ids.append(bytes(16))
            lengths.append(gap)
            counts[at.segment] += 1
        ids.append(chunk)
        lengths.append(at.length)
        counts[at.segment] += 1
        reached[at.segment] = at.offset + at.length
    return PackLocations(
        bare.pack,
        bare.size,
        bare.epoch,
        bare.salt,
        bare.segments,
        tuple(counts),
        b"".join(ids),
        tuple(lengths),
        bytes(len(lengths)),
        bare.algorithm,
    )


def _statements(vault: Vault, device: Device) -> Iterator[Draft]:
    devices, effective = vault.state.devices, vault.state.devices.effective_ns
    said = [
        (device.no, sequence, effective(device.no, sequence), from_wire(cbor.loads(raw), "a statement kept here"))
        for sequence, raw in vault.state.said.all_of(device.no)
    ]
    for at in range(0, len(said), STRETCH):
        some = said[at : at + STRETCH]
        payload = encode_statement_part(some, lambda number: devices.get(number).id, device.no)
        yield Draft(PartKind.STATEMENTS, _first(device, some[0][1]), payload, len(some))


def _records(vault: Vault, device: Device) -> Iterator[Draft]:
    devices = vault.state.devices
    lines = [
        RecordLine(
            row.device, row.sequence, row.lamport, row.claimed_ns, row.effective_ns, row.changes, row.first, row.size
        )
        for row in devices.records_of(device.no)
    ]
    for at in range(0, len(lines), STRETCH):
        some = lines[at : at + STRETCH]
        payload = encode_record_part(some, lambda number: devices.get(number).id, device.no)
        yield Draft(PartKind.RECORDS, _first(device, some[0].sequence), payload, len(some))
