"""The local state: the chunk index against a dict, the tree against a model, transactions that all hold or none."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.engine.conflicts import count_conflicts
from syncd.engine.guards import holds
from syncd.errors import NoVault, StateDamaged
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, key
from syncd.model.location import PackLocations
from syncd.state import chunks as chunks_module
from syncd.state.base import Base
from syncd.state.chunks import located, place
from syncd.state.db import FILE, State
from syncd.state.nodes import Applied
from syncd.state.packs import chunk_entries


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path, write=True)
    yield opened
    opened.close()


@settings(max_examples=25)
@given(seed=st.integers(0, 1 << 32), batches=st.lists(st.integers(1, 900), min_size=1, max_size=9))
def test_the_chunk_index_is_a_map(tmp_path_factory: pytest.TempPathFactory, seed: int, batches: list[int]) -> None:
    source, model = random.Random(seed), dict[bytes, bytes]()
    directory = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "DELTA_LIMIT", 300)
        patch.setattr(chunks_module, "PART", source.choice([70, 500, 65_536]))
        state = State(directory, write=True)
        for number, size in enumerate(batches):
            # Ids that share their first 8 bytes test the search behind the prefix.
            batch = {
                source.choice([source.randbytes(16), b"12345678" + source.randbytes(8)]): place(number, i % 900, i, 5)
                for i in range(size)
            }
            with state.transaction():
                state.chunks.add(batch.items())
            model.update(batch)
            if source.random() < 0.3:
                state.close()
                state = State(directory, write=True)
        assert len(state.chunks) == len(model)
        for chunk, raw in model.items():
            assert chunk in state.chunks
            assert state.chunks.get(chunk) == located(raw)
        for _ in range(100):
            absent = source.choice([source.randbytes(16), b"12345678" + source.randbytes(8)])
            assert (absent in state.chunks) == (absent in model)
        for run in state.chunks._runs:
            entries = list(run.entries(0, run.count))
            assert entries == sorted(entries)
        runs = list(directory.glob("chunks-*.run"))
        assert len(runs) <= 12
        state.close()


def test_a_transaction_that_fails_leaves_the_index_as_it_was(state: State) -> None:
    with state.transaction():
        state.chunks.add([(b"a" * 16, place(1, 2, 3, 4))])

    def fail() -> None:
        with state.transaction():
            state.chunks.add([(bytes([i // 256, i % 256]) * 8, place(1, 1, 1, 1)) for i in range(9000)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(state.chunks) == 1
    assert state.chunks.get(b"a" * 16) == located(place(1, 2, 3, 4))


def test_runs_nobody_names_are_removed_at_the_next_open(state: State, tmp_path: Path) -> None:
    stray = tmp_path / "chunks-0000000000000000.run"
    stray.write_bytes(b"left by a crash")
    state.close()
    again = State(tmp_path, write=True)
    assert len(again.chunks) == 0
    assert not stray.exists()
    again.close()


def change(node: int, parent: int, name: bytes, kind: Kind = Kind.FILE, parents: tuple[int, ...] = ()) -> Change:
    return Change(node, parent, name, kind, 0o644, 5, 6, 0, 1, b"i" * 16, b"", parents)


def test_names_pass_from_node_to_node_in_one_step(state: State) -> None:
    a, b = key(1, 1), key(1, 2)
    with state.transaction():
        state.nodes.apply([Applied(a, change(a, ROOT, b"x")), Applied(b, change(b, ROOT, b"y"))], 100)
    with state.transaction():
        swap = [
            Applied(key(1, 3), change(a, ROOT, b"y", parents=(a,))),
            Applied(key(1, 4), change(b, ROOT, b"x", parents=(b,))),
        ]
        state.nodes.apply(swap, 200)
    assert {row.name: row.node for row in state.nodes.children(ROOT)} == {b"x": b, b"y": a}
    assert {row.name: row.node for row in state.nodes.children_at(ROOT, 150)} == {b"x": a, b"y": b}
    assert {row.name: row.node for row in state.nodes.children_at(ROOT, 99)} == {}
    assert [row.version for row in state.nodes.versions(a)] == [key(1, 3), a]


def test_a_node_may_change_twice_in_one_record(state: State) -> None:
    a = key(1, 1)
    rows = [Applied(a, change(a, ROOT, b"x")), Applied(key(1, 2), change(a, ROOT, b"y", parents=(a,)))]
    with state.transaction():
        state.nodes.apply(rows, 100)
    with state.transaction():
        more = [Applied(key(1, n), change(a, ROOT, bytes([96 + n]), parents=(key(1, n - 1),))) for n in (3, 4)]
        state.nodes.apply(more, 200)
    assert [row.name for row in state.nodes.versions(a)] == [b"d", b"c", b"y", b"x"]


def test_tombstones_free_their_name_and_are_found(state: State) -> None:
    a, b = key(1, 1), key(1, 2)
    with state.transaction():
        state.nodes.apply([Applied(a, change(a, ROOT, b"x"))], 100)
        state.nodes.apply([Applied(key(1, 5), change(a, ROOT, b"x", Kind.TOMBSTONE, (a,)))], 200)
        state.nodes.apply([Applied(b, change(b, ROOT, b"x"))], 300)
    assert state.nodes.find(b"x").node == b  # type: ignore[union-attr]
    assert [row.node for row in state.nodes.gone_children(ROOT)] == [a]
    assert state.nodes.ever_at(ROOT, b"x") == [b, a]
    assert [row.node for row in state.nodes.children_at(ROOT, 250)] == []


def pack(name: bytes = b"p" * 32) -> PackLocations:
    ids = b"".join(bytes([i]) * 16 for i in range(4))
    return PackLocations(name, 4096, b"e" * 16, b"s" * 32, (100, 200), (3, 1), ids, (5, 6, 7, 8), b"\1\1\2\1")


def test_an_intent_is_kept_whole_until_it_is_settled(state: State) -> None:
    with state.transaction():
        first, second = state.packs.intend(pack()), state.packs.intend(pack(b"q" * 32))
    assert state.packs.intents() == [(first, pack()), (second, pack(b"q" * 32))]
    assert state.packs.all() == []
    with state.transaction():
        assert state.packs.add(pack()) == first
        state.packs.forget(second)
    assert state.packs.intents() == []
    ((number, row),) = state.packs.all()
    assert (number, row.segments) == (first, (100, 200))
    entries = [(chunk[0], located(raw)) for chunk, raw in chunk_entries(first, pack())]
    assert [(n, at.segment, at.offset, at.length) for n, at in entries] == [
        (0, 0, 0, 5),
        (1, 0, 5, 6),
        (2, 0, 11, 7),
        (3, 1, 0, 8),
    ]


def test_reading_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(NoVault):
        State(tmp_path, write=False)


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(StateDamaged):
        State(tmp_path, write=True)


def test_a_reader_writes_nothing(state: State, tmp_path: Path) -> None:
    reader = State(tmp_path, write=False)
    with pytest.raises(sqlite3.OperationalError):
        reader.set("x", b"y")
    assert reader.check() == []
    reader.close()


def test_what_is_asked_again_and_again_reads_no_file_of_the_tree(state: State) -> None:
    """An agent that idles asks these every two seconds: with 200,000 files that was a tenth of a second each time."""
    tree = [
        Applied(
            key(1, number),
            Change(key(1, number), ROOT, b"%d" % number, Kind.FILE, 0o644, 1, 1, 0, 1, b"", b"", ()),
            0,
            0,
            None,
        )
        for number in range(1, 3001)
    ]
    gone = [item._replace(change=item.change._replace(kind=Kind.TOMBSTONE)) for item in tree[:1000]]
    with state.transaction():
        state.nodes.apply(tree, 1)
        state.nodes.apply([item._replace(version=item.version + 5000) for item in gone], 2)
    for ask in (
        lambda: count_conflicts(state),
        lambda: holds(state),
        lambda: state.base.doomed(),
        lambda: state.base.waiting,
        lambda: state.base.unmet(),
        lambda: state.plain,
    ):
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        state.db.set_progress_handler(step, 1)
        ask()
        state.db.set_progress_handler(None, 0)
        assert steps < 500, ask


class _UndoneError(Exception):
    """A transaction is broken off."""


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["put", "drop", "call", "uncall", "nothing"]),
            st.integers(0, 2),
            st.booleans(),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_what_a_directory_holds_is_what_the_rows_say_after_each_change_and_each_that_is_undone(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, bool, bool]]
) -> None:
    state = State(tmp_path_factory.mktemp("state"), write=True)
    try:
        nodes = [key(1, number) for number in (1, 2, 3)]
        made = [
            Applied(node, Change(node, ROOT, b"%d" % node, Kind.FILE, 0o644, 1, 0, 0, 0, b"", b"", ()), 7)
            for node in nodes
        ]
        with state.transaction():
            state.nodes.apply(made, 1)
        rows = [state.nodes.get(node) for node in nodes]

        def held() -> None:
            assert state.base.children(ROOT) == Base(state.db, state.nodes).children(ROOT)

        for what, at, ask, undo in steps:
            row = rows[at]
            assert row is not None
            with contextlib.suppress(_UndoneError), state.transaction():
                if what == "put":
                    state.base.put(row._replace(name=b"elsewhere %d" % at))
                elif what == "drop":
                    state.base.drop(row.node)
                elif what == "call":
                    state.base.call(row.node, b"shown", stands=True)
                elif what == "uncall":
                    state.base.uncall(row.node)
                if ask:
                    held()
                if undo:
                    raise _UndoneError
            held()
    finally:
        state.close()
