"""Telling that a record came to a folder store, at once: inotify, where the store lies on a disk of this computer.

What another computer writes to a network file system makes no event here, so there nothing is told, and the store is
asked as before. Invariant: as long as one is `alive`, whatever came below `record/` was told, or is about to be.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import unquote, urlsplit

# File systems that nobody but this computer writes to, as the kernel calls them.
LOCAL = {
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "msdos", "ntfs3", "overlay", "ramfs",
    "reiserfs", "tmpfs", "vfat", "xfs", "zfs",
}  # fmt: skip
RECORDS = "record"  # the directory that has one for each device
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Notices:
    """What tells of the stores in use; `told` is called with a store's URL, in a thread of its own."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._each: dict[str, Notice] = {}

    def keep(self, urls: Collection[str]) -> None:
        """Listen to those of these stores that can tell, and to no others."""
        for url in [url for url, notice in self._each.items() if url not in urls or not notice.alive]:
            self._each.pop(url).stop()
        for url in urls:
            if url not in self._each and (notice := listen(url, self._told)) is not None:
                self._each[url] = notice

    def listened(self) -> set[str]:
        """Return the stores that are listened to now."""
        return {url for url, notice in self._each.items() if notice.alive}

    def stop(self) -> None:
        """Listen no more."""
        self.keep(())


def listen(url: str, told: Callable[[str], None]) -> Notice | None:
    """Begin to tell of what comes to a store; return what does so, None where nothing can."""
    if not (sys.platform == "linux" and url.startswith("file:")):
        return None
    root = Path(unquote(urlsplit(url).path))
    try:
        if _kind_of(root) not in LOCAL:
            return None
        return Notice(root, lambda: told(url))
    except OSError:
        return None  # there is no record yet, or the system's limit is reached: it is asked as others are


class Notice:
    """Listens to one store.

    Raises:
        OSError: it cannot be listened to.
    """

    def __init__(self, root: Path, told: Callable[[], None]) -> None:
        from inotify_simple import INotify, flags

        self._flags, self._top, self._told = flags, os.fsencode(root / RECORDS), told
        self._mask = flags.CREATE | flags.MOVED_TO | flags.ONLYDIR
        self._inotify = INotify(nonblocking=True)
        self._wake, self._waker = os.pipe()
        try:
            self._watch = self._inotify.add_watch(self._top, self._mask | flags.DELETE_SELF | flags.MOVE_SELF)
            self._cover()
        except OSError:
            self._close()
            raise
        self._thread = threading.Thread(target=self._listen, name="syncd-notice", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it listens."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening."""
        os.write(self._waker, b"\0")
        self._thread.join()
        self._close()

    def _close(self) -> None:
        self._inotify.close()
        os.close(self._wake)
        os.close(self._waker)

    def _cover(self) -> None:
        """Listen to each device's directory; to one that is listened to already, that changes nothing."""
        with os.scandir(self._top) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    self._inotify.add_watch(entry.path, self._mask)

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._inotify.fileno(), select.POLLIN)
        waiting.register(self._wake, select.POLLIN)
        ends = self._flags.DELETE_SELF | self._flags.MOVE_SELF | self._flags.IGNORED | self._flags.UNMOUNT
        with contextlib.suppress(OSError):  # it ends, and is asked as others are
            while self._wake not in {descriptor for descriptor, _ in waiting.poll()}:
                came = False
                for event in self._inotify.read(timeout=0):
                    if event.wd == self._watch and event.mask & ends:
                        return
                    if event.wd == self._watch or event.mask & self._flags.Q_OVERFLOW:
                        self._cover()
                    came |= not event.name.startswith(".")  # a store's temporary files are called so
                if came:
                    self._told()


def _kind_of(path: Path) -> str:
    """Return the kind of file system that a path is on."""
    real, best, kind = os.path.realpath(path), -1, ""
    for line in _MOUNTS.read_text().splitlines():
        own, _, rest = line.partition(" - ")
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), own.split(" ")[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), rest.split(" ")[0]
    return kind
