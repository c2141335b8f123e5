"""Which chunks the vault holds, and where: sorted files looked up by bisection, and a small table beside them.

A chunk that is new is the common question of a first sync; it is answered from a memory-mapped
array without touching SQLite. Runs are merged when a newer one reaches half an older one's size, so
there are few of them. Invariant: a run's file is complete and synced before a transaction names it;
files no transaction names are removed at the next open.
"""

from __future__ import annotations

import mmap
import os
import secrets
import sqlite3
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from syncd.model.location import Located
from syncd.state.marks import Entry, Marks, Table, marks

_PLACE = struct.Struct("<IHxxII")  # pack number, segment, offset, length
_ENTRY = 32  # id (16) and place (16)
_COUNT = struct.Struct("<Q")
_PREFIX = struct.Struct(">Q")
OPEN_TRIES = 5
PART = 65_536  # entries sorted at once: 5 MB
DELTA_LIMIT = 4096  # entries kept in SQLite and in a dict before they become a run

_COLUMNS = [("id", "V16"), ("pack", "<u4"), ("segment", "<u2"), ("pad", "V2"), ("offset", "<u4"), ("length", "<u4")]


def place(pack: int, segment: int, offset: int, length: int) -> bytes:
    """Return a chunk's place as 16 bytes."""
    return _PLACE.pack(pack, segment, offset, length)


def located(raw: bytes) -> Located:
    """Return a place's value."""
    return Located(*_PLACE.unpack(raw))


def newer(one: bytes | None, other: bytes) -> bytes:
    """Return the place in the pack with the greater number: a chunk stored again replaces a lost one."""
    return other if one is None or other[:4][::-1] > one[:4][::-1] else one


class _Run:
    """One sorted file: count, then the first 8 bytes of each id as numbers, then the entries."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.count: int = _COUNT.unpack_from(self._map)[0]
        self._entries = _COUNT.size + 8 * self.count
        self._prefixes = memoryview(self._map)[_COUNT.size : self._entries].cast("Q")

    def get(self, chunk: bytes) -> bytes | None:
        """Return the newest place of a chunk in this run."""
        prefix = _PREFIX.unpack_from(chunk)[0]
        prefixes = self._prefixes
        at = bisect_left(prefixes, prefix)
        found = None
        while at < self.count and prefixes[at] == prefix:
            start = self._entries + at * _ENTRY
            if self._map[start : start + 16] == chunk:
                found = newer(found, self._map[start + 16 : start + _ENTRY])
            at += 1
        return found

    def find(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the position and place of each entry of a chunk in this run."""
        prefix = _PREFIX.unpack_from(chunk)[0]
        at = bisect_left(self._prefixes, prefix)
        while at < self.count and self._prefixes[at] == prefix:
            start = self._entries + at * _ENTRY
            if self._map[start : start + 16] == chunk:
                yield at, self._map[start + 16 : start + _ENTRY]
            at += 1

    def prefixes(self) -> memoryview:
        """Return the first 8 bytes of each id as numbers."""
        return self._prefixes

    def release(self) -> None:
        """Let the system have back the memory of what was read: it stands in the file."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def raw(self) -> memoryview:
        """Return all entries as they lie in the file."""
        return memoryview(self._map)[self._entries : self._entries + self.count * _ENTRY]

    def position(self, bound: int) -> int:
        """Return how many entries have a prefix below a bound."""
        return self.count if bound >> 64 else bisect_left(self._prefixes, bound)

    def entries(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield entries by their positions."""
        for start in range(self._entries + begin * _ENTRY, self._entries + end * _ENTRY, _ENTRY):
            yield self._map[start : start + _ENTRY]


def _write_run(directory: Path, count: int, parts: Iterable[list[bytes]]) -> Path:
    """Write a run of sorted parts, `count` entries in all, and return its path."""
    path = directory / f"chunks-{secrets.token_hex(8)}.run"
    with path.open("xb", buffering=0) as file:
        file.write(_COUNT.pack(count))
        prefixes_at, entries_at = _COUNT.size, _COUNT.size + 8 * count
        for entries in parts:
            prefixes = struct.pack(f"={len(entries)}Q", *(_PREFIX.unpack_from(entry)[0] for entry in entries))
            _write_at(file.fileno(), prefixes, prefixes_at)
            _write_at(file.fileno(), b"".join(entries), entries_at)
            prefixes_at += len(prefixes)
            entries_at += _ENTRY * len(entries)
        os.fsync(file.fileno())
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(descriptor, view, offset)
        view, offset = view[done:], offset + done


