"""Giving an entry its name, or taking it away, with no moment between looking and doing.

What is to go changes places with what is to stand, or gets a name of ours, and is looked at once more: what it is not
goes back. Invariant: nothing is replaced or removed that is not what the caller saw; and what is a person's never
stays under a name of ours, which are swept.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass

from syncd.fs.looking import Looking
from syncd.fs.renames import EXCHANGE, NO_REPLACE
from syncd.model.entry import Kind, Stat
from syncd.model.path import join, split

TEMPORARY = b".syncd-tmp-"
ASIDE = b".syncd-aside-"  # what makes way for a while: a scan sees it, and no change says that name
RECOVERED = b"recovered-"
Sure = Callable[[bytes], bool]


class Changed(Exception):
    """What stands at a path is not what the caller saw."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file or symlink that was written and has no name of its own yet; `size` and `mtime_ns` as they were then."""

    path: bytes
    inode: int
    size: int
    mtime_ns: int


def surely(path: bytes) -> bool:
    """Believe a fingerprint."""
    return True


class Exchanging(Looking):
    """The folder at `root`, whose entries change places."""

    def put_in_place(self, staged: Staged, path: bytes, expect: Stat | None, sure: Sure = surely) -> Stat:
        """Give what was staged its name; return its fingerprint.

        Where something stands, the two change places and what came out is looked at: if it is not what the
        caller saw, they change back. So there is no moment between looking and replacing.

        Args:
            staged: by `stage` or `stage_symlink`; it is gone afterwards, unless the system failed in between.
            path: where to.
            expect: what the caller saw there; None for nothing.
            sure: told where what stood there is now; tells whether it is what the caller saw, where its times are so
                new that a later write may have left them as they were.

        Raises:
            Changed: something else stands there now; it stands there still.
        """
        try:
            if expect is None:
                self.move(staged.path, path)
            else:
                self._replace(staged, path, expect, sure)
        except BaseException:
            self.discard_staged(staged)
            raise
        placed = self.stat(path)
        if placed is None:
            raise Changed(path)  # taken away again by somebody, who surely had a reason
        return placed

    def _replace(self, staged: Staged, path: bytes, expect: Stat, sure: Sure) -> None:
        if self.stat(path) != expect:
            raise Changed(path)
        with self._at(staged.path) as (source, parent), self._at(path) as (target, _):
            if not self._os.rename_with(EXCHANGE, source, parent, target, parent):
                if not sure(path):
                    raise Changed(path)
                self._os.rename(source, target, src_dir_fd=parent, dst_dir_fd=parent)
                return
            came_out = self.stat(staged.path)
            # The exchange itself set its ctime; whatever else differs was somebody else's doing.
            same = came_out is not None and came_out._replace(ctime_ns=expect.ctime_ns) == expect
            if not same or not sure(staged.path):
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
                self.show(staged.path)

    def show(self, path: bytes) -> None:
        """Give what stands under a name of ours, and is a person's, a name to be seen by, for good.

        A power cut that brought our name back would make a deletion of it, once it was told by the other.

        Raises:
            Changed: something has that name.
        """
        directory = split(path)[0]
        self.move(path, join(directory, RECOVERED + self._os.token()))
        self.sync(directory)

    def sync(self, path: bytes) -> None:
        """Make the directory entry changes below a directory durable."""
        with self._at(path) as (name, parent):
            descriptor = self._os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
        try:
            self._os.fsync(descriptor)
        finally:
            self._os.close(descriptor)

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

    def remove(self, path: bytes, expect: Stat, sure: Sure = surely) -> None:
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
        if came is None or came._replace(ctime_ns=expect.ctime_ns) != expect or not sure(aside):
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

    def _beside(self, path: bytes) -> bytes:
        return join(split(path)[0], TEMPORARY + self._os.token())
