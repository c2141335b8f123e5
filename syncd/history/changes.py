"""The latest changes of all devices, newest first, a page at a time: what records said, by their effective times.

Costs what the page holds, not what the vault holds: records are few beside versions, and say which versions they made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from syncd.errors import UsageError
from syncd.history.tree import path_at
from syncd.history.versions import change_word, in_order
from syncd.model.ids import device_of, key
from syncd.model.version import Row
from syncd.state.db import State
from syncd.state.devices import RecordRow
from syncd.state.nodes import Nodes


@dataclass(frozen=True, slots=True)
class Told:
    """One change as a record told it; `before` is what it replaced."""

    row: Row
    path: bytes
    change: str
    device: int
    before: Row | None


def latest(state: State, before: str | None = None, most: int = 100) -> tuple[list[Told], str | None]:
    """Return changes, newest first, and the cursor of what follows, None where nothing does.

    Args:
        state: of this device.
        before: the cursor that came with the last page that is known; None for the newest ones.
        most: how many.

    Raises:
        UsageError: the cursor is none.
    """
    wanted: list[tuple[int, str]] = []
    for record, version in _versions(state.devices.newest_records(), _parse(before)):
        wanted.append((version, f"{record.effective_ns}-{record.device}-{version}"))
        if len(wanted) == most:
            break
    rows = state.search.versions([version for version, _ in wanted])
    told = []
    known: dict[int, Sequence[Row]] = {}  # a file that is saved all day long is asked for once
    for version, _ in wanted:
        row = rows.get(version)
        if row is not None:  # a copy that is no more has none
            if row.node not in known:
                known[row.node] = in_order(state.nodes.versions(row.node))
            told.append(_told(state.nodes, row, known[row.node]))
    return told, wanted[-1][1] if len(wanted) == most else None


def _told(nodes: Nodes, row: Row, versions: Sequence[Row]) -> Told:
    place = next((place for place, other in enumerate(versions) if other.version == row.version), len(versions))
    before = versions[place + 1] if place + 1 < len(versions) else None
    return Told(row, path_at(nodes, row), change_word(row, before, versions), device_of(row.version), before)


def _versions(records: Iterator[RecordRow], before: tuple[int, int, int] | None) -> Iterator[tuple[RecordRow, int]]:
    """Yield the versions that records made, the newest first, from behind a cursor on."""
    for record in records:
        if before is not None and (record.effective_ns, record.device) > before[:2]:
            continue
        for counter in range(record.first + record.changes - 1, record.first - 1, -1):
            version = key(record.device, counter)
            if before is None or (record.effective_ns, record.device, version) < before:
                yield record, version


def _parse(cursor: str | None) -> tuple[int, int, int] | None:
    if cursor is None:
        return None
    try:
        when, device, version = cursor.split("-")
        return int(when), int(device), int(version)
    except ValueError as error:
        raise UsageError(f"{cursor!r} is no cursor", hint="Use the one that came with the last page.") from error
