"""Reading the journals on a store: which records there are, each one opened, checked and chained.

Invariant: a record is handed on only if its signature, hash chain and Lamport clock fit; a gap or a
record that does not open is named, never skipped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from syncd.errors import Damaged, NotUnlocked, StoreError
from syncd.journal.record import NO_HASH, Record, check_chain, decode, record_name
from syncd.journal.statements import StatementKind
from syncd.model.ids import ROOT, DeviceId, EpochId, counter_of, device_of
from syncd.seal.envelope import ObjectKind, OpenObject, read_clear
from syncd.seal.keys import VaultKeys
from syncd.state.devices import Device
from syncd.store.provider import Provider

_DEVICE = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"record/([0-9a-f]{32})/([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A record, the size of its object in bytes, and the epoch that it is sealed under."""

    record: Record
    size: int
    epoch: bytes = b""  # under which it is sealed


def devices_of(store: Provider) -> set[DeviceId]:
    """Return the devices that have records, however many."""
    return {DeviceId(bytes.fromhex(name)) for name in store.directories("record") if _DEVICE.fullmatch(name)}


def list_records(store: Provider) -> dict[DeviceId, list[int]]:
    """Return the sequence numbers of each device's records, in order."""
    found: dict[DeviceId, list[int]] = {}
    for listed in store.list("record/"):
        match = _NAME.fullmatch(listed.name)
        if match:  # anything else was put there by somebody else, and is nobody's record
            found.setdefault(DeviceId(bytes.fromhex(match[1])), []).append(int(match[2], 16))
    return {device: sorted(sequences) for device, sequences in found.items()}


def open_record(
    sealed: bytes, keys: VaultKeys, verifying: bytes | None, number: Callable[[DeviceId], int], name: str
) -> Record:
    """Open one sealed record.

    Raises:
        Damaged, NotUnlocked: it was changed, or is sealed under an epoch this device cannot read.
    """
    epoch = EpochId(read_clear(sealed, ObjectKind.RECORD, name).header.epoch)
    secret = keys.object_secret(epoch, ObjectKind.RECORD.word)
    payload = OpenObject(sealed, ObjectKind.RECORD, secret, keys.vault, name).payload()
    return decode(payload, keys.vault, verifying, number, name)


def check_enrolment(record: Record, name: str) -> None:
    """Check that a device's first record says who it is.

    Raises:
        Damaged: it does not.
    """
    if record.head.sequence > 1:
        return
    for statement in record.head.statements:
        if statement.code == StatementKind.ENROL and statement.fields["signing"] == record.head.verifying:
            return
    raise Damaged(f"{name}: does not begin with its device's enrolment")


def check_known(record: Record, number: int, known: Callable[[int], int], name: str) -> None:
    """Check that a record speaks only of what was said before it.

    Args:
        record: decoded; its identities are in local device numbers.
        number: its author's.
        known: returns the counter of the last version known of a device.
        name: of its object.

    Raises:
        Damaged: it builds upon a version, or names a node or directory, that nobody stated: its author left out
            what it had seen.
    """
    last: dict[int, int] = {}
    for row, change in enumerate(record.changes):
        for identity in (change.node, change.parent, *change.parents):
            if identity == ROOT:
                continue
            device = device_of(identity)
            if device == number:
                newest = record.head.first_version + row
            else:
                newest = last[device] if device in last else last.setdefault(device, known(device))
            if counter_of(identity) > newest:
                raise Damaged(f"{name}: builds upon what no record before it has said")


def read_journal(
    store: Provider,
    keys: VaultKeys,
    device: DeviceId,
    last: int,
    number: Callable[[DeviceId], int],
    wrong: list[str],
    after: Device | None = None,
) -> Iterator[Fetched]:
    """Yield a device's records, one by one, up to the first that is missing or damaged.

    Args:
        store: has the records.
        keys: open them.
        device: whose.
        last: the sequence number of the last one.
        number: gives local device numbers.
        wrong: takes what is wrong with the first that is not yielded.
        after: the tip from which on records are wanted; None for all.
    """
    sequence, previous, lamport, verifying = 0, NO_HASH, 0, None
    if after is not None and after.sequence:
        sequence, previous, lamport, verifying = after.sequence, after.hash, after.lamport, after.verifying
    for expected in range(sequence + 1, last + 1):
        name = record_name(device, expected)
        try:
            sealed = store.get(name)
            record = open_record(sealed, keys, verifying, number, name)
            check_chain(record.head, previous, lamport, expected, name)
            check_enrolment(record, name)
            if record.head.device != device:
                raise Damaged(f"{name}: is another device's record")
        except (Damaged, NotUnlocked, StoreError) as error:
            if isinstance(error, StoreError) and error.retryable:
                raise
            wrong.append(error.message)
            return
        previous, lamport, verifying = record.hash, record.head.lamport, record.head.verifying or verifying
        yield Fetched(record, len(sealed), read_clear(sealed, ObjectKind.RECORD, name).header.epoch)