def _merged(fresh: list[bytes], runs: list[_Run]) -> Iterator[list[bytes]]:
    """Yield the entries of all, sorted, in parts of about `PART` so that memory is bounded by one."""
    fresh.sort()
    pieces = max(1, (len(fresh) + sum(run.count for run in runs)) // PART)
    taken, starts = 0, [0] * len(runs)
    for piece in range(1, pieces + 1):
        bound = (piece << 64) // pieces if piece < pieces else 1 << 64
        until = len(fresh) if piece == pieces else bisect_left(fresh, bound.to_bytes(8), taken)
        part = fresh[taken:until]
        taken = until
        for number, run in enumerate(runs):
            end = run.position(bound)
            part += run.entries(starts[number], end)
            starts[number] = end
        part.sort()  # of sorted stretches: the sort finds and merges them
        yield part


class _Kept:
    """The entries beside the runs, as a table."""

    def __init__(self, delta: dict[bytes, bytes]) -> None:
        self.count = len(delta)
        self._raw = b"".join(chunk + at for chunk, at in sorted(delta.items()))

    def prefixes(self) -> memoryview:
        found = (_PREFIX.unpack_from(self._raw, at)[0] for at in range(0, len(self._raw), _ENTRY))
        return memoryview(struct.pack(f"={self.count}Q", *found)).cast("Q")

    def raw(self) -> memoryview:
        return memoryview(self._raw)

    def release(self) -> None:
        pass  # it is small


class ChunkIndex:
    """The index of one vault. Writing happens inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, directory: Path, *, sweep: bool) -> None:
        self._db, self._directory = connection, directory
        self._delta: dict[bytes, bytes] = {}
        self._runs: list[_Run] = []
        self._retired: list[Path] = []
        for attempt in range(OPEN_TRIES):
            try:
                self._load()
                break
            except FileNotFoundError:
                # A writer merged runs between our reading their names and opening them.
                if attempt == OPEN_TRIES - 1:
                    raise
        if sweep:
            for stray in set(directory.glob("chunks-*.run")) - {directory / run.name for run in self._runs}:
                stray.unlink()

    def _load(self) -> None:
        self._delta = dict(self._db.execute("SELECT id, place FROM chunk_delta"))
        names = [name for (name,) in self._db.execute("SELECT file FROM chunk_run ORDER BY count DESC")]
        self._runs = [_Run(self._directory / name) for name in names]
        self._gone = {no for (no,) in self._db.execute("SELECT no FROM pack WHERE fate = 2")}

    def __len__(self) -> int:
        return len(self._delta) + sum(run.count for run in self._runs)

    def get(self, chunk: bytes) -> Located | None:
        """Return where a chunk lies, None when the vault does not hold it. The newest pack wins."""
        raw = self._delta.get(chunk)
        for run in self._runs:
            found = run.get(chunk)
            if found is not None:
                raw = newer(raw, found)
        if raw is None:
            return None
        at = located(raw)
        return self._elsewhere(chunk) if at.pack in self._gone else at

    def _elsewhere(self, chunk: bytes) -> Located | None:
        """Return where a chunk lies beside packs that are gone."""
        found = [at for at in map(located, self._places(chunk)) if at.pack not in self._gone]
        return max(found, key=lambda at: at.pack, default=None)

    def _places(self, chunk: bytes) -> Iterator[bytes]:
        if chunk in self._delta:
            yield self._delta[chunk]
        for run in self._runs:
            yield from (raw for _, raw in run.find(chunk))

    def let_go(self, packs: Iterable[int]) -> None:
        """Take packs for gone: what only they had is held no more."""
        self._gone |= set(packs)

    def marks(self, avoid: set[int]) -> Marks:
        """Return an empty set of marks; of two places of a chunk, one outside the packs to avoid is marked."""
        return marks(self.tables(), self._gone, avoid)

    def tables(self) -> list[Table]:
        """Return the entries, each table sorted."""
        return [_Kept(self._delta), *self._runs]

    def __contains__(self, chunk: bytes) -> bool:
        return self.get(chunk) is not None

    def add(self, entries: Iterable[Entry]) -> None:
        """Add (id, place) pairs inside an open transaction."""
        fresh = dict(entries)
        if len(self._delta) + len(fresh) <= DELTA_LIMIT:
            self._db.executemany("INSERT OR REPLACE INTO chunk_delta VALUES (?, ?)", fresh.items())
            self._delta.update(fresh)
            return
        rows = [chunk + raw for chunk, raw in {**self._delta, **fresh}.items()]
        count, merged = len(rows), list[_Run]()
        while self._runs and self._runs[-1].count < 2 * count:
            smallest = self._runs.pop()
            merged.append(smallest)
            count += smallest.count
            self._db.execute("DELETE FROM chunk_run WHERE file = ?", (smallest.name,))
            self._retired.append(self._directory / smallest.name)
        path = _write_run(self._directory, count, _merged(rows, merged))
        self._db.execute("INSERT INTO chunk_run VALUES (?, ?)", (path.name, count))
        self._db.execute("DELETE FROM chunk_delta")
        self._delta = {}
        self._runs.append(_Run(path))

    def packs(self) -> dict[int, int]:
        """Return how many chunks lie in each pack: local pack number -> count."""
        import numpy  # takes longer to load than most of what needs no more than `get`

        counts: dict[int, int] = {}
        for table in self._tables():
            numbers, found = numpy.unique(table["pack"], return_counts=True)
            for number, count in zip(numbers.tolist(), found.tolist(), strict=True):
                counts[number] = counts.get(number, 0) + count
        return counts

    def in_packs(self, numbers: set[int]) -> dict[int, list[Entry]]:
        """Return the chunks that lie in some packs and nowhere newer, in their order in the pack."""
        import numpy

        found: dict[int, list[Entry]] = {number: [] for number in numbers}
        for table in self._tables():
            chosen = table[numpy.isin(table["pack"], list(numbers))]
            for row in chosen[numpy.argsort(chosen, order=("pack", "segment", "offset"))]:
                raw = row.tobytes()
                chunk, at = raw[:16], raw[16:]
                if self.get(chunk) == located(at):  # a chunk may stand in more than one, the newest wins
                    found[located(at).pack].append((chunk, at))
        for entries in found.values():
            entries.sort(key=lambda entry: _PLACE.unpack(entry[1]))
        return found

    def _tables(self) -> Iterator[Any]:
        """Yield the entries of each run, and those beside them, as numpy tables."""
        import numpy

        if self._delta:
            yield numpy.frombuffer(b"".join(chunk + at for chunk, at in self._delta.items()), dtype=_COLUMNS)
        for run in self._runs:
            yield numpy.frombuffer(run.raw(), dtype=_COLUMNS)

    def committed(self) -> None:
        """Remove the files of merged runs; call after the transaction is durable."""
        for path in self._retired:
            path.unlink(missing_ok=True)
        self._retired.clear()
