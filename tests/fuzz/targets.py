"""What is fuzzed: every decoder of bytes that a store, or a text that somebody, may have chosen.

A target is right if for any bytes it returns or raises an error of ours (or the one that its page names), soon, and
without taking memory that the bytes do not account for. Where a signature stands before a decoder the bytes are signed:
else nothing would get to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.errors import SyncdError
from syncd.journal.checkpoint import (
    decode_location_part,
    decode_manifest,
    decode_record_part,
    decode_statement_part,
    decode_versions,
)
from syncd.journal.record import decode, name_within
from syncd.journal.statements import from_wire
from syncd.model import cbor
from syncd.model.ids import DeviceId, EpochId
from syncd.scan.ignore import Rules
from syncd.seal.envelope import ObjectKind, OpenObject, read_clear, unpack_frame
from syncd.seal.epochs import open_epoch
from syncd.seal.keys import seal_to
from syncd.seal.slots import Unlock, open_slot, words_to_entropy
from syncd.store.address import parse
from tests.golden import make as golden

VECTORS = golden.make()
VAULT = golden.vault_id_of(VECTORS["genesis"])
KEYS = golden.VaultKeys(VAULT, golden.Roots(golden.ID_ROOT, {golden.EPOCH: golden.ROOT_KEY}), golden.EPOCH)


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder.

    Attributes:
        decode: takes any bytes.
        seeds: bytes that it takes whole.
        raises: what it may raise.
    """

    decode: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    raises: tuple[type[Exception], ...] = (SyncdError,)


def _number(device: DeviceId) -> int:
    return 1 + device[0] % 3


def _payload(kind: ObjectKind, name: str) -> bytes:
    data = VECTORS[name]
    epoch = EpochId(read_clear(data, kind, name).header.epoch)
    return OpenObject(data, kind, KEYS.object_secret(epoch, kind.word), VAULT, name).payload()


def _signed(label: bytes, body: bytes) -> bytes:
    return golden.DEVICE.sign(label + VAULT + body) + body


def _record(body: bytes) -> object:
    return decode(_signed(b"syncd/v1/record", body), VAULT, golden.DEVICE.verifying, _number, "a record")


def _manifest(body: bytes) -> object:
    return decode_manifest(_signed(b"syncd/v1/checkpoint", body), VAULT, golden.DEVICE.verifying, "a checkpoint")


def _clear(data: bytes) -> object:
    return [read_clear(data, ObjectKind(data[0] % 8 + 1), "an object") if data else None]


def _object(data: bytes) -> object:
    return OpenObject(data, ObjectKind.RECORD, bytes(32), VAULT, "an object").payload()


def _text(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: decode(data.decode("utf-8", "surrogateescape"))


def _rules(text: str) -> object:
    rules = Rules(text.splitlines())
    return [rules.ignored(b"a/b", name, False) for name in (b"x", b"note.txt", b"\xff")]


def _epoch_body(body: bytes) -> object:
    """Seal a body to a slot, as anybody can who has read its public key in a journal."""
    table = cbor.dumps([[golden.SLOT, _SEALED_KEY]])
    signed = golden.DEVICE.sign(b"syncd/v1/epoch" + VAULT + body) + body
    header = golden.Header(ObjectKind.EPOCH, bytes(16), bytes(32), 1)
    data = golden.seal_object(header, bytes(32), VAULT, signed, table)
    return open_epoch(VAULT, data, golden.SLOT, golden.PRIVATE, f"epoch/{golden.EPOCH.hex()}")


_SEALED_KEY = seal_to(golden.PRIVATE.public(), bytes(32), b"syncd/v1/epoch-slot" + VAULT + golden.EPOCH + golden.SLOT)
_EPOCH_BODY = cbor.dumps(
    {0: golden.EPOCH, 1: bytes(32), 2: bytes(32), 3: {}, 4: golden.DEVICE.id, 5: golden.DEVICE.verifying}
)
_PART = ObjectKind.PART
TARGETS: dict[str, Target] = {
    "cbor": Target(cbor.loads, (cbor.dumps({0: [1, b"x", "y", None, True, -5, 1.5]}),), (ValueError,)),
    "statement": Target(
        lambda data: from_wire(cbor.loads(data), "a statement"),
        (VECTORS["statement rescue"], VECTORS["statement epoch"]),
        (SyncdError, ValueError),
    ),
    "record": Target(_record, (VECTORS["record first"][64:], VECTORS["record all"][64:])),
    "manifest": Target(_manifest, (_payload(ObjectKind.CHECKPOINT, "checkpoint")[64:],)),
    "versions": Target(
        lambda data: decode_versions(data, _number, "a part"),
        (_payload(_PART, "part tree"), _payload(_PART, "part versions")),
    ),
    "locations": Target(lambda data: decode_location_part(data, "a part"), (_payload(_PART, "part locations"),)),
    "statements": Target(
        lambda data: decode_statement_part(data, _number, "a part"), (_payload(_PART, "part statements"),)
    ),
    "records": Target(lambda data: decode_record_part(data, _number, "a part"), (_payload(_PART, "part records"),)),
    "clear": Target(_clear, (VECTORS["record object"], VECTORS["slot recovery"], VECTORS["epoch"])),
    "object": Target(_object, (VECTORS["record object"], VECTORS["pack"])),
    "frame": Target(lambda data: unpack_frame(data, "a frame"), (b"\0\5\0\0\0hello", b"\1\5\0\0\0\x28\xb5\x2f\xfd")),
    "slot": Target(
        lambda data: open_slot(VAULT, data, Unlock(golden.SlotType.RECOVERY, bytes(32)), "slot/" + "0" * 32),
        (VECTORS["slot recovery"],),
    ),
    "epoch": Target(
        lambda data: open_epoch(VAULT, data, golden.SLOT, golden.PRIVATE, f"epoch/{golden.EPOCH.hex()}"),
        (VECTORS["epoch"],),
    ),
    "roots": Target(_epoch_body, (_EPOCH_BODY,)),
    "name in a record": Target(
        lambda data: name_within(bytes(64) + data, "a record"),
        (VECTORS["record first"][64:], VECTORS["record all"][64:]),
    ),
    "words": Target(_text(words_to_entropy), (b"abandon " * 23 + b"art",)),
    "url": Target(_text(parse), (b"s3://bucket/x?region=y", b"sftp://me@host:22/srv", b"rclone://remote:path")),
    "ignore": Target(_text(_rules), (b"*.o\n/build/\n!keep.o\n**/x\n[a-z]?\n", b"a\\ b\n#c\n\\#d\n")),
}
