"""What versions were made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.merge.past import common, past

# 2 and 3 were made of 1, 4 of both, 5 of 3, 6 of 4.
DRAWN = {1: (), 2: (1,), 3: (1,), 4: (2, 3), 5: (3,), 6: (4,)}


def test_a_past_has_all_that_something_was_made_of() -> None:
    assert past(DRAWN, [4]) == {4, 3, 2, 1}
    assert past(DRAWN, []) == set()
    assert past(DRAWN, [5, 2]) == {5, 3, 2, 1}


def test_what_is_not_known_ends_a_past() -> None:
    assert past({7: (6,)}, [7]) == {7, 6}


def test_the_newest_that_both_were_made_of() -> None:
    assert common(DRAWN, [5], [6]) == (3,)
    assert common(DRAWN, [2], [3]) == (1,)
    assert common(DRAWN, [4], [6]) == (4,)
    assert common(DRAWN, [4], [2, 5]) == (2, 3)
    assert common(DRAWN, [1], []) == ()


@given(st.lists(st.sets(st.integers(0, 11), max_size=3), min_size=1, max_size=12), st.data())
def test_what_both_were_made_of_says_all_of_it(drawn: list[set[int]], data: st.DataObject) -> None:
    parents = {at: tuple(parent for parent in sorted(above) if parent < at) for at, above in enumerate(drawn)}
    heads = st.sets(st.sampled_from(sorted(parents)), max_size=3)
    one, other = data.draw(heads), data.draw(heads)
    found = common(parents, one, other)
    assert past(parents, found) == past(parents, one) & past(parents, other)
    assert all(version not in past(parents, set(found) - {version}) for version in found)
