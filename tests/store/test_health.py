from __future__ import annotations

from syncd.errors import StoreFull, StoreGone
from syncd.store.health import LONGEST_REST_S, PERSON_REST_S, Health


def test_rests_grow_and_end() -> None:
    health, now, rests = Health(), 0.0, []
    for _ in range(12):
        health.failed(StoreGone("away"), now, 1.0)
        rests.append(health.until_s - now)
        assert health.resting(now)
        now = health.until_s
        assert not health.resting(now)
    assert rests[:4] == [1.0, 2.0, 4.0, 8.0]
    assert rests[-1] == LONGEST_REST_S
    assert health.answered(0.1), "it had been away"
    assert not health.away
    assert not health.answered(0.1)


def test_chance_halves_a_rest_at_most() -> None:
    for chance in (0.0, 0.3, 1.0):
        health = Health()
        health.failed(StoreGone("away"), 10.0, chance)
        assert 0.5 <= health.until_s - 10.0 <= 1.0


def test_what_a_person_has_to_change_is_not_asked_for_again_at_once() -> None:
    health = Health()
    health.failed(StoreFull("full"), 0.0, 1.0)
    assert health.until_s == PERSON_REST_S


def test_the_mean_follows_the_answers() -> None:
    health = Health()
    health.answered(1.0)
    assert health.latency_s == 1.0
    for _ in range(30):
        health.answered(0.1)
    assert health.latency_s is not None
    assert 0.1 <= health.latency_s < 0.11
