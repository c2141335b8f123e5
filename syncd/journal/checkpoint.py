"""Checkpoints: a signed manifest over sorted, content-named parts (docs/format.md section 7).

Pure. A part carries the columns of changes with explicit versions, or locations, or statements.
Invariant: what a part says is what the records it stands for said; parts of one kind do not overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from syncd.errors import Damaged
from syncd.journal import rows
from syncd.journal.columns import Column, Values, decode_table, encode_table
from syncd.journal.record import Seen
from syncd.journal.statements import Statement, from_wire, to_wire
from syncd.model import cbor
from syncd.model.entry import Change
from syncd.model.ids import DeviceId, counter_of, key
from syncd.model.location import PackLocations
from syncd.seal.keys import verify_signature

_LABEL = b"syncd/v1/checkpoint"
VERSION_COLUMNS = (Column(64, 2), Column(65, 8, True), Column(66, 2), Column(67, 8, True), Column(68, 8, True))
RECORD_COLUMNS = (
    *VERSION_COLUMNS[2:],
    Column(71, 8, True),
    Column(72, 8, True),
    Column(73, 4),
    Column(74, 8, True),
    Column(75, 4),
)
STATEMENT_COLUMNS = (*VERSION_COLUMNS[2:], Column(69, 4), Column(70, 0))
_U64 = (1 << 64) - 1
ID = 16


class PartKind(IntEnum):
    """Kinds of parts."""

    TREE = 1
    VERSIONS = 2
    LOCATIONS = 3
    STATEMENTS = 4
    RECORDS = 5


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A manifest's line: the part's kind, first key, object name, object length and rows."""

    kind: int
    first: bytes
    name: bytes
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The manifest."""

    device: bytes
    sequence: int
    frontier: tuple[Seen, ...]
    parts: tuple[PartEntry, ...]


CHECKPOINTS, PARTS = "checkpoint/", "part/"


def checkpoint_name(device: bytes, sequence: int) -> str:
    """Return the object name of a checkpoint."""
    return f"{CHECKPOINTS}{device.hex()}/{sequence:016x}"


def part_name(name: bytes) -> str:
    """Return the object name of a part."""
    text = name.hex()
    return f"{PARTS}{text[:2]}/{text}"


def encode_manifest(checkpoint: Checkpoint, vault: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the signed payload of a checkpoint."""
    body = cbor.dumps(
        {
            0: checkpoint.device,
            1: checkpoint.sequence,
            2: [[seen.device, seen.sequence, seen.hash, seen.lamport] for seen in checkpoint.frontier],
            3: [[part.kind, part.first, part.name, part.size, part.rows] for part in checkpoint.parts],
        }
    )
    return sign(_LABEL + vault + body) + body


