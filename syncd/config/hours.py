"""Rules for hours of the week: which bandwidth is in force when. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RULE = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?"
    r"(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
    r"(?:\s+up\s+(?P<up>\d+))?(?:\s+down\s+(?P<down>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """A rule for some hours of some days: KiB a second up and down, None where it says nothing, 0 for no limit."""

    days: frozenset[int]
    begin: int  # minutes since midnight
    end: int
    up: int | None
    down: int | None

    def holds(self, at: datetime) -> bool:
        """Tell whether it is in force; hours that go over midnight belong to the day on which they begin."""
        minute, day = at.hour * 60 + at.minute, at.weekday()
        if self.begin <= self.end:
            return day in self.days and self.begin <= minute < self.end
        if minute >= self.begin:
            return day in self.days
        return minute < self.end and (day - 1) % 7 in self.days


def parse_hours(text: str) -> Hours:
    """Read a rule: `mon-fri 08:00-18:00 up 200 down 1000`, days and either rate may be left out.

    Raises:
        ValueError: it is none.
    """
    found = _RULE.fullmatch(text.strip().lower())
    if found is None or (found["up"] is None and found["down"] is None):
        raise ValueError(f"{text!r} is no rule like 'mon-fri 08:00-18:00 up 200 down 1000'")
    return Hours(
        _days(found["first"], found["last"]),
        _minutes(found["begin"]),
        _minutes(found["end"]),
        None if found["up"] is None else int(found["up"]),
        None if found["down"] is None else int(found["down"]),
    )


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    for day in (first, last or first):
        if day not in DAYS:
            raise ValueError(f"{day!r} is no day: {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return frozenset((begin + i) % 7 for i in range((end - begin) % 7 + 1))


def _minutes(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise ValueError(f"{text!r} is no time of day")
    return hours * 60 + minutes


def rate_at(at: datetime, usual: int, hours: Sequence[Hours], way: str) -> int:
    """Return the KiB a second in force one way, 0 for no limit: the first rule that says something, else the usual."""
    for rule in hours:
        said: int | None = getattr(rule, way)
        if said is not None and rule.holds(at):
            return said
    return usual
