"""Questions over all nodes and versions that people ask: names by a part, many versions at once, how many there are.

Reads only. Each of them passes over a table once, whatever it is asked for, so that a page of a list costs one pass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from syncd.model.version import Row
from syncd.state.nodes import NODE, VERSION


class Search:
    """Reads the tables `node` and `version`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def versions(self, wanted: Sequence[int]) -> dict[int, Row]:
        """Return versions by identity, as they were stated."""
        marks = ", ".join("?" * len(wanted))
        found: dict[int, Row] = {}
        for sql in (
            f"SELECT {NODE} FROM node WHERE version IN ({marks})",  # noqa: S608
            f"SELECT {VERSION} FROM version WHERE id IN ({marks})",  # noqa: S608
        ):
            found.update((row[1], Row(*row)) for row in self._db.execute(sql, wanted))
        return found

    def counts(self, nodes: Sequence[int]) -> dict[int, int]:
        """Return how many versions nodes have."""
        marks = ", ".join("?" * len(nodes))
        sql = f"SELECT node, count(*) FROM version WHERE node IN ({marks}) GROUP BY node"  # noqa: S608
        older = dict(self._db.execute(sql, nodes))
        return {node: 1 + older.get(node, 0) for node in nodes}

    def named(self, part: str, *, deleted: bool) -> Iterator[Row]:
        """Yield the nodes, deleted or not, whose name has a part in whatever case of a to z."""
        kind = "kind = 4" if deleted else "kind <> 4"
        sql = f"SELECT {NODE} FROM node WHERE {_LIKE} AND {kind} AND parent >= 0"  # noqa: S608
        return (Row(*row) for row in self._db.execute(sql, (_with(part),)))

    def once_named(self, part: str) -> Iterator[Row]:
        """Yield a version of each place at which a node stood under a name with a part, where that is not its now."""
        sql = (
            f"SELECT {VERSION} FROM version WHERE {_LIKE} AND kind <> 4 AND NOT EXISTS "  # noqa: S608
            "(SELECT 1 FROM node WHERE node.id = version.node AND node.name = version.name) GROUP BY node, parent, name"
        )
        return (Row(*row) for row in self._db.execute(sql, (_with(part),)))

    def volume(self) -> tuple[int, int]:
        """Return (versions of files, their bytes), as if each were kept whole."""
        total_count = total_size = 0
        for table in ("node", "version"):
            sql = f"SELECT count(*), coalesce(sum(size), 0) FROM {table} WHERE kind = 1"  # noqa: S608
            count, size = self._db.execute(sql).fetchone()
            total_count, total_size = total_count + int(count), total_size + int(size)
        return total_count, total_size


_LIKE = "CAST(name AS TEXT) LIKE ? ESCAPE '\\'"


def _with(part: str) -> str:
    return "%" + part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
