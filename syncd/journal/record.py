"""A record: one device's signed, chained batch of statements, changes and locations (docs/format.md section 6).

Pure: values in, signed payload out, and back. Signing and the hash are functions that come in as
arguments' methods; nothing here reads a clock. Invariants: the signature covers the exact bytes that
are read; row k makes the version (author, first + k); the Lamport clock is one more than all seen.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from syncd.errors import Damaged
from syncd.journal import rows
from syncd.journal.statements import Statement, from_wire, to_wire
from syncd.model import cbor
from syncd.model.entry import Change
from syncd.model.ids import DeviceId
from syncd.model.location import PackLocations
from syncd.seal.keys import device_id_of, verify_signature

SCHEMA = 1
NO_HASH = bytes(32)
LARGEST_SEALED = 4 * 1024 * 1024  # a record closes here ...
LARGEST_PACKS = 256 * 1024 * 1024  # ... or here: so a reader never waits long for the next commit ...
LARGEST_CHANGES = 16_384  # ... or here: which bounds the memory of both sides
_LABEL = b"syncd/v1/record"


@dataclass(frozen=True, slots=True)
class Seen:
    """The tip of another device's journal as the author knew it."""

    device: bytes
    sequence: int
    hash: bytes
    lamport: int


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What a record says of itself."""

    device: DeviceId
    sequence: int
    previous: bytes
    lamport: int
    claimed_ns: int
    first_version: int
    frontier: tuple[Seen, ...] = ()
    statements: tuple[Statement, ...] = ()
    more_follow: bool = False
    verifying: bytes = b""


@dataclass(frozen=True, slots=True)
class Record:
    """A decoded record; identities in `changes` are as `number_of` gave them."""

    head: RecordHead
    hash: bytes
    changes: list[Change]
    locations: list[PackLocations]


def record_name(device: bytes, sequence: int) -> str:
    """Return the object name of a record."""
    return f"record/{device.hex()}/{sequence:016x}"


def encode(
    head: RecordHead,
    changes: Sequence[Change],
    locations: Sequence[PackLocations],
    device_of_number: Callable[[int], DeviceId],
    own_number: int,
    vault: bytes,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """Return the signed payload, ready to be sealed.

    Args:
        head: its own words; `device` is the author.
        changes: rows whose identities carry local device numbers.
        locations: of the packs first named here.
        device_of_number: local device number to device id.
        own_number: the author's local device number.
        vault: bound into the signature.
        sign: makes the author's 64-byte signature.
    """
    numbers = rows.DeviceTable(own_number)
    epochs = list(dict.fromkeys(pack.epoch for pack in locations))
    table, foreign = rows.encode_changes(changes, locations, numbers)
    places = rows.encode_locations(locations, epochs, foreign)
    frontier: list[list[Any]] = [[seen.device, seen.sequence, seen.hash, seen.lamport] for seen in head.frontier]
    devices = [device_of_number(number) for number in numbers.order]
    for entry in frontier:
        if entry[0] not in devices:
            devices.append(DeviceId(entry[0]))
        entry[0] = devices.index(DeviceId(entry[0]))
    fields: dict[int, Any] = {
        0: SCHEMA,
        1: head.sequence,
        2: head.previous,
        3: head.lamport,
        4: head.claimed_ns,
        5: devices,
        6: frontier,
        7: [to_wire(statement) for statement in head.statements],
        8: head.first_version,
        9: epochs,
        10: int(head.more_follow),
    }
    if head.sequence == 1:
        fields[11] = head.verifying
    body = b"".join(_sized(part) for part in (cbor.dumps(fields), table, places))
    return sign(_LABEL + vault + body) + body


def _sized(part: bytes) -> bytes:
    return struct.pack("<I", len(part)) + part


def _parts(body: bytes, what: str) -> Iterator[bytes]:
    at = 0
    for _ in range(3):
        if at + 4 > len(body):
            raise Damaged(f"{what}: is cut short")
        (length,) = struct.unpack_from("<I", body, at)
        part = body[at + 4 : at + 4 + length]
        if len(part) != length:
            raise Damaged(f"{what}: is cut short")
        yield part
        at += 4 + length
    if at != len(body):
        raise Damaged(f"{what}: is too long")


def record_hash(payload: bytes) -> bytes:
    """Return the hash that the next record names."""
    return blake3(payload).digest()


def name_within(payload: bytes, what: str) -> str:
    """Return the name that a record says it has, its signature unread.

    Raises:
        Damaged: it cannot be decoded.
    """
    raw_head, _, _ = _parts(payload[64:], what)
    try:
        fields = cbor.loads(raw_head)
        device, sequence = fields[5][0], fields[1]
        if not isinstance(device, bytes) or not isinstance(sequence, int):
            raise TypeError("names no device")  # a number would make so many bytes
        return record_name(device, sequence)
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: cannot be decoded ({error})") from error


def decode(
    payload: bytes,
    vault: bytes,
    verifying: bytes | None,
    number_of_device: Callable[[DeviceId], int],
    what: str,
) -> Record:
    """Read and check one record.

    Args:
        payload: as `encode` made it.
        vault: bound into the signature.
        verifying: the author's Ed25519 key; None at sequence 1, where the record brings it.
        number_of_device: device id to local number, making one for a device not seen before.
        what: the object's name, for errors.

    Raises:
        Damaged: the signature, a length, a type or a rule does not fit.
    """
    signature, body = payload[:64], payload[64:]
    raw_head, raw_changes, raw_locations = _parts(body, what)
    try:
        fields = cbor.loads(raw_head)
        if fields[0] != SCHEMA:
            raise Damaged(f"{what}: schema {fields[0]} is newer than this program", hint="Install a newer syncd.")
        devices = [DeviceId(device) for device in fields[5]]
        verifying = fields[11] if verifying is None else verifying
        verify_signature(verifying, signature, _LABEL + vault + body, what)
        if device_id_of(verifying) != devices[0]:
            raise Damaged(f"{what}: is signed by another device than it names")
        frontier = tuple(Seen(devices[i], sequence, hash_, lamport) for i, sequence, hash_, lamport in fields[6])
        head = RecordHead(
            device=devices[0],
            sequence=fields[1],
            previous=fields[2],
            lamport=fields[3],
            claimed_ns=fields[4],
            first_version=fields[8],
            frontier=frontier,
            statements=tuple(from_wire(raw, what) for raw in fields[7]),
            more_follow=bool(fields[10]),
            verifying=verifying,
        )
        numbers = [number_of_device(device) for device in devices]
        locations, ids = rows.decode_locations(raw_locations, fields[9], what)
        changes = rows.decode_changes(raw_changes, numbers, locations, ids, what)
    except (EOFError, RecursionError, *cbor.MISSHAPEN) as error:
        raise Damaged(f"{what}: cannot be decoded ({error})") from error
    return Record(head, record_hash(payload), changes, locations)


def check_chain(head: RecordHead, previous_hash: bytes, previous_lamport: int, sequence: int, what: str) -> None:
    """Check that a record follows the one before it.

    Raises:
        Damaged: another sequence number, another predecessor, or a Lamport clock that does not follow.
    """
    if head.sequence != sequence or head.previous != previous_hash:
        raise Damaged(f"{what}: does not follow the record before it")
    expected = 1 + max([previous_lamport, *(seen.lamport for seen in head.frontier)])
    if head.lamport != expected:
        raise Damaged(f"{what}: its Lamport clock says {head.lamport}, not {expected}")
