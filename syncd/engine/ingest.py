"""Reading one file into chunks, whole or not at all.

A file that changed while it was read is not published: the fingerprint after the last byte must be
the one the scan saw. Memory is one region and one chunk, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.chunk.cuts import Secret, cutter
from syncd.chunk.params import Params, choose_profile
from syncd.fs.disk import Disk
from syncd.model.entry import Stat

REGION = 4 * 1024 * 1024  # measured: larger gains nothing, smaller costs calls
WHOLE = 1024 * 1024  # files up to here are read by one call
HEAD = 64  # bytes that tell a file's kind

Keep = Callable[[bytes | memoryview], bytes]


class Torn(Exception):
    """The file changed while it was read."""


class Ingest:
    """Reads files of one folder with one vault's chunker; `read` is told of the bytes of large ones as they come."""

    def __init__(
        self, disk: Disk, secret: Secret, params: tuple[Params, ...], read: Callable[[int], None] = lambda count: None
    ) -> None:
        self._disk, self._os, self._secret, self._params, self._read = disk, disk.kernel, secret, params, read

    def file(self, path: bytes, seen: Stat, profile: int | None, keep: Keep) -> tuple[bytes, int]:
        """Read a file; return its chunk ids (16 bytes each) and profile.

        Args:
            path: relative to the folder.
            seen: its fingerprint from the scan.
            profile: the node's, or None to choose one.
            keep: takes a chunk and returns its id.

        Raises:
            Torn: it is not, or not any more, what the scan saw.
            OSError: it cannot be read.
        """
        descriptor = self._disk.open(path)
        try:
            if seen.size <= WHOLE:
                data = self._os.read(descriptor, seen.size + 1)
                while len(data) < seen.size and (more := self._os.read(descriptor, seen.size + 1 - len(data))):
                    data += more
                self._check(descriptor, seen, len(data))
                return self.whole(data, profile, keep)
            return self._regions(descriptor, seen, profile, keep)
        finally:
            self._os.close(descriptor)

    def whole(self, data: bytes, profile: int | None, keep: Keep) -> tuple[bytes, int]:
        """Take a file that was read whole; return its chunk ids and profile."""
        if profile is None:
            profile = choose_profile(data[:HEAD], len(data))
        return self._chunks(data, profile, keep), profile

    def _check(self, descriptor: int, seen: Stat, length: int) -> None:
        now = self._os.fstat(descriptor)
        if (
            length != seen.size
            or now.st_mtime_ns != seen.mtime_ns
            or now.st_ctime_ns != seen.ctime_ns
            or now.st_ino != seen.ino
            or now.st_size != seen.size
        ):
            raise Torn

    def _chunks(self, data: bytes, profile: int, keep: Keep) -> bytes:
        params = self._params[profile]
        if len(data) <= params.minimum:
            return keep(data) if data else b""
        ends = cutter(self._secret, params).feed(data)
        view = memoryview(data)
        starts = [0, *ends]
        if starts[-1] < len(data):
            ends = [*ends, len(data)]
        return b"".join([keep(view[start:end]) for start, end in zip(starts, ends, strict=False)])

    def _regions(self, descriptor: int, seen: Stat, profile: int | None, keep: Keep) -> tuple[bytes, int]:
        if profile is None:
            profile = choose_profile(self._os.pread(descriptor, HEAD, 0), seen.size)
        params = self._params[profile]
        cuts = cutter(self._secret, params)
        # The open chunk stays at the front of the buffer while the next region is read behind it.
        buffer = bytearray(params.maximum + REGION)
        view = memoryview(buffer)
        ids: list[bytes] = []
        total = carried = 0
        while count := self._os.readv(descriptor, [view[carried : carried + REGION]]):
            total += count
            self._read(count)
            start = 0
            for end in cuts.feed(view[carried : carried + count]):
                ids.append(keep(view[start : carried + end]))
                start = carried + end
            rest = carried + count - start
            if start:
                buffer[:rest] = view[start : start + rest]
            carried = rest
            if total > seen.size:
                raise Torn
        if carried:
            ids.append(keep(view[:carried]))
        self._check(descriptor, seen, total)
        return b"".join(ids), profile
