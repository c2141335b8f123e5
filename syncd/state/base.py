"""What this disk has: the tree as it was last applied or scanned here, where it differs from the merged one.

Reads as `Nodes` does. While nothing waits to be applied the two are the same, and nothing is asked twice.
A row's `parents` are the heads that it shows: what a change made here builds upon. Names are those of this disk,
which may have to call a node otherwise than the tree does (`alias`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from syncd.model.ids import ROOT
from syncd.model.version import Row
from syncd.state.nodes import DEEPEST, HIDDEN, PENDING, Nodes, find_down, pack_parents, unpack_parents

NOWHERE = -4  # where an entry is about to stand that is about to be removed
_ROW = (
    "id, version, parent, name, kind, mode, mtime_ns, size, depth, profile, content, inline, parents, "
    "recorded_ns, ino, ctime_ns"
)
# What a row of `node` is called here.
_CALLED = (
    "coalesce((SELECT shown FROM alias WHERE alias.node = node.id AND alias.parent = node.parent "
    "AND alias.name = node.name), node.name)"
)
# Keeps what this disk has of a node in `base`, before its row says otherwise; the heads that it shows are a parameter.
KEEP_HERE = (
    f"INSERT OR IGNORE INTO base SELECT id, version, parent, {_CALLED}, kind, mode, mtime_ns, size, depth, profile, "  # noqa: S608
    "content, inline, ?, recorded_ns, ino, ctime_ns FROM node"
)


class Alias(NamedTuple):
    """A node that this disk calls otherwise: at that place under that name it is `shown` as another."""

    node: int
    parent: int
    name: bytes
    shown: bytes


class Base:
    """The tree of this disk."""

    def __init__(self, db: sqlite3.Connection, nodes: Nodes) -> None:
        self._db, self._nodes = db, nodes
        self._alike = False
        self._asked_at: int | None = None  # what was told last, and after how many changes of rows

    # -- names ----------------------------------------------------------------------------------

    def aliases(self) -> list[Alias]:
        """Return the nodes that this disk calls otherwise than the tree."""
        return list(map(Alias._make, self._db.execute("SELECT node, parent, name, shown FROM alias")))

    def wanted(self, node: int) -> Row | None:
        """Return what the tree wants of a node, under the name that it has here."""
        row = self._nodes.get(node)
        return None if row is None else self._called([row])[0]

    def _called(self, rows: list[Row]) -> list[Row]:
        """Return rows of the tree under the names that they have here."""
        if not rows or not self._db.execute("SELECT 1 FROM alias LIMIT 1").fetchone():
            return rows
        shown = {alias[:3]: alias.shown for alias in self.aliases()}
        return [row._replace(name=shown.get((row.node, row.parent, row.name), row.name)) for row in rows]

    def call(self, node: int, shown: bytes, *, stands: bool) -> None:
        """Note what this disk calls a node at the place, and for the name, that the tree has for it now.

        Args:
            node: that the tree has.
            shown: its name here; its own ends an alias.
            stands: that is what it is called already; else it still has to get the name.
        """
        here, row, want = self.get(node), self._nodes.get(node), self.wanted(node)
        assert row is not None
        assert want is not None
        if stands and here is not None and (here.parent, here.name) != (want.parent, want.name):
            self.put(here._replace(name=shown))  # it is to go elsewhere: what it is called here is that of its old name
            return
        self._db.execute("DELETE FROM alias WHERE node = ?", (node,))
        if shown != row.name:
            self._db.execute("INSERT INTO alias VALUES (?, ?, ?, ?)", (node, row.parent, row.name, shown))
        if here is not None and here.alive:
            self.put(here._replace(name=shown) if stands else here)

    def uncall(self, node: int) -> None:
        """Forget what this disk called a node: it has another place, or none."""
        self._db.execute("DELETE FROM alias WHERE node = ?", (node,))

    @property
    def waiting(self) -> bool:
        """Whether this disk differs from the merged tree anywhere."""
        sql = "SELECT EXISTS (SELECT 1 FROM base) OR EXISTS (SELECT 1 FROM node WHERE ino = -1)"
        return bool(self._db.execute(sql).fetchone()[0])

    def _rows(self, where: str, arguments: Iterable[object]) -> list[Row]:
        found = self._db.execute(f"SELECT {_ROW} FROM base WHERE {where}", tuple(arguments))  # noqa: S608
        return list(map(Row._make, found))

    def get(self, node: int) -> Row | None:
        """Return a node as this disk has it; a dead one as it was told; None when it is not here."""
        rows = self._rows("id = ?", (node,))
        if rows:
            return rows[0]
        row = self.wanted(node)
        # A node that another stands for has no place of its own; this disk has it only if a row of `base` says so.
        return None if row is None or row.parent < 0 or (row.ino == PENDING and row.alive) else row

    def children(self, parent: int) -> list[Row]:
        """Return what this disk has in a directory, by name."""
        tree = [row for row in self._nodes.children(parent) if row.ino != PENDING]
        if self._is_as_the_tree():
            return tree
        rows = self._called(tree)
        elsewhere = self._rows("parent = ? ORDER BY name, version", (parent,))
        if not elsewhere and rows is tree:
            return rows
        return sorted(rows + elsewhere, key=lambda row: (row.name, row.version))

    def _is_as_the_tree(self) -> bool:
        """Tell whether neither a row of this disk's own nor another name stands anywhere, as is mostly so.

        Asked for every directory, and so remembered until a row changes; not within a transaction, which may be undone.
        """
        now = None if self._db.in_transaction else self._db.total_changes
        if now is None or now != self._asked_at:
            sql = "SELECT 1 FROM base UNION ALL SELECT 1 FROM alias LIMIT 1"
            self._alike, self._asked_at = self._db.execute(sql).fetchone() is None, now
        return self._alike

    def named(self, parent: int, name: bytes) -> list[Row]:
        """Return what this disk has at a name: two where one went unnoticed before the other came."""
        found = [row for row in self._called(self._nodes.named(parent, name)) if row.name == name]
        for alias in self.aliases():
            if (alias.parent, alias.shown) == (parent, name):
                found += [row for row in self._called(self._nodes.named(parent, alias.name)) if row.name == name]
        return self._rows("parent = ? AND name = ?", (parent, name)) + found

    def child(self, parent: int, name: bytes) -> Row | None:
        """Return what this disk has at a name in a directory."""
        return max(self.named(parent, name), key=lambda row: row.version, default=None)

    def find(self, path: bytes) -> Row | None:
        """Return what this disk has at a path; None also for the root, which has no row."""
        return find_down(self.child, path)

    def path_of(self, node: int) -> bytes:
        """Return where this disk has a node."""
        parts: list[bytes] = []
        while node != ROOT and len(parts) < DEEPEST:
            found = self._db.execute("SELECT parent, name FROM base WHERE id = ?", (node,)).fetchone()
            sql = f"SELECT parent, {_CALLED} FROM node WHERE id = ?"  # noqa: S608
            found = found or self._db.execute(sql, (node,)).fetchone()
            if found is None:
                break
            node = found[0]
            parts.append(found[1])
        return b"/".join(reversed(parts))

    def directories(self) -> dict[int, dict[bytes, int]]:
        """Return every directory of this disk: parent -> name -> node."""
        tree: dict[int, dict[bytes, int]] = {}
        here = (
            f"SELECT id, parent, {_CALLED} FROM node WHERE kind = 2 AND ino <> -1 "  # noqa: S608
            "UNION ALL SELECT id, parent, name FROM base WHERE kind = 2"
        )
        for node, parent, name in self._db.execute(here):
            tree.setdefault(parent, {})[name] = node
        return tree

    def with_inode(self, inode: int) -> list[Row]:
        """Return the nodes that had an inode on this disk: several where one is gone and it was given away again."""
        return self._rows("ino = ?", (inode,)) + self._called(self._nodes.with_inode(inode))

    def lacking(self) -> tuple[int, int]:
        """Return (files, their bytes) that the tree wants otherwise than this disk has them."""
        sql = "SELECT count(*), coalesce(sum(size), 0) FROM node WHERE ino = -1 AND kind = 1 AND parent >= 0"
        files, size = self._db.execute(sql).fetchone()
        return int(files), int(size)

    def waiting_nodes(self, after: int, limit: int) -> list[int]:
        """Return nodes that this disk has otherwise than the tree wants, by identity."""
        sql = (
            "SELECT id FROM node WHERE ino = -1 AND id > ?1 UNION SELECT id FROM base WHERE id > ?1 "
            "ORDER BY id LIMIT ?2"
        )
        return [node for (node,) in self._db.execute(sql, (after, limit))]

    def holders(self, contents: set[tuple[int, bytes]]) -> dict[tuple[int, bytes], int]:
        """Return, of some contents (depth and ids), which this disk has, and a node that has it. Reads every node."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (content BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("DELETE FROM wanted")
        self._db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((ids,) for _, ids in contents))
        here = " UNION ALL ".join(
            f"SELECT depth, content, id FROM {table} WHERE kind = 1 AND ino > 0 AND content IN wanted"  # noqa: S608
            for table in ("node", "base")
        )
        return {(depth, ids): node for depth, ids, node in self._db.execute(here) if (depth, ids) in contents}

    def waits(self, node: int) -> bool:
        """Tell whether this disk has a node otherwise than the tree wants."""
        return bool(self._rows("id = ?", (node,)))

    def count(self) -> int:
        """Return how many entries this disk has."""
        here = "(SELECT count(*) FROM node WHERE kind <> 4 AND parent >= 0 AND ino <> -1)"
        sql = f"SELECT {here} + (SELECT count(*) FROM base)"  # noqa: S608
        return int(self._db.execute(sql).fetchone()[0])

    def doomed(self) -> list[tuple[int, int]]:
        """Return what this disk has and the tree has no more, each with the directory that it lies in; by identity."""
        gone = "base CROSS JOIN node ON node.id = base.id WHERE node.kind = 4"
        return self._db.execute(f"SELECT base.id, base.parent FROM {gone} ORDER BY base.id").fetchall()  # noqa: S608

    def lacks(self, node: int) -> None:
        """Note that this disk has a node no more, and is to have it again."""
        self._unsee(node, node)
        self._db.execute("DELETE FROM base WHERE id = ?", (node,))
        self._db.execute("UPDATE node SET ino = ? WHERE id = ? AND kind <> 4 AND parent >= 0", (PENDING, node))
        settle(self._db, node)

    # -- writing, inside the caller's transaction ---------------------------------------------------

    def put(self, row: Row) -> None:
        """Note that this disk has a node so; its waiting ends if that is what the tree wants."""
        heads = self._shown_heads(row)
        if row.ino > 0:  # whoever had this inode is gone: the file system has given it away
            for table in ("base", "node"):
                self._db.execute(f"UPDATE {table} SET ino = 0 WHERE ino = ? AND id <> ?", (row.ino, row.node))  # noqa: S608
        self._unsee(row.node, row.parent)
        marks = ", ".join("?" * 16)
        self._db.execute(f"INSERT OR REPLACE INTO base VALUES ({marks})", (*row[:12], heads, *row[13:]))  # noqa: S608
        self._db.execute("UPDATE node SET ino = ? WHERE id = ?", (PENDING, row.node))
        settle(self._db, row.node)

    def _shown_heads(self, row: Row) -> bytes:
        """Return the heads that a row shows: the tree's own if it has its bytes, else those it had, or its version."""
        newest = self._nodes.get(row.node)
        if newest is not None and (newest.depth, newest.content, newest.inline) == (row.depth, row.content, row.inline):
            found = self._db.execute(
                "SELECT version FROM head WHERE node = ? AND NOT losing ORDER BY version", (row.node,)
            ).fetchall()
            return pack_parents(tuple(head for (head,) in found) or (newest.version,))
        sql = "SELECT parents FROM base WHERE id = ? AND version = ?"
        kept = self._db.execute(sql, (row.node, row.version)).fetchone()
        return kept[0] if kept is not None else pack_parents((row.version,))

    def builds_upon(self, node: int, heads: tuple[int, ...]) -> None:
        """Note what a change of what this disk has of a node builds upon, when that is not the version it shows."""
        self._db.execute("UPDATE base SET parents = ? WHERE id = ?", (pack_parents(heads), node))

    def stands_for(self, node: int, other: int) -> bool:
        """Tell whether a directory stands for another one that it merged with."""
        sql = "SELECT 1 FROM hidden WHERE node = ? AND standing = ?"
        return self._db.execute(sql, (other, node)).fetchone() is not None

    def unmet(self) -> list[tuple[int, int]]:
        """Return (node, who stands for it) of nodes that came to be one with another, which this disk has not noted."""
        sql = (  # the few that are hidden first: all of a folder may wait
            "SELECT hidden.node, standing FROM hidden CROSS JOIN node ON node.id = hidden.node WHERE ino = ? "
            "AND NOT EXISTS (SELECT 1 FROM base WHERE base.id = hidden.node) ORDER BY hidden.node"
        )
        return self._db.execute(sql, (PENDING,)).fetchall()

    def meet(self, nodes: Iterable[int]) -> None:
        """Note that this disk shows nodes in the entry that stands for them."""
        self._db.executemany("UPDATE node SET ino = 0 WHERE id = ?", ((node,) for node in nodes))

    def met(self, standing: int) -> list[Row]:
        """Return the nodes that an entry of this disk stands for."""
        sql = (
            "SELECT hidden.node FROM hidden JOIN node ON node.id = hidden.node WHERE standing = ? AND ino <> ? "
            "AND NOT EXISTS (SELECT 1 FROM base WHERE base.id = hidden.node) ORDER BY hidden.node"
        )
        found = [self._nodes.get(node) for (node,) in self._db.execute(sql, (standing, PENDING)).fetchall()]
        return [row for row in found if row is not None]

    def merge(self, other: int, row: Row) -> None:
        """Note that a directory of this disk is another node's now, with all that this disk has in it."""
        inside = [found.node for found in self._rows("parent = ?", (other,))]
        self._db.execute("UPDATE base SET parent = ? WHERE parent = ?", (row.node, other))
        self.drop(other)
        self.put(row)
        for node in inside:
            settle(self._db, node)

    def drop(self, node: int) -> None:
        """Note that this disk has a node no more."""
        self._unsee(node, node)
        self._db.execute("DELETE FROM base WHERE id = ?", (node,))
        settle(self._db, node)

    def _unsee(self, node: int, parent: int) -> None:
        """Forget what was remembered of the directories that a node was in and comes to: they hold other things now."""
        self._db.execute(
            "DELETE FROM seen_directory WHERE node = ?2 OR node IN (SELECT parent FROM base WHERE id = ?1) "
            "OR node IN (SELECT parent FROM node WHERE id = ?1)",
            (node, parent),
        )

    # -- what is about to be done -------------------------------------------------------------------

    def intend(self, places: Iterable[tuple[int, int, bytes, int]]) -> None:
        """Note (node, parent, name, inode) of what is about to stand somewhere, or nowhere, before it does."""
        self._db.executemany("INSERT INTO placing VALUES (?, ?, ?, ?)", places)

    def intended(self) -> list[tuple[int, int, bytes, int]]:
        """Return what was about to stand somewhere and was not noted since."""
        return self._db.execute("SELECT node, parent, name, ino FROM placing").fetchall()

    def carried_out(self, places: Iterable[tuple[int, int, bytes, int]] | None = None) -> None:
        """Forget what was intended, or some of it: what became of it is noted."""
        if places is None:
            self._db.execute("DELETE FROM placing")
            return
        self._db.executemany("DELETE FROM placing WHERE node = ? AND parent = ? AND name = ? AND ino = ?", places)

    # -- one by one -----------------------------------------------------------------------------

    def original(self, node: int) -> int | None:
        """Return whose overruled content a node is: 0 when that is decided, None when it is a node of its own."""
        found = self._db.execute("SELECT original FROM copy WHERE node = ?", (node,)).fetchone()
        return None if found is None else found[0]

    def copies(self, node: int) -> list[Row]:
        """Return the overruled contents of a node that this disk has."""
        found = self._db.execute("SELECT node FROM copy WHERE original = ? ORDER BY node", (node,)).fetchall()
        rows = [self.get(copy) for (copy,) in found]
        return [row for row in rows if row is not None and row.alive]

    def absent(self, parent: int, name: bytes) -> Row | None:
        """Return what the tree has at a name and this disk has not yet."""
        row = self._nodes.child(parent, name)
        for alias in self.aliases():
            if (alias.parent, alias.shown) == (parent, name):
                row = self._nodes.get(alias.node)
        if row is None or row.ino != PENDING or self._rows("id = ?", (row.node,)):
            return None
        return row if self._called([row])[0].name == name else None

    def once_at(self, parent: int, name: bytes) -> list[int]:
        """Return the nodes that ever stood at a name and are not on this disk, the latest first."""
        ever = [(node, self.get(node)) for node in self._nodes.ever_at(parent, name)]
        return [node for node, row in ever if row is None or not row.alive]

    def shown_elsewhere(self, depth: int, content: bytes) -> list[Row]:
        """Return what has, or had, a content and is not on this disk: looked up without an index, so seldom."""
        return [row for row in self._nodes.holding(depth, content) if self.get(row.node) is None]

    def heads(self, row: Row) -> tuple[int, ...]:
        """Return the versions that a change of what this disk has builds upon."""
        kept = self._db.execute("SELECT parents FROM base WHERE id = ?", (row.node,)).fetchone()
        if kept is not None:
            return unpack_parents(kept[0])
        found = self._db.execute("SELECT version FROM head WHERE node = ? AND NOT losing ORDER BY version", (row.node,))
        return tuple(head for (head,) in found) or (row.version,)


