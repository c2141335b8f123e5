"""The set of stores is one for all devices, whatever the order in which they learn what was said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.settings import StoreSetting
from syncd.engine.stores import in_use
from syncd.engine.storeset import Stamp, StoreSet, check_change, fold_sets, say_stores
from syncd.errors import UsageError
from syncd.journal.statements import Statement, StatementKind, from_wire, to_wire
from syncd.journal.statements import state as statement
from syncd.store.placement import Rule

PLACES = st.dictionaries(st.sampled_from(["main", "nas", "s3"]), st.sampled_from(["", "/a", "/b", "s3://x"]))
STAMPS = st.tuples(st.integers(1, 9), st.binary(min_size=2, max_size=2), st.integers(1, 5), st.integers(0, 3))
SAID = st.lists(
    st.tuples(
        STAMPS,
        st.builds(
            lambda places, copies, commit, quota: say_stores(
                StoreSet(), places=places, rule=Rule(copies, commit), quotas={"nas": quota}
            ),
            PLACES,
            st.integers(0, 3),
            st.integers(1, 3),
            st.integers(0, 9),
        ),
    ),
    max_size=8,
    unique_by=lambda item: item[0],
)


@given(SAID, st.randoms(use_true_random=False))
def test_any_order_of_arrival_comes_to_one_set(said: list[tuple[Stamp, Statement]], source: Any) -> None:
    shuffled = said[:]
    source.shuffle(shuffled)
    assert fold_sets(said) == fold_sets(shuffled) == fold_sets(said + said)


def at(lamport: int, device: bytes, one: Statement) -> tuple[Stamp, Statement]:
    return (lamport, device, 1, 0), one


def test_two_additions_at_once_are_both_there() -> None:
    first = say_stores(StoreSet(), places={"main": "/main"})
    known = fold_sets([at(1, b"a", first)])
    found = fold_sets(
        [
            at(1, b"a", first),
            at(2, b"a", say_stores(known, places={"nas": "/nas"}, rule=Rule(0, 1))),
            at(2, b"b", say_stores(known, places={"s3": "s3://x"}, rule=Rule(0, 2))),
        ]
    )
    assert found.places == {"main": "/main", "nas": "/nas", "s3": "s3://x"}
    assert found.rule == Rule(0, 2), "of two at one instant the greater device's counts"


def test_a_store_that_was_taken_away_may_come_back() -> None:
    gone = fold_sets([at(1, b"a", say_stores(StoreSet(), places={"nas": "/n", "main": "/m"})),
                      at(2, b"a", say_stores(StoreSet(), places={"nas": ""}))])  # fmt: skip
    assert (gone.places, gone.removed, gone.left) == ({"main": "/m"}, {"nas"}, {"nas": "/n"})
    back = fold_sets([at(1, b"a", say_stores(StoreSet(), places={"nas": ""})),
                      at(2, b"b", say_stores(StoreSet(), places={"nas": "/there"}))])  # fmt: skip
    assert (back.places, back.removed) == ({"nas": "/there"}, frozenset())


def test_two_that_each_take_one_of_two_away_leave_one() -> None:
    first = say_stores(StoreSet(), places={"main": "/m", "nas": "/n"})
    known = fold_sets([at(1, b"a", first)])
    said = [
        at(1, b"a", first),
        at(2, b"a", say_stores(known, places={"main": ""})),
        at(2, b"b", say_stores(known, places={"nas": ""})),
    ]
    found = fold_sets(said)
    assert (found.places, found.removed) == ({"nas": "/n"}, {"main"}), "what takes away the last says nothing"
    again = fold_sets([*said, at(3, b"b", say_stores(found, places={"new": "/x", "nas": ""}))])
    assert (again.places, again.removed) == ({"new": "/x"}, {"main", "nas"})


def test_a_store_that_is_lost_is_so_until_it_comes_back() -> None:
    first = at(1, b"a", say_stores(StoreSet(), places={"main": "/m", "nas": "/n"}))
    lost = at(2, b"a", say_stores(StoreSet(), places={"nas": ""}, lost=["nas"]))
    assert fold_sets([first, lost]).lost == {"nas"}
    assert not fold_sets([first, lost, at(3, b"b", say_stores(StoreSet(), places={"nas": "/n"}))]).lost


def test_a_store_that_was_taken_away_is_read_by_whoever_used_it() -> None:
    said = StoreSet({"main": "/m"}, frozenset({"nas", "old"}), left={"nas": "/n", "old": "/o"}, lost=frozenset({"old"}))
    here = (StoreSetting(name="main", url="/m"), StoreSetting(name="nas", url="/here"))
    assert [one.known_by for one in in_use(here, said, ["main", "nas", "old"])] == [
        ("main", "/m", False),
        ("nas", "/here", True),
    ]
    assert [one.known_by for one in in_use(here[:1], said, ["nas"])] == [("main", "/m", False), ("nas", "/n", True)]
    assert [one.known_by for one in in_use(here, said, ["main"])] == [("main", "/m", False)], "who came later"


def test_limits_are_registers_of_their_own() -> None:
    """Who says a price says nothing of a quota, and 0 takes back either."""
    first = say_stores(StoreSet(), places={"nas": "/n"}, quotas={"nas": 5}, costs={"nas": 7})
    later = say_stores(StoreSet(), costs={"nas": 9, "away": 1})
    found = fold_sets([at(2, b"b", later), at(1, b"a", first)])
    assert (found.quotas, found.costs) == ({"nas": 5}, {"nas": 9, "away": 1})
    none = say_stores(StoreSet(), quotas={"nas": 0}, costs={"away": 0})
    found = fold_sets([at(1, b"a", first), at(2, b"b", later), at(3, b"a", none)])
    assert (found.quotas, found.costs) == ({}, {"nas": 9})


CHANGES: list[tuple[dict[str, str], Rule, str]] = [
    ({"../up": "/x"}, Rule(0, 1), "is no name"),
    ({"new": "nowhere"}, Rule(0, 1), "by its whole path"),
    ({"new": "nope://x"}, Rule(0, 1), "no provider for nope"),
    ({"new": "s3://bucket/x?regoin=y"}, Rule(0, 1), "regoin"),
    ({"nas": "", "main": ""}, Rule(0, 1), "cannot be on 1 of 0"),
    ({}, Rule(0, 3), "cannot be on 3 of 2"),
    ({"nas": ""}, Rule(0, 2), "cannot be on 2 of 1"),
]


@pytest.mark.parametrize(("places", "rule", "said"), CHANGES)
def test_no_change_leaves_a_vault_without_its_stores(places: dict[str, str], rule: Rule, said: str) -> None:
    known = StoreSet({"nas": "/n", "main": "/m"}, frozenset({"old"}), Rule(0, 1))
    with pytest.raises(UsageError, match=said):
        check_change(known, ["main", "old"], places, rule)


def test_changes_that_can_be() -> None:
    known = StoreSet({"nas": "/n", "main": "/m"}, frozenset({"old"}), Rule(0, 2))
    check_change(known, ["main"], {"new": "s3://bucket/x?region=y", "nas": ""}, Rule(0, 2))
    check_change(known, ["main"], {"old": "/back"}, Rule(0, 3))
    check_change(StoreSet(), ["main"], {"new": "file:///x"}, Rule(0, 1))


def test_what_is_not_well_formed_says_nothing() -> None:
    odd = statement(
        StatementKind.STORE_SET,
        stores=[["../up", "/x"], ["a/b", "/x"], ["ok"], "no", ["fine", "/y"], [1, 2]],
        copies=-3,
        commit=0,
        limits={"../up": {"quota": 5}, "fine": "much", 7: {"quota": 1}},
    )
    found = fold_sets([at(1, b"a", from_wire(to_wire(odd), "it"))])
    assert found == StoreSet({"fine": "/y"}, frozenset(), Rule(0, 1), {})
