"""Linux: a whole tree watched by inotify, which itself watches single directories.

Each event of a directory that came to stand somewhere has what stands there *now* watched anew, with all below it.
inotify knows a directory by its inode, so this corrects the path that we think a watch has, whatever happened between
an event and its being read. Invariant: once all events are read, every directory of the tree is watched, by its own
path. For the last event that brought a directory to its place comes from a parent that was watched then, or was walked
after it; and a walk watches a directory before it lists it, so what comes into it later makes an event.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import threading
from collections.abc import Callable, Iterator

from inotify_simple import Event, INotify, flags

from syncd.model.path import join
from syncd.watch.pending import Hint
from syncd.watch.source import Moved, Note

log = logging.getLogger("syncd.watch")

_MASK = (
    flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE | flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
    | flags.ONLYDIR | flags.DONT_FOLLOW | flags.EXCL_UNLINK
)  # fmt: skip
# The directory itself may go away or be put elsewhere; then this source is at its end.
_ROOT_MASK = (_MASK | flags.MOVE_SELF | flags.DELETE_SELF) & ~flags.DONT_FOLLOW
_ENDS = flags.MOVE_SELF | flags.DELETE_SELF | flags.IGNORED | flags.UNMOUNT
_LIMITS = (errno.ENOSPC, errno.EMFILE, errno.ENOMEM)
# The second half of a rename is queued right after the first; only a reader can come between the two.
_HALF_MS = 20


class Inotify:
    """A source of events; see `Source`.

    Args:
        root: absolute path of the directory.
        note: called with a path and a hint.
        moved: called with the source and the target of a rename, before the note of the target.
        overflowed: called when events were lost, once everything is watched again.
    """

    def __init__(self, root: bytes, note: Note, moved: Moved, overflowed: Callable[[], None]) -> None:
        self._root, self._note, self._moved, self._overflowed = root, note, moved, overflowed
        self._paths: dict[int, bytes] = {}  # watch descriptor -> path of its directory
        self._left: dict[int, tuple[bytes, bool]] = {}  # half a rename, by cookie: its source, whether a directory
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch everything below, then listen."""
        self._inotify = INotify(nonblocking=True)
        self._wake, self._waker = os.pipe()
        try:
            self._top: int = self._inotify.add_watch(self._root, _ROOT_MASK)
            self._paths[self._top] = b""
            self._cover(b"", tell=False)
        except OSError:
            self._close()
            raise
        self._thread = threading.Thread(target=self._listen, name="inotify", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it listens."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening."""
        if self._thread is not None:
            os.write(self._waker, b"\0")
            self._thread.join()
            self._thread = None
            self._close()

    def _close(self) -> None:
        self._inotify.close()
        os.close(self._wake)
        os.close(self._waker)

    # -- the thread that listens ----------------------------------------------------------------

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._inotify.fileno(), select.POLLIN)
        waiting.register(self._wake, select.POLLIN)
        try:
            while True:
                halves = list(self._left)
                ready = {descriptor for descriptor, _ in waiting.poll(_HALF_MS if halves else None)}
                if self._wake in ready:
                    return
                for event in self._inotify.read(timeout=0):
                    if event.wd == self._top and event.mask & _ENDS:
                        return
                    self._take(event)
                for cookie in halves:
                    if cookie in self._left:
                        self._went_out(*self._left.pop(cookie))
        except OSError as error:
            log.warning("the folder can no longer be watched: %s", error)

    def _take(self, event: Event) -> None:
        if event.mask & flags.Q_OVERFLOW:
            stands = self._cover(b"", tell=False)
            self._paths = {watch: path for watch, path in self._paths.items() if watch in stands}
            self._overflowed()
            return
        if event.mask & flags.IGNORED:
            self._paths.pop(event.wd, None)
            return
        directory = self._paths.get(event.wd)
        if directory is None or not event.name:  # what happens to a directory itself, its parent tells, too
            return
        path, is_directory = join(directory, os.fsencode(event.name)), bool(event.mask & flags.ISDIR)
        if event.mask & flags.MOVED_FROM:
            self._left[event.cookie] = path, is_directory
        elif event.mask & flags.MOVED_TO:
            source, _ = self._left.pop(event.cookie, (None, False))
            if source is not None:
                self._moved(source, path)
        if is_directory and event.mask & (flags.MOVED_TO | flags.CREATE):
            self._cover(path, tell=True)
        self._note(path, _hint(event.mask, is_directory))

    def _went_out(self, path: bytes, is_directory: bool) -> None:
        """Watch no longer what left the tree; what stands in its place by now may have been made meanwhile."""
        if not is_directory:
            return
        stands = self._cover(path, tell=True)
        below = path + b"/"
        for watch in [watch for watch, at in self._paths.items() if at == path or at.startswith(below)]:
            if watch not in stands:
                del self._paths[watch]
                with contextlib.suppress(OSError):  # it is gone, and so is its watch
                    self._inotify.rm_watch(watch)

    def _cover(self, path: bytes, *, tell: bool) -> set[int]:
        """Watch a directory and all below it, as they are now; return their watches.

        Args:
            path: where something came to stand; there may be nothing by now.
            tell: whether to note what stands in them: in a directory that was not watched, what came before its
                watch; in one that was, what was told of under another path, and may have been looked for there.
        """
        found, stack = set[int](), [path]
        while stack:
            here = stack.pop()
            watch = self._watch(here)
            if watch is None:
                continue
            found.add(watch)
            fresh = watch not in self._paths
            self._paths[watch] = here
            if tell:
                self._note(join(here, b"."), Hint.SETTLED)
            for name, is_directory in self._entries(here):
                if is_directory:
                    stack.append(join(here, name))
                elif tell and fresh:
                    self._note(join(here, name), Hint.CHANGING)  # somebody may be writing it
        return found

    def _watch(self, path: bytes) -> int | None:
        if not path:
            return self._top
        try:
            watch: int = self._inotify.add_watch(join(self._root, path), _MASK)
            return watch
        except OSError as error:
            if error.errno in _LIMITS:
                raise
            return None  # gone again, which makes an event of its own; or closed to us, which the scan tells

    def _entries(self, path: bytes) -> Iterator[tuple[bytes, bool]]:
        try:
            with os.scandir(join(self._root, path) if path else self._root) as entries:
                for entry in entries:
                    yield entry.name, entry.is_dir(follow_symlinks=False)
        except OSError:
            return  # as for its watch


def _hint(mask: int, is_directory: bool) -> Hint:
    # A created file is about to be written; its close follows. Who sets a mode or a time is often about to write.
    changing = mask & (flags.MODIFY | flags.CREATE | flags.ATTRIB) and not is_directory
    return Hint.CHANGING if changing else Hint.SETTLED
