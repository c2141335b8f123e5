"""Devices, their journals' tips, and the records known of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from syncd.model.ids import DeviceId

NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Device:
    """One device: local number, id, name, signing key and the tip of its journal as known here."""

    no: int
    id: DeviceId
    name: str
    verifying: bytes
    sequence: int
    hash: bytes
    lamport: int


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What is kept of a record: times are ns since 1970, size is the object's, in bytes."""

    device: int
    sequence: int
    hash: bytes
    size: int
    lamport: int
    claimed_ns: int
    effective_ns: int
    changes: int
    first: int  # counter of its first version


class Devices:
    """The tables `device` and `record`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def all(self) -> list[Device]:
        """Return every device, by local number."""
        rows = self._db.execute("SELECT no, id, name, verifying, sequence, hash, lamport FROM device ORDER BY no")
        return [Device(row[0], DeviceId(row[1]), *row[2:]) for row in rows]

    def number(self, device: DeviceId) -> int:
        """Return a device's local number, giving it one when it is new."""
        row = self._db.execute("SELECT no FROM device WHERE id = ?", (device,)).fetchone()
        if row:
            return int(row[0])
        done = self._db.execute(
            "INSERT INTO device (id, name, verifying, sequence, hash, lamport) VALUES (?, '', x'', 0, ?, 0)",
            (device, NO_HASH),
        )
        return int(done.lastrowid or 0)

    def get(self, no: int) -> Device:
        """Return a device by local number."""
        sql = "SELECT no, id, name, verifying, sequence, hash, lamport FROM device WHERE no = ?"
        row = self._db.execute(sql, (no,)).fetchone()
        return Device(row[0], DeviceId(row[1]), *row[2:])

    def enrol(self, no: int, name: str, verifying: bytes) -> None:
        """Note what a device's enrolment says."""
        self._db.execute("UPDATE device SET name = ?, verifying = ? WHERE no = ?", (name, verifying, no))

    def advance(self, row: RecordRow) -> None:
        """Move a device's tip to a record."""
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.device,
                row.sequence,
                row.hash,
                row.size,
                row.lamport,
                row.claimed_ns,
                row.effective_ns,
                row.changes,
                row.first,
            ),
        )
        self._db.execute(
            "UPDATE device SET sequence = ?, hash = ?, lamport = ? WHERE no = ?",
            (row.sequence, row.hash, row.lamport, row.device),
        )

    def records(self) -> list[RecordRow]:
        """Return every record known, by device and sequence."""
        return [RecordRow(*row) for row in self._db.execute("SELECT * FROM record ORDER BY device, sequence")]

    def volume(self) -> tuple[int, int]:
        """Return (number, bytes) of all records known."""
        count, size = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM record").fetchone()
        return int(count), int(size)

    def newest_records(self) -> Iterator[RecordRow]:
        """Yield the records that changed something, by effective time, then device and sequence, newest first."""
        sql = "SELECT * FROM record WHERE changes > 0 ORDER BY effective_ns DESC, device DESC, sequence DESC"
        return (RecordRow(*row) for row in self._db.execute(sql))

    def records_of(self, device: int) -> list[RecordRow]:
        """Return every record known of one device, in order."""
        rows = self._db.execute("SELECT * FROM record WHERE device = ? ORDER BY sequence", (device,))
        return [RecordRow(*row) for row in rows]

    def of_version(self, device: int, counter: int) -> RecordRow | None:
        """Return the record that made a version."""
        sql = "SELECT * FROM record WHERE device = ? AND first <= ? AND first + changes > ?"
        row = self._db.execute(sql, (device, counter, counter)).fetchone()
        return RecordRow(*row) if row else None

    def last_version(self, device: int) -> int:
        """Return the counter of the last version known of a device, 0 for none."""
        sql = "SELECT max(first + changes) - 1 FROM record WHERE device = ? AND changes > 0"
        (found,) = self._db.execute(sql, (device,)).fetchone()
        return int(found or 0)

    def said_since(self, device: Device) -> int:
        """Return how many records others made that a device cannot have seen when it said something last."""
        sql = "SELECT count(*) FROM record WHERE device <> ? AND lamport >= ?"
        return int(self._db.execute(sql, (device.no, device.lamport)).fetchone()[0])

    def record(self, device: int, sequence: int) -> RecordRow | None:
        """Return one record."""
        sql = "SELECT * FROM record WHERE device = ? AND sequence = ?"
        row = self._db.execute(sql, (device, sequence)).fetchone()
        return RecordRow(*row) if row else None

    def effective_ns(self, device: int, sequence: int) -> int:
        """Return the effective time of a record, 0 when it is not known."""
        sql = "SELECT effective_ns FROM record WHERE device = ? AND sequence = ?"
        row = self._db.execute(sql, (device, sequence)).fetchone()
        return int(row[0]) if row else 0
