"""Conflicts, and what a person decides about them: every decision is a version, and can be undone from history.

Two kinds: a content that another overruled, shown as a copy beside it; and two entries that want one name,
the second shown under another. `a` is what stands at the name, `b` what is shown beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.engine.outbox import Outbox
from syncd.engine.stating import Stating, tombstone_fields
from syncd.engine.vault import Vault
from syncd.errors import UsageError
from syncd.model.entry import Change
from syncd.model.version import Row
from syncd.state.db import State
from syncd.state.known import Known

KEEP_A, KEEP_B, KEEP_BOTH = "a", "b", "both"
# The few that may be one lead, and the tree is asked about each: the other way round every file would be read.
_COPIES = "copy CROSS JOIN node ON node.id = copy.node WHERE original > 0 AND node.kind <> 4"
_DISPLACED = (
    "want CROSS JOIN node ON node.id = want.node WHERE node.parent >= 0 AND node.kind <> 4 "
    "AND node.name <> want.name AND node.id NOT IN (SELECT node FROM copy)"
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One pair. `base` is the newest version that both were made from, None where there is none."""

    path: bytes
    copy_path: bytes
    a: Row
    b: Row
    base: int | None
    is_copy: bool


def count_conflicts(state: State) -> int:
    """Return how many conflicts wait for a person."""
    sql = f"SELECT (SELECT count(*) FROM {_COPIES}) + (SELECT count(*) FROM {_DISPLACED})"  # noqa: S608
    return int(state.db.execute(sql).fetchone()[0])


def conflicts(state: State) -> list[Conflict]:
    """Return all conflicts, by path."""
    found = []
    copies = f"SELECT copy.node, original FROM {_COPIES}"  # noqa: S608
    for node, original in state.db.execute(copies).fetchall():
        found.append(_pair(state, original, node, is_copy=True))
    displaced = f"SELECT want.node, want.name FROM {_DISPLACED}"  # noqa: S608
    for node, name in state.db.execute(displaced).fetchall():
        row = state.nodes.get(node)
        holder = state.nodes.child(row.parent, name) if row is not None else None
        if holder is not None:
            found.append(_pair(state, holder.node, node, is_copy=False))
    return sorted((pair for pair in found if pair is not None), key=lambda pair: (pair.path, pair.copy_path))


def _pair(state: State, one: int, other: int, *, is_copy: bool) -> Conflict | None:
    a, b = state.nodes.get(one), state.nodes.get(other)
    if a is None or b is None:
        return None
    base = _common(state, a, b) if is_copy else None
    return Conflict(state.nodes.path_of(one), state.nodes.path_of(other), a, b, base, is_copy)


def _common(state: State, a: Row, b: Row) -> int | None:
    """Return the newest version that both contents were made from."""
    known = {version.id: version for version in Known(state.db, state.devices).versions(a.node)}

    def past(version: int) -> set[int]:
        found, stack = set[int](), [version]
        while stack:
            newest = stack.pop()
            fresh = [parent for parent in known[newest].parents if parent in known and parent not in found]
            found.update(fresh)
            stack += fresh
        return found

    if a.version not in known or b.version not in known:
        return None
    both = past(a.version) & past(b.version)
    return max(both, key=lambda version: known[version].order, default=None)


def find_conflict(state: State, path: bytes) -> Conflict:
    """Return the conflict that a path is part of.

    Raises:
        UsageError: there is none.
    """
    for pair in conflicts(state):
        if path in (pair.path, pair.copy_path):
            return pair
    raise UsageError(f"{path.decode('utf-8', 'replace')} is in no conflict", hint="See `syncd conflict list`.")


def resolve(vault: Vault, outbox: Outbox, path: bytes, keep: str) -> Conflict:
    """Say what a person decided; the folder follows with the next look.

    Raises:
        UsageError: the path is in no conflict.
    """
    state = vault.state
    pair = find_conflict(state, path)
    stating = Stating(state)
    shown = state.base.get(pair.b.node) or pair.b
    if keep == KEEP_BOTH:
        said = stating.change(shown, parent=pair.b.parent, name=pair.b.name)
    elif pair.is_copy:
        said = stating.change(shown, **tombstone_fields())
        if keep == KEEP_B:
            said = [_with_content(change, pair.b) if change.node == pair.a.node else change for change in said]
    else:
        loser = shown if keep == KEEP_A else (state.base.get(pair.a.node) or pair.a)
        said = stating.change(loser, **tombstone_fields())
    for change in said:
        outbox.change(change, elsewhere=True)
    outbox.commit()
    return pair


def _with_content(change: Change, row: Row) -> Change:
    return change._replace(
        kind=row.kind,
        mode=row.mode,
        mtime_ns=row.mtime_ns,
        size=row.size,
        depth=row.depth,
        profile=row.profile,
        ids=row.content,
        inline=row.inline,
    )
