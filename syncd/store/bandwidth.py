"""A provider that keeps to so many bytes a second.

A token bucket (Turner, 1986) that may be in debt: an object is not cut, so who sends 8 MiB waits until they are paid
for, and over a minute the mean is what was allowed. One bucket each way is shared by all stores of a device that are
reached over a network. Which rate is in force when, syncd/config/hours.py tells.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterator

from syncd.errors import StoreGone
from syncd.store.provider import Capabilities, Listed, Provider

KIB = 1024
_BURST_S = 1.0  # of unused rate that is kept


class Bucket:
    """Lets bytes through at a rate, from any thread.

    Args:
        rate: returns the KiB a second allowed now, 0 for no limit.
        clock: seconds of a steady clock.
        wait: waits so many seconds; returns whether to give up.
    """

    def __init__(
        self, rate: Callable[[], int], clock: Callable[[], float], wait: Callable[[float], bool] | None = None
    ) -> None:
        self._rate, self._clock = rate, clock
        self._ended = threading.Event()
        self._wait = wait or self._ended.wait
        self._lock = threading.Lock()
        self._left, self._then = 0.0, clock()

    def take(self, size: int) -> None:
        """Return when so many bytes may go.

        Raises:
            StoreGone: it was closed meanwhile.
        """
        with self._lock:
            rate = self._rate() * KIB
            now = self._clock()
            self._left = min(rate * _BURST_S, self._left + (now - self._then) * rate) if rate else 0.0
            self._then = now
            if not rate:
                return
            self._left -= size
            debt_s = max(0.0, -self._left / rate)
        if debt_s and self._wait(debt_s):
            raise StoreGone("stopped while it waited for bandwidth")

    def close(self) -> None:
        """Let nobody wait any more."""
        self._ended.set()


class Limited:
    """A store whose bytes go through buckets."""

    def __init__(self, inner: Provider, up: Bucket, down: Bucket) -> None:
        self._inner, self._up, self._down = inner, up, down

    @property
    def url(self) -> str:
        """Where it is."""
        return self._inner.url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._inner.capabilities

    def create(self) -> None:
        """Make ready a place for a new store."""
        self._inner.create()

    def close(self) -> None:
        """Let go of connections, and of whoever waits for bandwidth."""
        self._up.close()
        self._down.close()
        self._inner.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object, once its bytes may go."""
        self._up.take(len(data))
        self._inner.put(name, data)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; the next ones are waited for until these are paid for."""
        data = self._inner.get(name, start, length)
        self._down.take(len(data))
        return data

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        return self._inner.stat(name)

    def confirm(self, name: str) -> int | None:
        """Return the size of an object that survives a power cut."""
        return self._inner.confirm(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._inner.delete(name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        return self._inner.list(prefix)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        return self._inner.directories(name)
