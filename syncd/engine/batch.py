"""What the next record will say, gathered until it closes; and what waits to be said.

Values only: the outbox fills a batch and commits it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.engine.fold import ELSEWHERE, Fingerprints
from syncd.journal.statements import Statement, from_wire, to_wire
from syncd.model import cbor
from syncd.model.entry import Change, Stat
from syncd.model.location import PackLocations
from syncd.model.version import Row


def dump_statements(statements: list[Statement]) -> bytes:
    """Return statements waiting for the next record as bytes."""
    return cbor.dumps([to_wire(statement) for statement in statements])


def load_statements(raw: bytes | None) -> list[Statement]:
    """Return statements from bytes; none from none."""
    return [from_wire(wire, "waiting statements") for wire in cbor.loads(raw)] if raw else []


def dump_standing(fingerprints: Fingerprints) -> bytes:
    """Return where the entries of a record's changes stand on this disk, as far as that is not where they want to."""
    return cbor.dumps(
        [
            [row, found[2] if found != ELSEWHERE else None]
            for row, found in fingerprints.items()
            if found == ELSEWHERE or found[2] is not None
        ]
    )


def load_standing(raw: bytes | None) -> dict[int, tuple[int, int, tuple[int, bytes] | None]]:
    """Return such places as fingerprints that nobody believes: what was seen is not known any more."""
    return {
        row: ELSEWHERE if place is None else (0, 0, (place[0], place[1]))
        for row, place in (cbor.loads(raw) if raw else [])
    }


@dataclass(slots=True)
class Batch:
    """What the next record will say, and what the state will remember with it."""

    changes: list[Change] = field(default_factory=list)
    said: dict[int, tuple[int, Change]] = field(default_factory=dict)  # node -> the version that was said last
    fingerprints: dict[int, tuple[int, int, tuple[int, bytes] | None]] = field(default_factory=dict)
    digests: list[tuple[int, bytes]] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    mounts: list[tuple[int, bool]] = field(default_factory=list)
    adopted: list[Row] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)  # from this disk, which no change says
    seen: list[tuple[int, Stat]] = field(default_factory=list)
    packs: list[tuple[int, PackLocations]] = field(default_factory=list)
    pack_bytes: int = 0
    weight: int = 0  # bytes that the record will have, at most
    since_s: float = 0.0


@dataclass(slots=True)
class Written:
    """What an outbox has done since it was made; sizes in bytes."""

    records: int = 0
    changes: int = 0
    packs: int = 0
    stored_bytes: int = 0
    new_bytes: int = 0
