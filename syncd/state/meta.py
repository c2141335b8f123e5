"""Small values under names: the table `meta`, and what of it was asked for before.

A pass without news asks for 36 of them. Invariant: what is remembered is what the database has, as its one writer sees
it; a state that is read beside a writer remembers nothing.
"""

from __future__ import annotations

import sqlite3
import threading


class Meta:
    """The table `meta`.

    Args:
        db: a connection.
        alone: nobody else writes to this database while this is used.
    """

    def __init__(self, db: sqlite3.Connection, *, alone: bool) -> None:
        self._db, self._alone = db, alone
        self._known: dict[str, bytes | None] = {}
        self._lock = threading.Lock()  # else one thread could remember what another has just replaced

    def get(self, key: str) -> bytes | None:
        """Return a value, None where nothing has that name."""
        with self._lock:
            if key in self._known:
                return self._known[key]
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            value = row[0] if row else None
            if self._alone:
                self._known[key] = value
            return value

    def set(self, key: str, value: bytes) -> None:
        """Keep a value under a name, in the caller's transaction or by itself."""
        with self._lock:
            self._known.pop(key, None)
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            if self._alone:
                self._known[key] = value

    def forget(self) -> None:
        """Remember nothing: a transaction was undone."""
        with self._lock:
            self._known.clear()
