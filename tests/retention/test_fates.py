"""What becomes of condemned packs: a function of what was said, and of one device's say in it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from syncd.retention.fates import Fate, Judgment, Said, awaited, cases, fates, open_for

DEVICES = [b"a", b"b", b"c"]
PACKS = st.frozensets(st.sampled_from([b"p", b"q", b"r"]))
JUDGMENTS = st.builds(Judgment, st.sampled_from(DEVICES), st.integers(1, 3))
SAID = st.lists(
    st.one_of(
        st.builds(Said, st.sampled_from(DEVICES), st.integers(1, 3), st.just("condemn"), PACKS),
        st.builds(
            Said,
            st.sampled_from(DEVICES),
            st.integers(1, 9),
            st.just("rescue"),
            PACKS,
            st.lists(JUDGMENTS, max_size=2).map(tuple),
        ),
        st.builds(
            Said,
            st.sampled_from(DEVICES),
            st.integers(1, 9),
            st.just("acknowledge"),
            st.just(frozenset()),
            st.lists(JUDGMENTS, max_size=2).map(tuple),
        ),
        st.builds(Said, st.sampled_from(DEVICES), st.integers(1, 9), st.just("deleted"), PACKS),
    ),
    max_size=14,
)


@given(SAID, st.randoms())
def test_the_order_of_statements_does_not_matter(said: list[Said], source: random.Random) -> None:
    shuffled = [*said, *said[:2]]
    source.shuffle(shuffled)
    assert cases(said) == cases(shuffled)


@given(SAID)
def test_nothing_is_gone_that_was_rescued_or_not_let_go(said: list[Said]) -> None:
    found = cases(said)
    for own in DEVICES:
        for pack, fate in fates(found, own, {}).items():
            if fate != Fate.GONE:
                continue
            assert any(
                pack in case.packs - case.rescued
                and pack in case.deleted
                and (own in case.acknowledged or judgment.device == own)
                for judgment, case in found.items()
            )


@given(SAID)
def test_who_condemns_needs_no_word_of_its_own_and_everybody_elses(said: list[Said]) -> None:
    for judgment, case in cases(said).items():
        missing = awaited(case, judgment.device, DEVICES)
        assert judgment.device not in missing
        for device in set(DEVICES) - {judgment.device} - missing:
            assert judgment not in open_for(cases(said), device)


def test_a_life_of_a_pack() -> None:
    about = (Judgment(b"a", 7),)
    said = [Said(b"a", 7, "condemn", frozenset((b"p", b"q")))]
    assert fates(cases(said), b"b", {}) == {b"p": Fate.CONDEMNED, b"q": Fate.CONDEMNED}
    assert open_for(cases(said), b"b") == [*about]
    assert open_for(cases(said), b"a") == []
    said += [Said(b"b", 3, "rescue", frozenset((b"q",)), about), Said(b"b", 3, "acknowledge", about=about)]
    assert fates(cases(said), b"b", {}) == {b"p": Fate.CONDEMNED}
    assert awaited(cases(said)[about[0]], b"a", [b"a", b"b", b"c"]) == {b"c"}
    said += [Said(b"c", 9, "acknowledge", about=about), Said(b"a", 8, "deleted", frozenset((b"p",)))]
    assert fates(cases(said), b"b", {}) == {b"p": Fate.GONE}
    assert fates(cases(said), b"d", {}) == {b"p": Fate.CONDEMNED}, "who was not asked has not let it go"
    assert fates(cases(said), b"d", {b"a": 8}) == {b"p": Fate.GONE}, "who came later has nothing to do with it"
    again = [*said, Said(b"a", 9, "condemn", frozenset((b"q",)))]
    assert fates(cases(again), b"b", {})[b"q"] == Fate.CONDEMNED, "a rescue is from one condemnation"


def test_nobody_deletes_for_another() -> None:
    about = (Judgment(b"a", 1),)
    said = [
        Said(b"a", 1, "condemn", frozenset((b"p",))),
        Said(b"b", 1, "acknowledge", about=about),
        Said(b"c", 1, "deleted", frozenset((b"p",))),
    ]
    assert fates(cases(said), b"b", {}) == {b"p": Fate.CONDEMNED}
