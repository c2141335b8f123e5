"""Which stores the vault has, as its journals say: one set for all devices.

Each store, each limit, and the rule of copies is a register: of what was said of it, what has the greatest
(Lamport clock, device, sequence) counts. So two devices may each add a store at once, and neither addition is lost. A
pure function of the statements, whatever their order of arrival.
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


@dataclass(frozen=True, slots=True)
class StoreSet:
    """The stores of a vault.

    Attributes:
        places: URL by name, in the order in which they were first said.
        removed: names of stores that were taken away.
        rule: how many of them take an object.
        quotas: bytes that a store may hold, by name.
        costs: of keeping something there, in a unit that is the same for all, by name.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    rule: Rule = field(default_factory=Rule)
    quotas: Mapping[str, int] = field(default_factory=dict)
    costs: Mapping[str, int] = field(default_factory=dict)


def fold_sets(said: Iterable[tuple[Stamp, Statement]]) -> StoreSet:
    """Return the set that statements add up to; what is not well formed says nothing."""
    places: dict[str, tuple[Stamp, str]] = {}
    limits: dict[str, dict[str, int]] = {QUOTA: {}, COST: {}}
    rule: tuple[Stamp, Rule] | None = None
    for stamp, one in sorted(said, key=lambda item: item[0]):
        for name, url in _pairs(one.fields["stores"]):
            places[name] = (stamp, url)
        for name, said_limits in one.fields["limits"].items():
            for what, known in limits.items():
                value = said_limits.get(what) if isinstance(said_limits, dict) else None
                if isinstance(name, str) and isinstance(value, int) and STORE_NAME.fullmatch(name):
                    known[name] = value
        rule = (stamp, Rule(max(0, one.fields["copies"]), max(1, one.fields["commit"])))
    return StoreSet(
        {name: url for name, (_, url) in places.items() if url},
        frozenset(name for name, (_, url) in places.items() if not url),
        rule[1] if rule else Rule(),
        *({name: value for name, value in limits[what].items() if value > 0} for what in (QUOTA, COST)),
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
) -> Statement:
    """Return the statement that changes a set; an empty URL takes a store away, a limit of 0 a limit."""
    now = rule or known.rule
    limits: dict[str, dict[str, int]] = {}
    for what, values in ((QUOTA, quotas or {}), (COST, costs or {})):
        for name, value in values.items():
            limits.setdefault(name, {})[what] = value
    return statement(
        StatementKind.STORE_SET,
        stores=[[name, url] for name, url in (places or {}).items()],
        copies=now.copies,
        commit=now.commit,
        limits=limits,
    )
