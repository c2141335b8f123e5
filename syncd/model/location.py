"""Where chunks lie. Values only; the database keeps them, readers follow them."""

from __future__ import annotations

from dataclasses import dataclass

DATA_CHUNK, LIST_CHUNK = 1, 2
AES_256_GCM = 1


@dataclass(frozen=True, slots=True)
class Located:
    """Where a chunk lies: local pack number, segment, offset and length (bytes) in the opened segment."""

    pack: int
    segment: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class PackLocations:
    """What a record says of one pack, enough to read any chunk with one ranged get.

    `segments` are sealed lengths; `counts` chunks per segment; `ids`, `lengths` and `kinds` run over
    all chunks of the pack in order. Lengths are in bytes.
    """

    pack: bytes
    size: int
    epoch: bytes
    salt: bytes
    segments: tuple[int, ...]
    counts: tuple[int, ...]
    ids: bytes
    lengths: tuple[int, ...]
    kinds: bytes
    algorithm: int = AES_256_GCM

    @property
    def chunks(self) -> list[bytes]:
        """The ids of its chunks, in order."""
        return [self.ids[i : i + 16] for i in range(0, len(self.ids), 16)]


def pack_name(pack: bytes) -> str:
    """Return the object name of a pack."""
    text = pack.hex()
    return f"pack/{text[:2]}/{text}"


def pack_of(name: str) -> bytes | None:
    """Return the pack whose object has a name, None for what is no pack's name."""
    try:
        pack = bytes.fromhex(name.rpartition("/")[2])
    except ValueError:
        return None
    return pack if pack_name(pack) == name and len(pack) == 32 else None