def decode_manifest(payload: bytes, vault: bytes, verifying: bytes, what: str) -> Checkpoint:
    """Read and check a checkpoint.

    Raises:
        Damaged: its signature or its shape does not fit.
    """
    signature, body = payload[:64], payload[64:]
    verify_signature(verifying, signature, _LABEL + vault + body, what)
    try:
        fields = cbor.loads(body)
        frontier = tuple(Seen(*entry) for entry in fields[2])
        parts = tuple(PartEntry(*entry) for entry in fields[3])
        return Checkpoint(fields[0], fields[1], frontier, parts)
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded") from error


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A change with the version it makes, the record it stands in, and its effective time (ns)."""

    version: int
    record_device: int
    record_sequence: int
    effective_ns: int
    change: Change


@dataclass(frozen=True, slots=True)
class RecordLine:
    """What the order and times of versions need of a record: times in ns since 1970, size of its object in bytes."""

    device: int
    sequence: int
    lamport: int
    claimed_ns: int
    effective_ns: int
    changes: int
    first: int
    size: int


def encode_versions(
    kind: PartKind, entries: Sequence[VersionRow], device_of_number: Callable[[int], DeviceId], own: int
) -> bytes:
    """Return the payload of a tree or version part."""
    numbers = rows.DeviceTable(own)
    changes, foreign = rows.encode_change_values([entry.change for entry in entries], (), numbers)
    values: dict[int, Values] = {
        **changes,
        42: b"".join(foreign),
        64: [numbers.index(entry.version) for entry in entries],
        65: [counter_of(entry.version) for entry in entries],
        66: [numbers.index(key(entry.record_device, 1)) for entry in entries],
        67: [entry.record_sequence for entry in entries],
        68: [entry.effective_ns for entry in entries],
    }
    columns = (*rows.CHANGE_COLUMNS, Column(42, 0), *VERSION_COLUMNS)
    return _part(kind, [device_of_number(number) for number in numbers.order], [], encode_table(columns, values))


def encode_location_part(locations: Sequence[PackLocations]) -> bytes:
    """Return the payload of a location part; `locations` are sorted by pack."""
    epochs = list(dict.fromkeys(pack.epoch for pack in locations))
    return _part(PartKind.LOCATIONS, [], epochs, rows.encode_locations(locations, epochs, []))


def encode_statement_part(
    entries: Sequence[tuple[int, int, int, Statement]], device_of_number: Callable[[int], DeviceId], own: int
) -> bytes:
    """Return the payload of a statement part; entries are (device, sequence, effective ns, statement)."""
    numbers = rows.DeviceTable(own)
    encoded = [cbor.dumps(to_wire(statement)) for *_, statement in entries]
    values: dict[int, Values] = {
        66: [numbers.index(key(device, 1)) for device, *_ in entries],
        67: [sequence for _, sequence, *_ in entries],
        68: [effective for _, _, effective, _ in entries],
        69: [len(raw) for raw in encoded],
        70: b"".join(encoded),
    }
    devices = [device_of_number(number) for number in numbers.order]
    return _part(PartKind.STATEMENTS, devices, [], encode_table(STATEMENT_COLUMNS, values))


def encode_record_part(entries: Sequence[RecordLine], device_of_number: Callable[[int], DeviceId], own: int) -> bytes:
    """Return the payload of a record part; entries are sorted by device id and sequence."""
    numbers = rows.DeviceTable(own)
    values: dict[int, Values] = {
        66: [numbers.index(key(entry.device, 1)) for entry in entries],
        67: [entry.sequence for entry in entries],
        68: [entry.effective_ns for entry in entries],
        71: [entry.lamport for entry in entries],
        72: [entry.claimed_ns for entry in entries],
        73: [entry.changes for entry in entries],
        74: [entry.first for entry in entries],
        75: [entry.size for entry in entries],
    }
    devices = [device_of_number(number) for number in numbers.order]
    return _part(PartKind.RECORDS, devices, [], encode_table(RECORD_COLUMNS, values))


def decode_record_part(payload: bytes, number_of_device: Callable[[DeviceId], int], what: str) -> list[RecordLine]:
    """Read a record part.

    Raises:
        Damaged: it is no such part.
    """
    devices, _, table = _open_part(payload, (PartKind.RECORDS,), what)
    v = decode_table(table, RECORD_COLUMNS, what)
    try:
        numbers = [number_of_device(device) for device in devices]
        scalars = zip(v[66], v[67], v[71], v[72], v[68], v[73], v[74], v[75], strict=True)
        return [RecordLine(numbers[d], s, la, _signed(c), _signed(e), n, f, z) for d, s, la, c, e, n, f, z in scalars]
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded") from error


def _part(kind: PartKind, devices: list[DeviceId], epochs: list[bytes], table: bytes) -> bytes:
    head = cbor.dumps({0: int(kind), 1: devices, 2: epochs})
    return struct.pack("<I", len(head)) + head + table


def _open_part(payload: bytes, kinds: tuple[PartKind, ...], what: str) -> tuple[list[DeviceId], list[bytes], bytes]:
    try:
        (length,) = struct.unpack_from("<I", payload)
        head = cbor.loads(payload[4 : 4 + length])
        if head[0] not in kinds:
            raise Damaged(f"{what}: is a part of another kind")
        return [DeviceId(device) for device in head[1]], list(head[2]), payload[4 + length :]
    except (struct.error, *cbor.MISSHAPEN) as error:
        raise Damaged(f"{what}: cannot be decoded") from error


def decode_versions(payload: bytes, number_of_device: Callable[[DeviceId], int], what: str) -> list[VersionRow]:
    """Read a tree or version part.

    Raises:
        Damaged: it is no such part.
    """
    devices, _, table = _open_part(payload, (PartKind.TREE, PartKind.VERSIONS), what)
    columns = (*rows.CHANGE_COLUMNS, Column(42, 0), *VERSION_COLUMNS)
    values = decode_table(table, columns, what)
    try:
        numbers = [number_of_device(device) for device in devices]
        blob = bytes(values[42])
        ids = [blob[i : i + ID] for i in range(0, len(blob), ID)]
        changes = rows.changes_of_values(values, numbers, (), ids, what)
        versions = rows.identities(values[64], values[65], numbers)
        scalars = zip(versions, values[66], values[67], values[68], changes, strict=True)
        return [VersionRow(v, numbers[d], s, _signed(e), change) for v, d, s, e, change in scalars]
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded") from error


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def decode_location_part(payload: bytes, what: str) -> list[PackLocations]:
    """Read a location part.

    Raises:
        Damaged: it is no such part.
    """
    _, epochs, table = _open_part(payload, (PartKind.LOCATIONS,), what)
    try:
        return rows.decode_locations(table, epochs, what)[0]
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded") from error


def decode_statement_part(
    payload: bytes, number_of_device: Callable[[DeviceId], int], what: str
) -> list[tuple[int, int, int, Statement]]:
    """Read a statement part.

    Raises:
        Damaged: it is no such part.
    """
    devices, _, table = _open_part(payload, (PartKind.STATEMENTS,), what)
    values = decode_table(table, STATEMENT_COLUMNS, what)
    try:
        numbers = [number_of_device(device) for device in devices]
        pieces = rows.cut(bytes(values[70]), values[69])
        scalars = zip(values[66], values[67], values[68], pieces, strict=True)
        return [(numbers[d], s, _signed(e), from_wire(cbor.loads(raw), what)) for d, s, e, raw in scalars]
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded") from error
