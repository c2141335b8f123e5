"""Reading small files ahead of their turn, and cutting them, in one other thread.

A batch is some files of one directory; its bytes are there when their turn comes. One call reads the
files of several batches, and one cuts them, since most directories hold few. Memory is bounded by
`AHEAD_BYTES`, and one batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from syncd.chunk.params import keep_profile
from syncd.engine.ingest import WHOLE, Cut
from syncd.engine.visit import Visit
from syncd.fs.bulk import EXPECT, Read
from syncd.fs.disk import Disk
from syncd.model.entry import Kind, Stat
from syncd.model.path import join
from syncd.model.version import Row

BATCH_FILES, BATCH_BYTES = 128, 1024 * 1024  # of one directory
READ_FILES, READ_BYTES = 64, 512 * 1024  # of several directories, read by one call; fewer costs handing over
AHEAD_BYTES, AHEAD_BATCHES = 6 * 1024 * 1024, 96
LONGEST_PATH = 3800

Cutting = Callable[[Sequence[object], Sequence[int | None]], list[Cut]]


def kept_profile(base: Row | None, size: int) -> int | None:
    """Return the profile that a node keeps at a size, or None for one to be chosen."""
    return base.profile if base is not None and keep_profile(base.profile, base.size, size) else None


@dataclass(slots=True)
class Item:
    """A file to be taken.

    Attributes:
        name: in its directory.
        stat: as the scan saw it.
        base: what the base has, None for a new one.
        data: what was read ahead of it, and `cut`: where that is cut.
    """

    name: bytes
    stat: Stat
    base: Row | None
    data: Read = None
    cut: Cut | None = None


@dataclass(slots=True)
class _Job:
    """Files that one call reads, and to which items their bytes go."""

    items: list[Item] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    size: int = 0
    future: Future[tuple[list[Read], list[Cut]]] | None = None

    def wait(self) -> None:
        """Give each item its bytes."""
        if self.future is not None:
            for item, data, cut in zip(self.items, *self.future.result(), strict=True):
                item.data, item.cut = data, cut
            self.future = None


@dataclass(slots=True)
class Batch:
    """Files of one directory; `last` closes the visit."""

    visit: Visit
    items: list[Item] = field(default_factory=list)
    first: bool = False
    last: bool = False
    ahead: list[Item] = field(default_factory=list)  # those of the items that are read ahead
    size: int = 0  # of those, in bytes
    job: _Job | None = None

    def wait(self) -> None:
        """Give each item its bytes."""
        if self.job is not None:
            self.job.wait()


def _cut(visit: Visit) -> Iterator[Batch]:
    """Cut a visit's files into batches; there is at least one."""
    found = visit.findings
    batch = Batch(visit, first=True)
    for item in _items(found.suspect, found.new):
        if len(batch.items) >= BATCH_FILES or batch.size >= BATCH_BYTES:
            yield batch
            batch = Batch(visit)
        batch.items.append(item)
        if item.stat.kind == Kind.FILE and item.stat.size <= WHOLE:
            batch.size += item.stat.size
            batch.ahead.append(item)
    batch.last = True
    yield batch


def _items(suspect: Iterable[tuple[bytes, Stat, Row]], new: Iterable[tuple[bytes, Stat]]) -> Iterator[Item]:
    for name, stat, base in suspect:
        yield Item(name, stat, base)
    for name, stat in new:
        yield Item(name, stat, None)


class _Reader:
    """Gathers files into jobs and hands these to the other thread."""

    def __init__(self, disk: Disk, pool: Executor, cut: Cutting) -> None:
        self._root, self._pool, self._os, self._cut = disk.full(b""), pool, disk.kernel, cut
        self.open = _Job()

    def take(self, batch: Batch) -> None:
        """Have a batch's small files read."""
        path = batch.visit.directory.path
        if not batch.ahead or len(path) > LONGEST_PATH:
            return
        job = batch.job = self.open
        job.items += batch.ahead
        job.names += [join(path, item.name) for item in batch.ahead]
        job.size += batch.size
        if len(job.items) >= READ_FILES or job.size >= READ_BYTES:
            self.submit()

    def submit(self) -> None:
        """Begin to read what was gathered."""
        job = self.open
        if job.items:
            stats = [item.stat for item in job.items]
            expect = b"".join([EXPECT.pack(stat.size, stat.mtime_ns, stat.ctime_ns, stat.ino) for stat in stats])
            profiles = [kept_profile(item.base, item.stat.size) for item in job.items]
            job.future = self._pool.submit(self._read, job.names, expect, profiles)
            self.open = _Job()

    def _read(self, names: list[bytes], expect: bytes, profiles: list[int | None]) -> tuple[list[Read], list[Cut]]:
        files = self._os.read_files(self._root, names, expect)
        return files, self._cut(files, profiles)


def read_ahead(visits: Iterable[Visit], disk: Disk, pool: Executor, cut: Cutting) -> Iterator[Batch]:
    """Yield the batches of visits in order, their small files read and cut meanwhile."""
    reader = _Reader(disk, pool, cut)
    waiting: deque[Batch] = deque()
    size = 0
    for visit in visits:
        for batch in _cut(visit):
            reader.take(batch)
            waiting.append(batch)
            size += batch.size
            while len(waiting) > AHEAD_BATCHES or size > AHEAD_BYTES:
                first = waiting.popleft()
                size -= first.size
                if first.job is reader.open:
                    reader.submit()
                yield first
    reader.submit()
    while waiting:
        yield waiting.popleft()
