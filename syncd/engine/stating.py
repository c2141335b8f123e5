"""What a change made on this disk says to everybody: where a node wants to stand, and what it builds upon.

A node may be shown at another place than it wants (its name is taken, or it is an overruled content). A
change says the place that it wants unless a person moved it, and builds upon all heads that were shown. What is
done to an entry that stands for several nodes is done to all of them.
"""

from __future__ import annotations

from syncd.merge.registers import merge
from syncd.model.entry import Change, Kind
from syncd.model.version import Row
from syncd.state.db import State
from syncd.state.known import Known


class Stating:
    """States changes of one state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.plain = state.plain  # every node stands where it wants, so there is nothing to find out

    def change(self, row: Row, **fields: object) -> list[Change]:
        """Return what is to be said when something of an entry changed.

        Args:
            row: the entry as this disk had it.
            fields: what differs now; `parent` and `name` only if it was moved.
        """
        if self.plain:
            return [_as_change(row)._replace(parents=(row.version,), **fields)]  # type: ignore[arg-type]
        original = self._state.base.original(row.node)
        said = [self._change(row, fields)] if original is None else self._change_of_copy(row, original, fields)
        for other in self._state.base.met(row.node):
            said += self._along(other, fields)
        return said

    def deciding(self, copy: Row) -> dict[str, object]:
        """Return what a change of a node builds upon that decides about one of its overruled contents."""
        original = self._state.base.original(copy.node)
        said = self._change_of_copy(copy, original, tombstone_fields()) if original else []
        return {"parents": said[0].parents} if said else {}

    def _change(self, row: Row, fields: dict[str, object]) -> Change:
        heads = self._state.base.heads(row)
        parent, name = (row.parent, row.name) if "parent" in fields else self._wanted(row, heads)
        return _as_change(row)._replace(**{"parents": heads, "parent": parent, "name": name, **fields})  # type: ignore[arg-type]

    def _along(self, other: Row, fields: dict[str, object]) -> list[Change]:
        """Return what a change of an entry says of another node that it stands for.

        A directory goes along, for what is in it wants to be there. A file or symlink has become the one that
        stands: else it would come out beside it as it was.
        """
        if other.kind == Kind.DIRECTORY and fields.get("kind") != Kind.TOMBSTONE:
            moved = {name: value for name, value in fields.items() if name in ("parent", "name")}
            return [self._change(other, moved)] if moved else []
        original = self._state.base.original(other.node)
        if original is not None:
            return self._change_of_copy(other, original, tombstone_fields())
        return [self._change(other, tombstone_fields())]

    def _wanted(self, row: Row, heads: tuple[int, ...]) -> tuple[int, bytes]:
        """Return where the versions that this disk shows want the node to stand."""
        versions = {version.id: version for version in self._known.versions(row.node)}
        seen, stack = set[int](), list(heads)
        while stack:
            version = stack.pop()
            if version in versions and version not in seen:
                seen.add(version)
                stack += versions[version].parents
        if not seen:
            return row.parent, row.name
        place = merge(versions[version] for version in seen).place
        return place.parent, place.name

    @property
    def _known(self) -> Known:
        return Known(self._state.db, self._state.devices)

    def _change_of_copy(self, row: Row, original: int, fields: dict[str, object]) -> list[Change]:
        """Return what a change of an overruled content says: that is decided, and the copy is a node of its own."""
        if not original and fields.get("kind") == Kind.TOMBSTONE:
            return self._removal_of_standing(row)
        said = []
        shown = (self._state.base.get(original) or self._state.nodes.get(original)) if original else None
        if shown is not None:
            merged = self._known.merged(original)
            loser = next((version for version in merged.losers if version.id == row.node), None)
            if loser is not None:
                versions = {version.id: version for version in self._known.versions(original)}
                lost = [head for head in merged.heads if versions[head].bytes_value == loser.bytes_value]
                heads = self._state.base.heads(shown)  # what others did since is not decided by this
                parent, name = self._wanted(shown, heads)
                parents = (*heads, *(head for head in lost if head not in heads))
                said.append(_as_change(shown)._replace(parent=parent, name=name, parents=parents))
        if fields.get("kind") != Kind.TOMBSTONE:
            # It begins with the version that was overruled, whose identity it has: so what several devices do to
            # one copy at once meets there.
            said.append(_as_change(row)._replace(parents=(row.node,), **fields))  # type: ignore[arg-type]
        return said

    def _removal_of_standing(self, copy: Row) -> list[Change]:
        """Return what is said when a copy is removed here that others' changes have made the content of its node.

        So it is if they removed what it had lost to: whoever removes the copy has not seen it stand there.
        """
        stated = self._state.nodes.version(copy.node)
        if stated is None or stated.node == copy.node:
            return []
        versions = {version.id: version for version in self._known.versions(stated.node)}
        merged = self._known.merged(stated.node)
        lost = versions[copy.node].bytes_value if copy.node in versions else ()
        here = self._state.base.get(stated.node)
        is_here = here is not None and (here.kind, here.depth, here.content, here.inline) == lost
        if not merged.alive or merged.content.bytes_value != lost or is_here:
            return []
        parents = {copy.node, *(head for head in merged.heads if versions[head].bytes_value == lost)}
        return [_as_change(stated)._replace(parents=tuple(sorted(parents)), **tombstone_fields())]  # type: ignore[arg-type]


def tombstone_fields() -> dict[str, object]:
    """Return the fields of a change that says that a node is gone."""
    return {
        "kind": Kind.TOMBSTONE,
        "mode": 0,
        "mtime_ns": 0,
        "size": 0,
        "depth": 0,
        "ids": b"",
        "inline": b"",
    }


def _as_change(row: Row) -> Change:
    return Change(row.node, *row[2:12], ())
