"""What this device knows of condemned packs, kept beside the packs: made anew from all statements when some came.

Written inside the caller's transaction. Invariant: once what came is settled, a pack has the fate that
syncd/retention/fates.py gives it, whatever the order in which records came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from syncd.journal.statements import Statement, StatementKind, from_wire
from syncd.model import cbor
from syncd.model.ids import OWN_DEVICE
from syncd.model.location import pack_of
from syncd.retention.fates import Case, Fate, Judgment, Said, cases, fates
from syncd.state.db import State

ABOUT_PACKS = (StatementKind.CONDEMN, StatementKind.RESCUE, StatementKind.ACKNOWLEDGE, StatementKind.DELETED)
NEWS = "fates-news"  # something was said of packs since others' condemnations were looked at
_STALE = "fates-stale"
BORN = "born"  # how far the journals had come when this device, or its state, began: [[device, sequence], ...]


def known_cases(state: State) -> dict[Judgment, Case]:
    """Return all condemnations that were ever said, with what was said of them."""
    return cases(_said(state))


def let_go_here(state: State) -> set[bytes]:
    """Return the packs of which this device said that it needs them no more, and that nobody rescued."""
    own = bytes(state.devices.get(OWN_DEVICE).id)
    said = [case for judgment, case in known_cases(state).items() if own in (judgment.device, *case.acknowledged)]
    return {pack for case in said for pack in case.packs - case.rescued}


def _said(state: State) -> Iterator[Said]:
    ids = {device.no: bytes(device.id) for device in state.devices.all()}
    for kind in ABOUT_PACKS:
        for device, sequence, _, wire in state.said.of_kind(kind):
            statement = from_wire(cbor.loads(wire), "a statement kept here")
            yield _as_said(ids[device], sequence, statement)


def _as_said(device: bytes, sequence: int, statement: Statement) -> Said:
    fields = statement.fields
    if statement.code == StatementKind.ACKNOWLEDGE:
        return Said(device, sequence, "acknowledge", about=(Judgment(fields["device"], fields["sequence"]),))
    if statement.code == StatementKind.DELETED:
        named = (pack_of(name) for name in fields["names"] if isinstance(name, str))
        return Said(device, sequence, "deleted", frozenset(pack for pack in named if pack is not None))
    packs = frozenset(pack for pack in fields["packs"] if isinstance(pack, bytes))
    if statement.code == StatementKind.CONDEMN:
        return Said(device, sequence, "condemn", packs)
    return Said(device, sequence, "rescue", packs, tuple(_judgments(fields.get("about", []))))


def _judgments(raw: Iterable[Any]) -> Iterator[Judgment]:
    for item in raw:
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], bytes) and isinstance(item[1], int):
            yield Judgment(item[0], item[1])


def note_said(state: State) -> None:
    """Take note that something was said of packs: the fates are made anew once all that comes has come."""
    state.set(_STALE, b"1")


def fates_are_stale(state: State) -> bool:
    """Tell whether something was said of packs since their fates were made."""
    return bool(state.get(_STALE))


def settle_fates(state: State) -> None:
    """Give every pack its fate, where something was said since the last time; inside an open transaction."""
    if not fates_are_stale(state):
        return
    state.set(_STALE, b"")
    all_cases = known_cases(state)
    if not all_cases:
        return
    state.set(NEWS, b"1")
    own = bytes(state.devices.get(OWN_DEVICE).id)
    by_id = fates(all_cases, own, born(state))
    numbers = state.packs.known(by_id)
    state.packs.set_fates({number: by_id[pack] for number, pack in numbers.items()})
    state.chunks.let_go(state.packs.fated(Fate.GONE))


def born(state: State) -> dict[bytes, int]:
    """Return how far each journal had come when this device, or its state, began."""
    return dict(cbor.loads(state.get(BORN) or cbor.dumps([])))


def note_birth(state: State, seen: Iterable[tuple[bytes, int]]) -> None:
    """Note how far the journals have come: what was let go before then has nothing to do with this device."""
    state.set(BORN, cbor.dumps([[device, sequence] for device, sequence in seen]))
    note_said(state)
