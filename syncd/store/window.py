"""How many requests of one store may be under way at once: learnt from its refusals.

The window of TCP (Jacobson, Congestion Avoidance and Control, 1988; Chiu and Jain, 1989), additive increase and
multiplicative decrease: each answer widens it by a share of one, each refusal for being asked too often halves it, but
once only for all that was under way together. Invariant: no more are under way than it has places, and it has one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOST = 64  # requests under way at one store
LEAST = 1.0


class Window:
    """Places for requests under way.

    Args:
        most: of them; it begins there, for most stores never refuse.
        clock: of a monotonic time, in seconds.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(most), clock
        self._wide = float(most)
        self._under_way = 0
        self._halved_s = float("-inf")
        self._freed = threading.Condition()

    @property
    def places(self) -> int:
        """How many requests may be under way now."""
        return int(self._wide)

    def enter(self, patience_s: float) -> float | None:
        """Take a place; return the instant, which `leave` wants back, or None if none came free in so many seconds."""
        with self._freed:
            if not self._freed.wait_for(lambda: self._under_way < int(self._wide), timeout=max(0.0, patience_s)):
                return None
            self._under_way += 1
            return self._clock()

    def leave(self, entered_s: float, *, refused: bool | None) -> None:
        """Give the place back.

        Args:
            entered_s: what `enter` returned.
            refused: whether the store said that it is asked too often; None if it said nothing of use.
        """
        with self._freed:
            self._under_way -= 1
            if refused and entered_s > self._halved_s:  # those that set out before the last halving are its own echo
                self._wide = max(LEAST, min(self._wide, float(self._under_way + 1)) / 2)
                self._halved_s = self._clock()
            elif refused is False:
                self._wide = min(self._most, self._wide + 1 / self._wide)
            self._freed.notify_all()
