"""The envelope: every bit counts, sizes are padded, the wrong key and the wrong kind are refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Damaged
from syncd.seal.compression import compress
from syncd.seal.envelope import (
    DATA,
    FOOTER,
    LARGEST_RAW,
    NO_EPOCH,
    Algorithm,
    Header,
    ObjectCipher,
    ObjectKind,
    OpenObject,
    finish,
    pack_frame,
    seal_object,
    unpack_frame,
)
from syncd.seal.padding import FLOOR, LARGEST_OBJECT, LARGEST_PADDED, padded

SECRET, VAULT = bytes(range(32)), bytes(32)


def sealed(payload: bytes, kind: ObjectKind = ObjectKind.RECORD, salt: bytes = bytes(32), clear: bytes = b"") -> bytes:
    return seal_object(Header(kind, NO_EPOCH, salt), SECRET, VAULT, payload, clear)


def opened(data: bytes, kind: ObjectKind = ObjectKind.RECORD, secret: bytes = SECRET, vault: bytes = VAULT) -> bytes:
    return OpenObject(data, kind, secret, vault, "object").payload()


@given(payload=st.binary(max_size=5000), clear=st.binary(max_size=100), algorithm=st.sampled_from(Algorithm))
def test_what_was_sealed_opens(payload: bytes, clear: bytes, algorithm: Algorithm) -> None:
    data = seal_object(Header(ObjectKind.RECORD, NO_EPOCH, bytes(32), algorithm), SECRET, VAULT, payload, clear)
    assert opened(data) == payload
    assert len(data) == padded(len(data)) >= FLOOR


def test_long_payloads_take_several_frames() -> None:
    payload = bytes(9 * 1024 * 1024)
    assert opened(sealed(payload)) == payload


def test_every_byte_is_authenticated() -> None:
    """Flip each byte of an object in turn: none of the results opens."""
    data = sealed(b"a secret that matters" * 30, clear=b"clear words")
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Damaged):
            opened(changed)


@given(seed=st.integers(0, 1 << 32))
def test_no_cut_or_longer_object_opens(seed: int) -> None:
    data = sealed(random.Random(seed).randbytes(3000))
    for cut in (data[:-1], data[: len(data) // 2], data[:95], b"", data + b"\0", data[64:]):
        with pytest.raises(Damaged):
            opened(cut)


def test_frames_do_not_change_places() -> None:
    cipher = ObjectCipher(Header(ObjectKind.PACK, NO_EPOCH, bytes(32)), SECRET, VAULT)
    frames = [cipher.seal_frame(DATA, index, bytes([index]) * 100, 0) for index in range(2)]
    with pytest.raises(Damaged):
        OpenObject(finish(cipher, frames[::-1]), ObjectKind.PACK, SECRET, VAULT, "pack").payload()
    with pytest.raises(Damaged):
        cipher.open_frame(FOOTER, 0, frames[0], "role")


@pytest.mark.parametrize("change", ["secret", "vault", "kind"])
def test_a_key_opens_its_own_object_only(change: str) -> None:
    data = sealed(b"payload")
    with pytest.raises(Damaged):
        opened(
            data,
            kind=ObjectKind.PACK if change == "kind" else ObjectKind.RECORD,
            secret=bytes(32) if change == "secret" else SECRET,
            vault=bytes([1]) * 32 if change == "vault" else VAULT,
        )


def test_a_kind_relabelled_in_the_header_does_not_open() -> None:
    data = bytearray(sealed(b"payload"))
    data[9] = ObjectKind.PACK
    with pytest.raises(Damaged, match="another key"):
        opened(bytes(data), kind=ObjectKind.PACK)


def test_the_commitment_holds_one_key() -> None:
    """A ciphertext that decrypts under two keys (invisible salamander) still names one key only."""
    data = bytearray(sealed(b"payload"))
    other = ObjectCipher(Header(ObjectKind.RECORD, NO_EPOCH, bytes(32)), b"k" * 32, VAULT)
    data[64:96] = other.header[64:96]
    with pytest.raises(Damaged):
        opened(bytes(data))


def test_unknown_flags_and_versions_are_refused() -> None:
    for at, value, word in ((8, 2, "newer"), (11, 0x10, "lacks"), (10, 9, "algorithm")):
        data = bytearray(sealed(b"payload"))
        data[at] = value
        with pytest.raises(Damaged, match=word):
            opened(bytes(data))


def test_a_bomb_is_refused_before_it_inflates() -> None:
    honest = pack_frame(bytes(1000), 3)
    assert unpack_frame(honest, "frame") == bytes(1000)
    claims_more = honest[:1] + (LARGEST_RAW + 1).to_bytes(4, "little") + honest[5:]
    claims_less = honest[:1] + (999).to_bytes(4, "little") + honest[5:]
    bomb = honest[:1] + (10).to_bytes(4, "little") + compress(bytes(50_000_000), 3)
    for frame in (claims_more, claims_less, bomb, b"", b"\x07" + honest[1:]):
        with pytest.raises(Damaged):
            unpack_frame(frame, "frame")


@given(size=st.integers(0, LARGEST_OBJECT))
def test_padding_tells_little(size: int) -> None:
    result = padded(size)
    assert result >= size
    assert padded(result) == result
    assert size < 65536 or result - size <= 0.033 * size


def test_the_largest_object_is_a_padded_size() -> None:
    assert padded(LARGEST_PADDED) == LARGEST_PADDED <= LARGEST_OBJECT < padded(LARGEST_PADDED + 1)


def test_no_object_is_larger_than_every_store_takes() -> None:
    with pytest.raises(ValueError, match="larger"):
        sealed(random.Random(1).randbytes(LARGEST_OBJECT))
