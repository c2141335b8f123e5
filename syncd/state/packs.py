"""Packs: those that records name, and those that were put or about to be put before a crash (intents).

Invariant: an intent is durable before its pack's first put and is settled by the transaction that
commits the record naming it. So after a crash each intent is either on the store, and its chunks are
used, or it is not, and it is forgotten: no acknowledged pack is written twice.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping

from syncd.model.location import PackLocations
from syncd.state.chunks import place
from syncd.state.marks import Entry

_IN_USE = "intent IS NULL AND fate < 2"
_COLUMNS = "no, id, size, epoch, salt, algorithm, segments"


class Packs:
    """The table `pack`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def intend(self, locations: PackLocations) -> int:
        """Note a pack before its first put; return its local number."""
        done = self._db.execute(
            "INSERT INTO pack (id, size, epoch, salt, algorithm, segments, intent) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                locations.pack,
                locations.size,
                locations.epoch,
                locations.salt,
                locations.algorithm,
                _u32(locations.segments),
                _dump_intent(locations),
            ),
        )
        return int(done.lastrowid or 0)

    def intents(self) -> list[tuple[int, PackLocations]]:
        """Return packs that no record names yet, with their numbers."""
        rows = self._db.execute(f"SELECT {_COLUMNS}, intent FROM pack WHERE intent IS NOT NULL ORDER BY no")  # noqa: S608
        return [(row[0], _load_intent(row)) for row in rows]

    def forget(self, no: int) -> None:
        """Drop an intent whose pack never reached the store."""
        self._db.execute("DELETE FROM pack WHERE no = ? AND intent IS NOT NULL", (no,))

    def settle(self, numbers: Iterable[int]) -> None:
        """Mark packs as named by a record."""
        self._db.executemany("UPDATE pack SET intent = NULL WHERE no = ?", ((no,) for no in numbers))

    def add(self, locations: PackLocations) -> int:
        """Note a pack that a record names; return its local number."""
        row = self._db.execute("SELECT no FROM pack WHERE id = ?", (locations.pack,)).fetchone()
        if row:
            self.settle([row[0]])
            return int(row[0])
        no = self.intend(locations)
        self.settle([no])
        return no

    def get(self, no: int) -> PackLocations:
        """Return what a reader needs of a pack; ids, counts, lengths and kinds are empty."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM pack WHERE no = ?", (no,)).fetchone()  # noqa: S608
        return _row_locations(row)

    def known(self, packs: Iterable[bytes]) -> dict[int, bytes]:
        """Return those of some packs that are known here: local number -> id."""
        found = {}
        for pack in packs:
            row = self._db.execute("SELECT no FROM pack WHERE id = ?", (pack,)).fetchone()
            if row:
                found[int(row[0])] = pack
        return found

    def fated(self, fate: int) -> set[int]:
        """Return the packs, by their local numbers, that have this fate (syncd/retention/fates.py)."""
        return {no for (no,) in self._db.execute("SELECT no FROM pack WHERE fate = ?", (fate,))}

    def set_fates(self, by_number: Mapping[int, int]) -> None:
        """Say what stands to become of packs; of all others, that they stay."""
        self._db.execute("UPDATE pack SET fate = 0 WHERE fate <> 0")
        self._db.executemany("UPDATE pack SET fate = ? WHERE no = ?", ((fate, no) for no, fate in by_number.items()))

    def volume(self) -> tuple[int, int]:
        """Return (number, bytes) of the packs that records name."""
        sql = f"SELECT count(*), coalesce(sum(size), 0) FROM pack WHERE {_IN_USE}"  # noqa: S608
        count, size = self._db.execute(sql).fetchone()
        return int(count), int(size)

    def listed(self) -> Iterator[tuple[int, bytes, int]]:
        """Yield number, id and size of each pack that a record names."""
        yield from self._db.execute(f"SELECT no, id, size FROM pack WHERE {_IN_USE} ORDER BY no")  # noqa: S608

    def all(self) -> list[tuple[int, PackLocations]]:
        """Return every pack that a record names, with its number."""
        sql = f"SELECT {_COLUMNS} FROM pack WHERE {_IN_USE} ORDER BY no"  # noqa: S608
        rows = self._db.execute(sql)
        return [(row[0], _row_locations(row)) for row in rows]


def _u32(values: Iterable[int]) -> bytes:
    numbers = tuple(values)
    return struct.pack(f"<{len(numbers)}I", *numbers)


def _row_locations(row: tuple[int, bytes, int, bytes, bytes, int, bytes]) -> PackLocations:
    _, pack, size, epoch, salt, algorithm, segments = row[:7]
    lengths = struct.unpack(f"<{len(segments) // 4}I", segments)
    return PackLocations(pack, size, epoch, salt, lengths, (), b"", (), b"", algorithm)


def _dump_intent(locations: PackLocations) -> bytes:
    header = struct.pack("<II", len(locations.counts), len(locations.lengths))
    return b"".join((header, _u32(locations.counts), _u32(locations.lengths), locations.kinds, locations.ids))


def _load_intent(row: tuple[int, bytes, int, bytes, bytes, int, bytes, bytes]) -> PackLocations:
    bare, raw = _row_locations(row[:7]), row[7]
    n_counts, n_chunks = struct.unpack_from("<II", raw)
    counts = struct.unpack_from(f"<{n_counts}I", raw, 8)
    lengths = struct.unpack_from(f"<{n_chunks}I", raw, 8 + 4 * n_counts)
    at = 8 + 4 * (n_counts + n_chunks)
    kinds, ids = raw[at : at + n_chunks], raw[at + n_chunks :]
    return PackLocations(
        bare.pack, bare.size, bare.epoch, bare.salt, bare.segments, counts, ids, lengths, kinds, bare.algorithm
    )


def chunk_entries(no: int, locations: PackLocations) -> Iterable[Entry]:
    """Yield the chunk index's entries for a pack."""
    at = 0
    for segment, count in enumerate(locations.counts):
        offset = 0
        for chunk in range(at, at + count):
            length = locations.lengths[chunk]
            yield locations.ids[16 * chunk : 16 * chunk + 16], place(no, segment, offset, length)
            offset += length
        at += count
