"""One store of several: its provider, how it does, and the threads that wait for it.

Invariant: what is under way at a store is bounded (`IN_FLIGHT` puts, so 16 MiB), whatever the store does; whoever has
more for it is told that it is busy, and goes on without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar, cast

from syncd.errors import ObjectExists, ObjectMissing, StoreError, StoreForeign, StoreFull, StoreGone, StoreReadOnly
from syncd.store.health import Health
from syncd.store.pace import DOUBT, Pace
from syncd.store.provider import Listed, Provider

T = TypeVar("T")
IN_FLIGHT = 2
GENESIS = "genesis"
_READERS = 4
_PAGE = 1000
_RECORDS = 8  # looked at to know a store whose genesis is not there, or damaged: some may be damaged, too
_NEARLY = 0.9  # of the time between two questions: the clock of who asks is not its own
_SHUT = (StoreFull, StoreReadOnly)  # it can still be read


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a member needs of the world.

    Attributes:
        elapsed_s: a steady clock.
        chance: a number from 0 to 1.
        executor: so many threads with a name.
    """

    elapsed_s: Callable[[], float]
    chance: Callable[[], float]
    executor: Callable[[int, str], Executor]


class Member:
    """One store of several.

    Args:
        name: what people call it.
        provider: speaks to it.
        around: clock, chance and threads.
        genesis: the object by which the vault's own stores are known; empty to take any store.
        ours: tells whether a record, by name and bytes, is the vault's; it knows a store that is still being filled.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        around: Surroundings,
        genesis: bytes = b"",
        ours: Callable[[str, bytes], bool | None] = lambda name, data: True,
    ) -> None:
        self.name, self.provider, self._around, self._genesis, self._ours = name, provider, around, genesis, ours
        self.health, self.taking = Health(), Health()
        self.get_pace, self.put_pace = Pace(), Pace()
        self.tended = False  # a thread asks now and then whether it is back, so nobody else waits for that
        self.leaving = False  # it is read, and nothing more is put there
        self.hollow = False  # it is there and has no genesis: new, or emptied
        self.returned = False  # it was away, and what it missed is not known yet
        self.asked_s = float("-inf")  # when it was last asked for what may be new
        self._looked_s, self._look = float("-inf"), cast("Future[None] | None", None)
        self._met = not genesis
        self._lock = threading.Lock()
        self._under_way = 0
        self._page_s = 0.0  # that the slowest page of a listing took

    @cached_property
    def _readers(self) -> Executor:
        return self._around.executor(_READERS, f"syncd-get-{self.name}")

    @cached_property
    def _writers(self) -> Executor:
        return self._around.executor(IN_FLIGHT, f"syncd-put-{self.name}")

    def threads(self, most: int, name: str) -> Executor:
        """Return a pool of threads, as those that wait for the store are."""
        return self._around.executor(most, name)

    @property
    def counts(self) -> bool:
        """Whether its word that it took an object is enough, and it is no store that is still to be filled."""
        return self.provider.capabilities.counts and not self.hollow

    @property
    def resting(self) -> bool:
        """Whether it is left alone now, after failures; where somebody tends the stores, until it answers them."""
        return self.health.away if self.tended else self.resting_yet

    @property
    def resting_yet(self) -> bool:
        """Whether the time is not over that it is left alone for."""
        return self.health.resting(self._around.elapsed_s())

    @property
    def open(self) -> bool:
        """Whether it takes objects now, as far as is known."""
        return not (self.resting or self.taking.resting(self._around.elapsed_s()))

    @property
    def whole(self) -> bool:
        """Whether what it does not have can be taken for what nobody put there."""
        return not (self.hollow or self.returned or self.health.away)

    @property
    def trouble(self) -> StoreError | None:
        """Why it is left alone, or takes nothing; None while all is well."""
        return self.health.error or self.taking.error

    def ask(self, work: Callable[[Provider], T]) -> T:
        """Ask the store something, and note how it did.

        Raises:
            StoreError: as the work says; or it holds another vault.
        """
        begun = self._around.elapsed_s()
        try:
            self._meet()
            found = work(self.provider)
        except (ObjectMissing, ObjectExists):
            self._answered(begun)  # an answer like any other
            raise
        except StoreError as error:
            with self._lock:
                which = self.taking if isinstance(error, _SHUT) else self.health
                which.failed(error, self._around.elapsed_s(), self._around.chance())
            raise
        self._answered(begun)
        return found

    def _answered(self, begun_s: float) -> None:
        with self._lock:
            if self.health.answered(self._around.elapsed_s() - begun_s):
                self.returned = True

    def _meet(self) -> None:
        """Know the store for one of this vault before anything is asked of it, and again after it was away."""
        if self._met and not self.health.away:
            return
        if self._genesis:
            try:
                found = self.provider.get(GENESIS)
            except ObjectMissing:
                found = b""
            if found != self._genesis:
                self._check_records(empty_is_ours=not found)
                self.hollow = self.returned = True
            else:
                self.hollow = False
        self._met = True

    def _check_records(self, *, empty_is_ours: bool) -> None:
        """Tell a store that is being filled, or whose genesis is damaged, from another vault's.

        Raises:
            StoreForeign: none of its first records is ours; or it has none, and another genesis.
        """
        records = [listed.name for listed in islice(self.provider.list("record/"), _RECORDS)]
        # Not being able to tell is no proof, either.
        ours = any(self._ours(name, self.provider.get(name)) for name in records) if records else empty_is_ours
        if not ours:
            raise StoreForeign(f"{self.provider.url} holds another vault than this one")

    def read(self, work: Callable[[Provider], T]) -> Future[T]:
        """Ask in another thread."""
        return self._readers.submit(self.ask, work)

    def read_bytes(self, work: Callable[[Provider], bytes]) -> Future[bytes]:
        """Ask for bytes in another thread, and note how fast they come."""

        def timed(provider: Provider) -> bytes:
            begun_s = self._around.elapsed_s()
            data = work(provider)
            self.get_pace.took(len(data), self._around.elapsed_s() - begun_s)
            return data

        return self._readers.submit(self.ask, timed)

    def put(self, name: str, data: bytes) -> None:
        """Put an object from within `ask` or `write`, and note how fast it goes."""
        begun_s = self._around.elapsed_s()
        self.provider.put(name, data)
        self.put_pace.took(len(data), self._around.elapsed_s() - begun_s)

    def write(self, work: Callable[[Provider], T]) -> Future[T] | None:
        """Put in another thread; None when as much is under way as may be."""
        with self._lock:
            if self._under_way >= IN_FLIGHT:
                return None
            self._under_way += 1

        def put() -> T:
            try:
                done = self.ask(work)
            finally:
                with self._lock:
                    self._under_way -= 1
            with self._lock:
                self.taking.answered(0.0)
            return done

        return self._writers.submit(put)

    def meet_again(self) -> None:
        """Take note that the store has no genesis: it was emptied, or is not full yet."""
        if not self.hollow:
            self._met, self.returned = False, True

    def is_due(self) -> bool:
        """Tell whether it may be asked again for what is new, and count that as done."""
        now = self._around.elapsed_s()
        if now - self.asked_s < self.provider.capabilities.ask_s * _NEARLY:
            return False
        self.asked_s = now
        return True

    def pages(self, prefix: str, patience_s: float | None = None) -> Iterator[Listed]:
        """Yield the store's objects by name, the next page asked for while one is read.

        Raises:
            StoreError: the listing is not complete; `patience_s` is how long one page is waited for, or for as long as
                this store's pages are known to take.
        """
        source: Iterator[Listed] | None = None

        def page(provider: Provider) -> list[Listed]:
            nonlocal source
            begun_s = self._around.elapsed_s()
            source = provider.list(prefix) if source is None else source
            found = list(islice(source, _PAGE))
            self._page_s = max(self._page_s, self._around.elapsed_s() - begun_s)  # also when nobody waits any more
            return found

        following = self.read(page)
        while True:
            waited_s = None if patience_s is None else max(patience_s, DOUBT * self._page_s)
            try:
                found = following.result(waited_s)
            except TimeoutError as error:
                self.give_up(waited_s or 0.0)
                raise StoreGone(f"{self.provider.url} does not answer") from error
            if len(found) < _PAGE:
                yield from found
                return
            following = self.read(page)
            yield from found

    def give_up(self, waited_s: float) -> None:
        """Leave the store alone for a while: it said nothing for so long."""
        with self._lock:
            error = StoreGone(f"{self.provider.url} did not answer in {waited_s:g} s", hint="syncd goes on asking.")
            self.health.failed(error, self._around.elapsed_s(), self._around.chance())

    def lacks_nothing(self) -> None:
        """Take note that it has everything: what it refused once, others brought, and nobody asks it for more now."""
        with self._lock:
            if self.taking.error is not None and not self.taking.resting(self._around.elapsed_s()):
                self.taking = Health()

    def lags(self, waited_s: float) -> None:
        """Take note that it has not answered for so long: until it does, it is one of the slow ones."""
        with self._lock:
            self.health.latency_s = max(self.health.latency_s or 0.0, waited_s)

    def look(self) -> Future[None] | None:
        """Ask in another thread whether it is there; None where it has said so lately, or is left alone.

        A store that is the only one is asked whatever it did last: nobody else notes how it does.
        """
        now = self._around.elapsed_s()
        if self._look is not None and not self._look.done():
            return self._look
        if (self.resting_yet and self._genesis) or now - self._looked_s < self.provider.capabilities.ask_s:
            return None
        self._looked_s = now

        def there(provider: Provider) -> None:
            if provider.stat(GENESIS) is None and not self.hollow:
                if not self._genesis:
                    raise StoreForeign(f"{provider.url} holds no vault")
                self.meet_again()

        self._look = self.read(there)
        return self._look

    @property
    def looked_for_s(self) -> float:
        """How long ago it was asked last whether it is there."""
        return self._around.elapsed_s() - self._looked_s

    def close(self) -> None:
        """Let go of connections, and of threads once they are done."""
        for pool in (self.__dict__.pop(name, None) for name in ("_readers", "_writers")):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        self.provider.close()
