"""What a state says, in words that are the same in every state: no local numbers, nothing of one disk."""

from __future__ import annotations

from typing import Any

from syncd.model.ids import ROOT, counter_of, device_of
from syncd.state.db import State
from syncd.state.nodes import unpack_parents

Said = dict[str, list[tuple[Any, ...]]]


def said_by(state: State) -> Said:
    """Return the rows of all tables that tell of the vault."""
    names = {device.no: device.id for device in state.devices.all()}

    def known(identity: int) -> object:
        if identity == ROOT or identity < 0:
            return identity
        return names[device_of(identity)], counter_of(identity)

    def rows(sql: str, identities: set[str], raw: set[str]) -> list[tuple[Any, ...]]:
        cursor = state.db.execute(sql)
        columns = [column[0] for column in cursor.description]
        found = []
        for row in cursor:
            values = []
            for column, value in zip(columns, row, strict=True):
                if column in identities:
                    values.append(known(value))
                elif column in raw:
                    values.append(tuple(sorted(known(parent) for parent in unpack_parents(value))))
                else:
                    values.append(value)
            found.append(tuple(values))
        return sorted(found, key=repr)

    entry = "parent, name, kind, mode, mtime_ns, size, depth, profile, content, inline, parents, recorded_ns"
    ids = {"id", "node", "version", "parent", "wanted_parent", "standing", "original"}
    # A version may stand in its node's row, beside it, or both; one head may be listed or not.
    stated = (
        f"SELECT id, node, {entry} FROM version UNION SELECT version, id, {entry} FROM node "
        "WHERE version NOT IN (SELECT id FROM version)"
    )
    several = "SELECT node FROM head GROUP BY node HAVING count(*) > 1"
    return {
        "living": rows(f"SELECT id, version, {entry}, was FROM node WHERE kind <> 4", ids, {"parents"}),
        "dead": rows("SELECT id, version, was, parent < 0 FROM node WHERE kind = 4", ids, set()),
        "version": rows(stated, ids, {"parents"}),
        "head": rows(f"SELECT node, version, losing FROM head WHERE node IN ({several})", ids, set()),
        "want": rows("SELECT want.* FROM want JOIN node ON node.id = want.node WHERE kind <> 4", ids, set()),
        "hidden": rows("SELECT * FROM hidden", ids, set()),
        "copy": rows("SELECT * FROM copy", ids, set()),
        "device": [
            (
                device.id,
                device.name,
                device.verifying,
                device.sequence,
                device.hash,
                device.lamport,
                state.called(device),
            )
            for device in sorted(state.devices.all(), key=lambda device: device.id)
        ],
        "record": sorted(
            (
                names[row.device],
                row.sequence,
                row.size,
                row.lamport,
                row.claimed_ns,
                row.effective_ns,
                row.changes,
                row.first,
            )
            for row in state.devices.records()
        ),
        "statement": sorted((names[no], *rest) for no, *rest in state.db.execute("SELECT * FROM statement")),
        "pack": sorted(state.db.execute("SELECT id, size, epoch, salt, algorithm, segments FROM pack")),
    }
