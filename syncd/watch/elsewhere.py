"""Where there is no inotify: events by watchdog, which knows FSEvents and kqueue.

Not on Linux, where watchdog 7.1 loses directories that are moved while it reads (docs/decisions/010).
"""

from __future__ import annotations

import logging
import os
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

from syncd.watch.pending import Hint
from syncd.watch.source import Moved, Note

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


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, note: Note, moved: Moved) -> None:
        self._prefix, self._note, self._moved = root + b"/", note, moved

    def _relative(self, raw: bytes | str) -> bytes | None:
        path = os.fsencode(raw)
        return path[len(self._prefix) :] if path.startswith(self._prefix) else None

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
    """An overflow reaches no handler of watchdog's; it is only logged."""

    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._overflowed()


class Elsewhere:
    """A source of events; see `Source`, and `Inotify` for its arguments."""

    def __init__(self, root: bytes, note: Note, moved: Moved, overflowed: Callable[[], None]) -> None:
        self._root, self._handler = root, _Handler(root, note, moved)
        self._log = _OverflowLog(overflowed)
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Watch everything below."""
        observer = Observer()
        try:
            observer.schedule(self._handler, os.fsdecode(self._root), recursive=True, event_filter=_FILTER)
            observer.start()
        except OSError:
            observer.unschedule_all()
            raise
        logging.getLogger("watchdog").addHandler(self._log)
        self._observer = observer

    @property
    def alive(self) -> bool:
        """Whether every thread of the observer still runs."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        return all(emitter.is_alive() for emitter in observer.emitters)

    def stop(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        logging.getLogger("watchdog").removeHandler(self._log)
        if observer is not None:
            observer.stop()
            observer.join(timeout=10)
