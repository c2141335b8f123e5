"""Writing a file's bytes, long runs of zeros as holes: what was sparse comes back sparse."""

from __future__ import annotations

import os
from collections.abc import Iterable

Buffer = bytes | memoryview
HOLE = 32 * 1024  # zeros that are not worth writing
_ZEROS = memoryview(bytes(4 * 1024 * 1024))  # as long as the longest chunk


def is_hole(piece: Buffer) -> bool:
    """Tell whether a piece is zeros that are not worth writing."""
    return len(piece) >= HOLE and piece[0] == 0 and piece == _ZEROS[: len(piece)]


def fill_with_holes(descriptor: int, pieces: Iterable[Buffer]) -> None:
    """Write pieces to a new file; long runs of zeros become holes."""
    hole = False
    for piece in pieces:
        if is_hole(piece):
            os.lseek(descriptor, len(piece), os.SEEK_CUR)
            hole = True
            continue
        hole = False
        written = os.write(descriptor, piece)
        while written < len(piece):
            written += os.write(descriptor, memoryview(piece)[written:])
    if hole:
        os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
