"""Small values: what is remembered is what the database has, whatever was undone and whoever else looks."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.state.db import State

NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(st.tuples(NAMES, st.one_of(st.none(), st.binary(max_size=2))), max_size=6)


class _UndoneError(Exception):
    pass


@settings(max_examples=60)
@given(transactions=st.lists(st.tuples(STEPS, st.booleans()), max_size=6))
def test_values_are_those_of_the_database(
    tmp_path_factory: pytest.TempPathFactory, transactions: list[tuple[list[tuple[str, bytes | None]], bool]]
) -> None:
    """A step without a value looks at one; a transaction that is undone leaves what was before."""
    directory = tmp_path_factory.mktemp("state")
    model: dict[str, bytes] = {}
    with (
        contextlib.closing(State(directory, write=True)) as writer,
        contextlib.closing(State(directory, write=False)) as reader,
    ):
        for steps, undone in transactions:
            before = dict(model)
            with contextlib.suppress(_UndoneError), writer.transaction():
                for name, value in steps:
                    if value is None:
                        assert writer.get(name) == model.get(name)
                    else:
                        writer.set(name, value)
                        model[name] = value
                        assert reader.get(name) == before.get(name)
                if undone:
                    raise _UndoneError
            model = before if undone else model
            for name in "abc":
                assert writer.get(name) == reader.get(name) == model.get(name)


def test_what_was_set_outside_a_transaction_is_there(tmp_path: Path) -> None:
    with contextlib.closing(State(tmp_path, write=True)) as writer:
        assert writer.get("a") is None
        writer.set("a", b"1")
        assert writer.get("a") == b"1"
    with contextlib.closing(State(tmp_path, write=False)) as reader:
        assert reader.get("a") == b"1"
