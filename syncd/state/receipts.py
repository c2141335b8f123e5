"""When this device received what: the journals' lengths by days of its own life.

A device's life goes on by a day at most between two looks at the clock, so neither a clock set forward nor a wrong time
in a record makes anything old. Written inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from syncd.state.meta import Meta

DAY_NS = 86_400 * 1_000_000_000
HOUR_NS = 3_600 * 1_000_000_000
_LIVED, _LOOKED = "lived-ns", "lived-looked-ns"


class Receipts:
    """The table `receipt` and the life of this device."""

    def __init__(self, db: sqlite3.Connection, meta: Meta) -> None:
        self._db, self._meta = db, meta

    def lived_ns(self) -> int:
        """Return for how long this device has lived, as far as it was looked."""
        return self._number(_LIVED)

    def look(self, now_ns: int) -> int:
        """Take the time; return for how long this device has lived, in ns."""
        before = self._number(_LOOKED)
        lived = self._number(_LIVED) + (min(max(now_ns - before, 0), DAY_NS) if before else 0)
        for key, value in ((_LIVED, lived), (_LOOKED, now_ns)):
            self._meta.set(key, str(value).encode())
        return lived

    def look_now_and_then(self, now_ns: int) -> None:
        """Take the time, unless it was taken within the last hour: who finds nothing new writes nothing."""
        if abs(now_ns - self._number(_LOOKED)) > HOUR_NS:
            self.look(now_ns)

    def _number(self, key: str) -> int:
        return int(self._meta.get(key) or 0)

    def note(self, device: int, counter: int) -> None:
        """Note that versions of a device from this counter on came today, unless some came today before."""
        day = self.lived_ns() // DAY_NS
        self._db.execute("INSERT OR IGNORE INTO receipt VALUES (?, ?, ?)", (device, day, counter))

    def younger_than(self, days: int) -> dict[int, int]:
        """Return from which counter on versions came within the last days of this device's life, by their devices."""
        since = self.lived_ns() // DAY_NS - days
        rows = self._db.execute("SELECT device, min(counter) FROM receipt WHERE day >= ? GROUP BY device", (since,))
        return dict(rows)
