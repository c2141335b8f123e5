"""Asking several stores: the first that gives something, what they answer, the error that says most."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import TypeVar

from syncd.errors import ObjectMissing, StoreError, StoreGone
from syncd.store.member import Member
from syncd.store.provider import Provider

T = TypeVar("T")
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


def first_of(
    members: Sequence[Member],
    ask: Callable[[Provider], bytes],
    sound: Callable[[bytes], bool | None],
    size: int = 0,
) -> Found:
    """Return the bytes that the first store gives; the next one is asked when one fails, or is slow.

    Bytes of which nobody can tell whether they are sound are taken only if no store gives better ones.

    Args:
        members: the stores, in the order in which they are asked.
        ask: reads the object.
        sound: tells whether bytes are what they should be.
        size: bytes that will come, as far as is known: a slow line is not taken for a slow store.
    """
    queue, under_way, found = deque(members), dict[Future[bytes], Member](), Found()
    unsure: list[tuple[Member, bytes]] = []
    late, hedge_s = False, HEDGE_S
    while queue or under_way:
        if queue and (late or not under_way):
            member = queue.popleft()
            under_way[member.read_bytes(ask)] = member
            hedge_s = member.get_pace.slow_s(size, HEDGE_S)
        ready, _ = wait(under_way, hedge_s if queue else None, FIRST_COMPLETED)
        late = not ready
        for member in under_way.values() if late else ():
            member.lags(hedge_s)  # the next one is asked of others first: a dead store is known for one only later
        for future in ready:
            member, error = under_way.pop(future), future.exception()
            if isinstance(error, ObjectMissing):
                found.lacking.append(member)
            elif isinstance(error, StoreError):
                found.errors.append(error)
            elif error is not None:
                raise error
            elif (verdict := sound(future.result())) is None:
                unsure.append((member, future.result()))
            elif verdict:
                found.data = future.result()
                found.lacking += [other for other, data in unsure if data != found.data]
                return found
            else:
                log.warning("the store %s gives damaged bytes", member.name)
                found.lacking.append(member)
                found.damaged = True
    if unsure:
        found.data = unsure[0][1]
    return found


def answers_of(
    asked: dict[Future[T], Member], patience_s: float, *, enough: Callable[[T], bool], at_most_s: float | None = None
) -> dict[str, T]:
    """Return what stores answer, by their names; one that says nothing while others have answered is left alone.

    Args:
        asked: what was asked of whom.
        patience_s: how long the rest is waited for once one has answered.
        enough: tells an answer after which nobody else need be waited for.
        at_most_s: how long the first is waited for; None for as long as it takes.

    Raises:
        StoreError: nobody answered.
    """
    under_way, answers, errors = dict(asked), dict[str, T](), list[StoreError]()
    while under_way:
        ready, _ = wait(under_way, patience_s if answers else at_most_s, FIRST_COMPLETED)
        if not ready:
            break
        for future in ready:
            member, error = under_way.pop(future), future.exception()
            if isinstance(error, StoreError):
                errors.append(error)
            elif error is not None:
                raise error
            else:
                answers[member.name] = future.result()
        if any(enough(answer) for answer in answers.values()):
            return answers
    for member in under_way.values():
        member.give_up(patience_s)
    if not answers:
        raise worst(errors)
    return answers


def worst(errors: Iterable[StoreError | None]) -> StoreError:
    """Return the error that says most: one that a person can do something about before one that may pass."""
    known = [error for error in errors if error is not None]
    if not known:
        return StoreGone("no store can be asked now")
    return min(known, key=lambda error: error.retryable)
