"""Filling an empty state with all versions at once, as a checkpoint has them.

Most nodes have one head and stand where it says; they are inserted as they are. What is left, where several heads
or several nodes meet or a dead directory holds what lives, is woven as if it had just arrived. Invariant: what
comes out is what folding the records makes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT
from syncd.state.nodes import ENTRY, PENDING, pack_parents, unpack_parents
from syncd.state.weave import Weave

_UNENDED = (1 << 62) - 1  # until it is known when a version was superseded
_BATCH = 10_000


class Stated(NamedTuple):
    """A version as it was stated, and when (ns)."""

    version: int
    change: Change
    recorded_ns: int


class Knotted(Exception):
    """Directories stand below themselves: what was moved has to be undone in the order in which it was said."""


class Filling:
    """Fills one empty state, inside the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._several: list[int] = []  # nodes with several heads

    def superseded(self, versions: Iterable[Stated]) -> None:
        """Take versions that are no heads."""
        self._versions((item, _UNENDED) for item in versions)

    def _versions(self, ended: Iterable[tuple[Stated, int]]) -> None:
        """Insert versions, each with the time (ns) from which it is superseded."""
        marks = ", ".join("?" * 15)
        self._db.executemany(
            f"INSERT INTO version (id, node, {ENTRY}, superseded_ns) VALUES ({marks})",  # noqa: S608
            ((item.version, item.change.node, *_entry(item), ended_ns) for item, ended_ns in ended),
        )

    def heads(self, heads: Iterable[Stated]) -> None:
        """Take heads, sorted by node."""
        plain: list[Stated] = []
        for together in _by_node(heads):
            if len(together) == 1:
                plain.append(together[0])
                continue
            node = together[0].change.node
            self._several.append(node)
            self._versions((item, item.recorded_ns) for item in together)
            self._db.executemany("INSERT INTO head VALUES (?, ?, 0)", ((node, item.version) for item in together))
        marks = ", ".join("?" * 16)
        self._db.executemany(
            f"INSERT INTO node (id, version, {ENTRY}, ino, ctime_ns) VALUES ({marks})",  # noqa: S608
            (
                (item.change.node, item.version, *_entry(item), 0 if item.change.kind == Kind.TOMBSTONE else PENDING, 0)
                for item in plain
            ),
        )

    def finish(self, weave: Weave) -> None:
        """Note what was superseded when, and weave what is not plain.

        Raises:
            Knotted: the records have to be folded one by one.
        """
        self._supersede()
        self._db.execute(
            "UPDATE node SET was = coalesce((SELECT kind FROM version WHERE version.node = node.id AND kind <> 4 "
            "LIMIT 1), (SELECT kind FROM version WHERE version.id = node.id AND kind <> 4), 0) WHERE kind = 4"
        )
        weave.found(self._several, self._contested())
        self._check_no_cycle()

    def _supersede(self) -> None:
        """Note of each version when the first one that builds upon it was said."""
        changed: list[tuple[int, int]] = []
        for table in ("node", "version"):
            rows = self._db.execute(f"SELECT parents, recorded_ns FROM {table} WHERE parents <> x''")  # noqa: S608
            for raw, recorded_ns in rows:
                changed += [(recorded_ns, parent) for parent in unpack_parents(raw)]
                if len(changed) >= _BATCH:
                    self._end(changed)
                    changed = []
        self._end(changed)

    def _end(self, ended: list[tuple[int, int]]) -> None:
        self._db.executemany("UPDATE version SET superseded_ns = min(superseded_ns, ?) WHERE id = ?", ended)

    def _contested(self) -> list[int]:
        """Return the nodes that want a name which another wants, too, or whose directory does not stand."""
        names = (
            "SELECT id FROM node JOIN (SELECT parent AS p, name AS n FROM node WHERE kind <> 4 "
            "GROUP BY parent, name HAVING count(*) > 1) ON node.parent = p AND node.name = n WHERE kind <> 4"
        )
        homeless = (
            "SELECT id FROM node AS child WHERE kind <> 4 AND parent <> 0 AND NOT EXISTS "
            "(SELECT 1 FROM node WHERE node.id = child.parent AND node.kind = 2)"
        )
        return [node for (node,) in self._db.execute(f"{names} UNION {homeless}")]

    def _check_no_cycle(self) -> None:
        above = dict(self._db.execute("SELECT id, parent FROM node WHERE kind = 2 OR was = 2"))
        above.update(
            self._db.execute("SELECT node, want.parent FROM want JOIN node ON id = node WHERE kind = 2 OR was = 2")
        )
        rooted: set[int] = {ROOT}
        for node in list(above):
            path: set[int] = set()
            while node not in rooted and node in above:
                if node in path:
                    raise Knotted
                path.add(node)
                node = above[node]
            rooted.update(path)


def _entry(item: Stated) -> tuple[object, ...]:
    return (*item.change[1:11], pack_parents(item.change.parents), item.recorded_ns)


def _by_node(heads: Iterable[Stated]) -> Iterator[list[Stated]]:
    together: list[Stated] = []
    for item in heads:
        if together and together[0].change.node != item.change.node:
            yield together
            together = []
        together.append(item)
    if together:
        yield together
