"""Which steps bring a node from what this disk has to what the tree wants, and in what order. Pure.

| this disk has | the tree wants | steps |
|---|---|---|
| nothing | a directory, file or symlink | create |
| an entry | nothing | remove |
| an entry | the same at another place | move |
| a file or symlink | other bytes in it | replace |
| an entry | another mode or mtime only | dress |
| an entry of one kind | one of another kind | remove, then create |

Order: moves and new directories from the root down, then bytes, then removals from the leaves up. A step
whose place is taken, or whose directory is not there yet, waits for the next round.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from syncd.model.entry import Kind
from syncd.model.version import Row


class StepKind(IntEnum):
    """What is done; the number is the phase in which it is done."""

    MOVE = 1
    CREATE_DIRECTORY = 2
    CREATE = 3
    REPLACE = 4
    DRESS = 5
    REMOVE = 6


class Waiting(NamedTuple):
    """A node that waits: its row on this disk, its row in the tree, and how deep it lies there (or here)."""

    node: int
    have: Row | None
    want: Row | None
    depth: int


class Step(NamedTuple):
    """One thing to do to one node."""

    kind: StepKind
    waiting: Waiting


def steps_for(waiting: Waiting) -> list[Step]:
    """Return what one node needs; none when it is as it is wanted."""
    have, want = waiting.have, waiting.want
    if want is None:
        return [] if have is None else [Step(StepKind.REMOVE, waiting)]
    create = StepKind.CREATE_DIRECTORY if want.kind == Kind.DIRECTORY else StepKind.CREATE
    if have is None:
        return [Step(create, waiting)]
    if have.kind != want.kind:
        return [Step(StepKind.REMOVE, waiting._replace(want=None)), Step(create, waiting._replace(have=None))]
    found = []
    if (have.parent, have.name) != (want.parent, want.name):
        found.append(Step(StepKind.MOVE, waiting))
    if (have.depth, have.content, have.inline) != (want.depth, want.content, want.inline):
        found.append(Step(StepKind.REPLACE, waiting))
    elif have.mode != want.mode or (have.mtime_ns != want.mtime_ns and want.kind != Kind.DIRECTORY):
        found.append(Step(StepKind.DRESS, waiting))
    return found or [Step(StepKind.DRESS, waiting)]


def plan(waiting: Iterable[Waiting]) -> list[Step]:
    """Return all steps, in order."""
    steps = [step for node in waiting for step in steps_for(node)]
    # Directories before what they hold; removals the other way round.
    return sorted(steps, key=_order)


def _order(step: Step) -> tuple[int, int, int]:
    # Moves and new directories go together, from the root down: one may need the other.
    phase = min(step.kind, StepKind.CREATE_DIRECTORY) if step.kind <= StepKind.CREATE_DIRECTORY else step.kind
    phase = StepKind.CREATE_DIRECTORY if phase == StepKind.MOVE else phase
    depth = -step.waiting.depth if step.kind == StepKind.REMOVE else step.waiting.depth
    return phase, depth, step.waiting.node
