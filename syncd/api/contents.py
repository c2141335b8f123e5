"""What versions of files hold: their bytes in parts, and how two of them differ.

Reads a vault opened for reading, and asks its stores. Every byte is verified before it is given.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from syncd.engine.picking import pick
from syncd.engine.restoring import content_ids, read_version
from syncd.engine.vault import Vault
from syncd.errors import UsageError
from syncd.history.tree import Placed
from syncd.model.entry import Kind
from syncd.model.version import Row
from syncd.pack.reader import ChunkReader

LONGEST_SIDE = 4_000_000  # bytes of a side that is compared line by line; longer ones take seconds
MOST_LINES = 5_000  # of a comparison; nobody reads more in a terminal
NUL_WITHIN = 8_192  # bytes in which git, too, looks for what no text has
Layout = tuple[list[bytes], list[int]]  # ids of chunks, and the position at which each ends
_LAYOUTS: WeakKeyDictionary[Vault, tuple[int, Layout]] = WeakKeyDictionary()


def content(vault: Vault, version: str, offset: int, length: int) -> tuple[bytes, int]:
    """Return bytes of a version of a file, verified, and the size of the whole.

    Raises:
        VersionUnknown: there is none, or it has no content.
        StoreError, Damaged: it cannot be had.
    """
    _, placed = pick(vault, b"", None, version)
    row = _file(placed)
    if row.kind == Kind.SYMLINK:
        return row.inline[offset : offset + length], len(row.inline)
    reader = vault.reader()
    ids, ends = _layout(vault, reader, row)
    first = bisect_right(ends, offset)  # chunks that end before the part are not read
    before = ends[first - 1] if first else 0
    return _part(reader.stream(ids[first:]), offset - before, length), row.size


def pieces(vault: Vault, version: str) -> Iterator[bytes]:
    """Yield all bytes of a version of a file, verified.

    Raises:
        VersionUnknown: there is none, or it has no content.
        StoreError, Damaged: it cannot be had.
    """
    row = _file(pick(vault, b"", None, version)[1])
    if row.kind == Kind.SYMLINK:
        yield row.inline
        return
    yield from map(bytes, read_version(vault.reader(), row))


def _layout(vault: Vault, reader: ChunkReader, row: Row) -> Layout:
    """Return a version's chunks, and where each ends as far as that is known.

    Whoever reads a file asks for one part after another, so the last one is kept.
    """
    kept = _LAYOUTS.get(vault)
    if kept is not None and kept[0] == row.version:
        return kept[1]
    ids, ends = content_ids(reader, row), list[int]()
    for chunk in ids:
        at = vault.state.chunks.get(chunk)
        if at is None:
            break
        ends.append((ends[-1] if ends else 0) + at.length)
    _LAYOUTS[vault] = (row.version, (ids, ends))
    return ids, ends


def _part(pieces: Iterator[Any], offset: int, length: int) -> bytes:
    kept, position = bytearray(), 0
    for piece in pieces:
        start, position = position, position + len(piece)
        if position > offset:
            kept += bytes(piece)[max(0, offset - start) :]
        if len(kept) >= length:
            break
    return bytes(kept[:length])


def _file(placed: Placed) -> Row:
    if placed.row is None or placed.row.kind == Kind.DIRECTORY:
        raise UsageError("that is a directory, which has no content of its own")
    return placed.row


def compare(vault: Vault, version: str, against: str | None) -> dict[str, Any]:
    """Return how a version differs from another, or from what the folder holds: `same`, `binary`, or lines of a diff.

    Raises:
        VersionUnknown: there is no such version.
        StoreError, Damaged: it cannot be had.
    """
    _, placed = pick(vault, b"", None, version)
    row = _file(placed)
    old = _whole(vault, row)
    if against is not None:
        other = _file(pick(vault, b"", None, against)[1])
        new, name = _whole(vault, other), against
    else:
        new, name = _on_disk(vault, vault.state.nodes.path_of(row.node)), "folder"
    fields: dict[str, Any] = {"old_size": row.size, "new_size": None if new is None else len(new), "lines": []}
    if new is None:
        return {**fields, "what": "missing"}
    if old == new:
        return {**fields, "what": "same"}
    if old is None or b"\0" in old[:NUL_WITHIN] or b"\0" in new[:NUL_WITHIN] or len(new) > LONGEST_SIDE:
        return {**fields, "what": "binary"}
    sides = [side.decode("utf-8", "replace").splitlines() for side in (old, new)]
    lines: list[str] = []
    for line in difflib.unified_diff(sides[0], sides[1], version, name, lineterm=""):
        lines.append(line)
        if len(lines) == MOST_LINES:
            break
    return {**fields, "what": "text", "lines": lines}


def _whole(vault: Vault, row: Row) -> bytes | None:
    """Return a file's bytes; None for one that is too long to be compared."""
    if row.kind == Kind.SYMLINK:
        return row.inline
    return b"".join(map(bytes, read_version(vault.reader(), row))) if row.size <= LONGEST_SIDE else None


def _on_disk(vault: Vault, path: bytes) -> bytes | None:
    stat = vault.disk.stat(path)
    if stat is None or stat.kind == Kind.DIRECTORY:
        return None
    if stat.kind == Kind.SYMLINK:
        return vault.disk.readlink(path)
    return vault.disk.read(path, LONGEST_SIDE + 1)
