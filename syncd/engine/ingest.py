"""Reading one file into chunks, whole or not at all.

A file that changed while it was read is not published: the fingerprint after the last byte must be
the one the scan saw. Memory is two regions and two chunks, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from typing import NamedTuple

from syncd.chunk.cuts import Cutter, Secret, cut_whole, cutter
from syncd.chunk.params import Params, choose_profile
from syncd.fs.disk import Disk
from syncd.model.entry import Stat

REGION = 4 * 1024 * 1024  # measured: larger gains nothing, smaller costs calls
WHOLE = 1024 * 1024  # files up to here are read by one call
HEAD = 64  # bytes that tell a file's kind

Keep = Callable[[bytes | memoryview], bytes]


class Torn(Exception):
    """The file changed while it was read."""


class Cut(NamedTuple):
    """Where a file that was read whole is cut, with the chunk lengths of which profile."""

    profile: int
    ends: list[int]


class _Region(NamedTuple):
    """Bytes that were read, 0 at the end of the file, and the chunk ends in them."""

    length: int
    ends: list[int]


class Ingest:
    """Reads files of one folder with one vault's chunker.

    Args:
        disk: where they are.
        secret: decides where to cut.
        params: chunk lengths by profile.
        read: told of the bytes of large ones as they come.
        pool: reads and cuts the next region of a large one meanwhile.
    """

    def __init__(
        self,
        disk: Disk,
        secret: Secret,
        params: tuple[Params, ...],
        read: Callable[[int], None] = lambda count: None,
        pool: Executor | None = None,
    ) -> None:
        self._pool = pool
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

    def whole(self, data: bytes, profile: int | None, keep: Keep, cut: Cut | None = None) -> tuple[bytes, int]:
        """Take a file that was read whole, and maybe cut; return its chunk ids and profile."""
        if profile is None:
            profile = choose_profile(data[:HEAD], len(data))
        ends = cut.ends if cut is not None and cut.profile == profile else None
        return self._chunks(data, profile, keep, ends), profile

    def cut(self, files: Sequence[object], profiles: Sequence[int | None]) -> list[Cut]:
        """Cut files that were read whole, in any thread.

        Args:
            files: their bytes, or what became of them instead.
            profiles: those of the nodes, or None to choose one.
        """
        chosen = bytes(
            choose_profile(data[:HEAD], len(data)) if profile is None and isinstance(data, bytes) else profile or 0
            for data, profile in zip(files, profiles, strict=True)
        )
        return list(map(Cut, chosen, cut_whole(self._secret, self._params, files, chosen)))

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

    def _chunks(self, data: bytes, profile: int, keep: Keep, ends: list[int] | None) -> bytes:
        params = self._params[profile]
        if len(data) <= params.minimum:
            return keep(data) if data else b""
        if ends is None:
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
        cuts, room = cutter(self._secret, params), params.maximum
        # The next region is read and cut into the one buffer while the chunks of the other are kept. Before each region
        # there is room for the chunk that is open when it begins.
        buffers = [memoryview(bytearray(room + REGION)) for _ in range(2)]
        following = self._begin(descriptor, cuts, buffers[0][room:])
        ids: list[bytes] = []
        total = carried = turn = 0
        try:
            while (region := following.result()).length:
                view, other = buffers[turn], buffers[1 - turn]
                following = self._begin(descriptor, cuts, other[room:])
                total += region.length
                self._read(region.length)
                if total > seen.size:
                    raise Torn
                start = room - carried
                for end in region.ends:
                    ids.append(keep(view[start : room + end]))
                    start = room + end
                carried = room + region.length - start
                other[room - carried : room] = view[start : start + carried]
                turn = 1 - turn
        finally:
            wait([following])  # it reads what is closed next
        if carried:
            ids.append(keep(buffers[turn][room - carried : room]))
        self._check(descriptor, seen, total)
        return b"".join(ids), profile

    def _begin(self, descriptor: int, cuts: Cutter, buffer: memoryview) -> Future[_Region]:
        if self._pool is not None:
            return self._pool.submit(self._take, descriptor, cuts, buffer)
        done: Future[_Region] = Future()
        done.set_result(self._take(descriptor, cuts, buffer))
        return done

    def _take(self, descriptor: int, cuts: Cutter, buffer: memoryview) -> _Region:
        count = self._os.readv(descriptor, [buffer])
        return _Region(count, cuts.feed(buffer[:count]) if count else [])
