"""What the loop could not take or bring, and why: kept between looks, each of which sees but a part of the folder.

Invariants: a problem stands until a look at its directory, or a try of its step, does not find it any more; a step that
was in the way is tried again soon, later each time, and no later than others' words are listed anyway.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from syncd.engine.applied import HELD
from syncd.engine.both import Both
from syncd.engine.guards import HELD_OUT
from syncd.fs.disk import Disk
from syncd.model.path import split

AGAIN_FIRST_S, AGAIN_LONGEST_S = 2.0, 30.0  # a FUSE mount keeps a name that went for a second


class Problems:
    """The problems of one folder.

    Args:
        disk: of the folder; it is asked whether something still stands at a path.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._found: dict[bytes, str] = {}  # by looks
        self._steps: dict[bytes, str] = {}  # by tries to bring what others said
        self._again_s = 0.0
        self.due_s = math.inf  # when the steps are tried again

    @property
    def all(self) -> dict[bytes, str]:
        """Return path -> reason."""
        return {**self._found, **self._steps}

    def learn(self, both: Both, directories: Collection[bytes] | None, now_s: float) -> None:
        """Take what a pass found in some directories, or in the whole folder; it has all its problems from then on."""
        if directories is None:
            self._scanned(both.outward.problems)
        else:
            self._looked(directories, both.outward.problems)
        self._tried(both.applied.problems, now_s)
        both.outward.problems.update(both.applied.problems)

    def _stands(self, path: bytes) -> bool:
        try:
            return self._disk.lstat(path) is not None
        except OSError:
            return True

    def _scanned(self, found: Mapping[bytes, str]) -> None:
        """Take what a scan of the whole folder found."""
        self._found = dict(found)

    def _looked(self, directories: Collection[bytes], found: Mapping[bytes, str]) -> None:
        """Take what a look at some directories found."""
        for path, reason in list(self._found.items()):
            if split(path)[0] in directories or (
                # What went with its directory: nobody looks at that one again. A hold is about what is not there.
                reason != HELD_OUT and _is_below(path, directories) and not self._stands(path)
            ):
                del self._found[path]
        self._found.update(found)

    def _tried(self, steps: Mapping[bytes, str], now_s: float) -> None:
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
