"""Writing the files of a new tree with several threads: creating files costs more than all else of a restore.

The owner hands over verified bytes; small files go in batches, large ones piece by piece. Memory is
bounded by `UNDER_WAY` batches and pieces. Nothing is created where something stands.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future

from syncd.errors import LocalDiskFull
from syncd.fs.bulk import META, write_files
from syncd.fs.disk import Disk, Placement
from syncd.fs.exchanging import Changed
from syncd.fs.holes import Buffer, is_hole

BATCH_FILES = 64
BATCH_BYTES = 512 * 1024
UNDER_WAY = 6
SMALL = 256 * 1024  # bytes of a file that is handed over whole
GROUP = 1024 * 1024  # bytes of a large file in one call: a quarter of it made a restore of 0.6 GB an eighth longer
LONGEST_GROUP = 512  # pieces in one call; the kernel takes 1,024
LONGEST_NAME = 3800

Failed = Callable[[bytes, int, str], None]


class TreeWriter:
    """Creates files below one directory.

    Args:
        disk: the directory.
        pool: its threads write.
        failed: told the path and reason of a file that could not be created.
    """

    def __init__(self, disk: Disk, pool: Executor, failed: Failed) -> None:
        self._disk, self._pool, self._failed = disk, pool, failed
        self._batch: list[tuple[Placement, bytes]] = []
        self._batch_bytes = 0
        self._under_way: deque[tuple[list[tuple[Placement, int]], Future[list[int]]]] = deque()

    def small(self, placement: Placement, data: bytes) -> None:
        """Create a small file from its whole bytes."""
        if len(placement.path) > LONGEST_NAME:
            self.large(placement, len(data), (data,))
            return
        self._batch.append((placement, data))
        self._batch_bytes += len(data)
        if len(self._batch) >= BATCH_FILES or self._batch_bytes >= BATCH_BYTES:
            self._send()

    def _send(self) -> None:
        if not self._batch:
            return
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        placements = [placement for placement, _ in batch]
        meta = b"".join(META.pack(placement.mode, placement.mtime_ns) for placement in placements)
        names, contents = [placement.path for placement in placements], [data for _, data in batch]
        while len(self._under_way) >= UNDER_WAY:
            self._collect()
        told = [(placement, len(data)) for placement, data in batch]
        self._under_way.append((told, self._pool.submit(write_files, self._disk.root, names, contents, meta)))

    def _collect(self) -> None:
        placements, future = self._under_way.popleft()
        for (placement, size), code in zip(placements, future.result(), strict=True):
            if code:
                self._report(placement.path, size, code)

    def _report(self, path: bytes, size: int, code: int) -> None:
        if code in (errno.ENOSPC, errno.EDQUOT):
            raise LocalDiskFull(f"no space left for {os.fsdecode(self._disk.full(path))}")
        self._failed(path, size, "something stands there already" if code == errno.EEXIST else os.strerror(code))

    def large(self, placement: Placement, size: int, pieces: Iterable[Buffer]) -> None:
        """Create a file of `size` bytes from pieces, several of which are written at once.

        Raises:
            Whatever `pieces` raises; the file is then removed.
        """
        try:
            self._disk.create_file(placement, pieces, self._write_pieces)
        except Changed:
            self._report(placement.path, size, errno.EEXIST)
        except OSError as error:
            self._report(placement.path, size, error.errno or errno.EIO)

    def _write_pieces(self, descriptor: int, pieces: Iterable[Buffer]) -> None:
        """Write pieces at their offsets from the pool; holes stay holes."""
        waiting: deque[Future[None]] = deque()
        end = 0
        try:
            for offset, group, length in groups(pieces):
                if len(waiting) >= UNDER_WAY:
                    waiting.popleft().result()
                if group:
                    waiting.append(self._pool.submit(_write_at, descriptor, group, offset))
                end = offset + length
        finally:
            # The descriptor is closed next: no write may be left under way.
            errors = [future.exception() for future in waiting]
        for error in errors:
            if error is not None:
                raise error
        os.ftruncate(descriptor, end)

    def finish(self) -> None:
        """Wait until every file stands.

        Raises:
            LocalDiskFull: there was no space for one.
        """
        self._send()
        while self._under_way:
            self._collect()


def groups(pieces: Iterable[Buffer]) -> Iterator[tuple[int, list[Buffer], int]]:
    """Yield (offset, pieces that follow one another, their length); an empty list is a hole.

    Handing a piece over costs as much as writing a few KiB, so about `GROUP` bytes go together.
    """
    offset = size = 0
    group: list[Buffer] = []
    for piece in pieces:
        if is_hole(piece):
            if group:
                yield offset, group, size
            yield offset + size, [], len(piece)
            offset, group, size = offset + size + len(piece), [], 0
            continue
        group.append(piece)
        size += len(piece)
        if size >= GROUP or len(group) >= LONGEST_GROUP:
            yield offset, group, size
            offset, group, size = offset + size, [], 0
    if group:
        yield offset, group, size


def _write_at(descriptor: int, group: list[Buffer], offset: int) -> None:
    written = os.pwritev(descriptor, group, offset)
    for piece in group:  # a short write is rare: go on piece by piece from where it ended
        if written >= len(piece):
            written -= len(piece)
            offset += len(piece)
            continue
        view = memoryview(piece)[written:]
        offset, written = offset + written, 0
        while view:
            done = os.pwrite(descriptor, view, offset)
            view, offset = view[done:], offset + done
