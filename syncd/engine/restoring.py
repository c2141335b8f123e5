"""Bringing versions back to a place of their own; `inplace` brings them back into the folder.

Invariants: every byte was verified before it is written; nothing that stands there is replaced, and
no symlink there is followed. Memory is bounded by one batch of `BATCH` files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from syncd.chunk.lists import unfold
from syncd.engine.copying import Here
from syncd.engine.progress import Progress
from syncd.engine.vault import Vault
from syncd.engine.writing import SMALL, TreeWriter
from syncd.errors import Damaged, Failed, LocalDiskFull, StoreGone, UsageError
from syncd.fs.disk import Disk, Placement
from syncd.fs.exchanging import Changed
from syncd.fs.holes import Buffer
from syncd.history.tree import Placed, Tree
from syncd.model.entry import Content, Kind, Stat
from syncd.model.location import Located
from syncd.model.path import join, split
from syncd.model.version import Row
from syncd.pack.reader import AHEAD, ChunkReader
from syncd.store.folder import FolderStore

BATCH = 8192  # files: the more, the fewer segments are opened twice; a larger one gains nothing


@dataclass(slots=True)
class Restored:
    """What a restore did or, on a dry run, would do. Paths are as placed; `failed` is path -> reason."""

    files: int = 0
    size: int = 0
    unchanged: int = 0
    placed: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    failed: dict[bytes, str] = field(default_factory=dict)


def content_ids(reader: ChunkReader, row: Row) -> list[bytes]:
    """Return the data chunk ids of a version."""
    ids = unfold(Content(row.depth, row.content), reader.read_list)
    return [ids[i : i + 16] for i in range(0, len(ids), 16)]


def read_version(reader: ChunkReader, row: Row) -> Iterator[Buffer]:
    """Yield the bytes of a file's version, verified, in pieces.

    Raises:
        Damaged, ObjectMissing: some of it cannot be had.
    """
    yield from reader.stream(content_ids(reader, row))


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be written: where, which version, and what stands there now."""

    path: bytes
    row: Row
    expect: Stat | None


class Restorer:
    """Writes versions below a directory that is not the folder itself."""

    def __init__(self, vault: Vault, target: str, progress: Progress) -> None:
        self._reader = vault.reader()
        self._disk = Disk(os.fsencode(os.path.abspath(target)))
        self._progress = progress
        self._again = os.path.isdir(target) and bool(os.listdir(target))  # some of it may have been brought before
        self.result = Restored()
        self._batch: list[Job] = []
        self._blocked: set[bytes] = set()  # directories that could not be made
        self._parent = b""  # of the last file: known to be a directory
        self._directories: list[tuple[bytes, Row]] = []
        self._writer = TreeWriter(self._disk, vault.put_pool, self._failed)

    def restore(self, tree: Tree, placed: Placed, name: bytes) -> None:
        """Write an entry, and all below it when it is a directory, as `name` below the target."""
        os.makedirs(self._disk.root, exist_ok=True)
        if not placed.is_directory:
            self._add(name, placed.row)
        else:
            if name:
                self._add(name, placed.row)
            for child in tree.below(placed):
                below = child.path[len(placed.path) :].lstrip(b"/")
                self._add(join(name, below), child.row)
        self._flush()
        for path, row in reversed(self._directories):
            self._disk.set_metadata(path, row.mode, row.mtime_ns)
        self._disk.sync_all()

    def _add(self, path: bytes, row: Row | None) -> None:
        if split(path)[0] in self._blocked:
            self._block(path, row)
            return
        try:
            self._place(path, row)
        except Changed:
            self._block(path, row)

    def _block(self, path: bytes, row: Row | None) -> None:
        """Note that something else stands at a path or above it; what would be below is not written."""
        self.result.failed[path] = "something else stands there or above"
        if row is None or row.kind == Kind.DIRECTORY:
            self._blocked.add(path)

    def _place(self, path: bytes, row: Row | None) -> None:
        if row is None or row.kind == Kind.DIRECTORY:
            self._disk.make_directories(path)
            if row is not None:
                self._directories.append((path, row))
        elif self._again and self._stands(path, row):
            self.result.unchanged += 1
        elif row.kind == Kind.SYMLINK:
            self._disk.make_directories(split(path)[0])
            self._link(path, row)
        elif row.kind == Kind.FILE:
            if split(path)[0] != self._parent:
                self._disk.make_directories(split(path)[0])
                self._parent = split(path)[0]
            self._batch.append(Job(path, row, None))
            if len(self._batch) >= BATCH:
                self._flush()

    def _stands(self, path: bytes, row: Row) -> bool:
        """Tell whether an entry was brought there before, by all that a look tells of it."""
        stat = self._disk.stat(path)
        if stat is None or stat.kind != row.kind or stat.mtime_ns != row.mtime_ns:
            return False
        return stat.size == row.size if row.kind == Kind.FILE else self._disk.readlink(path) == row.inline

    def _link(self, path: bytes, row: Row) -> None:
        try:
            self._disk.place_symlink(path, row.inline, row.mtime_ns, None)
            self.result.placed.append(path)
        except Changed:
            self.result.failed[path] = "something stands there already"

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        for job, pieces in in_store_order(self._reader, batch, self.result):
            placement = Placement(job.path, job.row.mode, job.row.mtime_ns)
            try:
                if job.row.size <= SMALL:
                    self._writer.small(placement, b"".join(pieces))
                else:
                    self._writer.large(placement, job.row.size, pieces)
            except Failed as error:
                self.result.failed[job.path] = failure_of_one(error)
                continue
            self.result.files += 1
            self.result.size += job.row.size
            self._progress.bytes += job.row.size
            self._progress.files += 1
        self._writer.finish()

    def _failed(self, path: bytes, size: int, reason: str) -> None:
        self.result.failed[path] = reason
        self.result.files -= 1
        self.result.size -= size


