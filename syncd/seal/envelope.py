"""The one envelope around every object (docs/format.md section 2).

Bytes and secrets in, bytes out; randomness (the salt) comes in as an argument. Invariants: every
byte of an object is authenticated; its length is a Padmé size; a key seals one object only.
Nothing is returned before its tag was checked.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from syncd.errors import Damaged
from syncd.model import cbor
from syncd.seal.compression import ZstdError, compress, decompress
from syncd.seal.keys import derive
from syncd.seal.padding import LARGEST_OBJECT, LARGEST_PADDED, padded

MAGIC = b"SYNCDOB1"
MAJOR = 1
_HEADER = struct.Struct("<8sBBBBI16s32s32s")
HEADER_SIZE = _HEADER.size
TAG = 16
_TRAILER = struct.Struct("<QQII8x")
_TRAILER_PLAIN = 48
TRAILER_SIZE = _TRAILER_PLAIN + TAG
_FRAME = struct.Struct("<BI")
FRAME_OVERHEAD = _FRAME.size + TAG
LARGEST_RAW = 16 * 1024 * 1024  # what a frame may inflate to: bounds memory before it is spent
NO_EPOCH = bytes(16)
_UNKNOWN_MUST = 0xF0  # flags that a reader has to understand


class ObjectKind(IntEnum):
    """Kinds of objects; `word` is their label in key derivation and in names."""

    GENESIS = 1
    SLOT = 2
    EPOCH = 3
    PACK = 4
    RECORD = 5
    VOLUME = 6
    CHECKPOINT = 7
    PART = 8

    @property
    def word(self) -> str:
        """The kind's name."""
        return self.name.lower()


class Algorithm(IntEnum):
    """AEADs of the format."""

    AES_256_GCM = 1
    CHACHA20_POLY1305 = 2


class Aead(Protocol):
    """What both ciphers offer."""

    def encrypt(self, nonce: bytes, data: Any, associated_data: Any) -> bytes:
        """Seal."""

    def decrypt(self, nonce: bytes, data: Any, associated_data: Any) -> bytes:
        """Open, or raise InvalidTag."""


_CIPHERS: dict[int, type[AESGCM] | type[ChaCha20Poly1305]] = {
    Algorithm.AES_256_GCM: AESGCM,
    Algorithm.CHACHA20_POLY1305: ChaCha20Poly1305,
}

DATA, PAD, FOOTER, TRAILER = 0, 1, 2, 3


def _nonce(role: int, index: int) -> bytes:
    return struct.pack(">B3xQ", role, index)


@dataclass(frozen=True, slots=True)
class Header:
    """The clear 96 bytes, less the commitment."""

    kind: int
    epoch: bytes
    salt: bytes
    algorithm: int = Algorithm.AES_256_GCM
    flags: int = 0


class ObjectCipher:
    """The key of one object: seals or opens its frames. Safe to use from several threads."""

    __slots__ = ("_aead", "header")

    def __init__(self, header: Header, secret: bytes, vault: bytes, clear: bytes = b"") -> None:
        bind = bytes((header.kind, header.algorithm, header.flags)) + vault + blake3(clear).digest()
        okm = derive(secret, header.salt, b"syncd/v1/object" + bind, 64)
        cipher = _CIPHERS.get(header.algorithm)
        if cipher is None:
            raise Damaged(f"an object names the unknown algorithm {header.algorithm}")
        self._aead = cipher(okm[:32])
        self.header = _HEADER.pack(
            MAGIC,
            MAJOR,
            header.kind,
            header.algorithm,
            header.flags,
            len(clear),
            header.epoch,
            header.salt,
            okm[32:],
        )

    def seal_frame(self, role: int, index: int, raw: bytes | bytearray | memoryview, level: int) -> bytes:
        """Compress and seal one frame; `level` 0 keeps it as it is."""
        return self.seal_packed(role, index, pack_frame(raw, level))

    def seal_packed(self, role: int, index: int, plain: bytes) -> bytes:
        """Seal a frame's plaintext as `pack_frame` made it."""
        return self._aead.encrypt(_nonce(role, index), plain, self.header)

    def open_frame(self, role: int, index: int, sealed: bytes | memoryview, what: str) -> memoryview:
        """Open and inflate one frame; what was stored as it is comes back without a copy.

        Raises:
            Damaged: any bit differs from what was sealed, or the frame is not where it belongs.
        """
        return unpack_frame(self.open_raw(role, index, sealed, what), what)

    def open_raw(self, role: int, index: int, sealed: bytes | memoryview, what: str) -> bytes:
        """Open a frame without inflating it (pad, trailer)."""
        try:
            return self._aead.decrypt(_nonce(role, index), sealed, self.header)
        except InvalidTag as error:
            raise Damaged(f"{what}: fails authentication") from error


