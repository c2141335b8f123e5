"""Genesis and epochs: how a vault begins, and how its roots reach every live slot (docs/format.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from syncd.errors import Damaged, NotUnlocked
from syncd.model import cbor
from syncd.model.chunker import Chunker
from syncd.model.ids import DeviceId, EpochId, SlotId, VaultId
from syncd.seal.envelope import NO_EPOCH, Algorithm, Header, ObjectKind, OpenObject, read_clear, seal_object
from syncd.seal.keys import (
    NO_VAULT,
    DeviceKeys,
    SlotPrivate,
    device_id_of,
    genesis_secret,
    seal_to,
    verify_signature,
)

Profile = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Genesis:
    """The parameters of a vault, fixed for its life. `profiles` are (minimum, average, maximum) bytes."""

    nonce: bytes
    claimed_ns: int
    algorithm: int
    profiles: tuple[Profile, ...]
    founder: DeviceId
    epoch: EpochId
    chunker: Chunker


def seal_genesis(genesis: Genesis, id_root: bytes, salt: bytes) -> bytes:
    """Return the genesis object; its BLAKE3 is the vault id."""
    body = {
        0: genesis.nonce,
        1: genesis.claimed_ns,
        2: genesis.algorithm,
        3: int(genesis.chunker),
        4: [list(profile) for profile in genesis.profiles],
        5: genesis.founder,
        6: genesis.epoch,
    }
    header = Header(ObjectKind.GENESIS, NO_EPOCH, salt, genesis.algorithm)
    return seal_object(header, genesis_secret(id_root), NO_VAULT, cbor.dumps(body))


def vault_id_of(genesis: bytes) -> VaultId:
    """Return the id of the vault that this genesis object begins."""
    return VaultId(blake3(genesis).digest())


def open_genesis(data: bytes, id_root: bytes) -> Genesis:
    """Open and check genesis.

    Raises:
        Damaged: it was changed, or needs a chunker this program does not have.
    """
    opened = OpenObject(data, ObjectKind.GENESIS, genesis_secret(id_root), NO_VAULT, "genesis")
    body = _fields(opened.payload(), "genesis")
    try:
        chunker = Chunker(body[3])
    except ValueError as error:
        raise Damaged(f"the vault uses chunker {body[3]}, unknown here", hint="Install a newer syncd.") from error
    profiles = tuple((int(low), int(mid), int(high)) for low, mid, high in body[4])
    return Genesis(body[0], body[1], body[2], profiles, DeviceId(body[5]), EpochId(body[6]), chunker)


def _fields(raw: bytes, what: str) -> dict[Any, Any]:
    try:
        fields = cbor.loads(raw)
    except (ValueError, EOFError, RecursionError) as error:
        raise Damaged(f"{what}: cannot be decoded") from error
    if not isinstance(fields, dict):
        raise Damaged(f"{what}: cannot be decoded")
    return fields


@dataclass(frozen=True, slots=True, repr=False)
class EpochRoots:
    """What an epoch object holds."""

    epoch: EpochId
    root: bytes
    id_root: bytes
    past: dict[EpochId, bytes]
    opened_by: DeviceId


def _slot_info(vault: VaultId, epoch: bytes, slot: bytes) -> bytes:
    return b"syncd/v1/epoch-slot" + vault + epoch + slot


def seal_epoch(
    vault: VaultId,
    roots: EpochRoots,
    slots: dict[SlotId, bytes],
    device: DeviceKeys,
    payload_key: bytes,
    salt: bytes,
) -> bytes:
    """Return the epoch object, sealed to the public keys in `slots` and signed by `device`."""
    table = [
        [slot, seal_to(public, payload_key, _slot_info(vault, roots.epoch, slot))]
        for slot, public in sorted(slots.items())
    ]
    body = cbor.dumps(
        {
            0: roots.epoch,
            1: roots.root,
            2: roots.id_root,
            3: roots.past,
            4: device.id,
            5: device.verifying,
        },
    )
    signature = device.sign(b"syncd/v1/epoch" + vault + body)
    header = Header(ObjectKind.EPOCH, NO_EPOCH, salt, Algorithm.AES_256_GCM)
    return seal_object(header, payload_key, vault, signature + body, cbor.dumps(table))


def open_epoch(vault: VaultId, data: bytes, slot: SlotId, private: SlotPrivate, what: str) -> EpochRoots | None:
    """Open an epoch with a slot's private key; None when it is not sealed to that slot.

    Raises:
        Damaged: it was changed, or its signature does not fit.
    """
    parts = read_clear(data, ObjectKind.EPOCH, what)
    try:
        table = {entry[0]: entry[1] for entry in cbor.loads(parts.clear)}
        epoch_id = bytes.fromhex(what.rpartition("/")[2])
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: its name or its list of slots cannot be read") from error
    if slot not in table:
        return None
    try:
        payload_key = private.unseal(table[slot], _slot_info(vault, epoch_id, slot))
    except (NotUnlocked, TypeError) as error:
        raise Damaged(f"{what}: does not open with the slot it names") from error
    payload = OpenObject(data, ObjectKind.EPOCH, payload_key, vault, what).payload()
    try:  # anybody can seal something to a slot: its public key is in the journals
        return _roots(payload, vault, epoch_id, what)
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: holds no epoch") from error


def _roots(payload: bytes, vault: VaultId, epoch_id: bytes, what: str) -> EpochRoots:
    signature, raw = payload[:64], payload[64:]
    body = _fields(raw, what)
    verify_signature(body[5], signature, b"syncd/v1/epoch" + vault + raw, what)
    if device_id_of(body[5]) != body[4] or body[0] != epoch_id:
        raise Damaged(f"{what}: names another epoch or device")
    roots = [body[1], body[2], *body[3], *body[3].values()]
    if not all(isinstance(root, bytes) and len(root) in (16, 32) for root in roots):
        raise Damaged(f"{what}: holds no roots")
    past = {EpochId(key): value for key, value in body[3].items()}
    return EpochRoots(EpochId(body[0]), body[1], body[2], past, DeviceId(body[4]))
