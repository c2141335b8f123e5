"""Telling whether what stands at a path is, byte for byte, a version that the vault has."""

from __future__ import annotations

from syncd.chunk.lists import fold
from syncd.engine.ingest import Ingest, Torn
from syncd.engine.vault import Vault
from syncd.fs.exchanging import Sure, surely
from syncd.model.entry import Content, Kind, Stat, same_mtime
from syncd.model.location import LIST_CHUNK
from syncd.model.version import Row
from syncd.pack.reader import Hasher
from syncd.scan.diff import same, too_fresh


def says(row: Row, stat: Stat, content: Content, inline: bytes) -> bool:
    """Tell whether a version says what was read of an entry, mode and mtime included."""
    bytes_same = (row.depth, row.content, row.inline) == (content.depth, content.ids, inline)
    return bytes_same and row.mode == stat.mode and same_mtime(row.mtime_ns, stat.mtime_ns, stat.ctime_ns)


class Published:
    """Compares entries of one folder with versions. Reads a file only where its fingerprint cannot tell."""

    def __init__(self, vault: Vault) -> None:
        self._disk, self._hasher, self._now_ns = vault.disk, Hasher(vault.keys), vault.ambient.now_ns
        self._ingest = Ingest(vault.disk, vault.cuts, vault.params)

    def is_so(self, path: bytes, row: Row, stat: Stat) -> bool:
        """Tell whether an entry is what a version says, mtime and mode of a file included."""
        if stat.kind != row.kind:
            return False
        if stat.kind == Kind.DIRECTORY or same(row, stat):
            return True
        if stat.kind == Kind.SYMLINK:
            return self._disk.readlink(path) == row.inline
        likely = row.size == stat.size and same_mtime(row.mtime_ns, stat.mtime_ns, stat.ctime_ns)
        return likely and self.content_is(path, row, stat)

    def sure(self, row: Row | None, seen: Stat | None) -> Sure:
        """Return what tells whether an entry, wherever it is by then, still is a version that it was seen to be.

        Its fingerprint says so, unless it is so new that somebody may write once more and leave the times as they are.
        """
        if row is None or seen is None or seen.kind != Kind.FILE:
            return surely
        if not too_fresh(seen.mtime_ns, seen.ctime_ns, self._now_ns()):
            return surely

        def look(path: bytes) -> bool:
            stat = self._disk.stat(path)
            return stat is not None and self.content_is(path, row, stat)

        return look

    def content_is(self, path: bytes, row: Row, stat: Stat) -> bool:
        """Tell whether a file has the bytes of a version."""
        try:
            ids, _ = self._ingest.file(path, stat, row.profile, self._hasher.data)
        except (Torn, OSError):
            return False
        return fold(ids, lambda piece: self._hasher.of(LIST_CHUNK, piece)) == Content(row.depth, row.content)
