"""Trying again: what failed for a reason that passes is repeated, with growing and random waits, within a budget.

Every call of the port may be repeated, so this is safe for all of them. Invariant: what asking again cannot change
(a refusal, a full store, a missing object) is raised at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from syncd.errors import StoreError, StoreGone
from syncd.store.window import Window

T = TypeVar("T")

BUDGET_S = 60.0  # a cluster whose leader died answers again after half a minute
FIRST_S, LONGEST_S = 0.25, 8.0


class Passing(StoreGone):
    """A failure that may pass.

    Attributes:
        after_s: how long the store asks to be left alone, 0 where it does not say.
        crowded: whether it says that it is asked too often.
    """

    def __init__(self, message: str, *, hint: str = "", after_s: float = 0.0, crowded: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.after_s, self.crowded = after_s, crowded


def again(
    work: Callable[[], T],
    *,
    budget_s: float = BUDGET_S,
    window: Window | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> T:
    """Return what work returns, tried until it does or the budget is used up; each try takes a place in the window.

    Waits are drawn from zero to a bound that doubles: "full jitter" keeps many devices from asking in step (Brooker,
    Exponential Backoff And Jitter, AWS Architecture Blog, 2015).

    Raises:
        StoreGone: it failed to the end.
        StoreError: it failed for a reason that does not pass.
    """
    end, bound = clock() + budget_s, FIRST_S
    while True:
        try:
            return work() if window is None else _within(window, end - clock(), work)
        except Passing as error:
            wait = error.after_s or jitter() * bound
            bound = min(LONGEST_S, bound * 2)
            if clock() + wait > end:
                raise StoreGone(error.message, hint=error.hint) from error
            sleep(wait)


def _within(window: Window, patience_s: float, work: Callable[[], T]) -> T:
    entered_s = window.enter(patience_s)
    if entered_s is None:
        raise Passing("the store is asked too often, and none of what waits for it came to its end", crowded=True)
    refused: bool | None = None
    try:
        found = work()
        refused = False
        return found
    except Passing as error:
        refused = error.crowded or None
        raise
    except StoreError:
        refused = False  # an answer like any other
        raise
    finally:
        window.leave(entered_s, refused=refused)


def passing(error: StoreError) -> Passing:
    """Return an error as one that may pass."""
    return Passing(error.message, hint=error.hint)
