"""Taking versions into the tree that did not simply follow: several heads, names that meet, places that cross.

Everything happens inside the caller's transaction. What comes out is what `merge` makes of all versions
known, whatever the order in which they came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.merge.affected import reseat
from syncd.merge.registers import Merged, Version
from syncd.model.entry import Kind
from syncd.state.base import settle
from syncd.state.forest import Forest
from syncd.state.known import Known
from syncd.state.nodes import ENTRY, PENDING, UNSEATED, Applied, pack_parents

ENDED = 0  # stands for the original of a copy that is none any more and still lies on this disk


class Weave:
    """Weaves the changes of one record into the tree."""

    def __init__(self, db: sqlite3.Connection, known: Known) -> None:
        self._db, self._known = db, known
        self._forest = Forest(db, known)

    def take(self, applied: Iterable[Applied], recorded_ns: int) -> None:
        """Take changes, in the order of their record."""
        changed: dict[int, Applied] = {}
        self._forest.touched.clear()
        for item in applied:
            self._add(item, recorded_ns)
            changed[item.change.node] = item
        claims: dict[int, None] = {}
        for node in changed:
            for claim in self._restate(node):
                claims[claim] = None
        reseat(self._forest, claims, self._known)
        for node in {*claims, *self._forest.touched}:
            self._forest.settle(node)
            self._make_plain(node)
            made = changed.get(node)
            if made is not None and made.ino != PENDING:
                self._is_here(made, recorded_ns)
            settle(self._db, node)

    def found(self, several: Iterable[int], contested: Iterable[int]) -> None:
        """Seat nodes whose versions were all known at once: those with several heads, and those who meet others."""
        self._forest.touched.clear()
        claims = dict.fromkeys(contested)
        for node in several:
            claims.update(dict.fromkeys(self._restate(node)))
        reseat(self._forest, claims, self._known)
        for node in {*claims, *self._forest.touched}:
            self._forest.settle(node)
            self._make_plain(node)
            settle(self._db, node)

    # -- versions and heads ---------------------------------------------------------------------

    def _add(self, item: Applied, recorded_ns: int) -> None:
        """Keep a version as it was stated, and make it a head of its node."""
        node, version, change = item.change.node, item.version, item.change
        heads = self.heads(node)
        self._forest.touch(node)
        # The newest version stands in the node's row alone while that is plain; what it says is kept.
        self._forest.keep_stated(node)
        marks = ", ".join("?" * 15)
        self._db.execute(
            f"INSERT OR REPLACE INTO version (id, node, {ENTRY}, superseded_ns) VALUES ({marks})",  # noqa: S608
            (version, node, *change[1:11], pack_parents(change.parents), recorded_ns, recorded_ns),
        )
        self._db.executemany(
            "UPDATE version SET superseded_ns = CASE WHEN superseded_ns = recorded_ns THEN ?1 "
            "ELSE min(superseded_ns, ?1) END WHERE id = ?2",
            ((recorded_ns, parent) for parent in change.parents),
        )
        self._db.execute("DELETE FROM head WHERE node = ?", (node,))
        self._db.execute("DELETE FROM copy WHERE node = ?", (node,))  # a copy that was changed is a node of its own
        standing = [head for head in heads if head not in change.parents]
        self._db.executemany("INSERT INTO head VALUES (?, ?, 0)", ((node, head) for head in [*standing, version]))

    def heads(self, node: int) -> list[int]:
        """Return a node's heads; none when it is not known."""
        found = [head for (head,) in self._db.execute("SELECT version FROM head WHERE node = ?", (node,))]
        if found:
            return found
        # A copy's row says a version of another node: it has none of its own until it is changed.
        sql = "SELECT version FROM node WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM copy WHERE node = ?1)"
        row = self._db.execute(sql, (node,)).fetchone()
        return [row[0]] if row else []

    # -- the node's row -------------------------------------------------------------------------

    def _restate(self, node: int) -> list[int]:
        """Make a node's row, and those of its copies, say what its versions come to; return them all."""
        versions = {version.id: version for version in self._known.versions(node)}
        merged = self._known.merged(node)
        values = {loser.bytes_value for loser in merged.losers}
        losing = {head for head in merged.heads if versions[head].bytes_value in values}
        shown = [head for head in merged.heads if head not in losing] or [merged.content.id]
        self._db.executemany(
            "UPDATE head SET losing = ? WHERE node = ? AND version = ?",
            ((int(head in losing), node, head) for head in merged.heads),
        )
        self._write(node, versions[shown[-1]], merged)
        return [node, *self._copies(node, merged)]

    def _write(self, node: int, newest: Version, merged: Merged) -> None:
        content = merged.content
        kind = content.kind if merged.alive else Kind.TOMBSTONE
        mode = merged.mode.mode if merged.alive else 0
        (recorded_ns,) = self._db.execute("SELECT recorded_ns FROM version WHERE id = ?", (newest.id,)).fetchone()
        row = (
            newest.id,
            kind,
            0 if merged.alive else merged.kind,
            mode,
            merged.mtime_ns if merged.alive else 0,
            content.size,
            content.depth,
            content.profile,
            content.content,
            content.inline,
            pack_parents(newest.parents),
            recorded_ns,
        )
        if self._db.execute("SELECT 1 FROM node WHERE id = ?", (node,)).fetchone() is None:
            self._db.execute(
                "INSERT INTO node (id, version, kind, was, mode, mtime_ns, size, depth, profile, content, inline, "
                "parents, recorded_ns, parent, name, ino, ctime_ns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (node, *row, UNSEATED if merged.alive else merged.place.parent, merged.place.name, PENDING),
            )
        else:
            revived = kind == Kind.TOMBSTONE and merged.kind == Kind.DIRECTORY  # if something lives in it
            # Until it is seated anew it is known whom it is one with: what is inside stands there.
            seat = self._forest.seat(node) if revived else None
            still = seat is not None and seat.hidden is not None
            self._db.execute(
                "UPDATE node SET version = ?, kind = CASE WHEN ? THEN kind ELSE ? END, was = ?, "
                "mode = CASE WHEN ? AND kind <> 4 THEN ? ELSE ? END, "
                "mtime_ns = ?, size = ?, depth = ?, profile = ?, content = ?, inline = ?, parents = ?, "
                "recorded_ns = ?, parent = CASE WHEN parent < 0 AND ? THEN ? ELSE parent END WHERE id = ?",
                (
                    *(row[0], revived, row[1], row[2], revived, merged.mode.mode, *row[3:]),
                    *(not (merged.alive or still), merged.place.parent, node),
                ),
            )
            if not (merged.alive or still):
                self._db.execute("DELETE FROM hidden WHERE node = ?", (node,))
        self._forest.want(node, merged.place.parent, merged.place.name)

    def _copies(self, node: int, merged: Merged) -> list[int]:
        """Make rows for the contents that lost, and end those that lost no more."""
        before = {copy for (copy,) in self._db.execute("SELECT node FROM copy WHERE original = ?", (node,))}
        now = {loser.id: loser for loser in merged.losers if not self._is_node(loser.id)}
        for copy, loser in now.items():
            self._forest.touch(copy)
            self._db.execute(
                "INSERT OR REPLACE INTO node (id, version, kind, was, mode, mtime_ns, size, depth, profile, content, "
                "inline, parents, recorded_ns, parent, name, ino, ctime_ns) "
                "SELECT id, id, kind, 0, mode, mtime_ns, size, depth, profile, content, inline, parents, recorded_ns, "
                "coalesce((SELECT parent FROM node WHERE id = ?1), ?2), "
                "coalesce((SELECT name FROM node WHERE id = ?1), ?3), ?4, 0 FROM version WHERE id = ?1",
                (copy, UNSEATED, loser.name, PENDING),
            )
            self._db.execute("INSERT OR REPLACE INTO copy VALUES (?, ?)", (copy, node))
            self._forest.want(copy, merged.place.parent, merged.place.name)
        for copy in before - now.keys():
            self._forest.touch(copy)
            self._db.execute("UPDATE copy SET original = ? WHERE node = ?", (ENDED, copy))
            self._db.execute("UPDATE node SET was = max(was, kind), kind = 4 WHERE id = ? AND kind <> 4", (copy,))
        return [*now, *(before - now.keys())]

    def _is_node(self, identity: int) -> bool:
        """Tell whether an overruled content was changed, and so is a node of its own."""
        sql = (
            "SELECT 1 FROM version WHERE node = ?1 AND id <> ?1 "
            "UNION SELECT 1 FROM node WHERE id = ?1 AND version <> ?1"
        )
        return self._db.execute(sql, (identity,)).fetchone() is not None

    def _is_here(self, item: Applied, recorded_ns: int) -> None:
        """Note that this disk has a version that was made on it."""
        change = item.change
        self._db.execute("DELETE FROM base WHERE id = ?", (change.node,))
        if change.kind == Kind.TOMBSTONE:
            self._goes_with(change.node)
        else:
            place = item.at or (change.parent, change.name)
            heads = pack_parents((item.version,))
            row = (change.node, item.version, *place, *change[3:11], heads, recorded_ns, item.ino, item.ctime_ns)
            self._db.execute(f"INSERT INTO base VALUES ({', '.join('?' * 16)})", row)  # noqa: S608

    def _goes_with(self, directory: int) -> None:
        """Note that what lay in a directory is gone from this disk with it, though nobody had to be told."""
        inside = [node for (node,) in self._db.execute("SELECT id FROM base WHERE parent = ?", (directory,))]
        self._db.execute("DELETE FROM base WHERE parent = ?", (directory,))
        for node in inside:
            settle(self._db, node)

    # -- afterwards -----------------------------------------------------------------------------

    def _make_plain(self, node: int) -> None:
        """Let a node's row stand for its newest version again, where it says nothing else."""
        if len(self.heads(node)) > 1 or self._db.execute("SELECT 1 FROM want WHERE node = ?", (node,)).fetchone():
            return
        row = self._db.execute("SELECT version, kind, was FROM node WHERE id = ?", (node,)).fetchone()
        if row is None or (row[1] != Kind.TOMBSTONE and row[2]):
            return
        self._db.execute("DELETE FROM head WHERE node = ?", (node,))
        # A dead directory may be seated elsewhere than where it was said to be dead; that stays as it was stated.
        self._db.execute(
            "DELETE FROM version WHERE id = ?1 AND node = ?2 "
            "AND (kind <> 4 OR (parent, name) = (SELECT parent, name FROM node WHERE id = ?2))",
            (row[0], node),
        )
