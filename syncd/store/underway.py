"""What is being put just now, and where: nobody else brings it there meanwhile, nor takes it for what is nowhere."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager


class UnderWay:
    """Objects on their way to stores; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Condition(self._lock)
        self._puts = Counter[tuple[str, str]]()  # (store, object)

    @contextmanager
    def marked(self, stores: Iterable[str], name: str) -> Iterator[None]:
        """Mark an object as on its way to these stores for as long as the block runs."""
        marks = [(store, name) for store in stores]
        self._begin(marks)
        try:
            yield
        finally:
            self._end(marks)

    def until_done(self, put: Future[None], store: str, name: str) -> None:
        """Mark an object as on its way to a store until a put of it is done, that may not have begun yet."""
        marks = [(store, name)]
        self._begin(marks)
        put.add_done_callback(lambda _: self._end(marks))

    def _begin(self, marks: list[tuple[str, str]]) -> None:
        with self._lock:
            self._puts.update(marks)

    def _end(self, marks: list[tuple[str, str]]) -> None:
        with self._lock:
            self._puts -= Counter(marks)  # which keeps only what is above 0
            self._over.notify_all()

    def has(self, store: str, name: str) -> bool:
        """Tell whether an object is on its way to a store."""
        with self._lock:
            return self._puts[store, name] > 0

    def one_ends(self, stores: Iterable[str], patience_s: float) -> bool:
        """Wait until something that is on its way to one of these stores is there, or failed; tell whether it did."""
        wanted = set(stores)

        def puts() -> int:
            return sum(count for (store, _), count in self._puts.items() if store in wanted)

        with self._over:
            before = puts()
            return before > 0 and self._over.wait_for(lambda: puts() < before, patience_s)
