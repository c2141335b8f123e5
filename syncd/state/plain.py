"""Taking the changes that simply follow: most of them, and in bulk. What does not is left to `weave`.

A change is plain when its node has one head, which it builds upon, and where it wants to stand nobody
else stands or wants to. Then its row is its newest version, and no other row changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT
from syncd.state.base import KEEP_HERE, settle
from syncd.state.nodes import PENDING, Applied, Nodes
from syncd.state.weave import Weave


def all_plain(db: sqlite3.Connection) -> bool:
    """Tell whether the whole tree is plain and this disk has it."""
    tables = ("base", "head", "want", "hidden", "copy", "alias")
    asked = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables)  # noqa: S608
    rows = "EXISTS (SELECT 1 FROM node WHERE ino = -1) OR EXISTS (SELECT 1 FROM node WHERE was <> 0 AND kind <> 4)"
    return not db.execute(f"SELECT {asked} OR {rows}").fetchone()[0]


class Taking:
    """Takes the changes of one record that other devices' changes may have crossed.

    Args:
        db: inside a transaction.
        nodes: of the same database.
        weave: takes what is not plain.
        recorded_ns: the record's effective time.
    """

    def __init__(self, db: sqlite3.Connection, nodes: Nodes, weave: Weave, recorded_ns: int) -> None:
        self._db, self._nodes, self._weave, self._recorded_ns = db, nodes, weave, recorded_ns
        self._batch: list[Applied] = []
        self._in_batch: set[int] = set()
        self._names: set[tuple[int, bytes]] = set()
        self._directories: set[int] = set()
        self._restless = self._has("SELECT 1 FROM want LIMIT 1", ()) or self._has("SELECT 1 FROM copy LIMIT 1", ())

    def take(self, applied: Iterable[Applied]) -> None:
        """Take changes in the order of their record."""
        for item in applied:
            if not self._plain(item):
                self._flush()
                if not self._plain(item):
                    self._weave.take([item], self._recorded_ns)
                    self._restless = True  # what was woven may want what the next change sets free
                    continue
            change = item.change
            self._batch.append(item)
            self._in_batch.add(change.node)
            self._names.add((change.parent, change.name))
            if change.kind == Kind.DIRECTORY:
                self._directories.add(change.node)
        self._flush()

    def _flush(self) -> None:
        self._db.executemany(
            f"{KEEP_HERE} WHERE id = ? AND kind <> 4 AND parent >= 0 AND ino <> -1",
            (
                (b"".join(parent.to_bytes(8, "little") for parent in item.change.parents), item.change.node)
                for item in self._batch
                if item.change.parents and item.ino == PENDING
            ),
        )
        self._nodes.apply(self._batch, self._recorded_ns)
        for item in self._batch:
            if item.ino != PENDING:
                self._db.execute("DELETE FROM base WHERE id = ?", (item.change.node,))
            elif item.change.parents:
                settle(self._db, item.change.node)
        self._batch.clear()
        self._in_batch.clear()
        self._names.clear()
        self._directories.clear()

    def _has(self, sql: str, arguments: tuple[object, ...]) -> bool:
        return self._db.execute(sql, arguments).fetchone() is not None

    def _plain(self, item: Applied) -> bool:
        change = item.change
        if change.node in self._in_batch:
            return False
        if item.at is not None and item.at != (change.parent, change.name):
            return False  # it is elsewhere on this disk than the tree wants it
        if item.at is not None and self._has("SELECT 1 FROM alias WHERE node = ?", (change.node,)):
            return False  # where it is on this disk need not be where this disk would put it
        row = self._db.execute(
            "SELECT version, parent, name, kind, was FROM node WHERE id = ?", (change.node,)
        ).fetchone()
        if row is None:
            new = item.version == change.node and not change.parents and change.kind != Kind.TOMBSTONE
            return new and self._free(change) and self._stands(change.parent)
        version, parent, name, kind, was = row
        if change.parents != (version,) or was or kind == Kind.TOMBSTONE or parent < 0:
            return False
        if self._has("SELECT 1 FROM head WHERE node = ?", (change.node,)):
            return False
        if self._restless and self._meets(change.node, parent, name):
            return False
        if change.kind == Kind.TOMBSTONE:
            return self._stands(parent) and not self._holds(change.node, kind)
        if (parent, name) == (change.parent, change.name):
            return True
        return self._stands(parent) and self._free(change) and self._stands(change.parent) and not self._below(change)

    def _free(self, change: Change) -> bool:
        """Tell whether nobody stands, or wants to, where a change puts its node."""
        place = (change.parent, change.name)
        if place in self._names or (self._restless and self._meets(change.node, *place)):
            return False
        return not self._has("SELECT 1 FROM node WHERE parent = ? AND name = ? AND kind <> 4", place)

    def _meets(self, node: int, parent: int, name: bytes) -> bool:
        """Tell whether a name has to do with a node that does not stand where it wants."""
        return (
            self._has("SELECT 1 FROM want WHERE node = ? OR (parent = ? AND name = ?)", (node, parent, name))
            or self._has("SELECT 1 FROM copy WHERE node = ?1 OR original = ?1", (node,))
            or self._has("SELECT 1 FROM want CROSS JOIN node ON node.id = want.node WHERE node.parent = ?", (parent,))
            or self._has("SELECT 1 FROM hidden WHERE node = ?1 OR standing = ?1", (node,))
        )

    def _stands(self, parent: int) -> bool:
        """Tell whether a directory stands, for itself, because it lives."""
        if parent == ROOT or parent in self._directories:
            return True
        row = self._db.execute("SELECT kind, was, parent FROM node WHERE id = ?", (parent,)).fetchone()
        return row is not None and row[0] == Kind.DIRECTORY and not row[1] and row[2] >= 0

    def _holds(self, node: int, kind: int) -> bool:
        """Tell whether something stands in a directory."""
        return kind == Kind.DIRECTORY and (
            bool(self._batch) or self._has("SELECT 1 FROM node WHERE parent = ? AND kind <> 4", (node,))
        )

    def _below(self, change: Change) -> bool:
        """Tell whether a directory would come to stand below itself, or other cycles were undone already."""
        if change.kind != Kind.DIRECTORY:
            return False
        if self._restless:
            return True
        node = change.parent
        while node != ROOT and node != change.node:
            found = self._db.execute("SELECT parent FROM node WHERE id = ?", (node,)).fetchone()
            if found is None or found[0] < 0:
                return True
            node = found[0]
        return node == change.node
