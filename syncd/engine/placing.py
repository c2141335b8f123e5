"""Putting files in place, many at a time: staged, made durable together, noted as intended, given their names.

Invariant: before an entry gets a name by our hand, the state knows that it will, and which inode it has. So
after a crash it is known what of this disk is a version of the vault, though it was not noted any more, and a
person's edit on top of it is an edit of that version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from syncd.engine.restoring import Job
from syncd.errors import NeedsAttention
from syncd.fs.disk import Disk, Placement
from syncd.fs.exchanging import Staged, Sure
from syncd.fs.holes import Buffer
from syncd.model.entry import Kind, Stat
from syncd.model.path import split
from syncd.model.version import Row
from syncd.plan.steps import Waiting
from syncd.state.db import State

BATCH_FILES, BATCH_BYTES = 1024, 64 * 1024 * 1024  # staged before they get their names
FEW = 4  # files that are synced one by one; more are synced with all that the file system has

Place = tuple[int, int, bytes, int]  # node, parent, name, inode


class Touched:
    """The directories whose entries changed: after a power cut, what is noted of them has to be so."""

    def __init__(self, disk: Disk) -> None:
        self._disk, self._paths = disk, set[bytes]()

    def above(self, *paths: bytes) -> None:
        """Note the directories that entries are in, or were."""
        self._paths.update(split(path)[0] for path in paths)

    def make_durable(self) -> None:
        """Sync them.

        Raises:
            NeedsAttention: one cannot be synced; nothing may be noted.
        """
        paths, self._paths = self._paths, set()
        if len(paths) > FEW:
            self._disk.sync_all()
            return
        for path in sorted(paths):
            try:
                self._disk.sync(path)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was moved or removed since, and where to is synced, too
            except PermissionError:  # one may write in a directory that one may not read
                self._disk.sync_all()
                return
            except OSError as error:
                shown = os.fsdecode(self._disk.full(path))
                raise NeedsAttention(f"{shown} cannot be made durable: {error.strerror}") from error


class _Ready(NamedTuple):
    job: Job
    waiting: Waiting
    staged: Staged


class Placer:
    """Places the files of one run.

    Args:
        disk: the folder.
        state: takes the intents.
        sure: returns what tells whether a version still stands where it was seen, where times cannot.
        placed: told of each that stands now, with its fingerprint.
        refused: told of each that does not, and why.
    """

    def __init__(
        self,
        disk: Disk,
        state: State,
        sure: Callable[[Row | None, Stat | None], Sure],
        placed: Callable[[Job, Waiting, Stat], None],
        refused: Callable[[Job, Exception], None],
    ) -> None:
        self._disk, self._state, self._sure, self._placed, self._refused = disk, state, sure, placed, refused
        self._ready: list[_Ready] = []
        self._size = 0
        self.alone = False  # few are to come: each is synced by itself

    def take(self, job: Job, waiting: Waiting, pieces: Iterable[Buffer]) -> None:
        """Stage a file or symlink.

        Raises:
            LocalDiskFull, and whatever `pieces` raises; nothing of it is left then.
        """
        row = job.row
        if row.kind == Kind.SYMLINK:
            staged = self._disk.stage_symlink(job.path, row.inline, row.mtime_ns)
        else:
            staged = self._disk.stage(Placement(job.path, row.mode, row.mtime_ns), pieces, sync=self.alone)
        self._ready.append(_Ready(job, waiting, staged))
        self._size += row.size
        if len(self._ready) >= BATCH_FILES or self._size >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Give what is staged its names."""
        ready, self._ready, self._size = self._ready, [], 0
        if not ready:
            return
        try:
            if not self.alone:
                self._disk.sync_all()
            with self._state.transaction():
                self._state.base.intend([self._place(item) for item in ready])
            while ready:
                item = ready.pop(0)
                try:
                    sure = self._sure(item.waiting.have, item.job.expect)
                    stat = self._disk.put_in_place(item.staged, item.job.path, item.job.expect, sure)
                except Exception as error:
                    self._refused(item.job, error)
                else:
                    self._placed(item.job, item.waiting, stat)
        finally:
            for item in ready:
                self._disk.discard_staged(item.staged)

    @staticmethod
    def _place(item: _Ready) -> Place:
        there = item.waiting.have or item.job.row
        return item.waiting.node, there.parent, there.name, item.staged.inode