def pack_frame(raw: bytes | bytearray | memoryview, level: int) -> bytes:
    """Return codec, raw length and payload; stored as it is where compression gains nothing."""
    if level:
        payload = compress(raw, level)
        if len(payload) < len(raw):
            return _FRAME.pack(1, len(raw)) + payload
    return b"".join((_FRAME.pack(0, len(raw)), raw))


def unpack_frame(plain: bytes, what: str) -> memoryview:
    """Undo `pack_frame`, trusting no length.

    Raises:
        Damaged: unknown codec, or a length that is too great or not met.
    """
    if len(plain) < _FRAME.size:
        raise Damaged(f"{what}: a frame is too short")
    codec, length = _FRAME.unpack_from(plain)
    if length > LARGEST_RAW:
        raise Damaged(f"{what}: a frame claims {length} bytes")
    payload = memoryview(plain)[_FRAME.size :]
    if codec == 0:
        raw = payload
    elif codec == 1:
        try:
            raw = memoryview(decompress(payload, length))
        except ZstdError as error:
            raise Damaged(f"{what}: a frame does not inflate") from error
    else:
        raise Damaged(f"{what}: unknown codec {codec}")
    if len(raw) != length:
        raise Damaged(f"{what}: a frame inflates to {len(raw)} bytes, not {length}")
    return raw


def finish(cipher: ObjectCipher, frames: list[bytes], extra: Any = None, clear: bytes = b"") -> bytes:
    """Lay out header, clear block, frames, pad, footer and trailer as one object.

    Raises:
        ValueError: the object would be larger than any store is asked to take.
    """
    lengths = struct.pack(f"<{len(frames)}I", *map(len, frames))
    fields = {0: lengths} if extra is None else {0: lengths, 1: extra}
    footer = cipher.seal_frame(FOOTER, 0, cbor.dumps(fields), 3)
    body = HEADER_SIZE + len(clear) + sum(map(len, frames))
    bare = body + TAG + len(footer) + TRAILER_SIZE
    total = padded(bare)
    if total > LARGEST_OBJECT:
        raise ValueError(f"an object of {total} bytes is larger than the format allows")
    pad = cipher.seal_packed(PAD, 0, bytes(total - bare))
    trailer = _TRAILER.pack(total, body + len(pad), len(footer), len(frames))
    sealed_trailer = cipher.seal_packed(TRAILER, 0, trailer.ljust(_TRAILER_PLAIN, b"\0"))
    return b"".join((cipher.header, clear, *frames, pad, footer, sealed_trailer))


@dataclass(frozen=True, slots=True)
class ClearParts:
    """What anybody can read of an object."""

    header: Header
    commitment: bytes
    clear: bytes


def read_clear(data: bytes, kind: ObjectKind, what: str) -> ClearParts:
    """Read the header and clear block.

    Raises:
        Damaged: not an object of this kind and format.
    """
    if len(data) < HEADER_SIZE + TRAILER_SIZE or data[:8] != MAGIC:
        raise Damaged(f"{what}: not an object of a syncd vault")
    _, major, seen, algorithm, flags, clear_length, epoch, salt, commitment = _HEADER.unpack_from(data)
    if major != MAJOR:
        raise Damaged(f"{what}: format {major} is newer than this program", hint="Install a newer syncd.")
    if seen != kind:
        raise Damaged(f"{what}: is not a {kind.word}")
    if flags & _UNKNOWN_MUST:
        raise Damaged(f"{what}: needs a feature this program lacks", hint="Install a newer syncd.")
    if clear_length > len(data) - HEADER_SIZE - TRAILER_SIZE:
        raise Damaged(f"{what}: is cut short")
    clear = data[HEADER_SIZE : HEADER_SIZE + clear_length]
    return ClearParts(Header(seen, epoch, salt, algorithm, flags), commitment, clear)


