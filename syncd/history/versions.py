"""The versions of a path: what changed, when, on which device. Follows a file through renames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from syncd.errors import VersionUnknown
from syncd.history.tree import ever_at, path_at
from syncd.model.entry import Kind
from syncd.model.ids import counter_of, device_of, key
from syncd.model.version import Row
from syncd.state.devices import Device
from syncd.state.nodes import Nodes, unpack_parents


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


def change_word(row: Row, before: Row | None, versions: Sequence[Row]) -> str:
    """Return in one word what a version changed; `versions` are all of its node."""
    if _decides(row, versions):
        return "decided"
    if row.kind == Kind.TOMBSTONE:
        return "deleted"
    if before is None:
        return "added"
    if before.kind == Kind.TOMBSTONE:
        return "restored"
    if _value(row) != _value(before):
        return "edited"
    if row.parent != before.parent:
        return "moved"
    if row.name != before.name:
        return "renamed"
    return "mode" if row.mode != before.mode else "touched"


def _decides(row: Row, versions: Sequence[Row]) -> bool:
    """Tell whether a version took one of several contents, which others had made at once."""
    upon = set(unpack_parents(row.parents))
    if len(upon) < 2 or row.kind == Kind.TOMBSTONE:
        return False
    values = {_value(other) for other in versions if other.version in upon and other.kind != Kind.TOMBSTONE}
    return len(values) > 1 and _value(row) in values


def _value(row: Row) -> tuple[bytes, bytes, int]:
    return row.content, row.inline, row.depth


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
            word = change_word(row, before, rows)
            current = place == 0 and row.alive
            path_then = nodes.path_of(node) if current else path_at(nodes, row)
            found.append(Version(version_id(row.version, devices), path_then, device.name, word, current, row))
    stands = next((version for version in found if version.current), None)
    if stands is not None:
        found = [_replaced(version) if _gave_way(version, stands) else version for version in found]
    return sorted(found, key=lambda version: (version.row.recorded_ns, version.row.version), reverse=True)


def _gave_way(version: Version, stands: Version) -> bool:
    """Tell whether another entry of this name went while the one that stands there now had the name already."""
    gone = version.row.kind == Kind.TOMBSTONE and version.row.node != stands.row.node
    return gone and version.path == stands.path and version.row.recorded_ns >= stands.row.recorded_ns


def _replaced(version: Version) -> Version:
    return replace(version, change="replaced")
