"""Taking a record into the local state: the one way in, for our own records and for those read back.

Invariant: one transaction moves the tip of a journal and all that its record says, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.engine.packfates import ABOUT_PACKS, note_birth, note_said
from syncd.journal.record import Record
from syncd.journal.statements import Statement, StatementKind, to_wire
from syncd.model import cbor
from syncd.model.ids import OWN_DEVICE, DeviceId, key
from syncd.seal.keys import device_id_of
from syncd.state.db import State
from syncd.state.devices import RecordRow
from syncd.state.marks import Entry
from syncd.state.nodes import PENDING, Applied
from syncd.state.packs import chunk_entries
from syncd.state.receipts import DAY_NS

# Row of the record -> inode, ctime_ns, and where it stands on this disk when not where it wants.
Fingerprints = Mapping[int, tuple[int, int, tuple[int, bytes] | None]]
NEXT_VERSION = "next-version"
CHECKPOINTED = "checkpointed"  # how many records the newest checkpoint that is known stands for, about
ELSEWHERE = (PENDING, 0, None)


def effective_ns(claimed_ns: int, past_ns: int) -> int:
    """Return a record's effective time: not before its causal past, unless that is a day ahead of what it claims.

    Clocks differ by moments; by a day only if one is wrong. Which it is nobody can tell, so each record then has its
    own claim, and a wrong clock moves nothing but what was said by it (docs/decisions/019-effective-time.md).
    """
    return past_ns if claimed_ns < past_ns <= claimed_ns + DAY_NS else claimed_ns


def fold(
    state: State,
    record: Record,
    number: int,
    size: int,
    fingerprints: Fingerprints,
    *,
    elsewhere: bool = False,
    meeting: bool = False,
) -> None:
    """Take a record inside an open transaction.

    Args:
        state: the local state.
        record: decoded and checked.
        number: the author's local device number.
        size: of the record's object, in bytes.
        fingerprints: of entries that are on this disk as the record says.
        elsewhere: what it says happened on another disk, and has to be brought to this one.
        meeting: two nodes may want one name by it.
    """
    head = record.head
    past = [(number, head.sequence - 1)]
    past += [(state.devices.number(DeviceId(seen.device)), seen.sequence) for seen in head.frontier]
    when = effective_ns(head.claimed_ns, max(state.devices.effective_ns(*tip) for tip in past))
    count = len(record.changes)
    row = RecordRow(
        number, head.sequence, record.hash, size, head.lamport, head.claimed_ns, when, count, head.first_version
    )
    state.devices.advance(row)
    state.receipts.note(number, head.first_version)
    if number == OWN_DEVICE and head.sequence == 1:
        note_birth(state, ((bytes(seen.device), seen.sequence) for seen in head.frontier))
    take_statements(state, number, head.sequence, head.statements)  # first: names of copies name devices
    first, unknown = key(number, head.first_version), ELSEWHERE if elsewhere else (0, 0, None)
    applied = [
        Applied(first + row, change, *fingerprints.get(row, unknown)) for row, change in enumerate(record.changes)
    ]
    if number == OWN_DEVICE and not elsewhere and not meeting and state.plain:
        state.nodes.apply(applied, when)
    else:
        state.take(applied, when)
    entries: list[Entry] = []
    for locations in record.locations:
        entries += chunk_entries(state.packs.add(locations), locations)
    if entries:
        state.chunks.add(entries)


def take_statements(state: State, number: int, sequence: int, statements: Sequence[Statement]) -> None:
    """Take what a record says beside its changes, and keep it as it was said."""
    for place, statement in enumerate(statements):
        state.said.keep(number, sequence, place, cbor.dumps(to_wire(statement)))
        if statement.code == StatementKind.ENROL and _is_its_key(state, number, statement):
            state.devices.enrol(number, statement.fields["name"], statement.fields["signing"])
        elif statement.code == StatementKind.RENAME_DEVICE and _names_itself(state, number, statement):
            state.call(number, statement.fields["name"])
        elif statement.code in ABOUT_PACKS:
            note_said(state)
        elif statement.code == StatementKind.CHECKPOINT:
            state.set(CHECKPOINTED, str(sum(device.sequence for device in state.devices.all())).encode())


def _is_its_key(state: State, number: int, statement: Statement) -> bool:
    return device_id_of(statement.fields["signing"]) == state.devices.get(number).id


def _names_itself(state: State, number: int, statement: Statement) -> bool:
    return bool(statement.fields["device"] == state.devices.get(number).id)