class OpenObject:
    """An authenticated object: its frames open on demand, its footer is known."""

    __slots__ = ("_cipher", "_data", "_offsets", "_what", "extra", "header", "lengths")

    def __init__(self, data: bytes, kind: ObjectKind, secret: bytes, vault: bytes, what: str) -> None:
        parts = read_clear(data, kind, what)
        cipher = ObjectCipher(parts.header, secret, vault, parts.clear)
        if not hmac.compare_digest(cipher.header[-32:], parts.commitment):
            raise Damaged(f"{what}: is sealed with another key, or changed")
        plain = cipher.open_raw(TRAILER, 0, data[-TRAILER_SIZE:], what)
        total, footer_at, footer_length, count = _TRAILER.unpack_from(plain)
        if total != len(data) or footer_at + footer_length + TRAILER_SIZE != total:
            raise Damaged(f"{what}: has {len(data)} bytes, not {total}")
        fields = _read_footer(cipher, data[footer_at : footer_at + footer_length], what)
        lengths = struct.unpack(f"<{count}I", fields[0]) if len(fields[0]) == 4 * count else None
        start = HEADER_SIZE + len(parts.clear)
        if lengths is None or start + sum(lengths) + TAG > footer_at:
            raise Damaged(f"{what}: its footer does not fit its frames")
        self._check_pad(cipher, data[start + sum(lengths) : footer_at], what)
        self._data, self._cipher, self._what = data, cipher, what
        self.header, self.lengths, self.extra = parts.header, lengths, fields.get(1)
        offsets = [start]
        for length in lengths:
            offsets.append(offsets[-1] + length)
        self._offsets = offsets

    @staticmethod
    def _check_pad(cipher: ObjectCipher, sealed: bytes, what: str) -> None:
        if cipher.open_raw(PAD, 0, sealed, what).strip(b"\0"):
            raise Damaged(f"{what}: its padding is not empty")

    def frame(self, index: int) -> bytes:
        """Open data frame `index`.

        Raises:
            Damaged: it was changed.
        """
        sealed = memoryview(self._data)[self._offsets[index] : self._offsets[index + 1]]
        return bytes(self._cipher.open_frame(DATA, index, sealed, self._what))

    def payload(self) -> bytes:
        """Open all data frames, end to end."""
        return b"".join(self.frame(index) for index in range(len(self.lengths)))


def _read_footer(cipher: ObjectCipher, sealed: bytes, what: str) -> dict[int, Any]:
    try:
        fields = cbor.loads(bytes(cipher.open_frame(FOOTER, 0, sealed, what)))
    except (ValueError, EOFError, RecursionError) as error:
        raise Damaged(f"{what}: its footer cannot be read") from error
    if not isinstance(fields, dict) or not isinstance(fields.get(0), bytes):
        raise Damaged(f"{what}: its footer cannot be read")
    return fields


def seal_object(
    header: Header, secret: bytes, vault: bytes, payload: bytes, clear: bytes = b"", *, extra: Any = None
) -> bytes:
    """Seal a payload as one object, in frames of at most 8 MiB."""
    cipher = ObjectCipher(header, secret, vault, clear)
    step = 8 * 1024 * 1024
    pieces = [payload[i : i + step] for i in range(0, len(payload), step)]
    frames = [cipher.seal_frame(DATA, index, piece, 3) for index, piece in enumerate(pieces)]
    return finish(cipher, frames, extra, clear)


__all__ = [
    "LARGEST_OBJECT",
    "LARGEST_PADDED",
    "Algorithm",
    "Header",
    "ObjectCipher",
    "ObjectKind",
    "OpenObject",
]
