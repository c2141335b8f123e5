"""Cutting a stream of regions into chunks, with the state carried over their ends.

Pure. Invariant: the cuts of a file depend on its bytes, the table and the parameters alone,
never on how it was split into regions or on which kernel ran.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from syncd.chunk.params import Params

Scan = Callable[..., tuple[list[int], int, int]]


def _load_kernel() -> tuple[Scan, str]:
    try:
        from syncd.chunk._gear import scan as fast
    except ImportError:
        from syncd.chunk.fallback import scan as slow

        return slow, "numpy"
    return fast, "C"


scan, KERNEL = _load_kernel()


class Cutter:
    """Finds the chunk ends of one file, region after region.

    Args:
        gear: the table as 2,048 bytes (see `table_bytes`).
        params: chunk lengths.
    """

    __slots__ = ("_fixed", "_gear", "_hash", "_length")

    def __init__(self, gear: bytes, params: Params) -> None:
        self._gear = gear
        self._fixed = (params.minimum, params.average, params.maximum, params.strict, params.loose)
        self._length = 0
        self._hash = 0

    def feed(self, region: bytes | bytearray | memoryview) -> list[int]:
        """Return the chunk ends in the next region, as offsets into it."""
        ends, self._length, self._hash = scan(self._gear, region, *self._fixed, self._length, self._hash)
        return ends

    @property
    def open_length(self) -> int:
        """Bytes since the last cut; the end of the file ends this chunk."""
        return self._length


def table_bytes(gear: tuple[int, ...]) -> bytes:
    """Return a gear table of 256 integers as the kernel takes it."""
    return struct.pack("<256Q", *gear)
