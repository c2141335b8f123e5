"""What one directory holds, as one value: names, and a fixed cell of bytes for each.

An entry that nobody looks at stays bytes: most scans find that nothing changed and compare digests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from syncd.model.entry import KIND_OF_FORMAT, MODE_BITS, Kind, Stat

CELL = struct.Struct("<QqqqQII")  # inode, size, mtime_ns, ctime_ns, device, mode, links
_FORMAT_BITS = 0o170000


class Own(NamedTuple):
    """What is known of a listed directory itself, from before its first entry was read. Times in ns."""

    ino: int
    mtime_ns: int
    ctime_ns: int
    device: int


class Entry(NamedTuple):
    """One entry: its fingerprint, None for what is not synced, and whether another file system begins there."""

    name: bytes
    kind: Kind | None
    stat: Stat | None
    mounted: bool


class Listing(NamedTuple):
    """A listed directory. `cells` has the directory's own cell first, then one for each name."""

    names: list[bytes]
    cells: bytes

    @property
    def own(self) -> Own:
        """The directory itself."""
        ino, _, mtime_ns, ctime_ns, device, _, _ = CELL.unpack_from(self.cells)
        return Own(ino, mtime_ns, ctime_ns, device)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, in the order of the listing."""
        rows = CELL.iter_unpack(memoryview(self.cells)[CELL.size :])
        here = self.own.device
        for name, (ino, size, mtime_ns, ctime_ns, device, mode, links) in zip(self.names, rows, strict=True):
            kind = KIND_OF_FORMAT.get(mode & _FORMAT_BITS)
            stat = None if kind is None else Stat(kind, mode & MODE_BITS, size, mtime_ns, ctime_ns, ino, links)
            yield Entry(name, kind, stat, device != here)
