"""Which stores take what: N of them, those that can, by the space they have; and few objects move when one comes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syncd.store.placement import Room, Rule, choose, copies_of

NAMES = st.text("0123456789abcdef", min_size=8, max_size=8).map("pack/ab/{}".format)
ROOMS = st.lists(
    st.builds(
        Room,
        st.text("abcdefgh", min_size=1, max_size=3),
        st.none() | st.integers(0, 1 << 40),
        st.booleans(),
        st.none() | st.integers(0, 1000),
        st.floats(0, 60),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda room: room.name,
)
RULES = st.builds(Rule, st.integers(0, 6), st.integers(1, 6))


@given(NAMES, ROOMS, RULES)
def test_as_many_as_the_rule_says_and_each_once(name: str, rooms: list[Room], rule: Rule) -> None:
    chosen = choose(name, rooms, rule)
    assert len(chosen) == len(set(chosen)) == copies_of(name, rule, len(rooms))
    assert len(chosen) >= min(rule.commit, len(rooms))


@given(NAMES, ROOMS, RULES)
def test_who_can_take_it_comes_before_who_cannot(name: str, rooms: list[Room], rule: Rule) -> None:
    takes = {room.name: room.takes for room in rooms}
    chosen = choose(name, rooms, rule)
    assert sorted(chosen, key=lambda store: not takes[store]) == chosen
    if not all(takes[store] for store in chosen):
        assert {store for store, able in takes.items() if able} <= set(chosen)


@given(ROOMS, RULES)
def test_what_is_no_pack_goes_to_all(rooms: list[Room], rule: Rule) -> None:
    assert set(choose("record/a/1", rooms, rule)) == {room.name for room in rooms}


@given(NAMES, ROOMS, RULES, st.randoms())
def test_the_order_of_the_stores_does_not_matter(name: str, rooms: list[Room], rule: Rule, source: object) -> None:
    shuffled = sorted(rooms, key=lambda room: room.name, reverse=True)
    assert set(choose(name, rooms, rule)) == set(choose(name, shuffled, rule))


def test_load_follows_the_space_that_is_free() -> None:
    rooms = [Room("a", 100 << 30), Room("b", 200 << 30), Room("c", 300 << 30)]
    counts = Counter(choose(f"pack/{i}", rooms, Rule(1, 1))[0] for i in range(6000))
    for store, share in (("a", 1000), ("b", 2000), ("c", 3000)):
        assert abs(counts[store] - share) < 200, counts


def test_load_follows_price_and_speed() -> None:
    """Half the price is twice the share; so is an answer in half of the time beyond a second."""
    rooms = [Room("dear", cost=20), Room("cheap", cost=10), Room("slow", cost=10, latency_s=1.0)]
    counts = Counter(choose(f"pack/{i}", rooms, Rule(1, 1))[0] for i in range(8000))
    for store, share in (("dear", 2000), ("cheap", 4000), ("slow", 2000)):
        assert abs(counts[store] - share) < 250, counts


def test_a_price_that_nobody_said_is_like_the_others() -> None:
    rooms = [Room("a", cost=30), Room("b"), Room("c", cost=30)]
    counts = Counter(choose(f"pack/{i}", rooms, Rule(1, 1))[0] for i in range(6000))
    assert all(abs(counts[store] - 2000) < 200 for store in "abc"), counts


def test_a_store_that_comes_takes_its_share_and_moves_nothing_else() -> None:
    before = [Room(name) for name in "abc"]
    after = [*before, Room("d")]
    moved = 0
    for i in range(2000):
        old, new = choose(f"pack/{i}", before, Rule(1, 1)), choose(f"pack/{i}", after, Rule(1, 1))
        if old != new:
            assert new == ["d"]
            moved += 1
    assert 400 < moved < 600, "a quarter"
