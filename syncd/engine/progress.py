"""How far the work is, for people who wait: counts, bytes, rate, time left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.model.entry import Kind

_WINDOW_S = 5.0


@dataclass(slots=True)
class Progress:
    """Counts of one piece of work. Sizes in bytes; `total_*` are 0 while unknown. Read from any thread."""

    elapsed_s: Callable[[], float]
    total_files: int = 0
    total_bytes: int = 0
    files: int = 0
    bytes: int = 0
    checkpoint: Callable[[], None] = lambda: None  # may raise, to stop the work between two files
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def told(self, kind: int) -> None:
        """Note that a change was taken."""
        if kind == Kind.FILE:
            self.files += 1
        self.checkpoint()

    def rate(self) -> float:
        """Return bytes per second over the last seconds; call it at each repaint."""
        now = self.elapsed_s()
        self._marks.append((now, self.bytes))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        then, size = self._marks[0]
        return (self.bytes - size) / (now - then) if now > then else 0.0
