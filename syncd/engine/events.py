"""What happened, numbered, for those who follow it: a ring that one thread fills and others read.

Numbers grow and are never used twice, over restarts too: the first one is the time at which the agent began. A reader
who comes back says which it saw last; if what followed is no longer here, it learns that there is a gap. Invariant:
whoever reads without a gap has seen every event once, in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KEPT = 10_000  # events; an hour of a busy first upload


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `kind` says which fields `data` has (docs/api.md)."""

    no: int
    at_ns: int
    kind: str
    data: dict[str, Any]


class Events:
    """The ring. Safe to use from any thread.

    Args:
        now_ns: the time, for what happens and for the first number.
        kept: how many events are kept.
    """

    def __init__(self, now_ns: Callable[[], int], kept: int = KEPT) -> None:
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._ring: deque[Event] = deque(maxlen=kept)
        self._last = now_ns() // 1_000_000  # ms: more than events come in, so a restart never counts back
        self._readers: set[Callable[[], None]] = set()
        self.closed = False

    @property
    def last(self) -> int:
        """The number of the newest event, or the one before the first."""
        return self._last

    @property
    def followed(self) -> bool:
        """Whether anybody reads just now."""
        return bool(self._readers)

    def publish(self, kind: str, data: dict[str, Any]) -> Event:
        """Add an event and wake those who wait."""
        with self._lock:
            self._last += 1
            event = Event(self._last, self._now_ns(), kind, data)
            self._ring.append(event)
            readers = tuple(self._readers)
        for wake in readers:
            wake()
        return event

    def since(self, no: int) -> tuple[list[Event], bool]:
        """Return the events after a number, and whether some of them are not here any more, or never were."""
        with self._lock:
            first = self._ring[0].no if self._ring else self._last + 1
            gap = no < first - 1 or no > self._last
            return [event for event in self._ring if event.no > no or gap], gap

    def follow(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from whatever thread, after each event from now on."""
        with self._lock:
            self._readers.add(wake)

    def leave(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._readers.discard(wake)

    def close(self) -> None:
        """Let those who wait know that nothing follows."""
        self.closed = True
        for wake in tuple(self._readers):
            wake()
