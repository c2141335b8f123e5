"""What stands, or stood, at a path and below it, however much that is.

The command line and the API say the same, since both say what is made here. Reads a vault opened for reading; what is
below a directory is yielded and not gathered.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from syncd.api.views import entry_fields
from syncd.engine.picking import pick
from syncd.engine.rules import read_rules
from syncd.engine.vault import Vault
from syncd.errors import PathUnknown
from syncd.history.tree import Placed, Tree, find_gone
from syncd.model.entry import Kind
from syncd.model.path import join, path_fields
from syncd.model.version import Row
from syncd.scan.ignore import ignored_by


def entry(vault: Vault, path: bytes, at_ns: int | None, version: str | None) -> dict[str, Any]:
    """Return what stands, stood at an instant, or last stood at a path; or one version of it.

    Raises:
        PathUnknown, VersionUnknown: there is no such thing.
    """
    _, placed = pick(vault, path, at_ns, version)
    if placed.row is None:
        root = {"kind": Kind.DIRECTORY.word, "size": 0, "mtime_ns": 0, "mode": 0o755, "version_id": "", "state": "safe"}
        return {**path_fields(b""), **root}
    return entry_fields(vault.state.devices.all(), placed.path, placed.row)


def standing(vault: Vault, path: bytes) -> dict[str, Any]:
    """Return the fields of one path with how it stands: safe, changed, not in the vault, deleted.

    Raises:
        PathUnknown: nothing ever stood there.
    """
    row = vault.state.nodes.find(path)
    stat = vault.disk.stat(path)
    ignored = ignored_by(read_rules(vault), path, stat is not None and stat.kind == Kind.DIRECTORY)
    if ignored is not None and (row is not None or stat is not None):
        return {**path_fields(path), "state": f"ignored by the pattern {ignored[1]}"}
    if row is None and stat is not None and path:
        return {**path_fields(path), "state": "not in the vault yet"}
    if row is None:
        gone = find_gone(vault.state.nodes, path)
        return {**path_fields(path), "state": "safe" if gone.row is None else "deleted"}
    state = "safe"
    if stat is None:
        state = "missing in the folder"
    elif row.kind == Kind.FILE and (stat.size, stat.mtime_ns) != (row.size, row.mtime_ns):
        state = "changed, not taken yet"
    reason = vault.state.nodes.problems().get(path)
    if reason is not None:
        state = f"{state}, but: {reason}" if state == "safe" else reason
    return entry_fields(vault.state.devices.all(), path, row, state)


def tree(
    vault: Vault, path: bytes, at_ns: int | None, *, recursive: bool, deleted: bool, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the fields of what stands in a directory, and with `recursive` below it; of a file its own.

    Args:
        vault: opened for reading.
        path: of the directory.
        at_ns: the instant, None for now.
        recursive: everything below, too.
        deleted: what was deleted, too, as it last was.
        pattern: a glob over names, or over whole paths when it has a slash; empty for all.

    Raises:
        PathUnknown: there is, and with `deleted` was, no such directory.
    """
    devices = vault.state.devices.all()
    for found, row, state in _found(vault, path, at_ns, recursive=recursive, deleted=deleted):
        if not pattern or matches(found, pattern):
            yield entry_fields(devices, found, row, state)


def matches(path: bytes, pattern: str) -> bool:
    """Tell whether a path meets a glob."""
    text = path.decode("utf-8", "surrogateescape")
    subject = text if "/" in pattern else text.rpartition("/")[2]
    return fnmatch.fnmatchcase(subject, pattern.lstrip("/"))


def _found(
    vault: Vault, path: bytes, at_ns: int | None, *, recursive: bool, deleted: bool
) -> Iterator[tuple[bytes, Row, str]]:
    then = Tree(vault.state.nodes, at_ns)
    try:
        placed = then.find(path)
    except PathUnknown:
        if not deleted or at_ns is not None:
            raise
        placed = find_gone(vault.state.nodes, path)
    if placed.row is not None and not placed.is_directory and placed.row.alive:
        yield path, placed.row, "safe"
        return
    if recursive:
        for below in then.below(placed):
            assert below.row is not None
            yield below.path, below.row, "safe"
    else:
        for row in then.children(placed.node):
            yield join(path, row.name), row, "safe"
    if deleted:
        yield from _gone_below(vault, placed, recursive)


def _gone_below(vault: Vault, placed: Placed, recursive: bool) -> Iterator[tuple[bytes, Row, str]]:
    nodes = vault.state.nodes
    stack = [(placed.path, placed.node)]
    while stack:
        path, node = stack.pop()
        for row in nodes.gone_children(node):
            yield join(path, row.name), nodes.last_alive(row.node) or row, "deleted"
            if recursive:
                stack.append((join(path, row.name), row.node))
        if recursive:
            stack += [(join(path, row.name), row.node) for row in nodes.children(node) if row.kind == Kind.DIRECTORY]
