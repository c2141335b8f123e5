"""Writing a file's bytes, long runs of zeros as holes: what was sparse comes back sparse."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

Buffer = bytes | memoryview
HOLE = 32 * 1024  # zeros that are not worth writing
_ZEROS = memoryview(bytes(4 * 1024 * 1024))  # as long as the longest chunk


class Writing(Protocol):
    """The calls that write a file, as those of `os`."""

    def write(self, descriptor: int, data: Buffer, /) -> int:
        """Write at the file's position."""

    def lseek(self, descriptor: int, position: int, whence: int, /) -> int:
        """Move the file's position."""

    def ftruncate(self, descriptor: int, length: int, /) -> None:
        """Set the file's length."""


def is_hole(piece: Buffer) -> bool:
    """Tell whether a piece is zeros that are not worth writing."""
    return len(piece) >= HOLE and piece[0] == 0 and piece == _ZEROS[: len(piece)]


def fill_with_holes(descriptor: int, pieces: Iterable[Buffer], system: Writing) -> None:
    """Write pieces to a new file; long runs of zeros become holes."""
    hole = False
    for piece in pieces:
        if is_hole(piece):
            system.lseek(descriptor, len(piece), os.SEEK_CUR)
            hole = True
            continue
        hole = False
        written = system.write(descriptor, piece)
        while written < len(piece):
            written += system.write(descriptor, memoryview(piece)[written:])
    if hole:
        system.ftruncate(descriptor, system.lseek(descriptor, 0, os.SEEK_CUR))
