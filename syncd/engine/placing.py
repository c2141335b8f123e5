"""Putting files in place, many at a time: staged, made durable together, noted as intended, given their names.

Invariant: before an entry gets a name by our hand, the state knows that it will, and which inode it has. So
after a crash it is known what of this disk is a version of the vault, though it was not noted any more, and a
person's edit on top of it is an edit of that version.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from syncd.engine.restoring import Job
from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention
from syncd.fs.disk import Disk, Placement
from syncd.fs.exchanging import TEMPORARY, Changed, Staged, Sure
from syncd.fs.holes import Buffer
from syncd.model.entry import Kind, Stat
from syncd.model.ids import ROOT
from syncd.model.path import join, split
from syncd.model.version import UNTRUSTED, Row
from syncd.plan.steps import Waiting
from syncd.state.base import Base
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


def settle_intents(vault: Vault) -> None:
    """Note what a run that was cut off, or did not see what it did, had put in place or moved.

    It comes before anything else is learned or looked at. What cannot be looked at now is asked again later.

    Raises:
        NeedsAttention: what it did cannot be made durable; nothing may be noted.
    """
    state, base = vault.state, vault.state.base
    found: list[Row] = []
    settled: list[Place] = []
    intended = base.intended()
    for place in intended:
        try:
            row = _carried_out(vault, base, place) or _half_way(vault, base, place)
        except OSError:
            continue
        settled.append(place)
        found += [row] if row is not None else []
    if not settled:
        return
    if found:
        # The run may have ended before it had synced what it did: a power cut now would make a deletion of it.
        vault.disk.sync_all()
    with state.transaction():
        for row in found:
            base.put(row)
        base.carried_out(settled if len(settled) < len(intended) else None)


def _end_second_name(disk: Disk, old: bytes, new: bytes, stat: Stat) -> None:
    """Take the old name from a file that has the new one, too.

    Where no rename leaves alone what stands there, a file moves by a second name, and a run may end between the two.
    """
    if stat.kind != Kind.FILE or stat.links < 2 or old == new:
        return
    there = disk.exact(old)
    if there is not None and there.ino == stat.ino and disk.exact(new) is not None:
        with contextlib.suppress(Changed):
            disk.remove(old, there)


def _half_way(vault: Vault, base: Base, place: Place) -> Row | None:
    """Give an entry a name back that had one of ours when the run ended; return it as it stands then.

    Where two entries cannot change places in one step, one of them stands aside for a moment.

    Raises:
        OSError: it cannot be looked at.
    """
    node, parent, name, inode = place
    have, disk = base.get(node), vault.disk
    if have is None or have.ino != inode or (parent != ROOT and base.get(parent) is None):
        return None
    old = base.path_of(node)
    new = join(b"" if parent == ROOT else base.path_of(parent), name)
    there = disk.exact(old)
    if there is not None and there.ino == inode:
        return None
    for directory in dict.fromkeys((split(old)[0], split(new)[0])):
        aside = _aside(disk, directory, inode)
        if aside is None:
            continue
        with contextlib.suppress(Changed):
            disk.move(aside, old)
            return have._replace(ctime_ns=UNTRUSTED)  # it has to be durable before it is forgotten that it was away
        with contextlib.suppress(Changed):
            disk.move(aside, new)
            return have._replace(parent=parent, name=name, ctime_ns=UNTRUSTED)
    return None


def _aside(disk: Disk, directory: bytes, inode: int) -> bytes | None:
    """Return the entry of a directory that has a name of ours and an inode."""
    try:
        listing = disk.entries(directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for name, _, stat, _ in listing.entries():
        if name.startswith(TEMPORARY) and stat is not None and stat.ino == inode:
            return join(directory, name)
    return None


def _carried_out(vault: Vault, base: Base, place: Place) -> Row | None:
    """Return what this disk has at an intended place, None when it was not carried out.

    Raises:
        OSError: it cannot be looked at.
    """
    node, parent, name, inode = place
    directory = b"" if parent == ROOT else base.path_of(parent)
    if parent != ROOT and base.get(parent) is None:
        return None
    stat = vault.disk.stat(join(directory, name))
    if stat is None or stat.ino != inode:
        return None
    have, want = base.get(node), vault.state.nodes.get(node)
    if have is not None and have.ino == inode:
        _end_second_name(vault.disk, base.path_of(node), join(directory, name), stat)
        return have._replace(parent=parent, name=name, ctime_ns=UNTRUSTED)
    if want is None or not want.alive or want.kind != stat.kind:
        return None
    return want._replace(parent=parent, name=name, ino=inode, ctime_ns=UNTRUSTED)
