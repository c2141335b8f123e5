"""What the doors show: JSON fields of entries, versions, changes, conflicts, holds, devices and stores.

The command line and the API say the same, since both say what is made here. Reads a vault opened for reading; asks a
store only for contents. Values out are plain dicts, lists, text and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.engine.conflicts import Conflict, conflicts
from syncd.engine.guards import OUT, holds
from syncd.engine.pruning import LAPSE_DAYS
from syncd.engine.reviewing import Shown, tops, within
from syncd.engine.rules import read_rules
from syncd.engine.standing import standing
from syncd.engine.vault import Vault
from syncd.errors import PathUnknown, UsageError
from syncd.history.changes import latest
from syncd.history.tree import Tree, find_gone
from syncd.history.versions import history, version_id
from syncd.model.entry import Kind
from syncd.model.ids import device_of
from syncd.model.path import join, path_fields, shown
from syncd.model.version import Row
from syncd.scan.ignore import ignored_by
from syncd.state.devices import Device


def entry_fields(devices: list[Device], path: bytes, row: Row, state: str = "safe") -> dict[str, Any]:
    """Return the fields of an entry."""
    return {
        **path_fields(path),
        "kind": Kind(row.kind).word,
        "size": row.size,
        "mtime_ns": row.mtime_ns,
        "mode": row.mode,
        "version_id": version_id(row.version, devices),
        "state": state,
    }


def listing(vault: Vault, path: bytes, at_ns: int | None, *, deleted: bool) -> list[tuple[bytes, Row, str]]:
    """Return what stands in a directory, and what was deleted from it, as it last was; by name.

    Raises:
        PathUnknown: there is and was no such directory.
    """
    nodes, tree = vault.state.nodes, Tree(vault.state.nodes, at_ns)
    try:
        placed = tree.find(path)
    except PathUnknown:
        if not deleted or at_ns is not None:
            raise
        placed = find_gone(nodes, path)
    found = [(join(path, row.name), row, "safe") for row in tree.children(placed.node)]
    if deleted:
        taken = {name for name, _, _ in found}
        for row in nodes.gone_children(placed.node):
            if join(path, row.name) not in taken:
                found.append((join(path, row.name), nodes.last_alive(row.node) or row, "deleted"))
    return sorted(found, key=lambda entry: (entry[0], entry[2]))


def entries(vault: Vault, path: bytes, at_ns: int | None, *, deleted: bool, after: str, most: int) -> dict[str, Any]:
    """Return a page of a directory's entries, with how many versions each has."""
    found = listing(vault, path, at_ns, deleted=deleted)
    start = _number(after)
    page = found[start : start + most]
    counts = vault.state.search.counts([row.node for _, row, _ in page])
    devices = vault.state.devices.all()
    items = [{**entry_fields(devices, *entry), "versions": counts[entry[1].node]} for entry in page]
    return {"items": items, "next": str(start + most) if start + most < len(found) else None, "total": len(found)}


def _number(cursor: str) -> int:
    if cursor and not cursor.isdigit():
        raise UsageError(f"{cursor!r} is no cursor", hint="Use the one that came with the last page.")
    return int(cursor or 0)


def find(vault: Vault, text: str, *, deleted: bool, most: int) -> dict[str, Any]:
    """Return entries whose name has the last word of a text, and whose path has the others: now, or ever.

    What is there comes first, then what was deleted, then old names of what is called otherwise now.
    """
    words = text.split()
    if not words:
        return {"items": [], "more": False}
    devices = vault.state.devices.all()
    others, name = [word.lower() for word in words[:-1]], words[-1]
    above, slash, last = name.rpartition("/")
    if slash:
        others.append(above.lower() + "/")
    items: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    for row, path, state in _found(vault, last, deleted=deleted):
        if path in seen or not all(word in path.decode("utf-8", "replace").lower() for word in others):
            continue
        if len(items) == most:
            return {"items": items, "more": True}
        seen.add(path)
        items.append(entry_fields(devices, path, row, state))
    return {"items": items, "more": False}


def _found(vault: Vault, part: str, *, deleted: bool) -> Iterator[tuple[Row, bytes, str]]:
    nodes, search = vault.state.nodes, vault.state.search
    for row in search.named(part, deleted=False):
        yield row, nodes.path_of(row.node), "safe"
    if not deleted:
        return
    for row in search.named(part, deleted=True):
        yield nodes.last_alive(row.node) or row, nodes.path_of(row.node), "deleted"
    for row in search.once_named(part):
        above = nodes.path_of(row.parent) if row.parent > 0 else b""
        yield row, join(above, row.name), "renamed"


def versions(vault: Vault, path: bytes, *, after: str, most: int) -> dict[str, Any]:
    """Return a page of the versions of whatever stood at a path, newest first.

    Raises:
        PathUnknown: nothing ever did.
    """
    found = history(vault.state.nodes, vault.state.devices.all(), path)
    start = _number(after)
    names = {device.id.hex()[:8]: vault.state.called(device) for device in vault.state.devices.all()}
    items = [
        {
            "version_id": version.version_id,
            **path_fields(version.path),
            "kind": Kind(version.row.kind).word,
            "size": version.row.size,
            "mtime_ns": version.row.mtime_ns,
            "device": names.get(version.version_id.partition("-")[0], version.device),
            "recorded_ns": version.row.recorded_ns,
            "change": version.change,
            "current": version.current,
        }
        for version in found[start : start + most]
    ]
    return {"items": items, "next": str(start + most) if start + most < len(found) else None, "total": len(found)}


