"""Keeping the watcher alive, and out of the way while much is brought here.

Invariant: after each time that nobody watched, the one who keeps it is told, for only a whole scan says what happened.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from syncd.engine.status import Status
from syncd.watch.observer import Watcher

log = logging.getLogger("syncd.engine")

LIMITED_S = 60.0  # until the next try, after a limit of the system: each try walks the tree
RETRY_S = 2.0


class Watching:
    """One watcher, for as long as the loop runs.

    Args:
        watcher: of the folder.
        status: where it is said whether the folder is watched, and why not.
        elapsed_s: the clock.
    """

    def __init__(self, watcher: Watcher, status: Status, elapsed_s: Callable[[], float]) -> None:
        self.watcher, self._status, self._elapsed = watcher, status, elapsed_s
        self._due_s = 0.0

    def due_s(self) -> list[float]:
        """Return when it is to be looked after; nothing while it lives."""
        return [] if self.watcher.alive else [self._due_s]

    def keep(self) -> bool:
        """Start it where it is dead; return whether it died or began, so that only a whole scan tells what happened."""
        now, status, watcher = self._elapsed(), self._status, self.watcher
        if watcher.alive or now < self._due_s:
            return False
        watched = status.watching
        if watched:
            log.warning("the watcher died; the whole folder is scanned")
            watcher.stop()
        status.watching = watcher.start()
        if watcher.trouble:
            if watcher.trouble != status.watch_trouble:
                log.warning("%s", watcher.trouble)
            self._due_s = now + (LIMITED_S if watcher.limited else RETRY_S)
        status.watch_trouble = watcher.trouble
        return watched or status.watching

    def stop(self) -> None:
        """Watch no more."""
        self.watcher.stop()

    @contextlib.contextmanager
    def away(self, lost: Callable[[], None]) -> Iterator[None]:
        """Do not watch while much is brought here: our own events would cost more than the bringing.

        Args:
            lost: called at the end, for what people did meanwhile only a whole scan finds.
        """
        if not self._status.watching:
            yield
            return
        self.watcher.stop()
        self._status.watching = False
        try:
            yield
        finally:
            self._due_s = 0.0
            self.keep()
            lost()
