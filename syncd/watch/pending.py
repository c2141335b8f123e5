"""From bursts of events to what to look at, and when. Pure: the clock comes in as an argument.

A file that was closed, moved or deleted settles after `settle_s`; one that only changes, after
`open_s` of quiet; both are looked at after `LONGEST_S` even if they never rest. Files that are not
due are held back while their directory is looked at for the sake of others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from syncd.model.path import split

LONGEST_S = 5.0


class Hint(Enum):
    """What an event means for settling."""

    SETTLED = "settled"  # closed after writing, moved, created by a rename, deleted
    CHANGING = "changing"  # modified, not closed


@dataclass(slots=True)
class _Wait:
    first_s: float
    due_s: float


@dataclass(slots=True)
class Pending:
    """Paths that something happened to. Times in seconds of one monotonic clock."""

    settle_s: float
    open_s: float
    _paths: dict[bytes, _Wait] = field(default_factory=dict)
    everything: bool = False
    _moves: dict[bytes, bytes] = field(default_factory=dict)

    def note(self, path: bytes, hint: Hint, now_s: float) -> None:
        """Take an event."""
        quiet = self.settle_s if hint is Hint.SETTLED else self.open_s
        wait = self._paths.get(path)
        if wait is None:
            wait = self._paths[path] = _Wait(now_s, now_s)
        wait.due_s = min(now_s + quiet, wait.first_s + LONGEST_S)

    def moved(self, source: bytes, target: bytes) -> None:
        """Take a rename: what stands at target now stood at source, however it changed meanwhile."""
        self._moves[target] = self._moves.pop(source, b"") or self._origin(source)

    def _origin(self, path: bytes) -> bytes:
        """Return where something stood before the directories on the way to it were renamed."""
        above = split(path)[0]
        while above:
            if above in self._moves:
                return self._moves[above] + path[len(above) :]
            above = split(above)[0]
        return path

    def take_moves(self) -> dict[bytes, bytes]:
        """Return target -> first source of the renames seen, and forget them."""
        moves, self._moves = self._moves, {}
        return moves

    def overflowed(self) -> None:
        """Events were lost: only a whole scan tells."""
        self.everything = True

    def next_due_s(self) -> float | None:
        """Return when something is due, None while nothing waits."""
        if self.everything:
            return 0.0
        return min((wait.due_s for wait in self._paths.values()), default=None)

    def take(self, now_s: float) -> tuple[set[bytes], set[bytes]]:
        """Return (directories to look at, paths to hold back) and forget what is due."""
        due = [path for path, wait in self._paths.items() if wait.due_s <= now_s]
        for path in due:
            del self._paths[path]
        return {split(path)[0] for path in due}, set(self._paths)

    def take_all(self) -> None:
        """Forget everything: a whole scan is about to begin."""
        self._paths.clear()
        self.everything = False

    def __len__(self) -> int:
        return len(self._paths)
