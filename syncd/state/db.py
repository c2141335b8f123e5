"""The local database of one device: SQLite in WAL mode, one writer, many readers.

All of it can be made anew from the recovery words and one complete store. Invariants: a transaction
is durable when it returns (synchronous = FULL); the base tree advances only together with the head
of the journal that says so.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from syncd.errors import Failed, LocalDiskFull, NoVault, StateDamaged
from syncd.state.base import Base
from syncd.state.chunks import ChunkIndex
from syncd.state.devices import Device, Devices
from syncd.state.filling import Filling
from syncd.state.known import Known
from syncd.state.meta import Meta
from syncd.state.migrations import STEPS, migrate, missing_steps
from syncd.state.nodes import PENDING, Applied, Nodes
from syncd.state.packs import Packs
from syncd.state.plain import Taking, all_plain
from syncd.state.receipts import Receipts
from syncd.state.said import Said
from syncd.state.search import Search
from syncd.state.weave import Weave

FILE = "state.db"
_BUSY_MS = 20_000
_COMPARING = "comparing"


def connect(path: Path | str) -> sqlite3.Connection:
    """Return a connection to a database file; transactions are the caller's own."""
    return sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)


class State:
    """One open database.

    Args:
        directory: holds the database and the runs of the chunk index.
        write: open for writing, making and migrating what is needed; else for reading only.
        db: an open connection in place of the directory's file, for a state in memory.

    Raises:
        NoVault: opened for reading, and there is none.
        StateDamaged: SQLite cannot read it.
    """

    def __init__(self, directory: Path, *, write: bool, db: sqlite3.Connection | None = None) -> None:
        self.directory = directory
        path = directory / FILE
        if db is None and not write and not path.exists():
            raise NoVault(f"there is no vault in {directory}")
        self._write = write
        with damage_named(path):
            self.db = db or connect(path)
            if write:
                self.db.execute("PRAGMA journal_mode = WAL")
                self.db.execute("PRAGMA synchronous = FULL")
                self.db.execute("PRAGMA wal_autocheckpoint = 16000")
                migrate(self.db)
            else:
                self.db.execute("PRAGMA query_only = 1")
                _check_schema(self.db, path)
            self.db.execute("PRAGMA cache_size = -16000")
            self._meta = Meta(self.db, alone=write)
            self.devices = Devices(self.db)
            self.nodes = Nodes(self.db)
            self.packs = Packs(self.db)
            self.said = Said(self.db)
            self.receipts = Receipts(self.db, self._meta)
            self.base = Base(self.db, self.nodes)
            self.search = Search(self.db)

    @cached_property
    def chunks(self) -> ChunkIndex:
        """The chunk index, opened when first asked for."""
        with damage_named(self.directory / FILE):
            return ChunkIndex(self.db, self.directory, sweep=self._write)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run statements as one durable transaction.

        Raises:
            LocalDiskFull: there is no space for it; nothing changed.
            StateDamaged: the database is broken.
        """
        with damage_named(self.directory / FILE):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                self._meta.forget()
                self.__dict__.pop("chunks", None)  # its memory is ahead of the database
                raise
        if "chunks" in self.__dict__:
            self.chunks.committed()

    @property
    def plain(self) -> bool:
        """Whether every node stands where its newest version says, and this disk has it all."""
        return all_plain(self.db)

    def take(self, applied: Iterable[Applied], recorded_ns: int) -> None:
        """Take the changes of a record that other devices' changes may have crossed."""
        weave = Weave(self.db, Known(self.db, self.devices))
        Taking(self.db, self.nodes, weave, recorded_ns).take(applied)

    def finish(self, filling: Filling) -> None:
        """Weave what was filled in and is not plain; inside the caller's transaction.

        Raises:
            Knotted: the records have to be folded one by one.
        """
        filling.finish(Weave(self.db, Known(self.db, self.devices)))

    def get(self, key: str) -> bytes | None:
        """Return a small value kept under a name."""
        return self._meta.get(key)

    def set(self, key: str, value: bytes) -> None:
        """Keep a small value under a name."""
        self._meta.set(key, value)

    @property
    def comparing(self) -> bool:
        """Whether the folder is new to this state, so that what is found there may be old."""
        return bool(self.get(_COMPARING))

    def set_comparing(self, comparing: bool) -> None:
        """Begin to compare the folder with all that ever was, or end that."""
        self.set(_COMPARING, b"1" if comparing else b"")

    def forget_disk(self) -> None:
        """Take nothing for being on this disk: the folder is another one; inside the caller's transaction."""
        ended = "SELECT node FROM copy WHERE original = 0"  # copies that only this disk still had
        for statement in (
            "DELETE FROM base",
            f"DELETE FROM want WHERE node IN ({ended})",  # noqa: S608
            f"DELETE FROM hidden WHERE node IN ({ended})",  # noqa: S608
            f"DELETE FROM node WHERE id IN ({ended})",  # noqa: S608
            "DELETE FROM copy WHERE original = 0",
            f"UPDATE node SET ino = CASE WHEN kind <> 4 AND parent >= 0 THEN {PENDING} ELSE 0 END, ctime_ns = 0",  # noqa: S608
            "DELETE FROM seen_directory",
            "DELETE FROM mount_point",
            "DELETE FROM placing",
            "DELETE FROM alias",
        ):
            self.db.execute(statement)
        self.set_comparing(True)

    def call(self, device: int, name: str) -> None:
        """Note what a device is called now. Names of copies keep the first one, so that all devices make the same."""
        self.set(f"called-{device}", name.encode())

    def called(self, device: Device) -> str:
        """Return what a device is called."""
        name = self.get(f"called-{device.no}")
        return device.name if name is None else name.decode()

    def keep_object(self, name: str, data: bytes) -> None:
        """Keep a copy of a sealed object (genesis, epochs) so that opening needs no store."""
        self.db.execute("INSERT OR REPLACE INTO object VALUES (?, ?)", (name, data))

    def kept_objects(self, prefix: str) -> dict[str, bytes]:
        """Return the kept objects whose names begin with prefix."""
        return dict(
            self.db.execute("SELECT name, data FROM object WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))
        )

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file; empty when all is well."""
        found = [row[0] for row in self.db.execute("PRAGMA quick_check")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close the database."""
        self.db.close()


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    """Refuse to read a database whose tables are not those of this program.

    Raises:
        StateDamaged: it is empty.
        Failed: an older or a newer syncd made it.
    """
    missing = missing_steps(db)
    if missing == len(STEPS):
        raise StateDamaged(f"{path} is empty")
    if missing > 0:
        raise Failed(f"{path} was made by an older syncd", hint="`syncd start` or `syncd sync` brings it up to date.")
    if missing < 0:
        raise Failed(f"{path} was made by a newer syncd", hint="Use the newer one, or `syncd rebuild` with this one.")


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Map SQLite's errors to ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise LocalDiskFull(f"{path}: {error}") from error
        raise StateDamaged(f"{path}: {error}") from error
    except (sqlite3.DatabaseError, FileNotFoundError) as error:
        raise StateDamaged(f"{path}: {error}") from error
