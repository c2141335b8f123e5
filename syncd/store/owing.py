"""What each store of several still lacks, in a small database of its own.

Invariant: before an object's first put it is noted as owed to every store that shall have it, and a store's note goes
only when the object is there. So what a dead store missed is known after any death of a process.

The file can be made anew from the stores' listings, and no write of it waits for the disk: what a power cut takes of
it, the next comparison of the listings finds (syncd/store/catchup.py). It is not the vault's state because threads that
wait for stores write it while a transaction of the state is open.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncd.store.provider import Listed

log = logging.getLogger("syncd.store")
FILE = "stores.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS owed (store TEXT, name TEXT, size INTEGER, PRIMARY KEY (store, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS probed (store TEXT PRIMARY KEY, said TEXT);
CREATE TABLE IF NOT EXISTS held (store TEXT PRIMARY KEY, objects INTEGER, size INTEGER, compared_s REAL);
"""
_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a store was last found to hold.

    Attributes:
        objects: how many, with what this device put since.
        size: bytes of them all.
        compared_s: when its listing was last compared with the others', in seconds since 1970; 0 for never.
    """

    objects: int = 0
    size: int = 0
    compared_s: float = 0.0


def _open(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        for table in ("owed", "probed", "held"):
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - fixed names
    except BaseException:
        db.close()
        raise
    return db


class Owing:
    """The notes of one home. Every call is atomic and safe from any thread; stores go by their names.

    Args:
        path: of the database; None for one in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        try:
            self._db = _open(path)
        except sqlite3.OperationalError:
            raise  # it is in use, or the disk is full: it is not damaged
        except sqlite3.DatabaseError as error:
            if path is None:
                raise
            log.warning("%s is damaged (%s) and begins anew: the stores are compared", path, error)
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            self._db = _open(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def owe(self, stores: Iterable[str], objects: Iterable[Listed]) -> None:
        """Note objects as lacking on stores; a size of 0 is one that is not known."""
        wanted = list(objects)
        rows = [(store, listed.name, listed.size) for store in stores for listed in wanted]
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO owed VALUES (?, ?, ?)", rows)

    def paid(self, store: str, name: str, size: int) -> None:
        """Note that a store took an object: it is owed no more, and counts among what the store holds."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            gone = self._db.execute("DELETE FROM owed WHERE store = ? AND name = ?", (store, name)).rowcount
            self._db.execute(
                "INSERT INTO held VALUES (?1, ?2, ?3, 0) "
                "ON CONFLICT (store) DO UPDATE SET objects = objects + ?2, size = size + ?3",
                (store, gone, size * gone),
            )

    def dropped(self, store: str, name: str) -> None:
        """Forget what a store is owed: the object is nowhere, or not for that store."""
        with self._lock:
            self._db.execute("DELETE FROM owed WHERE store = ? AND name = ?", (store, name))

    def in_use(self, stores: Iterable[str]) -> None:
        """Note which stores are used from now on: what one that was not used missed meanwhile is not known."""
        names = list(stores)
        marks = ", ".join("?" * len(names))
        with self._lock:
            self._db.execute(f"DELETE FROM held WHERE store NOT IN ({marks})", names)  # noqa: S608 - marks alone

    def forget(self, store: str) -> None:
        """Forget all about a store."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM owed WHERE store = ?", (store,))
            self._db.execute("DELETE FROM held WHERE store = ?", (store,))
            self._db.execute("DELETE FROM probed WHERE store = ?", (store,))

    def next_of(self, store: str, after: str, most: int) -> list[Listed]:
        """Return what a store is owed, by name, from behind `after` on, at most so many."""
        sql = "SELECT name, size FROM owed WHERE store = ? AND name > ? ORDER BY name LIMIT ?"
        with self._lock:
            return [Listed(*row) for row in self._db.execute(sql, (store, after, most))]

    def owes(self, store: str, name: str) -> bool:
        """Tell whether a store is owed an object."""
        with self._lock:
            found = self._db.execute("SELECT 1 FROM owed WHERE store = ? AND name = ?", (store, name)).fetchone()
        return found is not None

    def lacking(self, store: str) -> tuple[int, int]:
        """Return how many objects a store is owed, and their bytes as far as they are known."""
        with self._lock:
            row = self._db.execute("SELECT count(*), sum(size) FROM owed WHERE store = ?", (store,)).fetchone()
        return int(row[0]), int(row[1] or 0)

    def holdings(self, store: str) -> Holdings:
        """Return what a store was last found to hold."""
        with self._lock:
            row = self._db.execute("SELECT objects, size, compared_s FROM held WHERE store = ?", (store,)).fetchone()
        return Holdings(*row) if row else Holdings()

    def probed(self, store: str) -> str:
        """Return what was written down when a store was tried; empty if it never was."""
        with self._lock:
            row = self._db.execute("SELECT said FROM probed WHERE store = ?", (store,)).fetchone()
        return str(row[0]) if row else ""

    def write_down(self, store: str, said: str) -> None:
        """Write down what a store was found to do."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO probed VALUES (?, ?)", (store, said))

    def compared(self, store: str, found: Holdings) -> None:
        """Take what a comparison found a store to hold."""
        row = (store, found.objects, found.size, found.compared_s)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", row)
