"""Looking at the folder on this disk: listings, fingerprints, bytes. Nothing here changes anything.

Paths are relative, as bytes. Nothing follows a symlink out of the folder. A path longer than the kernel
takes in one call is walked by directory descriptors.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from functools import cached_property

from syncd.errors import NeedsAttention
from syncd.fs.kernel import KERNEL, Kernel
from syncd.model.entry import MODE_BITS, Stat, kind_of_mode
from syncd.model.folding import other_forms
from syncd.model.listing import Listing
from syncd.model.path import join, names, split

MARKER = b".syncd-folder"
LONGEST = 4000  # PATH_MAX is 4,096 bytes on Linux and 1,024 on macOS, where longer ones fail cleanly


def to_stat(raw: os.stat_result) -> Stat | None:
    """Return the fingerprint of a stat result; None for what is not synced (fifos, sockets, devices)."""
    kind = kind_of_mode(raw.st_mode)
    if kind is None:
        return None
    mode = raw.st_mode & MODE_BITS
    return Stat(kind, mode, raw.st_size, raw.st_mtime_ns, raw.st_ctime_ns, raw.st_ino, raw.st_nlink)


class Looking:
    """What one can see of the folder at `root`, an absolute path in bytes, on the running system or a simulated one."""

    def __init__(self, root: bytes, kernel: Kernel = KERNEL) -> None:
        self.root, self._os = root, kernel

    @property
    def kernel(self) -> Kernel:
        """The system that it is on."""
        return self._os

    def full(self, path: bytes) -> bytes:
        """Return the absolute path of a relative one."""
        return join(self.root, path) if path else self.root

    @contextlib.contextmanager
    def _at(self, path: bytes) -> Iterator[tuple[bytes, int | None]]:
        """Yield (path, directory descriptor) under which a call reaches a relative path."""
        whole = self.full(path)
        if len(whole) <= LONGEST:
            yield whole, None
            return
        parent, name = split(path)
        descriptor = self._os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for step in names(parent):
                below = self._os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                self._os.close(descriptor)
                descriptor = below
            yield name, descriptor
        finally:
            self._os.close(descriptor)

    # -- looking --------------------------------------------------------------------------------

    def entries(self, path: bytes) -> Listing:
        """Return what a directory holds, with the stat of every entry.

        Raises:
            OSError: it cannot be read.
        """
        whole = self.full(path)
        if len(whole) <= LONGEST:
            return Listing(*self._os.list_directory(whole, not path))
        with self._at(path) as (name, parent):
            descriptor = self._os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            return Listing(*self._os.list_opened(descriptor))
        finally:
            self._os.close(descriptor)

    def lstat(self, path: bytes) -> os.stat_result | None:
        """Return the stat of an entry, not following a link; None when nothing stands there.

        Raises:
            OSError: it cannot be looked at.
        """
        try:
            with self._at(path) as (name, parent):
                return self._os.lstat(name, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # a directory on the way became a link to itself
                return None
            raise

    def is_mount(self, path: bytes) -> bool:
        """Tell whether another file system begins at a path; false when nothing stands there."""
        here, above = self.lstat(path), self.lstat(split(path)[0])
        return here is not None and above is not None and here.st_dev != above.st_dev

    def stat(self, path: bytes) -> Stat | None:
        """Return the fingerprint of an entry; None when nothing that is synced stands there."""
        raw = self.lstat(path)
        return None if raw is None else to_stat(raw)

    @cached_property
    def folds(self) -> bool:
        """Whether the folder's file system takes names that differ in case for one."""
        return self.lstat(MARKER.upper()) is not None

    def exact(self, path: bytes) -> Stat | None:
        """Return the fingerprint of the entry that stands under this very path.

        Where case or the form of letters does not count, `stat` finds entries by other names, too.
        """
        found = self.stat(path)
        while found is not None and path:
            parent, name = split(path)
            if self._may_answer_to_another(parent, name) and not self._lists(parent, name):
                return None
            path = parent if self.folds else b""
        return found

    def _may_answer_to_another(self, parent: bytes, name: bytes) -> bool:
        """Tell whether something is found by another form of a name, so that this form need not be its own."""
        return any(self.lstat(join(parent, other)) is not None for other in other_forms(name))

    def _lists(self, parent: bytes, name: bytes) -> bool:
        try:
            return name in self.entries(parent).names
        except (FileNotFoundError, NotADirectoryError):
            return False

    def open(self, path: bytes) -> int:
        """Return a descriptor for reading a regular file; never waits for a fifo, never follows a link."""
        with self._at(path) as (name, parent):
            return self._os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)

    def read(self, path: bytes, most: int) -> bytes:
        """Return the bytes of a small file, at most so many."""
        descriptor = self.open(path)
        try:
            return self._os.read(descriptor, most)
        finally:
            self._os.close(descriptor)

    def readlink(self, path: bytes) -> bytes:
        """Return the target of a symlink."""
        with self._at(path) as (name, parent):
            return self._os.readlink(name, dir_fd=parent)

    # -- the marker -----------------------------------------------------------------------------

    def marker(self) -> bytes:
        """Return what the folder's marker says.

        Raises:
            NeedsAttention: the folder or its marker is gone.
        """
        shown = os.fsdecode(self.root)
        try:
            return self.read(MARKER, 4096)
        except FileNotFoundError:
            raise NeedsAttention(
                f"the folder {shown} is gone, or not mounted: its marker .syncd-folder is missing",
                hint="Mount it, or put the folder back. Nothing is taken for deleted meanwhile.",
            ) from None
        except OSError as error:
            raise NeedsAttention(f"the folder {shown} cannot be read: {error.strerror}") from error

    def check_marker(self, identity: bytes) -> None:
        """Tell the folder from another one in its place.

        Raises:
            NeedsAttention: the folder or its marker is gone, or is another's.
        """
        if self.marker() != identity:
            raise NeedsAttention(
                f"the folder {os.fsdecode(self.root)} belongs to another vault or device",
                hint="Set `folder` in config.toml to the right one, or run `syncd rebuild`.",
            )
