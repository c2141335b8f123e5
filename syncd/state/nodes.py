"""The base tree and what it was before: tables `node`, `version`, `seen_directory` and `problem`.

`node` has one row per node with its newest version and, for what lies on this disk, the fingerprint
of the entry; a tombstone is a row too. `version` has what was superseded. A path is found by walking
names down from the root and rebuilt by walking parents up: renaming a directory touches one row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from syncd.model.entry import Change, Stat
from syncd.model.ids import ROOT, counter_of, device_of
from syncd.model.path import names
from syncd.model.version import UNTRUSTED, Row

ENTRY = "parent, name, kind, mode, mtime_ns, size, depth, profile, content, inline, parents, recorded_ns"
PENDING = -1  # the inode of a row that this disk does not have as it says
HIDDEN, UNSEATED = -2, -3  # parents of rows that stand nowhere
DEEPEST = 100_000  # directories above one another: what a damaged journal could loop is bounded
NODE = f"id, version, {ENTRY}, ino, ctime_ns"
VERSION = f"node, id, {ENTRY}, 0, 0"
_REPLACED = ", ".join(f"{column} = excluded.{column}" for column in NODE.split(", ")[1:])
# What a dead node was: a directory lives again when something lives in it.
_WAS = "CASE WHEN excluded.kind <> 4 THEN 0 WHEN node.kind <> 4 THEN node.kind ELSE node.was END"


class Applied(NamedTuple):
    """A change together with the version it makes and, when it is on this disk, its fingerprint."""

    version: int
    change: Change
    ino: int = 0
    ctime_ns: int = UNTRUSTED
    at: tuple[int, bytes] | None = None  # (parent, name) on this disk, when that is not the change's


def pack_parents(parents: tuple[int, ...]) -> bytes:
    """Return version identities as bytes, 8 each."""
    return b"".join(parent.to_bytes(8, "little") for parent in parents)


def unpack_parents(raw: bytes) -> tuple[int, ...]:
    """Return version identities from 8 bytes each."""
    return tuple(int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw), 8))


def find_down(child: Callable[[int, bytes], Row | None], path: bytes) -> Row | None:
    """Return what stands at a path, asking `child` for each name from the root down."""
    row: Row | None = None
    parent: int = ROOT
    for name in names(path):
        row = child(parent, name)
        if row is None:
            return None
        parent = row.node
    return row


class Nodes:
    """The tree of this device."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # -- reading the newest state ---------------------------------------------------------------

    def _rows(self, where: str, arguments: Iterable[object]) -> list[Row]:
        found = self._db.execute(f"SELECT {NODE} FROM node WHERE {where}", tuple(arguments))  # noqa: S608
        return list(map(Row._make, found))

    def get(self, node: int) -> Row | None:
        """Return the newest version of a node."""
        rows = self._rows("id = ?", (node,))
        return rows[0] if rows else None

    def heads(self, node: int) -> tuple[int, ...]:
        """Return the heads of a node, where it has several or others overruled some; none where there is one."""
        found = self._db.execute("SELECT version FROM head WHERE node = ? AND NOT losing ORDER BY version", (node,))
        return tuple(head for (head,) in found)

    def child(self, parent: int, name: bytes) -> Row | None:
        """Return what stands at a name in a directory now."""
        # Two nodes may hold a name between two records of one pass, or after a collision: the newer stands.
        rows = self._rows("parent = ? AND name = ? AND kind <> 4 ORDER BY version DESC LIMIT 1", (parent, name))
        return rows[0] if rows else None

    def named(self, parent: int, name: bytes) -> list[Row]:
        """Return what this disk has, as the tree wants it, at a name in a directory."""
        return self._rows("parent = ? AND name = ? AND kind <> 4 AND ino <> -1", (parent, name))

    def children(self, parent: int) -> list[Row]:
        """Return what stands in a directory now, by name."""
        return self._rows("parent = ? AND kind <> 4 ORDER BY name, version", (parent,))

    def gone_children(self, parent: int) -> list[Row]:
        """Return what was deleted from a directory and not replaced, by name."""
        return self._rows("parent = ? AND kind = 4 ORDER BY name, version", (parent,))

    def last_alive(self, node: int) -> Row | None:
        """Return the newest version of a node that is no deletion."""
        newest = self.get(node)
        if newest is not None and newest.alive:
            return newest
        sql = f"SELECT {VERSION} FROM version WHERE node = ? AND kind <> 4 ORDER BY recorded_ns DESC, id DESC LIMIT 1"  # noqa: S608
        row = self._db.execute(sql, (node,)).fetchone()
        return Row(*row) if row else None

    def find(self, path: bytes) -> Row | None:
        """Return what stands at a path now; None also for the root, which has no row."""
        return find_down(self.child, path)

    def path_of(self, node: int) -> bytes:
        """Return a node's path, by its newest place and its parents' newest places."""
        parts: list[bytes] = []
        while node != ROOT and len(parts) < DEEPEST:
            found = self._db.execute("SELECT parent, name FROM node WHERE id = ?", (node,)).fetchone()
            if found is None:
                break
            node = found[0]
            parts.append(found[1])
        return b"/".join(reversed(parts))

    def directories(self) -> dict[int, dict[bytes, int]]:
        """Return every live directory: parent -> name -> node."""
        tree: dict[int, dict[bytes, int]] = {}
        for node, parent, name in self._db.execute("SELECT id, parent, name FROM node WHERE kind = 2"):
            tree.setdefault(parent, {})[name] = node
        return tree

    def with_inode(self, inode: int) -> list[Row]:
        """Return the live nodes that have an inode."""
        return self._rows("ino = ? AND kind <> 4", (inode,))

    def live(self) -> Iterator[Row]:
        """Yield every live node, in no order."""
        for row in self._db.execute(f"SELECT {NODE} FROM node WHERE kind <> 4"):  # noqa: S608
            yield Row(*row)

    def everything(self) -> Iterator[Row]:
        """Yield every version of every node, deleted ones too."""
        for row in self._db.execute(f"SELECT {NODE} FROM node"):  # noqa: S608
            yield Row(*row)
        for row in self._db.execute(f"SELECT {VERSION} FROM version"):  # noqa: S608
            yield Row(*row)

    def holding(self, depth: int, content: bytes) -> list[Row]:
        """Return the live nodes that have a content, then the versions that had it. Reads the whole tables."""
        wanted = "content = ? AND depth = ? AND kind <> 4"
        older = self._db.execute(f"SELECT {VERSION} FROM version WHERE {wanted} ORDER BY id DESC", (content, depth))  # noqa: S608
        return self._rows(wanted, (content, depth)) + [Row(*row) for row in older]

    def counts(self) -> tuple[int, int]:
        """Return (live files, their bytes)."""
        sql = "SELECT count(*), coalesce(sum(size), 0) FROM node WHERE kind = 1"
        files, size = self._db.execute(sql).fetchone()
        return int(files), int(size)

    # -- reading history --------------------------------------------------------------------------

    def versions(self, node: int) -> list[Row]:
        """Return all versions of a node, newest first."""
        older = self._db.execute(f"SELECT {VERSION} FROM version WHERE node = ? ORDER BY id DESC", (node,))  # noqa: S608
        newest = self.get(node)
        rows = [Row(*row) for row in older]
        # Where the tree shows a node otherwise than its newest version says, that stands here too.
        return [newest, *(row for row in rows if row.version != newest.version)] if newest else rows

    def parents(self, node: int) -> dict[int, tuple[int, ...]]:
        """Return what each version of a node builds upon."""
        return {row.version: unpack_parents(row.parents) for row in self.versions(node)}

    def version(self, version: int) -> Row | None:
        """Return one version by its identity, as it was stated."""
        # A node that is not plain has its newest version here, too: its own row says what all its versions come to.
        row = self._db.execute(f"SELECT {VERSION} FROM version WHERE id = ?", (version,)).fetchone()  # noqa: S608
        if row:
            return Row(*row)
        rows = self._rows("version = ?", (version,))
        return rows[0] if rows else None

    def children_at(self, parent: int, instant_ns: int) -> list[Row]:
        """Return what stood in a directory at an instant, by name."""
        now = self._rows("parent = ? AND recorded_ns <= ? AND kind <> 4", (parent, instant_ns))
        then = self._db.execute(
            f"SELECT {VERSION} FROM version WHERE parent = ? AND recorded_ns <= ? AND superseded_ns > ? AND kind <> 4",  # noqa: S608
            (parent, instant_ns, instant_ns),
        )
        return sorted(now + [Row(*row) for row in then], key=lambda row: row.name)

    def wished(self, parent: int) -> dict[int, bytes]:
        """Return the names that nodes in a directory want, where others may have them: node -> name. No copies."""
        sql = (
            "SELECT node.id, wanted_name FROM node JOIN want ON want.node = node.id "
            "WHERE node.parent = ? AND kind <> 4 AND node.id NOT IN (SELECT node FROM copy)"
        )
        return dict(self._db.execute(sql, (parent,)))

    def rank(self, node: int) -> tuple[bytes, int]:
        """Return a node's place in the order of nodes that is the same everywhere (see merge.tree)."""
        found = self._db.execute("SELECT id FROM device WHERE no = ?", (device_of(node),)).fetchone()
        return found[0] if found else b"", counter_of(node)

    def ever_at(self, parent: int, name: bytes) -> list[int]:
        """Return the nodes that ever stood at a name in a directory, the latest first."""
        found = self._db.execute(
            "SELECT id, max(at) FROM (SELECT id, recorded_ns AS at FROM node WHERE parent = :p AND name = :n "
            "UNION ALL SELECT node, recorded_ns FROM version WHERE parent = :p AND name = :n) "
            "GROUP BY id ORDER BY 2 DESC, 1 DESC",
            {"p": parent, "n": name},
        )
        return [row[0] for row in found]

    def heads_between(self, lowest: int, highest: int) -> Iterator[Row]:
        """Yield the heads of nodes by identity, as they were stated. Copies have none of their own."""
        several = dict[int, list[int]]()
        for node, version in self._db.execute(
            "SELECT node, version FROM head WHERE node BETWEEN ? AND ? ORDER BY node, version", (lowest, highest)
        ):
            several.setdefault(node, []).append(version)
        # A row that does not say what its newest version says has that kept beside it.
        sql = (
            "SELECT node.id, version FROM node JOIN version ON version.id = node.version WHERE node.id BETWEEN ? AND ?"
        )
        for node, version in self._db.execute(sql, (lowest, highest)):
            several.setdefault(node, [version])
        rows = self._db.execute(
            f"SELECT {NODE} FROM node WHERE id BETWEEN ? AND ? AND id NOT IN (SELECT node FROM copy) ORDER BY id",  # noqa: S608
            (lowest, highest),
        )
        for raw in rows:
            row = Row(*raw)
            for version in several.get(row.node, ()):
                stated = self.version(version)
                assert stated is not None
                yield stated
            if row.node not in several:
                yield row

    def superseded_between(self, lowest: int, highest: int) -> Iterator[Row]:
        """Yield the versions, by identity, that are no heads of their nodes, as they were stated."""
        rows = self._db.execute(
            f"SELECT {VERSION} FROM version WHERE id BETWEEN ? AND ? "  # noqa: S608
            "AND id NOT IN (SELECT version FROM head) "
            "AND id NOT IN (SELECT version FROM node WHERE id NOT IN (SELECT node FROM copy)) ORDER BY id",
            (lowest, highest),
        )
        return (Row(*row) for row in rows)

    # -- writing, inside the caller's transaction ---------------------------------------------------

    def apply(self, applied: Iterable[Applied], recorded_ns: int) -> None:
        """Make changes the newest versions of their nodes; what they supersede becomes history."""
        rows = list(applied)
        if len({item.change.node for item in rows}) < len(rows):
            for item in rows:  # a node that changes twice has to do so in order
                self._retire([item], recorded_ns)
                self._insert([item], recorded_ns)
            return
        self._retire(rows, recorded_ns)
        self._insert(rows, recorded_ns)

    def _retire(self, items: Iterable[Applied], recorded_ns: int) -> None:
        self._db.executemany(
            f"INSERT OR REPLACE INTO version (id, node, {ENTRY}, superseded_ns) "  # noqa: S608
            f"SELECT version, id, {ENTRY}, ? FROM node WHERE id = ?",
            ((recorded_ns, item.change.node) for item in items if item.version != item.change.node),
        )

    def _insert(self, items: Iterable[Applied], recorded_ns: int) -> None:
        # An update leaves the indexes alone where name and place stay: a third faster than delete and insert.
        marks = ", ".join("?" * 16)
        self._db.executemany(
            f"INSERT INTO node ({NODE}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {_REPLACED}, was = {_WAS}",  # noqa: S608
            (
                (
                    change[0],
                    version,
                    *change[1:11],  # parent to inline, in the order of the columns
                    pack_parents(change.parents) if change.parents else b"",
                    recorded_ns,
                    ino,
                    ctime_ns,
                )
                for version, change, ino, ctime_ns, _ in items
            ),
        )

    def fingerprint(self, items: Iterable[tuple[int, Stat]]) -> None:
        """Note fingerprints of entries whose content was found equal to the base."""
        for table in ("node", "base"):  # whichever says what this disk has
            self._db.executemany(
                f"UPDATE {table} SET ino = ?, ctime_ns = ? WHERE id = ? AND ino <> -1",  # noqa: S608
                ((stat.ino, stat.ctime_ns, node) for node, stat in items),
            )

    # -- the scan's memory --------------------------------------------------------------------------

    def digests(self) -> dict[int, bytes]:
        """Return the digest of every directory whose entries all match the base."""
        return dict(self._db.execute("SELECT node, digest FROM seen_directory"))

    def set_digests(self, digests: Iterable[tuple[int, bytes]]) -> None:
        """Remember directories as seen."""
        self._db.executemany("INSERT OR REPLACE INTO seen_directory VALUES (?, ?)", digests)

    def drop_digests(self, nodes: Iterable[int]) -> None:
        """Compare some directories anew at the next scan."""
        self._db.executemany("DELETE FROM seen_directory WHERE node = ?", ((node,) for node in nodes))

    def drop_all_digests(self) -> None:
        """Compare every directory anew at the next scan."""
        self._db.execute("DELETE FROM seen_directory")

    def mount_points(self) -> list[int]:
        """Return the directories where another file system began when they were last seen."""
        return [node for (node,) in self._db.execute("SELECT node FROM mount_point")]

    def set_mounts(self, mounts: Iterable[tuple[int, bool]]) -> None:
        """Note (directory, whether another file system begins there)."""
        for node, still in mounts:
            sql = "INSERT OR IGNORE INTO mount_point VALUES (?)" if still else "DELETE FROM mount_point WHERE node = ?"
            self._db.execute(sql, (node,))

    def problems(self) -> dict[bytes, str]:
        """Return path -> reason of what the last scan could not read or does not sync."""
        return dict(self._db.execute("SELECT path, reason FROM problem ORDER BY path"))

    def set_problems(self, problems: dict[bytes, str], now_ns: int) -> None:
        """Replace the list of problems, keeping since when each stands."""
        old = self.problems()
        if old == problems:
            return
        self._db.executemany("DELETE FROM problem WHERE path = ?", ((path,) for path in old if path not in problems))
        self._db.executemany(
            "INSERT INTO problem VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE SET reason = excluded.reason",
            ((path, reason, now_ns) for path, reason in problems.items()),
        )
