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
from syncd.fs.holes import Buffer, fill_with_holes
from syncd.fs.kernel import KERNEL, Kernel
from syncd.fs.looking import LONGEST, MARKER, Looking
from syncd.fs.renames import EXCHANGE, NO_REPLACE
from syncd.model.entry import Kind, Stat
from syncd.model.path import join, split

TEMPORARY = b".syncd-tmp-"
RECOVERED = b"recovered-"

Fill = Callable[[int, Iterable[Buffer]], None]


class Changed(Exception):
    """What stands at a path is not what the caller saw."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A file to be put in place."""

    path: bytes
    mode: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Staged:
    """A file or symlink that was written and has no name of its own yet; `size` and `mtime_ns` as they were then."""

    path: bytes
    inode: int
    size: int
    mtime_ns: int


class Disk(Looking):
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

    def _beside(self, path: bytes) -> bytes:
        return join(split(path)[0], TEMPORARY + self._os.token())

    def put_in_place(self, staged: Staged, path: bytes, expect: Stat | None) -> Stat:
        """Give what was staged its name; return its fingerprint.

        Where something stands, the two change places and what came out is looked at: if it is not what the
        caller saw, they change back. So there is no moment between looking and replacing.

        Args:
            staged: by `stage` or `stage_symlink`; it is gone afterwards, unless the system failed in between.
            path: where to.
            expect: what the caller saw there; None for nothing.

        Raises:
            Changed: something else stands there now; it stands there still.
        """
        try:
            if expect is None:
                self.move(staged.path, path)
            else:
                self._replace(staged, path, expect)
        except BaseException:
            self.discard_staged(staged)
            raise
        placed = self.stat(path)
        if placed is None:
            raise Changed(path)  # taken away again by somebody, who surely had a reason
        return placed

    def _replace(self, staged: Staged, path: bytes, expect: Stat) -> None:
        if self.stat(path) != expect:
            raise Changed(path)
        with self._at(staged.path) as (source, parent), self._at(path) as (target, _):
            if not self._os.rename_with(EXCHANGE, source, parent, target, parent):
                self._os.rename(source, target, src_dir_fd=parent, dst_dir_fd=parent)
                return
            came_out = self.stat(staged.path)
            # The exchange itself set its ctime; whatever else differs was somebody else's doing.
            if came_out is None or came_out._replace(ctime_ns=expect.ctime_ns) != expect:
                there = self.lstat(path)
                if there is not None and there.st_ino == staged.inode:  # else somebody moved something here again
                    self._os.rename_with(EXCHANGE, source, parent, target, parent)
                self._show_if_not_ours(staged)
                raise Changed(path)
            self._os.unlink(source, dir_fd=parent)

    def _show_if_not_ours(self, staged: Staged) -> None:
        """Give what stands under our name, and is a person's, a name to be seen by: our names are swept."""
        with contextlib.suppress(OSError, Changed):  # then the next scan does it
            if not self._is_as_staged(staged):
                self.move(staged.path, join(split(staged.path)[0], RECOVERED + self._os.token()))

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

    def discard_staged(self, staged: Staged) -> None:
        """Remove what was staged, if that is what has the name, and as it was written.

        After an exchange it may be a person's file; and while it stood in its place for a moment, somebody may have
        written into it. Such a file stays, and the next scan gives it a name to be seen by.
        """
        with contextlib.suppress(OSError):
            if self._is_as_staged(staged):
                self.discard(staged.path)

    def _is_as_staged(self, staged: Staged) -> bool:
        found = self.lstat(staged.path)
        written = (staged.inode, staged.size, staged.mtime_ns)
        return found is None or (found.st_ino, found.st_size, found.st_mtime_ns) == written

    def discard(self, path: bytes) -> None:
        """Remove a temporary file of ours; one that cannot be removed is tried again by the next scan."""
        with contextlib.suppress(OSError), self._at(path) as (name, parent):
            self._os.unlink(name, dir_fd=parent)

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

    def remove(self, path: bytes, expect: Stat) -> None:
        """Remove a file, symlink or empty directory that is what the caller saw.

        A file gets a name of ours first, and is looked at once more: so there is no moment between looking and
        removing. What it is not goes back.

        Raises:
            Changed: it is something else, or a directory that is not empty; it stands there still.
        """
        found = self.stat(path)
        same = found == expect or (found is not None and found.kind == expect.kind == Kind.DIRECTORY)
        if not same:
            raise Changed(path)
        if expect.kind == Kind.DIRECTORY:
            self._remove_directory(path)
            return
        aside = self._beside(path)
        with self._at(path) as (name, parent), self._at(aside) as (other, _):
            self._os.rename(name, other, src_dir_fd=parent, dst_dir_fd=parent)
        came = self.stat(aside)
        if came is None or came._replace(ctime_ns=expect.ctime_ns) != expect:
            # Where something stands again, that stays: the next scan gives this one a name to be seen by.
            self.move(aside, path)
            raise Changed(path)
        with self._at(aside) as (other, parent):
            self._os.unlink(other, dir_fd=parent)

    def _remove_directory(self, path: bytes) -> None:
        with self._at(path) as (name, parent):
            try:
                self._os.rmdir(name, dir_fd=parent)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise Changed(path) from error
                raise

    def move(self, source: bytes, target: bytes) -> None:
        """Rename an entry to a name that nothing has.

        Raises:
            Changed: something stands there; nothing was touched.
        """
        with self._at(source) as (old, old_parent), self._at(target) as (new, new_parent):
            try:
                done = self._os.rename_with(NO_REPLACE, old, old_parent, new, new_parent)
            except FileExistsError as error:
                raise Changed(target) from error
            if not done and not self._linked_over(source, target):
                if self.lstat(target) is not None:
                    raise Changed(target)
                self._os.rename(old, new, src_dir_fd=old_parent, dst_dir_fd=new_parent)

    def _linked_over(self, source: bytes, target: bytes) -> bool:
        """Move a file by a second name, which replaces nothing either; return whether it could be done."""
        aside = self._beside(source)
        with self._at(source) as (old, parent), self._at(target) as (new, new_parent), self._at(aside) as (other, _):
            try:
                self._os.link(old, new, src_dir_fd=parent, dst_dir_fd=new_parent, follow_symlinks=False)
            except FileExistsError as error:
                raise Changed(target) from error
            except OSError:
                return False  # a directory, or a file system without links
            linked = self._os.lstat(new, dir_fd=new_parent)
            # Somebody may have saved over the old name since: then that stays, under the old name.
            self._os.rename(old, other, src_dir_fd=parent, dst_dir_fd=parent)
            if self._os.lstat(other, dir_fd=parent).st_ino == linked.st_ino:
                self._os.unlink(other, dir_fd=parent)
            else:
                self._os.rename(other, old, src_dir_fd=parent, dst_dir_fd=parent)
        return True

    def exchange(self, one: bytes, other: bytes) -> None:
        """Let two entries change places, in one step where the file system can.

        Raises:
            Changed: one lies inside the other; nothing was touched.
        """
        if one.startswith(other + b"/") or other.startswith(one + b"/"):
            raise Changed(one)
        with self._at(one) as (first, first_parent), self._at(other) as (second, second_parent):
            if not self._os.rename_with(EXCHANGE, first, first_parent, second, second_parent):
                aside = join(split(one)[0], TEMPORARY + self._os.token())
                self._os.rename(self.full(one), self.full(aside))
                back = one
                try:
                    self._os.rename(self.full(other), self.full(one))
                    back = other
                finally:
                    self._os.rename(self.full(aside), self.full(back))

    def sync(self, path: bytes) -> None:
        """Make the directory entry changes below a directory durable."""
        with self._at(path) as (name, parent):
            descriptor = self._os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
        try:
            self._os.fsync(descriptor)
        finally:
            self._os.close(descriptor)

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
