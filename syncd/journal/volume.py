"""Volumes: a device's old records bundled verbatim into one object (docs/format.md section 7).

Pure. Invariant: what comes out is, byte for byte, the record objects that went in, in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import Damaged
from syncd.seal.envelope import DATA, Header, ObjectCipher, ObjectKind, OpenObject, finish


@dataclass(frozen=True, slots=True)
class Volume:
    """Records of one device from sequence `first` on, each a whole sealed object."""

    device: bytes
    first: int
    records: tuple[bytes, ...]


def seal_volume(volume: Volume, header: Header, secret: bytes, vault: bytes) -> bytes:
    """Return the volume object.

    Raises:
        ValueError: the records do not fit into one object.
    """
    cipher = ObjectCipher(header, secret, vault)
    frames = [cipher.seal_frame(DATA, index, record, 0) for index, record in enumerate(volume.records)]
    return finish(cipher, frames, {0: volume.device, 1: volume.first, 2: len(volume.records)})


def open_volume(data: bytes, secret: bytes, vault: bytes, what: str) -> Volume:
    """Open a volume.

    Raises:
        Damaged: it was changed, or does not say whose records it holds.
    """
    opened = OpenObject(data, ObjectKind.VOLUME, secret, vault, what)
    extra = opened.extra
    if not isinstance(extra, dict) or extra.get(2) != len(opened.lengths):
        raise Damaged(f"{what}: does not say what it holds")
    records = tuple(opened.frame(index) for index in range(len(opened.lengths)))
    return Volume(extra[0], extra[1], records)
