"""The tree now or at any instant, by path. Reads the local state only: no store is asked.

An instant means: what records said whose effective time is not later. Deleted paths are found by
the last node that stood there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from syncd.errors import PathUnknown
from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from syncd.model.path import join, names, shown
from syncd.model.version import Row
from syncd.state.nodes import Nodes


@dataclass(frozen=True, slots=True)
class Placed:
    """A version and the path at which it stood. `row` is None for the root directory."""

    path: bytes
    row: Row | None

    @property
    def node(self) -> int:
        """The node; the root's own for the root."""
        return self.row.node if self.row else ROOT

    @property
    def is_directory(self) -> bool:
        """Whether other entries can stand below."""
        return self.row is None or self.row.kind == Kind.DIRECTORY


class Tree:
    """The tree at an instant (ns since 1970), or now."""

    def __init__(self, nodes: Nodes, at_ns: int | None = None) -> None:
        self._nodes, self.at_ns = nodes, at_ns

    def children(self, node: int) -> list[Row]:
        """Return what stands in a directory, by name."""
        if self.at_ns is None:
            return self._nodes.children(node)
        return self._as_named_then(node, self._nodes.children_at(node, self.at_ns))

    def _as_named_then(self, node: int, rows: list[Row]) -> list[Row]:
        """Name what stood in a directory as it was named then, whoever has, or wants, those names now.

        Of several that wanted one name the lowest had it, as in the tree. What the others were called is in nobody's
        history: they have the names that they have now.
        """
        wished = self._nodes.wished(node)
        found = [(wished.get(row.node, row.name), row) for row in rows]
        first: dict[bytes, int] = {}
        for name, row in found:
            other = first.setdefault(name, row.node)
            if other != row.node and self._nodes.rank(row.node) < self._nodes.rank(other):
                first[name] = row.node
        named = [row._replace(name=name) if first[name] == row.node else row for name, row in found]
        return sorted(named, key=lambda row: (row.name, first.get(row.name) != row.node))

    def _child(self, node: int, name: bytes) -> Row | None:
        if self.at_ns is None:
            return self._nodes.child(node, name)
        rows = self.children(node)
        found = next((row for row in rows if row.name == name), None)
        now = self._nodes.child(node, name) if found is None else None
        # Nothing had the name then: it is that of an entry which is called so since others want its own.
        return found or next((row._replace(name=name) for row in rows if now and row.node == now.node), None)

    def find(self, path: bytes) -> Placed:
        """Return what stands at a path.

        Raises:
            PathUnknown: nothing did.
        """
        row: Row | None = None
        node: int = ROOT
        for name in names(path):
            row = self._child(node, name)
            if row is None:
                raise PathUnknown(f"nothing stands at {shown(path) or '.'}{self._when()}")
            node = row.node
        return Placed(path, row)

    def _when(self) -> str:
        return "" if self.at_ns is None else " at that time"

    def below(self, placed: Placed) -> Iterator[Placed]:
        """Yield everything below a directory, parents first, names in order."""
        stack = [placed]
        while stack:
            top = stack.pop()
            rows = self.children(top.node)
            if top is not placed:
                yield top
            found = [Placed(join(top.path, row.name), row) for row in rows]
            for child in found:
                if not child.is_directory:
                    yield child
            stack += [child for child in reversed(found) if child.is_directory]


def find_gone(nodes: Nodes, path: bytes) -> Placed:
    """Return the newest version of what last stood at a path, deleted or not.

    Raises:
        PathUnknown: nothing ever did.
    """
    row: Row | None = None
    parents: list[int] = [ROOT]
    for name in names(path):
        found = [node for parent in parents for node in nodes.ever_at(parent, name)]
        if not found:
            raise PathUnknown(f"nothing ever stood at {shown(path)}")
        parents = found
        row = nodes.get(found[0])
    return Placed(path, row)


def ever_at(nodes: Nodes, path: bytes) -> list[int]:
    """Return the nodes that ever stood at a path, the latest first.

    Raises:
        PathUnknown: none did.
    """
    parents: list[int] = [ROOT]
    for name in names(path):
        parents = list(dict.fromkeys(node for parent in parents for node in nodes.ever_at(parent, name)))
    if not parents:
        raise PathUnknown(f"nothing ever stood at {shown(path)}")
    return parents


def path_at(nodes: Nodes, row: Row) -> bytes:
    """Return the path at which a version stood when it was made."""
    parts = [row.name]
    parent = row.parent
    while parent != ROOT:
        above = next((found for found in nodes.versions(parent) if found.recorded_ns <= row.recorded_ns), None)
        above = above or nodes.get(parent)
        if above is None:
            break
        parts.append(above.name)
        parent = above.parent
    return b"/".join(reversed(parts))
