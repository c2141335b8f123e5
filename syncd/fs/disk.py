"""The folder on this disk: the only file that reads and changes a person's files.

Paths are relative, as bytes. Invariants: nothing follows a symlink out of the folder; a file is put
in place by a rename of complete, synced bytes; what stands there is never replaced unless it is what
the caller saw (`expect`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as stat_bits
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from syncd.errors import LocalDiskFull
from syncd.fs.exchanging import TEMPORARY, Changed, Exchanging, Staged
from syncd.fs.holes import Buffer, fill_with_holes
from syncd.fs.kernel import KERNEL, Kernel
from syncd.fs.looking import LONGEST, MARKER
from syncd.model.entry import Stat
from syncd.model.path import join, split

Fill = Callable[[int, Iterable[Buffer]], None]


@dataclass(frozen=True, slots=True)
class Placement:
    """A file to be put in place."""

    path: bytes
    mode: int
    mtime_ns: int


class Disk(Exchanging):
    """The folder at `root`, to be looked at and changed."""

    def __init__(self, root: bytes, kernel: Kernel = KERNEL) -> None:
        super().__init__(root, kernel)
        self._modes: dict[int, bool] = {}  # device number -> its file system keeps permission bits

    # -- changing -------------------------------------------------------------------------------

    def make_directories(self, path: bytes) -> None:
        """Make a directory and its parents; what is a directory already is left alone.

        Raises:
            Changed: something else stands there or above, as a symlink that would lead elsewhere.
        """
        if not path:
            return
        found = self.lstat(path)
        if found is not None:
            if not stat_bits.S_ISDIR(found.st_mode):
                raise Changed(path)
            return
        self.make_directories(split(path)[0])
        with self._at(path) as (name, descriptor):
            self._os.mkdir(name, 0o700, dir_fd=descriptor)

    def place_file(self, placement: Placement, pieces: Iterable[Buffer], expect: Stat | None, *, sync: bool) -> Stat:
        """Write a file beside its place and put it there; return its fingerprint.

        Raises:
            Changed: something else stands there now; nothing was touched.
            LocalDiskFull: no space; nothing was touched.
        """
        staged = self.stage(placement, pieces, sync=sync)
        return self.put_in_place(staged, placement.path, expect)

    def stage(self, placement: Placement, pieces: Iterable[Buffer], *, sync: bool) -> Staged:
        """Write a file beside its place, under a name of ours.

        Args:
            placement: where it is to stand, with which mode and mtime.
            pieces: its bytes, each already verified.
            sync: fsync it, so that a power cut cannot leave a name without bytes; else `sync_all` has to.

        Raises:
            LocalDiskFull: no space; nothing was touched.
        """
        temporary = self._beside(placement.path)
        with disk_full_named(placement.path):
            found = self._write(temporary, placement, pieces, sync, self._fill)
        return Staged(temporary, found.st_ino, found.st_size, found.st_mtime_ns)

    def stage_symlink(self, path: bytes, target: bytes, mtime_ns: int) -> Staged:
        """Make a symlink beside its place, under a name of ours."""
        temporary = self._beside(path)
        try:
            with disk_full_named(path), self._at(temporary) as (name, descriptor):
                self._os.symlink(target, name, dir_fd=descriptor)
                with contextlib.suppress(NotImplementedError):  # not every system sets a link's own times
                    self._os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=descriptor, follow_symlinks=False)
                found = self._os.lstat(name, dir_fd=descriptor)
                return Staged(temporary, found.st_ino, found.st_size, found.st_mtime_ns)
        except BaseException:
            self.discard(temporary)
            raise

    def create_file(self, placement: Placement, pieces: Iterable[Buffer], fill: Fill) -> None:
        """Create a file under its own name, unsynced: for a new tree, which is worth nothing until it is whole.

        `fill` writes the pieces to the descriptor it is given.

        Raises:
            Changed: something stands there; nothing was touched.
            LocalDiskFull: no space; what was begun is removed.
        """
        try:
            with disk_full_named(placement.path):
                self._write(placement.path, placement, pieces, False, fill)
        except FileExistsError as error:
            raise Changed(placement.path) from error

    def _write(
        self, path: bytes, placement: Placement, pieces: Iterable[Buffer], sync: bool, fill: Fill
    ) -> os.stat_result:
        """Write a new file; return its stat."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        whole = self.full(path)
        if len(whole) <= LONGEST:
            descriptor = self._os.open(whole, flags, 0o600)
        else:
            with self._at(path) as (name, parent):
                descriptor = self._os.open(name, flags, 0o600, dir_fd=parent)
        try:
            fill(descriptor, pieces)
            with contextlib.suppress(PermissionError):  # the file is ours: whoever refuses keeps no modes at all
                self._os.fchmod(descriptor, placement.mode)
            self._os.utime(descriptor, ns=(placement.mtime_ns, placement.mtime_ns))
            if sync:
                self._os.fsync(descriptor)
            return self._os.fstat(descriptor)
        except BaseException:
            self.discard(path)
            raise
        finally:
            self._os.close(descriptor)

    def _fill(self, descriptor: int, pieces: Iterable[Buffer]) -> None:
        fill_with_holes(descriptor, pieces, self._os)

    def place_symlink(self, path: bytes, target: bytes, mtime_ns: int, expect: Stat | None) -> Stat:
        """Put a symlink in place, so that there is no moment without one.

        Raises:
            Changed: something else stands there.
        """
        return self.put_in_place(self.stage_symlink(path, target, mtime_ns), path, expect)

    def set_metadata(self, path: bytes, mode: int | None, mtime_ns: int | None) -> None:
        """Set permission bits and the modification time of a file or directory."""
        with self._at(path) as (name, parent):
            if mode is not None:
                try:
                    self._os.chmod(name, mode, dir_fd=parent)
                except PermissionError:
                    if self.keeps_modes(split(path)[0]):
                        raise
            if mtime_ns is not None:
                self._os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=parent, follow_symlinks=False)

    def keeps_modes(self, path: bytes) -> bool:
        """Tell whether the file system of a directory keeps permission bits, as FAT and its kin do not.

        It is tried out with a file of ours, once for each file system. Where no file can be made, it does.
        """
        found = self.lstat(path)
        device = 0 if found is None else found.st_dev
        if device not in self._modes:
            temporary = join(path, TEMPORARY + self._os.token())
            try:
                shown = {self._mode_of_new(temporary, mode) for mode in (0o600, 0o755)}
            except OSError:
                return True
            self._modes[device] = len(shown) == 2
        return self._modes[device]

    def _mode_of_new(self, path: bytes, mode: int) -> int:
        found = self._write(path, Placement(path, mode, 0), (), False, self._fill)
        self.discard(path)
        return found.st_mode

    def sync_all(self) -> None:
        """Make everything written so far to this folder's file system durable, in one call."""
        descriptor = self._os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._os.syncfs(descriptor)
        finally:
            self._os.close(descriptor)

    # -- the marker -----------------------------------------------------------------------------

    def write_marker(self, identity: bytes) -> None:
        """Mark the folder as belonging to a vault and device."""
        self._write(temporary := TEMPORARY + self._os.token(), Placement(b"", 0o644, 0), (identity,), True, self._fill)
        self._os.rename(self.full(temporary), self.full(MARKER))


@contextlib.contextmanager
def disk_full_named(path: bytes) -> Iterator[None]:
    """Map a full disk to our error, naming the path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LocalDiskFull(f"no space left for {os.fsdecode(path)}") from error
        raise
