"""How far this device knows the other journals, and how far its own journal says so: records say the difference."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.journal.record import Seen
from syncd.model import cbor
from syncd.model.ids import OWN_DEVICE
from syncd.state.db import State
from syncd.state.devices import Device

_TOLD = "frontier-told"


def untold(state: State) -> tuple[Seen, ...]:
    """Return the tips of other journals that this device has not told yet."""
    told = _told(state)
    return tuple(
        Seen(device.id, device.sequence, device.hash, device.lamport)
        for device in state.devices.all()
        if device.no != OWN_DEVICE and device.sequence and told.get(device.id) != device.sequence
    )


def has_told(state: State, device: Device) -> bool:
    """Tell whether this device's journal says how far it knows another's."""
    return _told(state).get(device.id) == device.sequence


def note_told(state: State, frontier: Iterable[Seen]) -> None:
    """Note that a record said it; inside the transaction that takes the record."""
    state.set(_TOLD, cbor.dumps({**_told(state), **{seen.device: seen.sequence for seen in frontier}}))


def _told(state: State) -> dict[bytes, int]:
    found: dict[bytes, int] = cbor.loads(state.get(_TOLD) or cbor.dumps({}))
    return found
