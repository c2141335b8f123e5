"""Events from the system, by watchdog. Hints only: whatever goes wrong here, the scan finds it.

watchdog 7.1 with its default events livelocks on trees of 5,000 directories (its own opens overflow
the queue it reads), so only the kinds that matter are asked for. An overflow reaches no handler;
it is only logged, so a handler on that log marks everything for a scan.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from syncd.fs.exchanging import TEMPORARY
from syncd.fs.looking import MARKER
from syncd.watch.pending import Hint

_FILTER = [
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_LIMIT_HINT = (
    "the system's limit of watched directories is reached; the folder is scanned instead. "
    "Raise it with: sudo sysctl fs.inotify.max_user_watches=1048576"
)

Note = Callable[[bytes, Hint], None]
Moved = Callable[[bytes, bytes], None]


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, note: Note, moved: Moved) -> None:
        self._prefix, self._note, self._moved = root + b"/", note, moved

    def _relative(self, raw: bytes | str) -> bytes | None:
        path = os.fsencode(raw)
        name = path.rpartition(b"/")[2]
        ours = name.startswith((TEMPORARY, MARKER))
        return path[len(self._prefix) :] if path.startswith(self._prefix) and not ours else None

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A created file is about to be written; its close follows. Who sets a mode or a time is often about to write.
        changing = isinstance(event, (FileModifiedEvent, FileCreatedEvent, FileAttribEvent))
        hint = Hint.CHANGING if changing else Hint.SETTLED
        source, target = self._relative(event.src_path), self._relative(event.dest_path)
        if isinstance(event, (FileMovedEvent, DirMovedEvent)) and source and target:
            self._moved(source, target)
        for path in (source, target):
            if path:
                self._note(path, hint)


class _OverflowLog(logging.Handler):
    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._overflowed()


class Watcher:
    """Watches a folder while it can; `trouble` says why it cannot.

    Args:
        root: absolute path of the folder.
        note: called from the watcher's thread with a relative path and a hint.
        moved: called before the notes of a rename, with its source and target.
        overflowed: called when events were lost.
    """

    def __init__(self, root: bytes, note: Note, moved: Moved, overflowed: Callable[[], None]) -> None:
        self._root, self._note, self._moved = os.path.realpath(root), note, moved  # a link itself makes no events
        self._observer: BaseObserver | None = None
        self._log = _OverflowLog(overflowed)
        self._lock = threading.Lock()
        self.trouble = ""

    def start(self) -> bool:
        """Begin to watch; return whether that worked."""
        observer = Observer()
        try:
            handler = _Handler(self._root, self._note, self._moved)
            observer.schedule(handler, os.fsdecode(self._root), recursive=True, event_filter=_FILTER)
            observer.start()
        except OSError as error:
            observer.unschedule_all()
            limit = error.errno in (errno.ENOSPC, errno.EMFILE)
            self.trouble = _LIMIT_HINT if limit else f"the folder cannot be watched: {error.strerror}"
            return False
        logging.getLogger("watchdog").addHandler(self._log)
        with self._lock:
            self._observer, self.trouble = observer, ""
        return True

    @property
    def alive(self) -> bool:
        """Whether every thread of the observer still runs."""
        with self._lock:
            observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        return all(emitter.is_alive() for emitter in observer.emitters)

    def stop(self) -> None:
        """Stop watching."""
        with self._lock:
            observer, self._observer = self._observer, None
        logging.getLogger("watchdog").removeHandler(self._log)
        if observer is not None:
            observer.stop()
            observer.join(timeout=10)
