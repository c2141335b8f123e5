"""What the state knows of versions: the values and facts that `merge` asks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.merge.copies import Stamp
from syncd.merge.registers import Merged, Order, Version, merge
from syncd.merge.tree import Claim, Rank
from syncd.model.ids import counter_of, device_of
from syncd.state.devices import Device, Devices
from syncd.state.nodes import unpack_parents

_COLUMNS = "id, parents, parent, name, kind, mode, mtime_ns, size, depth, profile, content, inline"


class Known:
    """Versions and facts, read from the database. Devices are remembered for as long as this lives."""

    def __init__(self, db: sqlite3.Connection, devices: Devices) -> None:
        self._db, self._devices = db, devices
        self._by_number: dict[int, Device] = {}

    def _device(self, number: int) -> Device:
        found = self._by_number.get(number)
        if found is None or not found.name:
            found = self._by_number[number] = self._devices.get(number)
        return found

    # -- facts ----------------------------------------------------------------------------------

    def rank(self, identity: int) -> Rank:
        """Return a node's or version's global id."""
        return self._device(device_of(identity)).id, counter_of(identity)

    def order(self, version: int) -> Order:
        """Return where a version stands in the order of all."""
        number, counter = device_of(version), counter_of(version)
        record = self._devices.of_version(number, counter)
        return (record.lamport if record else 0), self._device(number).id, counter

    def stamp(self, claim: Claim) -> Stamp:
        """Return who made what a claim's name is for, and when."""
        version = claim.node if claim.beside is not None else self.merged(claim.node).place.id
        number, counter = device_of(version), counter_of(version)
        record = self._devices.of_version(number, counter)
        return Stamp(self._device(number).name, record.claimed_ns if record else 0, self.rank(version))

    # -- versions -------------------------------------------------------------------------------

    def versions(self, node: int) -> list[Version]:
        """Return all versions of a node, as they were stated."""
        older = self._db.execute(f"SELECT {_COLUMNS} FROM version WHERE node = ?", (node,))  # noqa: S608
        found = {row[0]: self._version(row) for row in older}
        columns = _COLUMNS.replace("id,", "version,", 1)
        newest = self._db.execute(f"SELECT {columns} FROM node WHERE id = ?", (node,)).fetchone()  # noqa: S608
        if newest is not None and newest[0] not in found and not self._is_copy(node):
            found[newest[0]] = self._version(newest)
        if node not in found:  # what was a copy begins with the version whose identity it has
            root = self._db.execute(f"SELECT {_COLUMNS} FROM version WHERE id = ?", (node,)).fetchone()  # noqa: S608
            if root is not None:
                found[node] = self._version(root)
        return list(found.values())

    def _is_copy(self, node: int) -> bool:
        return self._db.execute("SELECT 1 FROM copy WHERE node = ?", (node,)).fetchone() is not None

    def _version(self, row: Iterable[object]) -> Version:
        identity, parents, *rest = row
        assert isinstance(identity, int)
        assert isinstance(parents, bytes)
        return Version(identity, self.order(identity), unpack_parents(parents), *rest)  # type: ignore[arg-type]

    def merged(self, node: int) -> Merged:
        """Return what a node is."""
        return merge(self.versions(node))
