"""Who belongs to the vault, and under which epoch it seals, as the known records say: functions of the state alone.

An epoch is eligible if whoever opened it knew of every revocation that is known here. Of the eligible ones the current
one is that with the greatest (Lamport clock of the record that says it, id). Invariant: devices that know the same
records come to the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.errors import UsageError
from syncd.journal.statements import Statement, StatementKind, from_wire
from syncd.model import cbor
from syncd.model.ids import EpochId, SlotId
from syncd.seal.keys import VaultKeys
from syncd.state.db import State
from syncd.state.devices import Device

SHORTEST_ID = 4  # letters by which a person may name a device


class Word(NamedTuple):
    """What a record says that bears on this: who said it where, of which kind, about whom, and a number or set."""

    author: bytes
    sequence: int
    kind: StatementKind
    about: bytes
    cut: int = 0
    covers: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is out, and who is in by a person's word.

    Attributes:
        revoked: device -> the last of its records that counts on the word of whoever revoked it; of several the least.
        approved: devices that a person let in though they came with keys from before a revocation.
    """

    revoked: Mapping[bytes, int] = field(default_factory=dict)
    approved: frozenset[bytes] = frozenset()


def standing(state: State) -> Standing:
    """Return who is in good standing, as the known records say."""
    revoked: dict[bytes, int] = {}
    for _, _, one in said(state, StatementKind.REVOKE):
        device, cut = one.fields["device"], max(0, one.fields["cut"])
        revoked[device] = min(cut, revoked.get(device, cut))
    approved = frozenset(one.fields["device"] for _, _, one in said(state, StatementKind.APPROVE))
    return Standing(revoked, approved)


def said(state: State, kind: StatementKind) -> Iterator[tuple[int, int, Statement]]:
    """Yield (author, Lamport clock, statement)."""
    for device, _, lamport, wire in state.said.of_kind(kind):
        yield device, lamport, from_wire(cbor.loads(wire), "a statement kept here")


def word_of(author: bytes, sequence: int, one: Statement) -> Word | None:
    """Return what a statement says of who belongs to the vault, None if nothing."""
    if one.code == StatementKind.REVOKE:
        return Word(author, sequence, StatementKind.REVOKE, one.fields["device"], max(0, one.fields["cut"]))
    if one.code == StatementKind.APPROVE:
        return Word(author, sequence, StatementKind.APPROVE, one.fields["device"])
    if one.code == StatementKind.EPOCH:
        covers = frozenset(one.fields.get("revoked", ()))
        return Word(author, sequence, StatementKind.EPOCH, one.fields["epoch"], covers=covers)
    return None


def words_of(state: State) -> list[Word]:
    """Return what the known records say of who belongs to the vault; all of it counts."""
    kinds = StatementKind.REVOKE, StatementKind.APPROVE, StatementKind.EPOCH
    found = (word_of(b"", 0, one) for kind in kinds for _, _, one in said(state, kind))
    return [word for word in found if word is not None]


def eligible(state: State, revoked: Collection[bytes]) -> dict[EpochId, int]:
    """Return the epochs that leave out every revoked device, each with the Lamport clock of its record."""
    found = {}
    for _, lamport, one in said(state, StatementKind.EPOCH):
        if not set(revoked) - set(one.fields.get("revoked", ())):
            found[EpochId(one.fields["epoch"])] = lamport
    return found


def current(state: State, keys: VaultKeys) -> EpochId | None:
    """Return the epoch to seal under, None while one has to be opened first."""
    found = eligible(state, standing(state).revoked.keys())
    ranked = sorted((lamport, epoch) for epoch, lamport in found.items() if epoch in keys.roots.epochs)
    return ranked[-1][1] if ranked else None


def live_slots(state: State, revoked: Collection[bytes]) -> dict[SlotId, bytes]:
    """Return the public keys that an epoch is to be sealed to: devices in good standing, passphrase, words."""
    slots: dict[SlotId, bytes] = {}
    replaced: set[bytes] = set()
    by_device: dict[bytes, SlotId] = {}
    for author, _, one in said(state, StatementKind.ENROL):
        device = bytes(state.devices.get(author).id)
        by_device[device] = SlotId(one.fields["slot"])
        slots[by_device[device]] = one.fields["public"]
        replaced.add(bytes(one.fields.get("predecessor", b"")))
    for _, _, one in said(state, StatementKind.SLOT_ADD):
        slots[SlotId(one.fields["slot"])] = one.fields["public"]
    dropped = {SlotId(one.fields["slot"]) for _, _, one in said(state, StatementKind.SLOT_DROP)}
    gone = dropped | {slot for device, slot in by_device.items() if device in revoked or device in replaced}
    return {slot: public for slot, public in slots.items() if slot not in gone}


def find_device(state: State, called: str) -> Device:
    """Return the device that a person means, by its name or the beginning of its id.

    Raises:
        UsageError: there is none, or more than one.
    """
    found = [device for device in state.devices.all() if state.called(device) == called]
    found = found or [
        device for device in state.devices.all() if len(called) >= 4 and device.id.hex().startswith(called)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{state.called(device) or 'unknown'} ({device.id.hex()[:8]})" for device in state.devices.all())
    problem = f"there is no device {called}" if not found else f"{called} may be one of {len(found)} devices"
    raise UsageError(problem, hint=f"There is {known}. Its id says which.")
