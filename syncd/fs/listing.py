"""Listing one directory with the stat of every entry, in one call.

The C version works without the interpreter's lock and makes no object for an entry that nobody looks
at; the Python one is for builds without a compiler, and for paths longer than the kernel takes.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from syncd.model.listing import CELL

ListDirectory = Callable[[bytes, bool], tuple[list[bytes], bytes]]


def list_slowly(path: bytes, follow: bool) -> tuple[list[bytes], bytes]:
    """Return (names, cells) of a directory; see _listing.c for the contract."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        raise
    try:
        return list_opened(descriptor)
    finally:
        os.close(descriptor)


def list_opened(descriptor: int) -> tuple[list[bytes], bytes]:
    """Return (names, cells) of an opened directory."""
    found: list[bytes] = []
    cells = [_cell(os.fstat(descriptor))]
    for text in os.listdir(descriptor):
        name = os.fsencode(text)
        try:
            cells.append(_cell(os.lstat(name, dir_fd=descriptor)))
        except FileNotFoundError:
            continue  # gone since it was listed
        found.append(name)
    return found, b"".join(cells)


def _cell(raw: os.stat_result) -> bytes:
    return CELL.pack(raw.st_ino, raw.st_size, raw.st_mtime_ns, raw.st_ctime_ns, raw.st_dev, raw.st_mode, raw.st_nlink)


def _choose() -> ListDirectory:
    if sys.byteorder != "little":
        return list_slowly  # the C version writes cells in the machine's own order
    try:
        from syncd.fs._listing import list_directory as fast
    except ImportError:
        return list_slowly
    chosen: ListDirectory = fast
    return chosen


list_directory = _choose()
