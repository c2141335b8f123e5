from __future__ import annotations

from datetime import datetime

import pytest

from syncd.config.hours import parse_hours, rate_at

WORK = parse_hours("mon-fri 08:00-18:00 up 200 down 1000")
NIGHT = parse_hours("fri 22:00-06:00 up 0")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("when", "up", "down"),
    [
        ("2026-11-26T09:00", 200, 1000),  # a Thursday
        ("2026-11-26T08:00", 200, 1000),
        ("2026-11-26T18:00", 50, 60),
        ("2026-11-28T09:00", 50, 60),  # a Saturday
        ("2026-11-27T23:00", 0, 60),  # Friday's night
        ("2026-11-28T05:59", 0, 60),
        ("2026-11-28T06:00", 50, 60),
        ("2026-11-28T23:00", 50, 60),
    ],
)
def test_what_is_in_force_when(when: str, up: int, down: int) -> None:
    rules = [NIGHT, WORK]
    assert (rate_at(at(when), 50, rules, "up"), rate_at(at(when), 60, rules, "down")) == (up, down)


@pytest.mark.parametrize(
    "text", ["", "08:00-18:00", "8-18 up 3", "mon-fry 08:00-18:00 up 3", "25:00-26:00 up 1", "08:00-18:60 up 1", "x"]
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_hours(text)


def test_days_go_round_the_week() -> None:
    assert parse_hours("sat-mon 00:00-24:00 up 1").days == {5, 6, 0}
    assert len(parse_hours("00:00-24:00 down 1").days) == 7
