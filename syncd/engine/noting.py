"""What one run did to this disk, gathered until it is durable there and the base says so.

Invariant: nothing is noted before the directories that it happened in were synced; so after a power cut the disk has
all that the base says.
"""

from __future__ import annotations

from syncd.engine.placing import Touched
from syncd.fs.disk import Disk
from syncd.model.version import Row
from syncd.state.db import State

NOTED = 256  # steps after which what was done is noted


class Noting:
    """Notes what `Apply` did."""

    def __init__(self, disk: Disk, state: State) -> None:
        self._state, self._base = state, state.base
        self._touched = Touched(disk)
        self._rows, self._gone = list[Row](), list[int]()
        self.places_changed = False  # among what is to be noted are directories, or entries that moved

    def changes(self, *paths: bytes) -> None:
        """Take note that entries come to these paths, or leave them."""
        self._touched.above(*paths)

    def has(self, row: Row) -> None:
        """Take note of what this disk has now."""
        self._rows.append(row)

    def lacks(self, node: int) -> None:
        """Take note of what this disk has no more."""
        self._gone.append(node)

    def owes(self, node: int) -> bool:
        """Tell whether a directory held what is gone from this disk and was not told as gone yet."""
        gone = set(self._gone)
        return any(child.node not in gone for child in self._base.children(node))

    def note_soon(self) -> None:
        """Note it if it is much."""
        if len(self._rows) + len(self._gone) >= NOTED:
            self.note()

    def note(self) -> None:
        """Note it.

        Raises:
            NeedsAttention: it cannot be made durable.
        """
        if self._rows or self._gone:
            self._touched.make_durable()
            rows, gone = self._rows, self._gone
            self._rows, self._gone, self.places_changed = [], [], False
            with self._state.transaction():
                for row in rows:
                    self._base.put(row)
                for node in gone:
                    self._base.drop(node)
