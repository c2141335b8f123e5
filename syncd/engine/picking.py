"""Which version a path and an instant mean, and restoring it in place: one way for the agent and the command line."""

from __future__ import annotations

from typing import Any

from syncd.engine.inplace import InPlace
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.restoring import Restored, Restorer, check_target
from syncd.engine.reviewing import take_back
from syncd.engine.vault import Vault
from syncd.errors import PathUnknown, VersionUnknown
from syncd.history.tree import Placed, Tree, ever_at, find_gone
from syncd.history.versions import parse_version_id
from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from syncd.model.path import path_fields, shown, split


def pick(vault: Vault, path: bytes, at_ns: int | None, version: str | None) -> tuple[Tree, Placed]:
    """Return the tree and the entry that a restore or a reading command means.

    Without an instant or version it is what stands at the path, or what last stood there.

    Raises:
        PathUnknown, VersionUnknown: there is no such thing.
    """
    nodes = vault.state.nodes
    if version is not None:
        row = nodes.version(parse_version_id(version, vault.state.devices.all()))
        if row is None or not row.alive:
            raise VersionUnknown(f"there is no version {version} with content")
        if path and row.node not in ever_at(nodes, path):
            raise VersionUnknown(f"version {version} is none of {shown(path)}")
        return Tree(nodes, row.recorded_ns), Placed(path, row)
    tree = Tree(nodes, at_ns)
    if at_ns is not None and not path and not tree.children(ROOT):
        raise VersionUnknown("there was nothing in the vault at that time")
    try:
        return tree, tree.find(path)
    except PathUnknown:
        if at_ns is not None:
            raise
    gone = find_gone(nodes, path)
    return last_alive(vault, gone)


def last_alive(vault: Vault, gone: Placed) -> tuple[Tree, Placed]:
    """Return the last version with content of a deleted entry, and the tree of that time.

    Raises:
        PathUnknown: it never had any.
    """
    for row in vault.state.nodes.versions(gone.node):
        if row.alive:
            newest = vault.state.nodes.get(gone.node)
            before = newest.recorded_ns - 1 if newest is not None and not newest.alive else row.recorded_ns
            return Tree(vault.state.nodes, max(before, row.recorded_ns)), Placed(gone.path, row)
    raise PathUnknown("it was never more than a name")


def in_place(
    vault: Vault,
    paths: list[bytes],
    progress: Progress,
    *,
    at_ns: int | None,
    version: str | None,
    exact: bool,
    dry_run: bool,
) -> dict[str, Any]:
    """Restore paths into the folder and return what was done, as the API and `--json` say it."""
    if not dry_run:
        Outward(vault, Outbox(vault), progress).scan()
        take_back(vault, Outbox(vault), paths)
    picked = [pick(vault, path, at_ns, version) for path in paths]
    worker = InPlace(vault, Outbox(vault), progress, dry_run=dry_run)
    for tree, placed in picked:
        worker.restore(tree, placed, exact=exact)
    return summary(worker.result)


def elsewhere(
    vault: Vault,
    paths: list[bytes],
    target: str,
    progress: Progress,
    *,
    at_ns: int | None,
    version: str | None,
    dry_run: bool,
) -> dict[str, Any]:
    """Restore paths below another directory and return what was done."""
    check_target(vault, target)
    worker = Restorer(vault, target, progress)
    for tree, placed in [pick(vault, path, at_ns, version) for path in paths]:
        if not dry_run:
            worker.restore(tree, placed, split(placed.path)[1])
            continue
        for one in tree.below(placed) if placed.is_directory else (placed,):
            worker.result.placed.append(one.path)
            if one.row is not None and one.row.kind != Kind.DIRECTORY:
                worker.result.files += 1
                worker.result.size += one.row.size
    return summary(worker.result)


def summary(result: Restored) -> dict[str, Any]:
    """Return a restore's result as JSON fields."""
    return {
        "files": result.files,
        "bytes": result.size,
        "unchanged": result.unchanged,
        "placed": [path_fields(path) for path in result.placed],
        "removed": [path_fields(path) for path in result.removed],
        "failed": [{**path_fields(path), "reason": reason} for path, reason in result.failed.items()],
    }