_SAME = ("parent", "kind", "mode", "mtime_ns", "depth", "content", "inline")


def settle(db: sqlite3.Connection, node: int) -> None:
    """End a node's waiting where this disk has it as its row says; forget what is neither here nor in the tree."""
    same = " AND ".join([f"{_CALLED} = base.name", *(f"node.{column} = base.{column}" for column in _SAME)])
    found = db.execute(
        f"SELECT base.ino, base.ctime_ns FROM base JOIN node ON node.id = base.id WHERE base.id = ? AND {same}",  # noqa: S608
        (node,),
    ).fetchone()
    if found is not None:
        db.execute("UPDATE node SET ino = ?, ctime_ns = ? WHERE id = ?", (*found, node))
        db.execute("DELETE FROM base WHERE id = ?", (node,))
        return
    gone = "(kind = 4 OR parent < 0) AND NOT EXISTS (SELECT 1 FROM base WHERE base.id = node.id)"
    # What another came to stand for waits until this disk is seen to have that one (`meet`).
    apart = f"(kind = 4 OR parent <> {HIDDEN})"
    db.execute(f"UPDATE node SET ino = 0 WHERE id = ? AND {gone} AND {apart}", (node,))  # noqa: S608
    ended = "id IN (SELECT node FROM copy WHERE original = 0)"
    if db.execute(f"DELETE FROM node WHERE id = ? AND {gone} AND {ended}", (node,)).rowcount:  # noqa: S608
        db.execute("DELETE FROM copy WHERE node = ?", (node,))
        db.execute("DELETE FROM want WHERE node = ?", (node,))
        db.execute("DELETE FROM hidden WHERE node = ?", (node,))
