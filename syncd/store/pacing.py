"""Asking no more often than a store allows, by what its answers say of its limits: a bucket for each kind of request.

Pure but for the clock and the sleep that it is given. Invariant: no request is sent while a bucket that was told to be
empty has not been filled again, nor more than `per_s` in any second over all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping


class Pacing:
    """Buckets of requests.

    Args:
        per_s: requests in a second over all, 0 for no such limit.
        clock, sleep: of one monotonic time, in seconds.
    """

    def __init__(
        self,
        per_s: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_s, self._clock, self._sleep = per_s, clock, sleep
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}  # requests that a bucket still has
        self._full_s: dict[str, float] = {}  # when it is filled again
        self._limits: dict[str, int] = {}
        self._sent: deque[float] = deque()
        self._shut_s = 0.0  # nobody asks before

    def wait(self, bucket: str) -> None:
        """Take a place in a bucket; sleep until there is one."""
        while True:
            with self._lock:
                wait = self._take(bucket)
            if wait <= 0:
                return
            self._sleep(wait)

    def _take(self, bucket: str) -> float:
        now = self._clock()
        if now < self._shut_s:
            return self._shut_s - now
        while self._sent and now - self._sent[0] >= 1.0:
            self._sent.popleft()
        if self._per_s and len(self._sent) >= self._per_s:
            return 1.0 - (now - self._sent[0])
        if bucket in self._full_s and now >= self._full_s[bucket]:
            self._left[bucket] = self._limits[bucket]
            del self._full_s[bucket]
        left = self._left.get(bucket)
        if left is not None and left <= 0:
            return max(self._full_s.get(bucket, now) - now, 0.01)
        if left is not None:
            self._left[bucket] = left - 1
        if self._per_s:
            self._sent.append(now)
        return 0.0

    def told(self, bucket: str, headers: Mapping[str, str]) -> None:
        """Take note of what an answer says of its bucket: X-RateLimit-Limit, -Remaining and -Reset-After."""
        try:
            limit, left = int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
            after = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        with self._lock:
            self._limits[bucket] = limit
            # Others are under way: what this answer did not count yet is taken already.
            self._left[bucket] = min(left, self._left.get(bucket, left))
            self._full_s[bucket] = max(self._full_s.get(bucket, 0.0), self._clock() + after)

    def refused(self, bucket: str, after_s: float, *, all_of_them: bool) -> None:
        """Take note of a refusal: nobody asks for so long, in this bucket or at all."""
        with self._lock:
            end = self._clock() + after_s
            if all_of_them:
                self._shut_s = max(self._shut_s, end)
                return
            self._left[bucket], self._full_s[bucket] = 0, max(self._full_s.get(bucket, 0.0), end)
            self._limits.setdefault(bucket, 1)
