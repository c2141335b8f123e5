"""What became of bringing this disk to the tree: values, and the words for what could not be done."""

from __future__ import annotations

from dataclasses import dataclass, field

LOCAL_FIRST = "has changes that are not published yet; they come first"
IN_THE_WAY = "something else stands there"
NOT_EMPTY = "cannot be removed: it holds what is not synced"
HELD = "is not removed while an alarm or a hold stands"


@dataclass(slots=True)
class Outcome:
    """What a run did. `look` are directories to scan, `problems` path -> reason of what could not be done."""

    done: int = 0
    size: int = 0
    removed: int = 0
    look: set[bytes] = field(default_factory=set)
    problems: dict[bytes, str] = field(default_factory=dict)
