"""What a checkpoint needs and nothing else keeps: statements as they were said, and the parts written last.

Written inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple


class PartRow(NamedTuple):
    """A part on the store. `digest` is of what it says, `name` of its bytes; `size` is the object's, in bytes."""

    kind: int
    first: bytes
    digest: bytes
    name: bytes
    size: int
    rows: int


class Said:
    """The tables `statement` and `part`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep(self, device: int, sequence: int, place: int, wire: bytes) -> None:
        """Keep a statement: whose, in which record and at which place in it, and its CBOR."""
        self._db.execute("INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?)", (device, sequence, place, wire))

    def all_of(self, device: int) -> Iterator[tuple[int, bytes]]:
        """Yield (sequence, CBOR) of what a device said, in order."""
        yield from self._db.execute(
            "SELECT sequence, wire FROM statement WHERE device = ? ORDER BY sequence, place", (device,)
        )

    def of_kind(self, code: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield (device, sequence, Lamport clock of its record, CBOR) of every statement of a kind, codes below 24."""
        # A statement is a list of two, its code first: so its CBOR begins.
        yield from self._db.execute(
            "SELECT s.device, s.sequence, r.lamport, s.wire FROM statement s "
            "JOIN record r ON r.device = s.device AND r.sequence = s.sequence "
            "WHERE substr(s.wire, 1, 2) = ? ORDER BY s.device, s.sequence, s.place",
            (bytes((0x82, code)),),
        )

    def part(self, kind: int, first: bytes) -> PartRow | None:
        """Return the part that this device wrote last for a kind and first key."""
        row = self._db.execute("SELECT * FROM part WHERE kind = ? AND first = ?", (kind, first)).fetchone()
        return PartRow(*row) if row else None

    def part_names(self) -> list[bytes]:
        """Return the names of the parts that this device wrote last."""
        return [name for (name,) in self._db.execute("SELECT name FROM part")]

    def forget_parts_but(self, names: set[bytes]) -> None:
        """Forget the parts of before that the newest checkpoint does not name."""
        old = [(name,) for name in self.part_names() if name not in names]
        self._db.executemany("DELETE FROM part WHERE name = ?", old)

    def put_part(self, part: PartRow) -> None:
        """Note a part that is on the store."""
        self._db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)", part)
