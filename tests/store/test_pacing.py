"""Keeping to a store's limits: a property over what answers say and when they are asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.store.pacing import Pacing
from tests.store.clock import Clock


@given(limit=st.integers(1, 8), every=st.floats(0.1, 10), count=st.integers(1, 60))
def test_no_window_has_more_requests_than_its_limit(limit: int, every: float, count: int) -> None:
    """The store's own bucket is played beside it, and never found empty."""
    clock = Clock()
    pacing = Pacing(clock=clock, sleep=clock.sleep)
    left, full = limit, 0.0
    for _ in range(count):
        pacing.wait("x")
        if clock.now >= full:
            left, full = limit, clock.now + every
        assert left > 0
        left -= 1
        pacing.told(
            "x",
            {
                "X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset-After": str(full - clock.now),
            },
        )


@given(per_s=st.integers(1, 50), count=st.integers(1, 200))
def test_no_second_has_more_than_the_limit_of_all(per_s: int, count: int) -> None:
    clock = Clock()
    pacing = Pacing(per_s, clock=clock, sleep=clock.sleep)
    sent = []
    for number in range(count):
        pacing.wait(f"bucket {number % 3}")
        sent.append(clock.now)
    for at, end in zip(sent, sent[per_s:], strict=False):
        assert end - at >= 0.999


def test_a_refusal_shuts_its_bucket_or_all() -> None:
    clock = Clock()
    pacing = Pacing(clock=clock, sleep=clock.sleep)
    pacing.refused("x", 5.0, all_of_them=False)
    pacing.wait("y")
    assert clock.now == 100.0
    pacing.wait("x")
    assert clock.now >= 105.0
    pacing.refused("x", 3.0, all_of_them=True)
    pacing.wait("y")
    assert clock.now >= 108.0
