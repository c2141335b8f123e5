from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import StoreGone
from syncd.store.bandwidth import KIB, Bucket, Limited
from syncd.store.memory import MemoryStore
from syncd.store.provider import Provider
from tests.conformance.provider import ProviderSuite


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@given(st.integers(1, 5000), st.lists(st.tuples(st.integers(0, 9_000_000), st.floats(0, 100)), min_size=1, max_size=30))
def test_the_mean_is_what_was_allowed(rate: int, sent: list[tuple[int, float]]) -> None:
    time = Time()
    bucket = Bucket(lambda: rate, time, time.wait)
    total, begun = 0, 0.0
    for size, idle in sent:
        time.now += idle
        bucket.take(size)
        total += size
        # Never more than the rate since the beginning, and what one idle second saves.
        assert total <= (time.now - begun) * rate * KIB + rate * KIB + 1e-6 * total + 1


def test_no_limit_waits_for_nothing() -> None:
    time = Time()
    bucket = Bucket(lambda: 0, time, time.wait)
    for _ in range(100):
        bucket.take(10_000_000)
    assert time.now == 0


def test_whoever_waits_is_let_go() -> None:
    bucket = Bucket(lambda: 1, lambda: 0.0)
    failed: list[Exception] = []

    def take() -> None:
        try:
            bucket.take(10_000_000)
        except StoreGone as error:
            failed.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    bucket.close()
    thread.join(20)
    assert failed


class TestLimited(ProviderSuite):
    @pytest.fixture
    def store(self) -> Provider:
        time = Time()
        return Limited(MemoryStore(), Bucket(lambda: 100, time, time.wait), Bucket(lambda: 100, time, time.wait))
