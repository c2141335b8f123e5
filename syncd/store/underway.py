"""What is being put just now, and where: nobody else brings it there meanwhile, nor takes it for what is nowhere."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UnderWay:
    """Objects on their way to stores; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._puts = Counter[tuple[str, str]]()  # (store, object)

    @contextmanager
    def marked(self, stores: Iterable[str], name: str) -> Iterator[None]:
        """Mark an object as on its way to these stores for as long as the block runs."""
        marks = [(store, name) for store in stores]
        with self._lock:
            self._puts.update(marks)
        try:
            yield
        finally:
            with self._lock:
                self._puts -= Counter(marks)  # which keeps only what is above 0

    def has(self, store: str, name: str) -> bool:
        """Tell whether an object is on its way to a store."""
        with self._lock:
            return self._puts[store, name] > 0