def changes(vault: Vault, before: str | None, most: int) -> dict[str, Any]:
    """Return a page of the latest changes of all devices."""
    devices = vault.state.devices.all()
    names = {device.no: vault.state.called(device) for device in devices}
    own = vault.device.id
    told, following = latest(vault.state, before, most)
    items = [
        {
            **path_fields(change.path),
            "kind": Kind(change.row.kind).word,
            "change": change.change,
            "device": names.get(change.device, ""),
            "here": any(device.no == change.device and device.id == own for device in devices),
            "size": change.row.size,
            "recorded_ns": change.row.recorded_ns,
            "version_id": version_id(change.row.version, devices),
        }
        for change in told
    ]
    return {"items": items, "next": following}


def conflict_list(vault: Vault) -> list[dict[str, Any]]:
    """Return all conflicts: `a` stands at the path, `b` is shown beside it."""
    devices = vault.state.devices.all()
    names = {device.no: vault.state.called(device) for device in devices}
    return [conflict_fields(pair, devices, names) for pair in conflicts(vault.state)]


def conflict_fields(pair: Conflict, devices: list[Device], names: dict[int, str]) -> dict[str, Any]:
    """Return the fields of a conflict."""
    sides = {}
    for letter, row in (("a", pair.a), ("b", pair.b)):
        sides[letter] = {
            "version_id": version_id(row.version, devices),
            "kind": Kind(row.kind).word,
            "size": row.size,
            "mode": row.mode,
            "mtime_ns": row.mtime_ns,
            "recorded_ns": row.recorded_ns,
            "device": names.get(device_of(row.version), ""),
        }
    base = None if pair.base is None else version_id(pair.base, devices)
    return {**path_fields(pair.path), **path_fields(pair.copy_path, "copy_path"), **sides, "base": base}


def hold_list(vault: Vault) -> list[dict[str, Any]]:
    """Return the deletions that wait for a yes."""
    ways = {True: "deleted here", False: "deleted by others"}
    return [
        {
            "way": hold.way,
            "what": ways[hold.way == OUT],
            "entries": hold.entries,
            "seal": hold.seal,
            "paths": [_going(one) for one in tops(vault.state, hold)],
        }
        for hold in holds(vault.state)
    ]


def hold_entries(vault: Vault, path: bytes, *, after: str, most: int) -> dict[str, Any]:
    """Return a page of what lies in a directory that waits to be deleted, and would go with it.

    Raises:
        UsageError: no such directory waits.
    """
    found, start = within(vault.state, path), _number(after)
    items = [_going(one) for one in found[start : start + most]]
    return {"items": items, "next": str(start + most) if start + most < len(found) else None, "total": len(found)}


def _going(one: Shown) -> dict[str, Any]:
    return {**path_fields(one.path), "kind": one.kind.word, "entries": one.entries}


def device_list(vault: Vault) -> list[dict[str, Any]]:
    """Return the devices that share the folder, with what each said last and when by its own clock.

    One `waits` of which nothing is taken after another was revoked: a person says whether it is welcome. Others said
    so much `since` a device's last word, which it may have taken all the same: who has nothing to say says nothing.
    One that is `stale` was silent for so long that pruning waits for it no more.
    """
    rows, own = vault.state.devices.all(), vault.device.id
    newest = {row.device: row for row in vault.state.devices.records()}
    now = standing(vault.state)
    recent = vault.state.receipts.younger_than(LAPSE_DAYS)
    out, known = now.revoked, {own, vault.genesis.founder, *now.approved, *now.revoked}
    return [
        {
            "name": vault.state.called(row),
            "device": row.id.hex(),
            "this": row.id == own,
            "records": row.sequence,
            "last_record_ns": newest[row.no].claimed_ns if row.no in newest else None,
            "since": 0 if row.id == own else vault.state.devices.said_since(row),
            "stale": bool(row.sequence) and row.id != own and row.no not in recent,
            "revoked": row.id in out,
            "waits": bool(out) and not row.sequence and row.id not in known,
        }
        for row in rows
    ]


def space(vault: Vault) -> dict[str, Any]:
    """Return what the vault holds and what that takes."""
    count, size = vault.state.search.volume()
    packs, pack_bytes = vault.state.packs.volume()
    _, record_bytes = vault.state.devices.volume()
    return {
        "versions": count,
        "logical_bytes": size,
        "stored_bytes": pack_bytes + record_bytes,
        "packs": packs,
        "chunks": len(vault.state.chunks),
    }


def ignore_test(vault: Vault, path: bytes, *, is_directory: bool) -> dict[str, Any]:
    """Return whether a path is ignored, by which pattern, and which path on the way to it that pattern meets."""
    stat = vault.disk.stat(path)
    is_directory = is_directory or (stat is not None and stat.kind == Kind.DIRECTORY)
    found = ignored_by(read_rules(vault), path, is_directory)
    exists = stat is not None
    if found is None:
        return {**path_fields(path), "ignored": False, "pattern": None, "by": None, "exists": exists}
    return {**path_fields(path), "ignored": True, "pattern": found[1], "by": shown(found[0]), "exists": exists}
