"""The versions of a path: what changed, when, on which device. Follows a file through renames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.errors import VersionUnknown
from syncd.history.tree import ever_at, path_at
from syncd.model.entry import Kind
from syncd.model.ids import counter_of, device_of, key
from syncd.model.version import Row
from syncd.state.devices import Device
from syncd.state.nodes import Nodes


@dataclass(frozen=True, slots=True)
class Version:
    """One line of a history."""

    version_id: str
    path: bytes
    device: str
    change: str
    current: bool
    row: Row


def version_id(version: int, devices: Sequence[Device]) -> str:
    """Return a version's id for people: eight digits of its device, and its counter."""
    device = next(device for device in devices if device.no == device_of(version))
    return f"{device.id.hex()[:8]}-{counter_of(version)}"


def parse_version_id(text: str, devices: Sequence[Device]) -> int:
    """Return the identity that a version id names.

    Raises:
        VersionUnknown: it is not one of this vault's.
    """
    prefix, _, counter = text.strip().partition("-")
    found = [device for device in devices if prefix and device.id.hex().startswith(prefix.lower())]
    if len(found) != 1 or not counter.isdigit():
        raise VersionUnknown(f"{text!r} is not a version id of this vault")
    return key(found[0].no, int(counter))


def change_word(row: Row, before: Row | None) -> str:
    """Return in one word what a version changed."""
    if row.kind == Kind.TOMBSTONE:
        return "deleted"
    if before is None:
        return "added"
    if before.kind == Kind.TOMBSTONE:
        return "restored"
    if (row.content, row.inline, row.depth) != (before.content, before.inline, before.depth):
        return "edited"
    if row.parent != before.parent:
        return "moved"
    if row.name != before.name:
        return "renamed"
    return "mode" if row.mode != before.mode else "touched"


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return the versions of a node as they followed one another, newest first; the first stays where it is."""
    return [*rows[:1], *sorted(rows[1:], key=lambda row: (row.recorded_ns, row.version), reverse=True)]


def history(nodes: Nodes, devices: Sequence[Device], path: bytes) -> list[Version]:
    """Return the versions of everything that ever stood at a path, newest first.

    Raises:
        PathUnknown: nothing ever did.
    """
    found: list[Version] = []
    for node in ever_at(nodes, path):
        rows = in_order(nodes.versions(node))
        for place, row in enumerate(rows):
            before = rows[place + 1] if place + 1 < len(rows) else None
            device = next(device for device in devices if device.no == device_of(row.version))
            word = change_word(row, before)
            current = place == 0 and row.alive
            path_then = nodes.path_of(node) if current else path_at(nodes, row)
            found.append(Version(version_id(row.version, devices), path_then, device.name, word, current, row))
    return sorted(found, key=lambda version: (version.row.recorded_ns, version.row.version), reverse=True)
