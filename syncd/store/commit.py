"""One object on enough stores: who is asked, in which order, and who in another's stead.

| store | asked |
|---|---|
| chosen, and takes objects | at once |
| another that takes objects | once a chosen one failed, or says nothing for longer than its line needs |
| rests | after those, while too few took it: asking is the one way to see whether it is back |
| has its hands full | last, by who wants it put |

Invariant: `run` returns only when enough stores whose word counts have the object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from syncd.errors import ObjectExists, StoreError
from syncd.store.asking import worst
from syncd.store.member import Member
from syncd.store.provider import Provider

UNKNOWN = 1e-6  # seconds a byte until a store's pace is known: 8 Mbit/s up, as many lines have
Putting = Callable[[Member], Callable[[Provider], None]]


class Commit:
    """One put.

    Args:
        putting: returns the work of putting the object on a store.
        counting: the stores whose word counts.
        needed: how many of them must take it.
        size: bytes of it.
        patience_s: for a store that says nothing about an object of no size.
    """

    def __init__(
        self, putting: Putting, counting: Container[Member], needed: int, size: int, patience_s: float
    ) -> None:
        self._putting, self._counting, self._needed = putting, counting, needed
        self._size, self._patience_s = size, patience_s
        self._under_way: dict[Future[None], Member] = {}
        self._busy: list[Member] = []
        self._errors: list[StoreError] = []
        self._done = 0

    def run(self, chosen: Sequence[Member], instead: Callable[[], Iterator[Member]]) -> None:
        """Put it, and return when enough stores have it; the others go on by themselves.

        Args:
            chosen: stores that shall have it.
            instead: yields others that may.

        Raises:
            ObjectExists: on a store its name stands for other bytes.
            StoreError: too few took it.
        """
        for member in chosen:
            if member.open:
                self._begin(member)
        resting = deque(member for member in chosen if not member.open and member in self._counting)
        others = instead()
        late = False
        while self._done < self._needed:
            if late or self._done + self._hoped_for() < self._needed:
                another = next(others, None) or (resting.popleft() if resting else None)
                if another is not None:
                    self._begin(another)
                    late = False
                    continue
                if not self._hoped_for():
                    break
            late = not self._take(waits_on=late)
        for member in self._busy:
            if self._done >= self._needed:
                break
            self._ask(member)
        if self._done < self._needed:
            raise worst(self._errors)

    @property
    def going_on(self) -> list[tuple[Future[None], Member]]:
        """Puts that nobody waits for any more."""
        return list(self._under_way.items())

    def _begin(self, member: Member) -> None:
        future = member.write(self._putting(member))
        if future is not None:
            self._under_way[future] = member
        elif member in self._counting:
            self._busy.append(member)

    def _hoped_for(self) -> int:
        """Return how many may take it still whose word counts."""
        return sum(member in self._counting for member in self._under_way.values())

    def _take(self, *, waits_on: bool) -> bool:
        """Take what stores say next; return whether one said something in time.

        Args:
            waits_on: nobody else can be asked, so it takes as long as it takes.
        """
        paces = [member.put_pace for member in self._under_way.values()]
        patience_s = max(pace.slow_s(self._size, self._patience_s, unknown=UNKNOWN) for pace in paces)
        ready, _ = wait(self._under_way, None if waits_on else patience_s, FIRST_COMPLETED)
        for future in ready:
            member, error = self._under_way.pop(future), future.exception()
            if error is None:
                self._done += member in self._counting
            elif isinstance(error, ObjectExists) or not isinstance(error, StoreError):
                raise error
            else:
                self._errors.append(error)
        return bool(ready)

    def _ask(self, member: Member) -> None:
        try:
            member.ask(self._putting(member))
            self._done += 1
        except ObjectExists:
            raise
        except StoreError as error:
            self._errors.append(error)
