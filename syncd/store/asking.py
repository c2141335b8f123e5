"""Asking several stores: the first that gives something, enough that took something, the error that says most."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from syncd.errors import ObjectExists, ObjectMissing, StoreError, StoreGone
from syncd.store.member import Member
from syncd.store.provider import Provider

log = logging.getLogger("syncd.store")
HEDGE_S = 1.0  # a read that takes longer is asked of another store, too (Dean and Barroso, The Tail at Scale, 2013)


@dataclass(slots=True)
class Found:
    """What asking for bytes came to.

    Attributes:
        data: the bytes, None when no store gave them.
        lacking: stores that have not the object, or not whole.
        damaged: whether one gave other bytes.
        errors: why others said nothing.
    """

    data: bytes | None = None
    lacking: list[Member] = field(default_factory=list)
    damaged: bool = False
    errors: list[StoreError] = field(default_factory=list)


def first_of(members: Sequence[Member], ask: Callable[[Provider], bytes], sound: Callable[[bytes], bool]) -> Found:
    """Return the bytes that the first store gives; the next one is asked when one fails, or is slow."""
    queue, under_way, found = deque(members), dict[Future[bytes], Member](), Found()
    late = False
    while queue or under_way:
        if queue and (late or not under_way):
            member = queue.popleft()
            under_way[member.read(ask)] = member
        ready, _ = wait(under_way, HEDGE_S if queue else None, FIRST_COMPLETED)
        late = not ready
        for future in ready:
            member, error = under_way.pop(future), future.exception()
            if isinstance(error, ObjectMissing):
                found.lacking.append(member)
            elif isinstance(error, StoreError):
                found.errors.append(error)
            elif error is not None:
                raise error
            elif sound(future.result()):
                found.data = future.result()
                return found
            else:
                log.warning("the store %s gives damaged bytes", member.name)
                found.lacking.append(member)
                found.damaged = True
    return found


def gather(under_way: set[Future[None]], needed: int) -> tuple[int, list[StoreError]]:
    """Wait until so many are done, or all are; return how many are, and what went wrong.

    Raises:
        ObjectExists: one met other bytes under the name.
    """
    done, errors = 0, list[StoreError]()
    while under_way and done < needed:
        ready, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in ready:
            error = future.exception()
            if error is None:
                done += 1
            elif isinstance(error, ObjectExists) or not isinstance(error, StoreError):
                raise error
            else:
                errors.append(error)
    return done, errors


def worst(errors: Iterable[StoreError | None]) -> StoreError:
    """Return the error that says most: one that a person can do something about before one that may pass."""
    known = [error for error in errors if error is not None]
    if not known:
        return StoreGone("no store can be asked now")
    return min(known, key=lambda error: error.retryable)
