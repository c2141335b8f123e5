"""Reading small files ahead of their turn, in one other thread.

A batch is some files of one directory; its bytes are there when their turn comes. Memory is bounded
by the batches under way: `AHEAD` of at most `BATCH_BYTES` each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from syncd.engine.ingest import WHOLE
from syncd.engine.survey import Visit
from syncd.fs.bulk import EXPECT, Read, read_files
from syncd.fs.disk import Disk
from syncd.model.entry import Kind, Stat
from syncd.model.version import Row

BATCH_FILES = 128
BATCH_BYTES = 1024 * 1024
AHEAD = 6  # batches
INLINE = 3  # files that are read at once: handing them over would cost more
LONGEST_PATH = 3800


@dataclass(slots=True)
class Item:
    """A file to be taken. `base` is what the base has, None for a new one; `data` is there when it was read ahead."""

    name: bytes
    stat: Stat
    base: Row | None
    data: Read = None


@dataclass(slots=True)
class Batch:
    """Files of one directory; `last` closes the visit."""

    visit: Visit
    items: list[Item] = field(default_factory=list)
    future: Future[list[Read]] | None = None
    first: bool = False
    last: bool = False
    ahead: list[Item] = field(default_factory=list)  # those of the items that are read ahead

    def wait(self) -> None:
        """Give each item its bytes."""
        if self.future is not None:
            for item, data in zip(self.ahead, self.future.result(), strict=True):
                item.data = data
            self.future = None


def _cut(visit: Visit) -> Iterator[Batch]:
    """Cut a visit's files into batches; there is at least one."""
    found = visit.findings
    batch = Batch(visit, first=True)
    size = 0
    for item in _items(found.suspect, found.new):
        if len(batch.items) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = Batch(visit), 0
        batch.items.append(item)
        if item.stat.kind == Kind.FILE and item.stat.size <= WHOLE:
            size += item.stat.size
            batch.ahead.append(item)
    batch.last = True
    yield batch


def _items(suspect: Iterable[tuple[bytes, Stat, Row]], new: Iterable[tuple[bytes, Stat]]) -> Iterator[Item]:
    for name, stat, base in suspect:
        yield Item(name, stat, base)
    for name, stat in new:
        yield Item(name, stat, None)


def read_ahead(visits: Iterable[Visit], disk: Disk, pool: ThreadPoolExecutor) -> Iterator[Batch]:
    """Yield the batches of visits in order, their small files read meanwhile."""
    waiting: deque[Batch] = deque()
    for visit in visits:
        for batch in _cut(visit):
            directory = disk.full(visit.directory.path)
            if batch.ahead and len(directory) < LONGEST_PATH:
                expect = b"".join(
                    EXPECT.pack(item.stat.size, item.stat.mtime_ns, item.stat.ctime_ns, item.stat.ino)
                    for item in batch.ahead
                )
                names = [item.name for item in batch.ahead]
                if len(names) <= INLINE:
                    for item, data in zip(batch.ahead, read_files(directory, names, expect), strict=True):
                        item.data = data
                else:
                    batch.future = pool.submit(read_files, directory, names, expect)
            waiting.append(batch)
            if len(waiting) > AHEAD:
                yield waiting.popleft()
    while waiting:
        yield waiting.popleft()
