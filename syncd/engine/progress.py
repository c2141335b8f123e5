"""How far the work is, for people who wait: counts, bytes, rate, time left, and what is in hand just now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from syncd.model.entry import Kind
from syncd.model.path import path_fields

_WINDOW_S = 5.0
UP, DOWN = "up", "down"
RelPath: TypeAlias = bytes  # `Progress.bytes` hides the type


@dataclass(frozen=True, slots=True)
class InHand:
    """A file that is read or brought just now: its path, size in bytes, direction, and the bytes done before it."""

    path: bytes
    size: int
    way: str
    before: int


@dataclass(slots=True)
class Progress:
    """Counts of one piece of work. Sizes in bytes; `total_*` are 0 while unknown. Read from any thread."""

    elapsed_s: Callable[[], float]
    total_files: int = 0
    total_bytes: int = 0
    files: int = 0
    bytes: int = 0
    down: int = 0  # of those bytes, how many were brought to this disk
    checkpoint: Callable[[], None] = lambda: None  # may raise, to stop the work between two files
    beat: Callable[[], None] = lambda: None  # told of every bit of progress, however small
    first: Callable[[], None] | None = None  # told once, when there is something to do
    in_hand: InHand | None = None
    _marks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def told(self, kind: int) -> None:
        """Note that a change was taken."""
        if kind == Kind.FILE:
            self.files += 1
        self._begin()
        self.checkpoint()

    def takes(self, path: RelPath, size: int, way: str) -> None:
        """Note that a file comes next."""
        self.beat()
        self.in_hand = InHand(path, size, way, self.bytes)
        self._begin()

    def _begin(self) -> None:
        if self.first is not None:
            first, self.first = self.first, None
            first()

    def read(self, count: int) -> None:
        """Note that so many bytes were read."""
        self.beat()
        self.bytes += count

    def brought(self, size: int) -> None:
        """Note that a file was put in place."""
        self.beat()
        self.bytes += size
        self.down += size

    def rates(self) -> tuple[float, float]:
        """Return bytes per second over the last seconds, from this disk and to it; call it at each repaint."""
        now = self.elapsed_s()
        self._marks.append((now, self.bytes, self.down))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        then, size, down = self._marks[0]
        if now <= then:
            return 0.0, 0.0
        to_here = (self.down - down) / (now - then)
        return max(0.0, (self.bytes - size) / (now - then) - to_here), to_here

    def fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        now, (up, down) = self.in_hand, self.rates()
        return {
            "files": self.files,
            "bytes": self.bytes,
            "total_files": self.total_files,
            "total_bytes": self.total_bytes,
            "rate": up + down,
            "rate_up": up,
            "rate_down": down,
            "now": None
            if now is None
            else {
                **path_fields(now.path),
                "size": now.size,
                "done": max(0, min(now.size, self.bytes - now.before)),
                "way": now.way,
            },
        }
