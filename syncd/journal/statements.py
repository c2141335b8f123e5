"""The statements of a journal: one table of codes and fields (docs/format.md section 6).

Pure. Every kind of the format is here, whether or not this program makes it yet. Invariant: a
statement that this program writes has the fields and types of its row; one that it reads and does
not know is kept, or stops the folding of that journal, as the code says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from syncd.errors import Damaged


class StatementKind(IntEnum):
    """Codes of statements."""

    ENROL = 1
    RENAME_DEVICE = 2
    REVOKE = 3
    APPROVE = 4
    EPOCH = 5
    SLOT_ADD = 6
    SLOT_DROP = 7
    STORE_SET = 8
    POLICY = 9
    MOVED = 10
    CONDEMN = 11
    RESCUE = 12
    ACKNOWLEDGE = 13
    LAPSE = 14
    DELETED = 15
    BEAT = 16
    VOLUME = 17
    CHECKPOINT = 18
    WATERMARK = 19
    SUCCEED = 20
    DECIDE = 21


MUST_UNDERSTAND = 128

# Field name -> (number, type, may be absent), per kind.
Field = tuple[int, type, bool]
FIELDS: dict[StatementKind, dict[str, Field]] = {
    StatementKind.ENROL: {
        "signing": (0, bytes, False),
        "slot": (1, bytes, False),
        "public": (2, bytes, False),
        "name": (3, str, False),
        "predecessor": (4, bytes, True),
    },
    StatementKind.RENAME_DEVICE: {"device": (0, bytes, False), "name": (1, str, False)},
    StatementKind.REVOKE: {"device": (0, bytes, False), "cut": (1, int, False)},
    StatementKind.APPROVE: {"device": (0, bytes, False)},
    StatementKind.EPOCH: {
        "epoch": (0, bytes, False),
        "past": (1, list, False),
        "slots": (2, list, False),
        "revoked": (3, list, True),
    },
    StatementKind.SLOT_ADD: {"slot": (0, bytes, False), "type": (1, int, False), "public": (2, bytes, False)},
    StatementKind.SLOT_DROP: {"slot": (0, bytes, False)},
    StatementKind.STORE_SET: {
        "stores": (0, list, False),
        "copies": (1, int, False),
        "commit": (2, int, False),
        "limits": (3, dict, False),
    },
    StatementKind.POLICY: {"rules": (0, list, False), "undeletable_days": (1, int, False)},
    StatementKind.MOVED: {"packs": (0, list, False), "reason": (1, int, False)},
    StatementKind.CONDEMN: {"packs": (0, list, False)},
    StatementKind.RESCUE: {"packs": (0, list, False), "about": (1, list, True)},
    StatementKind.ACKNOWLEDGE: {"device": (0, bytes, False), "sequence": (1, int, False)},
    StatementKind.LAPSE: {"device": (0, bytes, False)},
    StatementKind.DELETED: {"names": (0, list, False)},
    StatementKind.BEAT: {},
    StatementKind.VOLUME: {"name": (0, bytes, False), "first": (1, int, False), "last": (2, int, False)},
    StatementKind.CHECKPOINT: {"sequence": (0, int, False), "hash": (1, bytes, False)},
    StatementKind.WATERMARK: {
        "store": (0, str, False),
        "device": (1, bytes, False),
        "sequence": (2, int, False),
    },
    StatementKind.SUCCEED: {
        "device": (0, bytes, False),
        "sequence": (1, int, False),
        "hash": (2, bytes, False),
    },
    StatementKind.DECIDE: {"node": (0, list, False), "decision": (1, int, False)},
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `fields` are by name for known kinds, by number for unknown ones."""

    code: int
    fields: Mapping[Any, Any]


def state(kind: StatementKind, **fields: Any) -> Statement:
    """Make a statement, checking its fields against the table.

    Raises:
        ValueError: a field is unknown, missing or of another type.
    """
    spec = FIELDS[kind]
    if unknown := fields.keys() - spec.keys():
        raise ValueError(f"{kind.name} has no fields {sorted(unknown)}")
    for name, (_, wanted, optional) in spec.items():
        if name not in fields and not optional:
            raise ValueError(f"{kind.name} lacks {name}")
        if name in fields and not isinstance(fields[name], wanted):
            raise ValueError(f"{kind.name}.{name} is not {wanted.__name__}")
    return Statement(kind, fields)


def to_wire(statement: Statement) -> list[Any]:
    """Return [code, {number: value}]."""
    spec = FIELDS.get(statement.code)  # type: ignore[call-overload]
    if spec is None:
        return [int(statement.code), dict(statement.fields)]
    numbers = {name: number for name, (number, _, _) in spec.items()}
    return [int(statement.code), {numbers.get(name, name): value for name, value in statement.fields.items()}]


def from_wire(raw: Any, what: str) -> Statement:
    """Read one statement; unknown kinds and fields are kept as they are.

    Raises:
        Damaged: it is no statement, or a known field is missing or of another type.
    """
    if not (isinstance(raw, list) and len(raw) == 2 and isinstance(raw[0], int) and isinstance(raw[1], dict)):
        raise Damaged(f"{what}: holds something that is no statement")
    code, numbered = raw
    if code not in StatementKind.__members__.values():
        if code >= MUST_UNDERSTAND:
            raise Damaged(f"{what}: statement {code} has to be understood", hint="Install a newer syncd.")
        return Statement(code, numbered)
    kind = StatementKind(code)
    names = {number: name for name, (number, _, _) in FIELDS[kind].items()}
    fields = {names.get(number, number): value for number, value in numbered.items()}
    for name, (_, wanted, optional) in FIELDS[kind].items():
        if not isinstance(fields.get(name), wanted) and not (optional and name not in fields):
            raise Damaged(f"{what}: {kind.name.lower()} without a proper {name}")
    return Statement(kind, fields)
