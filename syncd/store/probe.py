"""Trying a store: does it keep the promises of the port, and how long does it take?

Works on names of its own, which no vault uses, and takes them away again. What a store lies about shows here and not
when a file depends on it.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from syncd.errors import ObjectExists, ObjectMissing, StoreError
from syncd.store.abort import Abort, made
from syncd.store.provider import LARGEST_OBJECT, Provider

SMALL = 4096  # bytes
RACERS = 16


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that was tried. `said` tells what was seen; `seconds` how long it took."""

    what: str
    fine: bool
    said: str
    seconds: float


def probe(
    store: Provider,
    source: random.Random,
    clock: Callable[[], float] = time.perf_counter,
    abort: Abort | None = None,
) -> Iterator[Check]:
    """Yield one check after another; a store that cannot be reached fails the first and ends it.

    Args:
        store: to be tried; needs the rights that syncd needs.
        source: of names and bytes.
        clock: seconds of a monotonic clock.
        abort: begins a put in a process that dies on the way; without it that is not tried.
    """
    probing = _Probing(store, source, clock, abort)
    try:
        for what, check in probing.checks():
            begun = clock()
            try:
                said, fine = check(), True
            except _NotKeptError as error:
                said, fine = str(error), False
            except StoreError as error:
                said, fine = f"{error.message}. {error.hint}".strip(), False
            yield Check(what, fine, said, clock() - begun)
            if not fine and what == "put":
                return
    finally:
        with contextlib.suppress(StoreError):
            probing.clean()


class _NotKeptError(Exception):
    """A promise of the port was not kept."""


class _Probing:
    def __init__(self, store: Provider, source: random.Random, clock: Callable[[], float], abort: Abort | None) -> None:
        self._store, self._source, self._clock, self._abort = store, source, clock, abort
        self._put_s = 0.0  # what the largest object took
        self._top = f"probe/{source.getrandbits(64):016x}"
        self._small, self._large = source.randbytes(SMALL), source.randbytes(LARGEST_OBJECT)

    def checks(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("put", self._put),
            ("get", self._get),
            ("range", self._range),
            ("list", self._list),
            ("other bytes", self._other_bytes),
            ("race", self._race),
            ("largest object", self._largest),
            *([("half a put", self._half)] if self._abort else []),
            ("delete", self._delete),
        ]

    def _name(self, which: str) -> str:
        return f"{self._top}/{which}"

    def _put(self) -> str:
        self._store.put(self._name("small"), self._small)
        return f"{SMALL} bytes"

    def _get(self) -> str:
        if self._store.get(self._name("small")) != self._small:
            raise _NotKeptError("what was put comes back otherwise")
        if self._store.stat(self._name("small")) != SMALL:
            raise _NotKeptError("the size of what was put is told wrongly")
        with contextlib.suppress(ObjectMissing):
            self._store.get(self._name("never"))
            raise _NotKeptError("an object that was never put is there")
        return "as it was put"

    def _range(self) -> str:
        if self._store.get(self._name("small"), 100, 50) != self._small[100:150]:
            raise _NotKeptError("a part of an object is another part")
        return "a part is that part"

    def _list(self) -> str:
        if [listed.name for listed in self._store.list(self._top + "/")] != [self._name("small")]:
            raise _NotKeptError("a listing does not show what was put just before")
        above, _, own = self._top.rpartition("/")
        if own not in self._store.directories(above):
            raise _NotKeptError("the directory of what was put just before is not shown")
        return "what was put is listed"

    def _other_bytes(self) -> str:
        try:
            self._store.put(self._name("small"), b"other")
        except ObjectExists:
            return "a name is not given twice"
        raise _NotKeptError("a name was given to other bytes")

    def _race(self) -> str:
        """Let many create one name at the same time."""
        won: list[bytes] = []
        start = threading.Barrier(RACERS)

        def create(number: int) -> None:
            data = bytes([number]) * SMALL
            start.wait()
            with contextlib.suppress(StoreError):
                self._store.put(self._name("race"), data)
                won.append(data)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(RACERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not won or self._store.get(self._name("race")) not in won:
            raise _NotKeptError("of many that create one name at once, none has what it was told")
        if len(won) == 1:
            return f"one of {RACERS} creates a name"
        if self._store.capabilities.conditional:
            raise _NotKeptError(f"{len(won)} of {RACERS} were told that they created one name")
        return f"{len(won)} of {RACERS} created one name, as this kind of store says it may happen"

    def _largest(self) -> str:
        begun = self._clock()
        self._store.put(self._name("large"), self._large)
        self._put_s = self._clock() - begun
        if self._store.get(self._name("large")) != self._large:
            raise _NotKeptError("a large object comes back otherwise")
        return f"{LARGEST_OBJECT / 1e6:.1f} MB there and back"

    def _half(self) -> str:
        """Let who puts an object die on the way."""
        assert self._abort is not None
        seed, name = self._source.getrandbits(32), self._name("half")
        self._abort(name, seed, LARGEST_OBJECT, self._put_s / 2)
        size, data = self._store.stat(name), made(seed, LARGEST_OBJECT)
        if size is not None and self._store.get(name) != data:
            raise _NotKeptError(f"a put that broke off left {size} bytes under the name")
        self._store.put(name, data)
        if self._store.get(name) != data:
            raise _NotKeptError("after a put that broke off, another one comes back otherwise")
        return "leaves nothing" if size is None else "was whole already"

    def _delete(self) -> str:
        self.clean()
        if list(self._store.list(self._top + "/")):
            raise _NotKeptError("what was deleted is listed")
        return "what was deleted is gone"

    def clean(self) -> None:
        for which in ("small", "race", "large", "half"):
            self._store.delete(self._name(which))
