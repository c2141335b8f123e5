"""Identities. A node, a version and a record are (device, counter); see docs/format.md section 6.

Inside one process a device is a small number given by the local database, and an identity is one
integer, `device number << 48 | counter`: it sorts by device, then by age, and is a SQLite row id.
Device number 0 is nobody; the root directory is the identity 0.
"""

from __future__ import annotations

from typing import NewType

VaultId = NewType("VaultId", bytes)  # 32 bytes, BLAKE3 of the genesis object
DeviceId = NewType("DeviceId", bytes)  # 16 bytes, hash of the device's signing key
EpochId = NewType("EpochId", bytes)  # 16 random bytes
SlotId = NewType("SlotId", bytes)  # 16 random bytes
ChunkId = NewType("ChunkId", bytes)  # 16 bytes of keyed BLAKE3
PackId = NewType("PackId", bytes)  # 32 bytes, BLAKE3 of the object
Key = NewType("Key", int)  # an identity as one integer

ROOT = Key(0)
OWN_DEVICE = 1  # the local number of this device in its own database
COUNTER_BITS = 48
COUNTER_MASK = (1 << COUNTER_BITS) - 1
NO_DEVICE = 0xFFFF  # the device index of the root directory in columns


def key(device: int, counter: int) -> Key:
    """Return the identity of (local device number, counter)."""
    return Key(device << COUNTER_BITS | counter)


def device_of(identity: int) -> int:
    """Return the local device number of an identity."""
    return identity >> COUNTER_BITS


def counter_of(identity: int) -> int:
    """Return the counter of an identity."""
    return identity & COUNTER_MASK
