"""What rules keep: properties over random lives of one file, and what each rule means on known days."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.retention.policy import (
    DAY_NS,
    KINDS,
    MOST,
    PERIODS,
    Policy,
    Rule,
    Stood,
    beginnings,
    from_wire,
    instants,
    reasons,
    to_wire,
)

NOW = int(datetime(2026, 11, 27, 10, 30, tzinfo=UTC).timestamp()) * 1_000_000_000
RULES = st.lists(st.builds(Rule, st.just(b""), st.sampled_from(KINDS), st.integers(0, 40)), min_size=1, max_size=4)
TIMES = st.lists(st.integers(0, 800 * 24 * 60), min_size=2, max_size=30, unique=True)  # minutes ago


def lived(minutes: list[int]) -> list[Stood]:
    """Return the versions of a file that was saved so many minutes ago each, newest first; the last still stands."""
    times = sorted(NOW - minute * 60_000_000_000 for minute in minutes)
    return [Stood(begin, end) for begin, end in pairwise(times)][::-1]


def kept(stood: list[Stood], rules: tuple[Rule, ...], now_ns: int = NOW) -> set[Stood]:
    return {one for one, why in zip(stood, reasons(stood, rules, now_ns), strict=True) if why}


@given(TIMES, RULES)
def test_the_tree_of_every_instant_that_a_rule_names_is_whole(minutes: list[int], rules: list[Rule]) -> None:
    stood = lived(minutes)
    left = kept(stood, tuple(rules))
    for rule in rules:
        for instant in beginnings(rule.kind, rule.count, NOW) if rule.kind in PERIODS else ():
            there = [one for one in stood if one.begin_ns <= instant < one.end_ns]
            assert set(there) <= left, "what stood then can be brought back"


@given(TIMES, RULES, st.integers(0, 30))
def test_who_keeps_for_longer_keeps_all_of_it(minutes: list[int], rules: list[Rule], more: int) -> None:
    stood = lived(minutes)
    longer = tuple(Rule(rule.path, rule.kind, rule.count + more) for rule in rules)
    assert kept(stood, tuple(rules)) <= kept(stood, longer)


@given(TIMES, RULES, RULES)
def test_more_rules_keep_more(minutes: list[int], rules: list[Rule], others: list[Rule]) -> None:
    stood = lived(minutes)
    assert kept(stood, tuple(rules)) | kept(stood, tuple(others)) == kept(stood, (*rules, *others))


@given(TIMES, st.integers(1, 40))
def test_within_keeps_whatever_stood_then(minutes: list[int], days: int) -> None:
    stood = lived(minutes)
    assert kept(stood, (Rule(b"", "within", days),)) == {one for one in stood if one.end_ns > NOW - days * DAY_NS}


@given(TIMES, st.integers(0, 40))
def test_last_keeps_so_many(minutes: list[int], count: int) -> None:
    stood = lived(minutes)
    assert kept(stood, (Rule(b"", "last", count),)) == set(stood[:count])


@given(TIMES)
def test_without_a_rule_all_is_kept(minutes: list[int]) -> None:
    stood = lived(minutes)
    assert kept(stood, ()) == set(stood)


def test_periods_begin_when_people_think_they_do() -> None:
    def text(kind: str, count: int) -> list[str]:
        return [f"{datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d %H}" for at in beginnings(kind, count, NOW)]

    assert text("hourly", 2) == ["2026-11-27 10", "2026-11-27 09"]
    assert text("daily", 2) == ["2026-11-27 00", "2026-11-26 00"]
    assert text("weekly", 2) == ["2026-11-23 00", "2026-11-16 00"], "weeks begin on Mondays"
    assert text("monthly", 12)[-2:] == ["2026-01-01 00", "2025-12-01 00"]
    assert text("yearly", 2) == ["2026-01-01 00", "2025-01-01 00"]


@pytest.mark.parametrize("kind", PERIODS)
def test_periods_do_not_reach_back_before_time(kind: str) -> None:
    assert len(beginnings(kind, MOST, DAY_NS * 400)) < 10_000


def test_the_longest_path_that_reaches_a_file_has_its_rules() -> None:
    photos, raw = Rule(b"photos", "yearly", 9), Rule(b"photos/raw", "last", 1)
    whole, more = Rule(b"", "daily", 7), Rule(b"", "weekly", 4)
    policy = Policy((whole, raw, photos, more))
    assert policy.rules_for(b"letter.txt") == (whole, more)
    assert policy.rules_for(b"photos") == (photos,)
    assert policy.rules_for(b"photos2/x") == (whole, more)
    assert policy.rules_for(b"photos/raw/x/y") == (raw,)
    assert Policy((raw,)).rules_for(b"letter.txt") == ()
    assert instants((), NOW).reason(0, 1, 5) == "no rule"


def test_a_policy_goes_there_and_back_and_what_nobody_knows_keeps_all() -> None:
    policy = Policy((Rule(b"", "daily", 7), Rule(b"a\xff", "last", 2)), 30)
    assert from_wire(to_wire(policy), 30) == policy
    odd = from_wire([[b"a", "by-moon", 3], [b"b", "daily", -1], ["text", "daily", 1], 7], -5)
    assert odd.undeletable_days == 0
    for path in (b"a", b"b"):
        assert reasons([Stood(1, 2)], odd.rules_for(path), NOW) == ["within"]
