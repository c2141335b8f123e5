"""Which records count where somebody was revoked: one answer, in whatever order they are read."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.engine.admitting import ALL, Heard, lengths
from syncd.engine.standing import Word
from syncd.journal.statements import StatementKind

A, B, C, D, ROGUE = b"anna", b"bert", b"cleo", b"dora", b"rogue"
OLD, NEW = b"old epoch", b"new epoch"
DEVICES = (A, B, C, D)


def revoke(author: bytes, sequence: int, device: bytes, cut: int) -> Word:
    return Word(author, sequence, StatementKind.REVOKE, device, cut)


def epoch(author: bytes, sequence: int, name: bytes, *out: bytes) -> Word:
    return Word(author, sequence, StatementKind.EPOCH, name, covers=frozenset(out))


def approve(author: bytes, sequence: int, device: bytes) -> Word:
    return Word(author, sequence, StatementKind.APPROVE, device)


def vault(*words: Word, seen: tuple[tuple[bytes, int, bytes, int], ...] = (), **came: bytes) -> Heard:
    """Return what is heard of a vault that A founded, whose devices have all seen one another."""
    everybody = [(A, 1, other, 1) for other in DEVICES[1:]]
    order = {device: (number, OLD) for number, device in enumerate(DEVICES, 1)}
    order |= {name.encode(): (1, with_epoch) for name, with_epoch in came.items()}  # whoever made it chose its clock
    return Heard([epoch(A, 1, OLD), *words], [*everybody, *seen], order)


CASES: list[tuple[str, Heard, dict[bytes, int]]] = [
    ("nobody was revoked", vault(), dict.fromkeys(DEVICES, ALL)),
    ("to the cut", vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D)), {A: ALL, B: ALL, C: ALL, D: 3}),
    (
        "and as far as somebody has seen it who counts",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), seen=((B, 9, D, 4),)),
        {A: ALL, B: ALL, C: ALL, D: 4},
    ),
    ("of two cuts the least", vault(revoke(A, 5, D, 3), revoke(B, 2, D, 2)), {A: ALL, B: ALL, C: ALL, D: 2}),
    (
        "what it says of others after the cut says nothing",
        vault(revoke(A, 5, D, 3), revoke(D, 4, A, 0), revoke(D, 4, B, 0)),
        {A: ALL, B: ALL, C: ALL, D: 3},
    ),
    (
        "what it said before the cut counts",
        vault(revoke(A, 5, D, 3), revoke(D, 2, C, 1)),
        {A: ALL, B: ALL, C: 1, D: 3},
    ),
    (
        "a device that it made counts for nothing, nor does what that has seen",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), seen=((ROGUE, 1, D, 99),), rogue=OLD),
        {A: ALL, B: ALL, C: ALL, D: 3},
    ),
    (
        "but for a person's word",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), approve(B, 7, ROGUE), rogue=OLD),
        {A: ALL, B: ALL, C: ALL, D: 3, ROGUE: ALL},
    ),
    (
        "its own is none",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), approve(ROGUE, 1, ROGUE), rogue=OLD),
        {A: ALL, B: ALL, C: ALL, D: 3},
    ),
    (
        "who came with the new keys is welcome",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), rogue=NEW),
        {A: ALL, B: ALL, C: ALL, D: 3, ROGUE: ALL},
    ),
    (
        "nor what it says of whoever revoked it, whatever its clock says",
        vault(revoke(C, 5, D, 3), revoke(ROGUE, 1, C, 0), rogue=OLD),
        {A: ALL, B: ALL, C: ALL, D: 3},
    ),
    (
        "two that revoke each other are both out, where somebody has heard each",
        vault(revoke(B, 5, C, 3), revoke(C, 4, B, 2), seen=((A, 9, B, 5), (D, 9, C, 4))),
        {A: ALL, B: 5, C: 4, D: ALL},
    ),
    (
        "an epoch that leaves out one of two is not enough",
        vault(revoke(A, 5, D, 3), epoch(A, 6, NEW, D), revoke(B, 8, C, 2), rogue=NEW),
        {A: ALL, B: ALL, C: 2, D: 3},
    ),
]


@pytest.mark.parametrize(("what", "heard", "found"), CASES, ids=[what for what, _, _ in CASES])
def test_how_far_journals_count(what: str, heard: Heard, found: dict[bytes, int]) -> None:
    assert lengths(heard, A, {}) == found


def test_what_a_checkpoint_stands_for_stays() -> None:
    heard = vault(revoke(A, 5, D, 3))
    assert lengths(heard, A, {D: 7})[D] == 7


NAMES = st.sampled_from([*DEVICES, ROGUE])
WORDS = st.one_of(
    st.builds(revoke, NAMES, st.integers(1, 5), NAMES, st.integers(0, 5)),
    st.builds(approve, NAMES, st.integers(1, 5), NAMES),
    st.builds(epoch, NAMES, st.integers(1, 5), st.sampled_from([NEW, b"newer"]), NAMES),
)
SEEN = st.tuples(NAMES, st.integers(1, 5), NAMES, st.integers(1, 5))


@given(st.lists(WORDS, max_size=6), st.lists(SEEN, max_size=6), st.sampled_from([OLD, NEW]), st.randoms())
def test_the_order_in_which_it_is_heard_does_not_matter(
    words: list[Word], seen: Any, came: bytes, dice: random.Random
) -> None:
    heard = vault(*words, seen=tuple(seen), rogue=came)
    found = lengths(heard, A, {})
    dice.shuffle(heard.words)
    dice.shuffle(heard.seen)
    assert lengths(heard, A, {}) == found
    revoked = {word.about for word in words if word.kind == StatementKind.REVOKE}
    assert all(found.get(device) == ALL for device in DEVICES if device not in revoked)
