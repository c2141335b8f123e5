"""What the loop could not take or bring, and why: kept between looks, each of which sees but a part of the folder.

Invariants: a problem stands until a look at its directory, or a try of its step, does not find it any more; a step that
was in the way is tried again soon, later each time, and no later than others' words are listed anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from syncd.engine.applied import HELD
from syncd.engine.guards import HELD_OUT
from syncd.model.path import split

AGAIN_FIRST_S, AGAIN_LONGEST_S = 2.0, 30.0  # a FUSE mount keeps a name that went for a second


class Problems:
    """The problems of one folder.

    Args:
        stands: tells whether there is something at a path.
    """

    def __init__(self, stands: Callable[[bytes], bool]) -> None:
        self._stands = stands
        self._found: dict[bytes, str] = {}  # by looks
        self._steps: dict[bytes, str] = {}  # by tries to bring what others said
        self._again_s = 0.0
        self.due_s = math.inf  # when the steps are tried again

    @property
    def all(self) -> dict[bytes, str]:
        """Return path -> reason."""
        return {**self._found, **self._steps}

    def scanned(self, found: Mapping[bytes, str]) -> None:
        """Take what a scan of the whole folder found."""
        self._found = dict(found)

    def looked(self, directories: Collection[bytes], found: Mapping[bytes, str]) -> None:
        """Take what a look at some directories found."""
        for path, reason in list(self._found.items()):
            if split(path)[0] in directories or (
                # What went with its directory: nobody looks at that one again. A hold is about what is not there.
                reason != HELD_OUT and _is_below(path, directories) and not self._stands(path)
            ):
                del self._found[path]
        self._found.update(found)

    def tried(self, steps: Mapping[bytes, str], now_s: float) -> None:
        """Take what became of all steps that there were to take."""
        self._steps = dict(steps)
        if all(reason == HELD for reason in steps.values()):
            self._again_s, self.due_s = 0.0, math.inf
            return
        self._again_s = min(AGAIN_LONGEST_S, self._again_s * 2 or AGAIN_FIRST_S)
        self.due_s = now_s + self._again_s


def _is_below(path: bytes, directories: Collection[bytes]) -> bool:
    while path:
        path = split(path)[0]
        if path in directories:
            return True
    return False
