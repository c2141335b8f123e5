"""Settling: bursts become one look, a file that never rests is still looked at, the others do not wait for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.watch.pending import LONGEST_S, Hint, Pending


def make() -> Pending:
    return Pending(settle_s=0.05, open_s=0.5)


def test_a_closed_file_is_due_after_the_short_wait() -> None:
    pending = make()
    pending.note(b"d/f", Hint.SETTLED, 10.0)
    assert pending.next_due_s() == 10.05
    assert pending.take(10.04) == (set(), {b"d/f"})
    assert pending.take(10.06) == ({b"d"}, set())
    assert pending.next_due_s() is None


def test_a_file_that_is_written_waits_and_is_held_back() -> None:
    pending = make()
    pending.note(b"big", Hint.CHANGING, 0.0)
    pending.note(b"small", Hint.SETTLED, 0.1)
    assert pending.take(0.2) == ({b""}, {b"big"})
    pending.note(b"big", Hint.CHANGING, 0.45)
    assert pending.next_due_s() == 0.95
    pending.note(b"big", Hint.SETTLED, 0.5)
    assert pending.next_due_s() == 0.55


def test_a_file_that_never_rests_is_looked_at_all_the_same() -> None:
    pending, now, looked = make(), 0.0, 0
    while now < 20:
        pending.note(b"log", Hint.CHANGING, now)
        directories, _ = pending.take(now)
        looked += bool(directories)
        now += 0.1
    assert 3 <= looked <= 5


def test_lost_events_are_due_at_once() -> None:
    pending = make()
    pending.overflowed()
    assert pending.next_due_s() == 0.0
    pending.take_all()
    assert pending.next_due_s() is None


def test_renames_are_followed_to_where_they_began() -> None:
    pending = make()
    pending.moved(b"a", b"b")
    pending.moved(b"b", b"c")
    pending.moved(b"x", b"y")
    assert pending.take_moves() == {b"c": b"a", b"y": b"x"}
    assert pending.take_moves() == {}


events = st.lists(
    st.tuples(st.sampled_from([b"a", b"d/a", b"d/b"]), st.sampled_from(Hint), st.floats(0, 2)), max_size=60
)


@given(events=events)
def test_nothing_noted_is_ever_forgotten(events: list[tuple[bytes, Hint, float]]) -> None:
    pending, now, open_since = make(), 0.0, dict[bytes, float]()
    for path, hint, pause in events:
        now += pause
        directories, held = pending.take(now)
        for known in [known for known in open_since if known not in held]:
            assert known.rpartition(b"/")[0] in directories
            del open_since[known]
        assert all(now - since <= LONGEST_S + 0.001 for since in open_since.values())
        pending.note(path, hint, now)
        open_since.setdefault(path, now)
    assert pending.take(now + LONGEST_S + 1)[1] == set()