def in_store_order(
    reader: ChunkReader, jobs: Iterable[Job], result: Restored, here: Here | None = None
) -> Iterator[tuple[Job, Iterator[Buffer]]]:
    """Yield jobs with their verified bytes, ordered so that each segment is opened once.

    The bytes of files with few chunks come from one walk over the whole batch; a file that cannot be read
    whole is noted as failed and never begun. What stands `here` already is copied.
    """
    placed: list[tuple[Located, Job]] = []
    jobs = list(jobs)
    holders = here.find(job.row for job in jobs) if here is not None else {}
    for job in jobs:
        row = job.row
        holder = holders.get((row.depth, row.content))
        if here is not None and holder is not None and holder != row.node:
            yield job, here.pieces(holder, partial(content_ids, reader, row))
            continue
        if row.depth or not row.content:
            yield job, read_version(reader, row) if row.content else iter(())
            continue
        try:
            at = reader.locate(row.content[:16])
        except Damaged as error:
            result.failed[job.path] = error.message
            continue
        placed.append((at, job))
    placed.sort(key=lambda pair: (pair[0].pack, pair[0].segment, pair[0].offset))
    segments = iter(dict.fromkeys((at.pack, at.segment) for at, _ in placed))
    for segment in islice(segments, AHEAD):
        reader.prefetch(segment)
    current = None
    for at, job in placed:
        if (at.pack, at.segment) != current:
            current = (at.pack, at.segment)
            following = next(segments, None)
            if following is not None:
                reader.prefetch(following)
        row = job.row
        yield job, _one(reader, at, row.content) if len(row.content) == 16 else read_version(reader, row)


def failure_of_one(error: Failed) -> str:
    """Return why one file could not be brought back.

    Raises:
        StoreGone, LocalDiskFull: none of the others can be, either.
    """
    if isinstance(error, StoreGone | LocalDiskFull):
        raise error
    return error.message


def _one(reader: ChunkReader, at: Located, chunk: bytes) -> Iterator[Buffer]:
    yield reader.read_at(at, chunk)


def check_target(vault: Vault, target: str) -> None:
    """Refuse a target inside the folder: that is what restoring in place is for.

    Raises:
        UsageError: it lies inside.
    """
    there = os.path.realpath(target)
    places = {"the folder": vault.settings.folder, "syncd's own state": str(vault.home.state)}
    for member in vault.store.members:
        if isinstance(member.provider, FolderStore):
            places[f"the store {member.name}"] = str(member.provider.root)
    for what, place in places.items():
        inside = os.path.realpath(place)
        if os.path.commonpath([inside, there]) == inside:
            raise UsageError(f"{target} lies inside {what}", hint="Leave out --to to restore in place.")
    if os.path.lexists(target) and not os.path.isdir(target):
        raise UsageError(f"{target} is not a directory", hint="Name a directory, or one to be made.")
