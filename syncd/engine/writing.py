"""Writing the files of a new tree with several threads: creating files costs more than all else of a restore.

The owner hands over verified bytes; small files go in batches, large ones piece by piece. Memory is
bounded by `UNDER_WAY` batches and pieces. Nothing is created where something stands.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from syncd.errors import LocalDiskFull
from syncd.fs.bulk import META, write_files
from syncd.fs.disk import HOLE, Changed, Disk, Placement

BATCH_FILES = 64
BATCH_BYTES = 512 * 1024
UNDER_WAY = 6
SMALL = 256 * 1024  # bytes of a file that is handed over whole
LONGEST_NAME = 3800

Failed = Callable[[bytes, int, str], None]


class TreeWriter:
    """Creates files below one directory.

    Args:
        disk: the directory.
        pool: its threads write.
        failed: told the path and reason of a file that could not be created.
    """

    def __init__(self, disk: Disk, pool: ThreadPoolExecutor, failed: Failed) -> None:
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

    def large(self, placement: Placement, size: int, pieces: Iterable[bytes]) -> None:
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

    def _write_pieces(self, descriptor: int, pieces: Iterable[bytes]) -> None:
        """Write pieces at their offsets from the pool; holes stay holes."""
        waiting: deque[Future[None]] = deque()
        offset = 0
        try:
            for piece in joined(pieces):
                if len(piece) < HOLE or piece.strip(b"\0"):
                    if len(waiting) >= UNDER_WAY:
                        waiting.popleft().result()
                    waiting.append(self._pool.submit(_write_at, descriptor, piece, offset))
                offset += len(piece)
        finally:
            # The descriptor is closed next: no write may be left under way.
            errors = [future.exception() for future in waiting]
        for error in errors:
            if error is not None:
                raise error
        os.ftruncate(descriptor, offset)

    def finish(self) -> None:
        """Wait until every file stands.

        Raises:
            LocalDiskFull: there was no space for one.
        """
        self._send()
        while self._under_way:
            self._collect()


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of about `SMALL` bytes: handing one over costs as much as writing a few KiB."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= SMALL:
            yield waiting[0] if len(waiting) == 1 else b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _write_at(descriptor: int, piece: bytes, offset: int) -> None:
    view = memoryview(piece)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
