"""Which versions are kept, and why: rules over the time during which each version stood.

Pure. A version stands from its own time until that of the version which replaced it. Rules name instants, and what
stood at one is kept, so the tree of each kept instant can be brought back whole. What stands now, and what a conflict
shows, needs no rule: it is never asked about. Invariants: where no rule reaches a path, all of it is kept; a longer
rule keeps all that a shorter one does.

| rule | keeps |
|---|---|
| within N | whatever stood at any time of the last N days |
| last N | the N newest versions of a file, beside the one that stands |
| hourly, daily, weekly, monthly, yearly N | what stood as each of the last N such periods (UTC) began |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

DAY_NS = 86_400 * 1_000_000_000
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
KINDS = ("within", "last", *PERIODS)
MOST = 100_000  # of one rule: more is a slip of the finger, and would be as many instants
FIRST_YEAR = 1970


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        path: it is for what stands at or below this path; empty for the whole folder.
        kind: one of `KINDS`.
        count: how many.
    """

    path: bytes
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What a vault keeps.

    Attributes:
        rules: of them, those of the longest path that reaches a file are the file's.
        undeletable_days: for so long after a device received it, nothing goes whatever the rules say.
    """

    rules: tuple[Rule, ...] = ()
    undeletable_days: int = 0

    def rules_for(self, path: bytes) -> tuple[Rule, ...]:
        """Return the rules of a path, in their order; none where all is kept."""
        reaching = [rule for rule in self.rules if is_below(path, rule.path)]
        longest = max((len(rule.path) for rule in reaching), default=0)
        return tuple(rule for rule in reaching if len(rule.path) == longest)


def is_below(path: bytes, top: bytes) -> bool:
    """Tell whether a path is another or lies below it."""
    return not top or path == top or path.startswith(top + b"/")


class Stood(NamedTuple):
    """A version that was replaced: when it began to stand, and when it ended, ns since 1970."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Instants:
    """What rules come to at one moment: a file's versions are asked about by comparing numbers."""

    everything: bool = True
    after_ns: int = 0
    last: int = 0
    at: tuple[tuple[int, str], ...] = field(default=())

    def reason(self, begin_ns: int, end_ns: int, place: int) -> str:
        """Return the rule that keeps a version, empty if none does.

        Args:
            begin_ns: when it began to stand.
            end_ns: when it ended.
            place: 0 for the one that was replaced last, 1 for the one before it, ...
        """
        if self.everything:
            return "no rule"
        if place < self.last:
            return "last"
        if self.after_ns and end_ns > self.after_ns:
            return "within"
        for instant, kind in self.at:
            if begin_ns <= instant < end_ns:
                return kind
        return ""


@lru_cache(maxsize=64)
def instants(rules: tuple[Rule, ...], now_ns: int) -> Instants:
    """Return what rules of one path come to now."""
    if not rules:
        return Instants()
    within = max((rule.count for rule in rules if rule.kind == "within"), default=0)
    last = max((rule.count for rule in rules if rule.kind == "last"), default=0)
    at: dict[int, str] = {}
    for rule in rules:
        if rule.kind in PERIODS:
            for instant in beginnings(rule.kind, rule.count, now_ns):
                at.setdefault(instant, rule.kind)
    return Instants(False, now_ns - within * DAY_NS if within else 0, last, tuple(sorted(at.items())))


def beginnings(kind: str, count: int, now_ns: int) -> list[int]:
    """Return when each of the last so many periods began, newest first, ns since 1970."""
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[datetime] = []
    for back in range(count):
        if kind == "hourly":
            found.append(now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back))
        elif kind in ("daily", "weekly"):
            begun = day - timedelta(days=day.weekday() if kind == "weekly" else 0)
            found.append(begun - timedelta(days=back * (7 if kind == "weekly" else 1)))
        else:
            months = day.year * 12 + day.month - 1 - back if kind == "monthly" else (day.year - back) * 12
            found.append(day.replace(year=max(months // 12, 1), month=months % 12 + 1, day=1))
        if found[-1].year < FIRST_YEAR:
            break
    return [int(instant.timestamp()) * 1_000_000_000 for instant in found]


def reasons(stood: Sequence[Stood], rules: tuple[Rule, ...], now_ns: int) -> list[str]:
    """Return why each version that a file had is kept, empty for those that are not; newest first, as they come."""
    found = instants(rules, now_ns)
    return [found.reason(*one, place) for place, one in enumerate(stood)]


def from_wire(raw: Iterable[object], undeletable_days: int) -> Policy:
    """Return the policy that a statement says; a rule that this program does not know keeps everything of its path."""
    rules = []
    for item in raw:
        if not (isinstance(item, list) and len(item) == 3 and isinstance(item[0], bytes) and isinstance(item[2], int)):
            continue
        path, kind, count = item
        if kind in KINDS and 0 <= count <= MOST:
            rules.append(Rule(path, str(kind), count))
        else:
            rules.append(Rule(path, "within", MOST))
    return Policy(tuple(rules), max(0, undeletable_days))


def to_wire(policy: Policy) -> list[list[object]]:
    """Return the rules as a statement has them."""
    return [[rule.path, rule.kind, rule.count] for rule in policy.rules]
