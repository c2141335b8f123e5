"""Events from the system, for as long as it gives any. Hints only: whatever goes wrong here, the scan finds it.

What is ours in the folder (files on their way, the marker) makes no hints.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable

from syncd.fs.exchanging import TEMPORARY
from syncd.fs.looking import MARKER
from syncd.watch.pending import Hint
from syncd.watch.source import Moved, Note, Source

_LINUX: bool = sys.platform == "linux"
_LIMIT_HINT = (
    "the system's limit of watched directories is reached; the folder is scanned instead. "
    "Raise it with: sudo sysctl fs.inotify.max_user_watches=1048576"
)

Open = Callable[[bytes, Note, Moved, Callable[[], None]], Source]


def native(root: bytes, note: Note, moved: Moved, overflowed: Callable[[], None]) -> Source:
    """Return the source that this system has. Only that one is loaded."""
    if _LINUX:
        from syncd.watch.inotify import Inotify

        return Inotify(root, note, moved, overflowed)
    from syncd.watch.elsewhere import Elsewhere

    return Elsewhere(root, note, moved, overflowed)


class Watcher:
    """Watches a folder while it can; `trouble` says why it cannot.

    Args:
        root: absolute path of the folder.
        note: called from the watcher's thread with a relative path and a hint.
        moved: called with the source and target of a rename, before the note of the target.
        overflowed: called when events were lost.
        source: what makes the source of events.
    """

    def __init__(
        self, root: bytes, note: Note, moved: Moved, overflowed: Callable[[], None], source: Open = native
    ) -> None:
        self._root, self._note, self._moved = os.path.realpath(root), note, moved  # a link itself makes no events
        self._overflowed, self._open = overflowed, source
        self._source: Source | None = None
        self._stands = (0, 0)  # device and inode of what is watched
        self._lock = threading.Lock()
        self.trouble, self.limited = "", False  # why it does not watch; whether for a limit of the system

    def start(self) -> bool:
        """Begin to watch; return whether that worked."""
        source = self._open(self._root, self._on_note, self._on_moved, self._overflowed)
        try:
            self._stands = self._now_stands()
            source.start()
        except OSError as error:
            self.limited = error.errno in (errno.ENOSPC, errno.EMFILE)
            self.trouble = _LIMIT_HINT if self.limited else f"the folder cannot be watched: {error.strerror}"
            return False
        with self._lock:
            self._source, self.trouble, self.limited = source, "", False
        return True

    def _on_note(self, path: bytes, hint: Hint) -> None:
        if not _is_ours(path):
            self._note(path, hint)

    def _on_moved(self, source: bytes, target: bytes) -> None:
        if not (_is_ours(source) or _is_ours(target)):
            self._moved(source, target)

    def _now_stands(self) -> tuple[int, int]:
        stat = os.stat(self._root)
        return stat.st_dev, stat.st_ino

    @property
    def alive(self) -> bool:
        """Whether the folder that stands there now is watched; one that was put in its place is not."""
        with self._lock:
            source = self._source
        try:
            return source is not None and source.alive and self._now_stands() == self._stands
        except OSError:
            return False

    def stop(self) -> None:
        """Stop watching."""
        with self._lock:
            source, self._source = self._source, None
        if source is not None:
            source.stop()


def _is_ours(path: bytes) -> bool:
    return path.rpartition(b"/")[2].startswith((TEMPORARY, MARKER))
