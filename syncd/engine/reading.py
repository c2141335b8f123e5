"""Reading an entry of the folder whole: its bytes in chunks to the outbox, or why that cannot be now.

Invariant: what is returned stood there whole at one moment; a file that changes while it is read is read again.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple
from zlib import crc32

from syncd.engine.gone import UNREADABLE
from syncd.engine.ingest import Ingest, Torn
from syncd.engine.outbox import Outbox
from syncd.engine.progress import UP, Progress
from syncd.engine.readahead import Item, kept_profile
from syncd.engine.vault import Vault
from syncd.model.entry import EMPTY, Content, Kind, Stat
from syncd.model.path import split
from syncd.model.version import Row

TRIES = 3  # of a file that changes while it is read, before it waits for the next cycle
TORN = "keeps changing while it is read; tried again at the next change"


class Unread(Exception):
    """An entry could not be read. `problem` says why, if it is one; `soon` whether to look again soon."""

    def __init__(self, problem: str, *, soon: bool) -> None:
        super().__init__(problem)
        self.problem, self.soon = problem, soon


class Read(NamedTuple):
    """An entry as it was while it was read."""

    stat: Stat
    content: Content
    profile: int
    inline: bytes


class Reading:
    """Reads files and symlinks.

    Args:
        vault: opened for writing.
        outbox: takes the chunks.
        progress: told of the bytes as they are read.
    """

    def __init__(self, vault: Vault, outbox: Outbox, progress: Progress) -> None:
        self._disk, self._outbox, self._progress = vault.disk, outbox, progress
        self.ingest = Ingest(vault.disk, vault.cuts, vault.params, progress.read, vault.read_pool)

    def whole(self, path: bytes, item: Item, base: Row | None) -> Read:
        """Read an entry; `base` is what this disk had of it, whose chunk sizes it keeps.

        Raises:
            Unread: it is gone, cannot be read, or changes all the time.
        """
        stat = item.stat
        profile = kept_profile(base, stat.size)
        group = _group(item.name)
        keep = partial(self._outbox.chunk, group=group) if group else self._outbox.chunk
        if isinstance(item.data, bytes):
            ids, profile = self.ingest.whole(item.data, profile, keep, item.cut)
            self._progress.bytes += stat.size
            return Read(stat, self._content(ids, group), profile, b"")
        self._progress.takes(path, stat.size, UP)
        before = self._progress.bytes
        for _ in range(TRIES):
            try:
                if stat.kind == Kind.SYMLINK:
                    return Read(stat, EMPTY, 0, self._disk.readlink(path))
                ids, profile = self.ingest.file(path, stat, profile, keep)
                self._progress.bytes = before + stat.size
                return Read(stat, self._content(ids, group), profile, b"")
            except Torn:
                self._progress.bytes = before
                again = self._disk.stat(path)
                if again is None or again.kind != stat.kind:
                    break
                stat = again if self._disk.keeps_modes(split(path)[0]) else again._replace(mode=stat.mode)
            except FileNotFoundError:
                break
            except OSError as error:
                raise Unread(UNREADABLE.format(error.strerror), soon=False) from error
        else:
            raise Unread(TORN, soon=True)
        raise Unread("", soon=True)

    def _content(self, ids: bytes, group: int) -> Content:
        return Content(0, ids) if len(ids) <= 16 else self._outbox.content(ids, group)


def _group(name: bytes) -> int:
    """Return the segment group of a file: files with one extension compress best together."""
    dot = name.rfind(b".", 1)
    return crc32(name[dot:].lower()) % 7 + 1 if dot >= 0 else 0
