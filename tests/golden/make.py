"""Makes the golden vectors of docs/format.md: `make golden`. They are frozen once a format is released.

Everything is derived from fixed bytes; only HPKE brings randomness of its own, so the epoch object is
kept as it was made and its reading is what the vector fixes.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from blake3 import blake3

from syncd.chunk.params import PROFILES
from syncd.journal.checkpoint import (
    Checkpoint,
    PartEntry,
    PartKind,
    RecordLine,
    VersionRow,
    encode_location_part,
    encode_manifest,
    encode_record_part,
    encode_statement_part,
    encode_versions,
)
from syncd.journal.record import RecordHead, Seen, encode, record_hash
from syncd.journal.statements import FIELDS, StatementKind, state, to_wire
from syncd.journal.volume import Volume, seal_volume
from syncd.model import cbor
from syncd.model.chunker import Chunker
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, DeviceId, EpochId, SlotId, key
from syncd.model.location import PackLocations
from syncd.seal.envelope import DATA, Header, ObjectCipher, ObjectKind, finish, seal_object
from syncd.seal.epochs import EpochRoots, Genesis, seal_epoch, seal_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, Roots, SlotPrivate, VaultKeys
from syncd.seal.slots import Argon2, SlotType, Unlock, seal_slot

FILE = Path(__file__).with_name("vectors.json")


def fixed(label: str, length: int = 32) -> bytes:
    """Return fixed bytes for a label."""
    return blake3(label.encode()).digest(length)


SLOT = SlotId(fixed("slot", 16))
EPOCH = EpochId(fixed("epoch", 16))
OTHER = DeviceId(fixed("other device", 16))
DEVICE = DeviceKeys(fixed("signing key"), SlotPrivate(fixed("device slot", 96)), fixed("device slot id", 16))
PRIVATE = SlotPrivate(fixed("slot key", 96))
ID_ROOT, ROOT_KEY = fixed("id root"), fixed("epoch root")
GENESIS = Genesis(
    fixed("genesis nonce"), 1_700_000_000_000_000_000, 1, PROFILES, DeviceId(DEVICE.id), EPOCH, Chunker.GEAR64
)
GENESIS_2 = dataclasses.replace(GENESIS, chunker=Chunker.TOEPLITZ_AES)
COST = Argon2(64 * 1024, 1, 4)
EPOCH_ROOTS = EpochRoots(
    EPOCH, ROOT_KEY, ID_ROOT, {EpochId(fixed("old epoch", 16)): fixed("old root")}, DeviceId(DEVICE.id)
)

LOCATIONS = [
    PackLocations(
        fixed("pack"), 4096, EPOCH, fixed("salt"), (600, 700), (2, 1), fixed("ids", 48), (1000, 2000, 3000), b"\1\1\2"
    )
]
CHANGES = [
    Change(key(1, 7), ROOT, b"docs", Kind.DIRECTORY, 0o755, 1_600_000_000_123_456_789, 0, 0, 0, b"", b"", ()),
    Change(key(1, 8), key(1, 7), b"a.txt", Kind.FILE, 0o644, -5, 1000, 0, 1, fixed("ids", 48)[:16], b"", ()),
    Change(key(1, 9), key(1, 7), b"link", Kind.SYMLINK, 0o777, 1, 5, 0, 0, b"", b"a.txt", ()),
    Change(
        key(2, 3),
        ROOT,
        "caf\u00e9 \U0001f600".encode(),
        Kind.FILE,
        0o600,
        2,
        10**12,
        1,
        2,
        fixed("far", 32),
        b"",
        (key(2, 3), key(1, 2)),
    ),
    Change(key(1, 4), ROOT, b"gone \xff", Kind.TOMBSTONE, 0, 0, 0, 0, 1, b"", b"", (key(1, 4),)),
]
SAMPLE: dict[type, Any] = {bytes: fixed("field", 16), str: "name", int: 3, list: [fixed("item", 16)], dict: {"main": 5}}
LATER = {
    (StatementKind.RESCUE, "about"),
    (StatementKind.EPOCH, "revoked"),
}  # optional fields that came after the first vectors: they have one of their own
STATEMENTS = tuple(
    state(kind, **{name: SAMPLE[wanted] for name, (_, wanted, _) in FIELDS[kind].items() if (kind, name) not in LATER})
    for kind in StatementKind
)
RESCUE = state(StatementKind.RESCUE, packs=[fixed("pack")], about=[[fixed("device", 16), 7]])
LEAVES_OUT = state(
    StatementKind.EPOCH,
    epoch=fixed("epoch", 16),
    past=[fixed("old epoch", 16)],
    slots=[fixed("slot", 16)],
    revoked=[fixed("device", 16)],
)
SEEN = (Seen(OTHER, 4, fixed("other tip"), 11),)
HEADS = {
    "first": RecordHead(
        DeviceId(DEVICE.id), 1, bytes(32), 1, 1_700_000_000_000_000_001, 1, (), STATEMENTS[:1], True, DEVICE.verifying
    ),
    "all": RecordHead(
        DeviceId(DEVICE.id),
        2,
        fixed("previous"),
        12,
        1_700_000_000_000_000_002,
        7,
        SEEN,
        STATEMENTS,
        False,
        DEVICE.verifying,
    ),
}
VERSIONS = [VersionRow(key(1, 7 + row), 1, 2, 1_700_000_000_000_000_002, change) for row, change in enumerate(CHANGES)]
RECORDS = [RecordLine(1, 2, 7, 5, 6, 5, 7, 2048), RecordLine(2, 1, 6, 4, 4, 1, 1, 1024)]
MANIFEST = Checkpoint(DEVICE.id, 2, SEEN, (PartEntry(1, fixed("first", 8), fixed("part"), 2048, 5),))


def device_of(number: int) -> DeviceId:
    return {1: DeviceId(DEVICE.id), 2: OTHER}[number]


def number_of(device: DeviceId) -> int:
    return {DeviceId(DEVICE.id): 1, OTHER: 2}[device]


def make() -> dict[str, bytes]:
    """Return every vector by name."""
    raw_genesis = seal_genesis(GENESIS, ID_ROOT, fixed("genesis salt"))
    vault = vault_id_of(raw_genesis)
    keys = VaultKeys(vault, Roots(ID_ROOT, {EPOCH: ROOT_KEY}), EPOCH)

    def header(kind: ObjectKind) -> Header:
        return Header(kind, EPOCH, fixed(f"salt {kind.word}"))

    def secret(kind: ObjectKind) -> bytes:
        return keys.object_secret(EPOCH, kind.word)

    payloads = {
        name: encode(
            head, CHANGES if name == "all" else [], LOCATIONS if name == "all" else [], device_of, 1, vault, DEVICE.sign
        )
        for name, head in HEADS.items()
    }
    record = seal_object(header(ObjectKind.RECORD), secret(ObjectKind.RECORD), vault, payloads["all"])
    cipher = ObjectCipher(header(ObjectKind.PACK), secret(ObjectKind.PACK), vault)
    segments = [b"hello " * 100, fixed("incompressible", 500)]
    frames = [cipher.seal_frame(DATA, index, segment, 0) for index, segment in enumerate(segments)]
    pack = finish(cipher, frames, {0: b"\1\0\0\0\1\0\0\0", 1: b"\x58\2\0\0\xf4\1\0\0", 2: b"\1\1"})
    manifest = encode_manifest(MANIFEST, vault, DEVICE.sign)
    parts = {
        "part tree": encode_versions(PartKind.TREE, VERSIONS, device_of, 1),
        "part versions": encode_versions(PartKind.VERSIONS, VERSIONS[:2], device_of, 1),
        "part locations": encode_location_part(LOCATIONS),
        "part records": encode_record_part(RECORDS, device_of, 1),
        "part statements": encode_statement_part([(1, 2, 5, statement) for statement in STATEMENTS], device_of, 1),
    }
    return {
        "genesis": raw_genesis,
        "vault id": vault,
        "chunk key data": keys.chunk_key("data"),
        "chunk key list": keys.chunk_key("list"),
        "gear": keys.cut_table(Chunker.GEAR64)[-8:],
        "toeplitz": keys.cut_table(Chunker.TOEPLITZ_AES)[-8:],
        "cut key": keys.cut_key(),
        "genesis 2": seal_genesis(GENESIS_2, ID_ROOT, fixed("genesis 2 salt")),
        "slot passphrase": seal_slot(vault, SLOT, PRIVATE, Unlock.passphrase("p\u00e4ss"), fixed("slot salt"), COST),
        "slot recovery": seal_slot(
            vault, SLOT, PRIVATE, Unlock(SlotType.RECOVERY, fixed("words")), fixed("slot salt 2"), COST
        ),
        "epoch": seal_epoch(
            vault, EPOCH_ROOTS, {SLOT: PRIVATE.public()}, DEVICE, fixed("payload key"), fixed("epoch salt")
        ),
        "record first": payloads["first"],
        "record all": payloads["all"],
        "record hash": record_hash(payloads["all"]),
        "record object": record,
        "statement rescue": cbor.dumps(to_wire(RESCUE)),
        "statement epoch": cbor.dumps(to_wire(LEAVES_OUT)),
        "pack": pack,
        "volume": seal_volume(
            Volume(DEVICE.id, 1, (record, b"another")), header(ObjectKind.VOLUME), secret(ObjectKind.VOLUME), vault
        ),
        "checkpoint": seal_object(header(ObjectKind.CHECKPOINT), secret(ObjectKind.CHECKPOINT), vault, manifest),
        **{
            name: seal_object(header(ObjectKind.PART), secret(ObjectKind.PART), vault, payload)
            for name, payload in parts.items()
        },
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: data.hex() for name, data in make().items()}, indent=1) + "\n")
