"""Which stores the vault has, as its journals say: one set for all devices.

Each store, each limit, and the rule of copies is a register: of what was said of it, what has the greatest
(Lamport clock, device, sequence) counts. So two devices may each add a store at once, and neither addition is lost. A
pure function of the statements, whatever their order of arrival. Invariant: a vault that ever had a store has one: what
takes away the last, as two devices may at once that take away one each, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.config.settings import STORE_NAME
from syncd.errors import UsageError
from syncd.journal.statements import Statement, StatementKind, from_wire
from syncd.journal.statements import state as statement
from syncd.model import cbor
from syncd.state.db import State
from syncd.store.placement import Rule
from syncd.store.registry import check_url

Stamp = tuple[int, bytes, int, int]  # Lamport clock, device, sequence, place in its record
QUOTA, COST = "quota", "cost"
LOST = "lost"  # said with the removal of a store of which nothing can be read any more


@dataclass(frozen=True, slots=True)
class StoreSet:
    """The stores of a vault.

    Attributes:
        places: URL by name, in the order in which they were first said.
        removed: names of stores that were taken away.
        left: where those were last said to be, by name.
        lost: of those, the ones of which nothing can be read any more.
        rule: how many of them take an object.
        quotas: bytes that a store may hold, by name.
        costs: of keeping something there, in a unit that is the same for all, by name.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    rule: Rule = field(default_factory=Rule)
    quotas: Mapping[str, int] = field(default_factory=dict)
    costs: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()


def fold_sets(said: Iterable[tuple[Stamp, Statement]]) -> StoreSet:
    """Return the set that statements add up to; what is not well formed says nothing."""
    places, last, lost = dict[str, str](), dict[str, str](), set[str]()
    limits: dict[str, dict[str, int]] = {QUOTA: {}, COST: {}}
    rule: tuple[Stamp, Rule] | None = None
    for stamp, one in sorted(said, key=lambda item: item[0]):
        for name, url in sorted(_pairs(one.fields["stores"]), key=lambda pair: not pair[1]):
            if not url and places.get(name) and not any(there for other, there in places.items() if other != name):
                continue
            places[name], last[name] = url, url or last.get(name, "")
            about = one.fields["limits"].get(name)
            is_lost = not url and isinstance(about, dict) and about.get(LOST) == 1
            (lost.add if is_lost else lost.discard)(name)
        for name, said_limits in one.fields["limits"].items():
            for what, known in limits.items():
                value = said_limits.get(what) if isinstance(said_limits, dict) else None
                if isinstance(name, str) and isinstance(value, int) and STORE_NAME.fullmatch(name):
                    known[name] = value
        rule = (stamp, Rule(max(0, one.fields["copies"]), max(1, one.fields["commit"])))
    above_0 = {what: {name: value for name, value in known.items() if value > 0} for what, known in limits.items()}
    return StoreSet(
        places={name: url for name, url in places.items() if url},
        removed=frozenset(name for name, url in places.items() if not url),
        rule=rule[1] if rule else Rule(),
        quotas=above_0[QUOTA],
        costs=above_0[COST],
        left={name: last[name] for name, url in places.items() if not url and last[name]},
        lost=frozenset(lost),
    )


def _pairs(raw: Any) -> Iterable[tuple[str, str]]:
    for item in raw:
        if not (isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item)):
            continue
        if STORE_NAME.fullmatch(item[0]):  # it is part of a file's name beside this device's keys
            yield item[0], item[1]


def store_set(state: State) -> StoreSet:
    """Return the set that the known records say."""
    said = []
    for place, (device, sequence, lamport, wire) in enumerate(state.said.of_kind(StatementKind.STORE_SET)):
        stamp = (lamport, bytes(state.devices.get(device).id), sequence, place)
        said.append((stamp, from_wire(cbor.loads(wire), "a statement")))
    return fold_sets(said)


def check_change(known: StoreSet, here: Iterable[str], places: Mapping[str, str], rule: Rule) -> None:
    """Refuse what would leave the vault without the stores that a change has to be on.

    Args:
        known: the set as it was said.
        here: names of the stores in this device's settings.
        places: what is to be said of them.
        rule: as it is to be.

    Raises:
        UsageError: a name or URL is none, or there would be too few stores.
    """
    for name, url in places.items():
        if not STORE_NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for a store", hint="Use letters, digits, dots and dashes.")
        if url:
            check_url(url)
    stores = ({*known.places, *here} - known.removed | {*places}) - {name for name, url in places.items() if not url}
    least = max(1, rule.commit if rule != known.rule or len(stores) < len(known.places) else 1)
    if len(stores) < least:
        raise UsageError(f"a change cannot be on {least} of {len(stores)} stores")


def say_stores(
    known: StoreSet,
    *,
    places: Mapping[str, str] | None = None,
    rule: Rule | None = None,
    quotas: Mapping[str, int] | None = None,
    costs: Mapping[str, int] | None = None,
    lost: Iterable[str] = (),
) -> Statement:
    """Return the statement that changes a set; an empty URL takes a store away, a limit of 0 a limit.

    Of the stores that are taken away, those that are `lost` are not read any more.
    """
    now = rule or known.rule
    limits: dict[str, dict[str, int]] = {}
    for what, values in ((QUOTA, quotas or {}), (COST, costs or {})):
        for name, value in values.items():
            limits.setdefault(name, {})[what] = value
    for name in lost:
        limits.setdefault(name, {})[LOST] = 1
    return statement(
        StatementKind.STORE_SET,
        stores=[[name, url] for name, url in (places or {}).items()],
        copies=now.copies,
        commit=now.commit,
        limits=limits,
    )
