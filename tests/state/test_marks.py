"""Marking what is in use: the same as looking every chunk up by itself, whatever the index is made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.state import chunks, marks
from syncd.state.chunks import ChunkIndex, located, place
from syncd.state.db import State

# Few ids, some of which begin alike: so the same chunk lies in several packs, and prefixes meet.
IDS = [
    high.to_bytes(8) + low.to_bytes(8) for high in (0, 1, 5, 1 << 63, (1 << 64) - 1) for low in (0, 7, (1 << 64) - 1)
]
ID = st.sampled_from(IDS)
PACK = st.integers(1, 6)
PACKS = st.sets(PACK, max_size=3)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "DELTA_LIMIT", 3)  # so there are runs
    monkeypatch.setattr(marks, "STRETCH", 2)
    monkeypatch.setattr(marks, "GATHERED", 4)
    monkeypatch.setattr(marks, "FEW", marks.FEW)


def by_hand(
    added: list[list[tuple[bytes, int]]], wanted: list[bytes], gone: set[int], avoid: set[int]
) -> dict[Any, Any]:
    there = {(chunk, pack) for group in added for chunk, pack in group}
    live = set()
    for chunk in wanted:
        packs = [pack for found, pack in there if found == chunk and pack not in gone]
        if packs:
            live.add((chunk, max(packs, key=lambda pack: (pack not in avoid, pack))))
    return {
        pack: (sum(found == pack for _, found in live), sum(found == pack for _, found in there))
        for pack in {pack for _, pack in there} - gone
    }


@given(
    added=st.lists(st.lists(st.tuples(ID, PACK), max_size=8, unique=True), max_size=5),
    wanted=st.lists(ID, max_size=12),
    gone=PACKS,
    avoid=PACKS,
    few=st.sampled_from([0, 1 << 16]),
)
def test_marks_are_those_of_each_chunk_by_itself(
    tmp_path_factory: pytest.TempPathFactory,
    added: list[list[tuple[bytes, int]]],
    wanted: list[bytes],
    gone: set[int],
    avoid: set[int],
    few: int,
) -> None:
    marks.FEW = few  # each way of looking comes to the same; `small` puts it back
    state = State(tmp_path_factory.mktemp("state"), write=True)
    try:
        index: ChunkIndex = state.chunks
        before = set[tuple[bytes, int]]()
        for group in added:
            # One id has one place in one call, and beside the runs the last one said replaces the one before it.
            entries = dict(pair for pair in group if pair not in before)  # a pack is said to hold a chunk once
            before |= set(entries.items())
            with state.transaction():
                index.add((chunk, place(pack, 0, 0, 1)) for chunk, pack in entries.items())
        there = [[(raw[:16], located(raw[16:]).pack) for raw in _all(index)]]
        index.let_go(gone)
        found = index.marks(avoid)
        for chunk in wanted:
            found.mark(chunk)
        expected = by_hand(there, wanted, gone, avoid)
        assert found.by_pack() == expected
        assert type(found) is (marks.Few if few else marks.Many) or not there[0]
        entries_of = found.in_packs(expected)
        assert {pack: len(rows) for pack, rows in entries_of.items()} == {
            pack: live for pack, (live, _) in expected.items()
        }
        assert all(located(raw).pack == pack for pack, rows in entries_of.items() for _, raw in rows)
    finally:
        state.close()


def _all(index: ChunkIndex) -> list[bytes]:
    return [bytes(table.raw()[at : at + 32]) for table in index.tables() for at in range(0, 32 * table.count, 32)]
