"""The format is frozen: these bytes are read as they always were, and the same values make them again."""

from __future__ import annotations

import json

import pytest

from syncd.journal.checkpoint import (
    decode_location_part,
    decode_manifest,
    decode_record_part,
    decode_statement_part,
    decode_versions,
)
from syncd.journal.record import decode
from syncd.journal.volume import open_volume
from syncd.seal.envelope import ObjectKind, OpenObject
from syncd.seal.epochs import open_epoch, open_genesis, vault_id_of
from syncd.seal.keys import Roots, VaultKeys
from syncd.seal.slots import SlotType, Unlock, open_slot
from tests.golden import make as golden

VECTORS = {name: bytes.fromhex(text) for name, text in json.loads(golden.FILE.read_text()).items()}
VAULT = vault_id_of(VECTORS["genesis"])
KEYS = VaultKeys(VAULT, Roots(golden.ID_ROOT, {golden.EPOCH: golden.ROOT_KEY}), golden.EPOCH)
MADE = golden.make()
# zstd may pack better one day, and HPKE is never the same twice: these are fixed by being read only.
READ_ONLY = {"epoch", "record object", "volume", "checkpoint", "genesis", "genesis 2"} | {
    name for name in MADE if name.startswith("part ")
}


def opened(name: str, kind: ObjectKind) -> bytes:
    return OpenObject(VECTORS[name], kind, KEYS.object_secret(golden.EPOCH, kind.word), VAULT, name).payload()


@pytest.mark.parametrize("name", sorted(set(MADE) - READ_ONLY))
def test_the_same_values_make_the_same_bytes(name: str) -> None:
    assert MADE[name] == VECTORS[name]


def test_genesis() -> None:
    assert open_genesis(VECTORS["genesis"], golden.ID_ROOT) == golden.GENESIS
    assert open_genesis(VECTORS["genesis 2"], golden.ID_ROOT) == golden.GENESIS_2
    assert VECTORS["vault id"] == VAULT


@pytest.mark.parametrize(
    ("name", "unlock"),
    [
        ("slot passphrase", Unlock.passphrase("pa\u0308ss")),
        ("slot recovery", Unlock(SlotType.RECOVERY, golden.fixed("words"))),
    ],
)
def test_slots(name: str, unlock: Unlock) -> None:
    found = open_slot(VAULT, VECTORS[name], unlock, name)
    assert found is not None
    assert (found[0], found[1].reveal()) == (golden.SLOT, golden.PRIVATE.reveal())


def test_epoch() -> None:
    name = f"epoch/{golden.EPOCH.hex()}"
    assert open_epoch(VAULT, VECTORS["epoch"], golden.SLOT, golden.PRIVATE, name) == golden.EPOCH_ROOTS


def test_records() -> None:
    first = decode(VECTORS["record first"], VAULT, None, golden.number_of, "record")
    assert first.head == golden.HEADS["first"]
    every = decode(
        opened("record object", ObjectKind.RECORD), VAULT, golden.DEVICE.verifying, golden.number_of, "record"
    )
    assert every.head == golden.HEADS["all"]
    assert every.changes == golden.CHANGES
    assert every.locations == golden.LOCATIONS
    assert every.hash == VECTORS["record hash"]


def test_pack() -> None:
    assert opened("pack", ObjectKind.PACK) == b"hello " * 100 + golden.fixed("incompressible", 500)


def test_volume() -> None:
    secret = KEYS.object_secret(golden.EPOCH, "volume")
    volume = open_volume(VECTORS["volume"], secret, VAULT, "volume")
    assert (volume.device, volume.first, volume.records) == (
        golden.DEVICE.id,
        1,
        (VECTORS["record object"], b"another"),
    )


def test_checkpoint_and_parts() -> None:
    payload = opened("checkpoint", ObjectKind.CHECKPOINT)
    assert decode_manifest(payload, VAULT, golden.DEVICE.verifying, "checkpoint") == golden.MANIFEST
    for name, expected in (("part tree", golden.VERSIONS), ("part versions", golden.VERSIONS[:2])):
        assert decode_versions(opened(name, ObjectKind.PART), golden.number_of, name) == expected
    assert decode_location_part(opened("part locations", ObjectKind.PART), "part") == golden.LOCATIONS
    statements = decode_statement_part(opened("part statements", ObjectKind.PART), golden.number_of, "part")
    assert decode_record_part(opened("part records", ObjectKind.PART), golden.number_of, "part") == golden.RECORDS
    assert statements == [(1, 2, 5, statement) for statement in golden.STATEMENTS]
