"""The merged tree's seats and claims in the database, as `merge.affected` asks for them.

A node's row holds its seat. Where that is not what its newest version says, the node is not *plain*: then
`want` has the place chosen for it and the one that its versions want (another only where a cycle was undone),
`hidden` who stands for it, `head` its heads, and its newest version stands in `version` too, as it was
stated. Whatever is seated anew is pending: this disk has it as `base` says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.merge.tree import Claim, Place, Seat
from syncd.model.entry import Kind
from syncd.state.base import KEEP_HERE
from syncd.state.known import Known
from syncd.state.nodes import ENTRY, HIDDEN, PENDING, UNSEATED, pack_parents

_CLAIM = "id, kind, was, parent, name, depth, content, inline, version"


class Forest:
    """Reads and writes inside the caller's transaction; `touched` are the nodes whose rows changed."""

    def __init__(self, db: sqlite3.Connection, known: Known) -> None:
        self._db, self._known = db, known
        self.touched: set[int] = set()

    # -- claims ---------------------------------------------------------------------------------

    def claim(self, node: int) -> Claim | None:
        """Return what a node wants."""
        row = self._db.execute(f"SELECT {_CLAIM} FROM node WHERE id = ?", (node,)).fetchone()  # noqa: S608
        return None if row is None else self._claim(row)

    def _claim(self, row: tuple[int, int, int, int, bytes, int, bytes, bytes, int]) -> Claim:
        node, kind, was, parent, name, depth, content, inline, version = row
        alive = was == 0
        original = self._db.execute("SELECT original FROM copy WHERE node = ?", (node,)).fetchone()
        wants = self._db.execute("SELECT wanted_parent, wanted_name FROM want WHERE node = ?", (node,)).fetchone()
        parent, name = wants or (parent, name)
        wanted = Place(parent, name, version)
        value = (kind, depth, content, inline) if alive else ()
        return Claim(node, kind if alive else was, alive, (wanted,), value, original[0] if original else None)

    def wanting(self, parent: int, name: bytes | None = None) -> Iterable[Claim]:
        """Return the claims whose chosen place is in a directory, or at one name in it."""
        named, arguments = ("", (parent,)) if name is None else (" AND name = ?", (parent, name))
        columns = ", ".join(f"node.{column}" for column in _CLAIM.split(", "))
        found = []
        for living in ("kind <> 4", "kind = 4"):  # one partial index for each
            found += self._db.execute(
                f"SELECT {columns} FROM node WHERE parent = ?{named} AND {living} "  # noqa: S608
                "AND id NOT IN (SELECT node FROM want)",
                arguments,
            ).fetchall()
        placed = named.replace("name", "want.name")
        found += self._db.execute(
            f"SELECT {columns} FROM want JOIN node ON node.id = want.node WHERE want.parent = ?{placed}",  # noqa: S608
            arguments,
        ).fetchall()
        return [self._claim(row) for row in found]

    def directories(self) -> Iterable[Claim]:
        """Return the claims of all directories with every place they ever had."""
        found = []
        for (node,) in self._db.execute("SELECT id FROM node WHERE kind = 2 OR was = 2").fetchall():
            merged = self._known.merged(node)
            places = tuple(Place(version.parent, version.name, version.id) for version in merged.places)
            found.append(Claim(node, Kind.DIRECTORY, merged.alive, places, merged.content.bytes_value))
        return found

    # -- places ---------------------------------------------------------------------------------

    def chosen(self, node: int) -> Place | None:
        """Return the place chosen for a node last."""
        row = self._db.execute("SELECT parent, name FROM want WHERE node = ?", (node,)).fetchone()
        if row is None:
            row = self._db.execute("SELECT parent, name FROM node WHERE id = ?", (node,)).fetchone()
        return None if row is None or row[0] < 0 else Place(row[0], row[1], 0)

    def choose(self, node: int, place: Place) -> None:
        """Record the place chosen for a node."""
        # A node that has no wish noted stands where it wants: its row says where.
        self._db.execute(
            "INSERT INTO want SELECT id, ?2, ?3, CASE WHEN parent < 0 THEN ?2 ELSE parent END, "
            "CASE WHEN parent < 0 THEN ?3 ELSE name END FROM node WHERE id = ?1 "
            "ON CONFLICT (node) DO UPDATE SET parent = excluded.parent, name = excluded.name",
            (node, place.parent, place.name),
        )

    def want(self, node: int, parent: int, name: bytes) -> None:
        """Note where a node's versions want it to stand; it stands where it stood until it is seated anew."""
        before = self.chosen(node)
        at = (parent, name) if before is None else before[:2]
        self._db.execute("INSERT OR REPLACE INTO want VALUES (?, ?, ?, ?, ?)", (node, *at, parent, name))

    def undone(self) -> bool:
        """Tell whether any directory stands elsewhere than it wants."""
        sql = "SELECT 1 FROM want WHERE parent <> wanted_parent OR name <> wanted_name LIMIT 1"
        return self._db.execute(sql).fetchone() is not None

    # -- seats ----------------------------------------------------------------------------------

    def seat(self, node: int) -> Seat | None:
        """Return where a node is seated."""
        row = self._db.execute("SELECT parent, name, kind FROM node WHERE id = ?", (node,)).fetchone()
        if row is None or row[2] == Kind.TOMBSTONE or row[0] == UNSEATED:
            return None
        if row[0] != HIDDEN:
            return Seat(row[0], row[1])
        standing, parent = self._db.execute("SELECT standing, parent FROM hidden WHERE node = ?", (node,)).fetchone()
        return Seat(parent, row[1], standing)

    def hidden_by(self, node: int) -> Iterable[int]:
        """Return the nodes that another stands for."""
        return [other for (other,) in self._db.execute("SELECT node FROM hidden WHERE standing = ?", (node,))]

    def displaced(self, parent: int) -> bool:
        """Tell whether any node is seated in a directory under another name than it wants."""
        sql = (
            "SELECT 1 FROM want CROSS JOIN node ON node.id = want.node WHERE node.parent = ? AND node.name <> want.name"
        )
        return self._db.execute(sql, (parent,)).fetchone() is not None

    def put(self, node: int, seat: Seat | None) -> None:
        """Seat a node; None when it does not live."""
        self.touch(node)
        # Until now its row may have said what its newest version says; that must not be forgotten with its seat.
        self.keep_stated(node)
        sql = "INSERT OR IGNORE INTO want SELECT id, parent, name, parent, name FROM node WHERE id = ? AND parent >= 0"
        self._db.execute(sql, (node,))
        self._db.execute("DELETE FROM hidden WHERE node = ?", (node,))
        if seat is None:
            chosen = self.chosen(node)
            assert chosen is not None
            # What lives and has no seat waits for the directory that it lives in.
            self._db.execute(
                "UPDATE node SET kind = CASE was WHEN 0 THEN kind ELSE 4 END, "
                "mode = CASE was WHEN 0 THEN mode ELSE 0 END, mtime_ns = CASE was WHEN 0 THEN mtime_ns ELSE 0 END, "
                "parent = CASE was WHEN 0 THEN ? ELSE ? END, name = ? WHERE id = ?",
                (UNSEATED, chosen.parent, chosen.name, node),
            )
            return
        self._revive(node)
        parent = seat.parent if seat.hidden is None else HIDDEN
        sql = "UPDATE node SET kind = CASE was WHEN 0 THEN kind ELSE was END, parent = ?, name = ? WHERE id = ?"
        self._db.execute(sql, (parent, seat.name, node))
        if seat.hidden is not None:
            self._db.execute("INSERT INTO hidden VALUES (?, ?, ?)", (node, seat.hidden, seat.parent))

    def _revive(self, node: int) -> None:
        """Give a dead directory that something lives in the mode that it had."""
        if self._db.execute("SELECT 1 FROM node WHERE id = ? AND kind = 4 AND was", (node,)).fetchone():
            merged = self._known.merged(node)
            self._db.execute(
                "UPDATE node SET mode = ?, mtime_ns = ? WHERE id = ?", (merged.mode.mode, merged.mtime_ns, node)
            )

    def keep_stated(self, node: int) -> None:
        """Keep a node's newest version as it was stated, while its row is that."""
        self._db.execute(
            f"INSERT OR IGNORE INTO version (id, node, {ENTRY}, superseded_ns) "  # noqa: S608
            f"SELECT version, id, {ENTRY}, recorded_ns FROM node WHERE id = ?",
            (node,),
        )

    def settle(self, node: int) -> None:
        """Forget the wish of a node whose row is where it wants to be."""
        self._db.execute(
            "DELETE FROM want WHERE node = ? AND parent = wanted_parent AND name = wanted_name AND EXISTS "
            "(SELECT 1 FROM node WHERE id = want.node AND node.parent = want.parent AND node.name = want.name)",
            (node,),
        )

    def touch(self, node: int) -> None:
        """Keep what this disk has of a node before its row says otherwise."""
        if node in self.touched:
            return
        self.touched.add(node)
        found = self._db.execute("SELECT version FROM head WHERE node = ? AND NOT losing", (node,)).fetchall()
        found = found or self._db.execute("SELECT version FROM node WHERE id = ?", (node,)).fetchall()
        self._db.execute(
            f"{KEEP_HERE} WHERE id = ? AND kind <> 4 AND parent >= 0 AND ino <> ?",
            (pack_parents(tuple(head for (head,) in found)), node, PENDING),
        )
        self._db.execute("UPDATE node SET ino = ? WHERE id = ?", (PENDING, node))
