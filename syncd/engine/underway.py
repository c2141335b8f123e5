"""The record that is being put: its bytes are kept until it is known to be on the store.

Invariant: no two records ever have one number. A put that failed may come late, or was seen by others on a store that
lost it since; so what is put under that number the next time is the same, to the byte. What it says stays true: it is
what stood in the folder then, and what is otherwise by now is said by the next record.
"""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from syncd.engine.batch import dump_standing, load_standing
from syncd.engine.fold import NEXT_VERSION, Fingerprints, fold
from syncd.engine.frontier import note_told
from syncd.engine.journals import open_record
from syncd.engine.packfates import note_said, settle_fates
from syncd.engine.vault import Vault
from syncd.errors import Failed, JournalAhead, NeedsAttention
from syncd.journal.record import RecordHead, record_name
from syncd.model import cbor
from syncd.model.ids import OWN_DEVICE
from syncd.model.version import Row
from syncd.state.db import State

STATEMENTS = "statements"  # that wait for the next record
_INTENT = "record-intent"  # the hash of its bytes
_STANDING = "record-standing"  # where on this disk the entries are that it speaks of, where that is not said
_HERE = "record-here"  # what this disk has, and has no more, of which it says nothing
_SPOOLED = "record-spooled"  # its bytes


def intend(state: State, sealed: bytes, fingerprints: Fingerprints, here: tuple[list[Row], list[int]]) -> None:
    """Keep a record that is about to be put; inside a transaction.

    Args:
        state: of this device.
        sealed: the record's bytes.
        fingerprints: of the entries that it speaks of.
        here: entries that this disk has, and nodes that it has no more, of which the record says nothing.

    Raises:
        Failed: the one before is under way still, and comes first.
    """
    if is_under_way(state):
        raise Failed("a record is under way that has to be put first")
    state.set(_INTENT, blake3(sealed).digest())
    state.set(_SPOOLED, sealed)
    state.set(_STANDING, dump_standing(fingerprints))
    state.set(_HERE, cbor.dumps([[list(row) for row in here[0]], here[1]]))


def note_here(state: State, adopted: Iterable[Row], gone: Iterable[int]) -> None:
    """Note what this disk has, or has no more, of which no change tells; after the record that came with it."""
    for row in adopted:
        state.base.put(row)
    for node in gone:
        state.base.drop(node)


def is_under_way(state: State) -> bool:
    """Tell whether a record was begun to be put, and nobody knows whether it is there."""
    return bool(state.get(_SPOOLED))


def settle(state: State, head: RecordHead, next_version: int) -> None:
    """Note that a record is put and folded; inside the transaction that folds it."""
    note_told(state, head.frontier)
    state.set(NEXT_VERSION, str(next_version).encode())
    for key in (_INTENT, _SPOOLED, STATEMENTS):
        state.set(key, b"")
    settle_fates(state)


def put_again(vault: Vault) -> None:
    """Put the record that was under way when a put failed or the process died, and take it as any other.

    Raises:
        NeedsAttention: the store shows an older state.
        JournalAhead: another record has its number.
        StoreError: it cannot be put now, either.
    """
    state, store = vault.state, vault.store
    own = state.devices.get(OWN_DEVICE)
    if own.sequence and store.stat(record_name(own.id, own.sequence)) is None and store.whole:
        raise NeedsAttention(
            f"the store shows an older state than this device has seen: record {own.sequence} is missing",
            hint="Bring the store's newest copy back. If it is lost, move the store away and make a new vault.",
        )
    name = record_name(own.id, own.sequence + 1)
    there = store.confirm(name) is not None
    sealed = store.get(name) if there else state.get(_SPOOLED)
    if not sealed:
        return
    if blake3(sealed).digest() != state.get(_INTENT):
        raise JournalAhead(f"the store holds record {own.sequence + 1} of this device, which its state does not know")
    record = open_record(sealed, vault.keys, own.verifying or None, state.devices.number, name)
    with state.transaction():
        fold(state, record, OWN_DEVICE, len(sealed), load_standing(state.get(_STANDING)), meeting=True)
        adopted, gone = cbor.loads(kept) if (kept := state.get(_HERE)) else ([], [])
        note_here(state, (Row(*row) for row in adopted), gone)
        note_said(state)  # its packs may have been let go meanwhile: the next scan stores their content anew
        settle(state, record.head, record.head.first_version + len(record.changes))
        state.nodes.drop_all_digests()  # they are of what was there before, and may be of what is there again
        if not there:
            store.put(name, sealed)
