"""Trying a store: one that keeps its promises passes, and each lie is told by its check."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.errors import StoreGone
from syncd.store.abort import aborting, made
from syncd.store.memory import MemoryStore
from syncd.store.probe import Check, probe
from syncd.store.provider import Listed
from syncd.store.registry import open_store


def tried(store: MemoryStore) -> dict[str, Check]:
    return {check.what: check for check in probe(store, random.Random(1))}


@pytest.mark.parametrize(("cut", "said"), [(0, "leaves nothing"), (None, "was whole already"), (100, "left 100 bytes")])
def test_half_a_put(cut: int | None, said: str) -> None:
    """What the killed process did is played: nothing, all of it, or a piece under the object's name."""
    store = MemoryStore()

    def abort(name: str, seed: int, size: int, after_s: float) -> None:
        if cut != 0:
            store.put(name, made(seed, size)[:cut])

    found = {check.what: check for check in probe(store, random.Random(1), abort=abort)}
    assert found["half a put"].fine is (cut != 100)
    assert said in found["half a put"].said
    assert not list(store.list())


def test_a_process_that_dies_on_the_way_leaves_a_directory_whole(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.create()
    checks = list(probe(store, random.Random(2), abort=aborting(store.url, {})))
    assert {check.what: check.said for check in checks if not check.fine} == {}
    assert "half a put" in [check.what for check in checks]


def test_a_store_that_keeps_its_promises() -> None:
    store = MemoryStore()
    found = tried(store)
    assert [check.what for check in found.values() if not check.fine] == []
    assert len(found) == 8
    assert not list(store.list()), "nothing is left of it"


class Replaces(MemoryStore):
    def put(self, name: str, data: bytes) -> None:
        self._objects[name] = data


class Shifts(MemoryStore):
    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return super().get(name, start + 1 if start else 0, length)


class Forgets(MemoryStore):
    def list(self, prefix: str = "") -> Iterator[Listed]:
        return iter(())


class Flattens(MemoryStore):
    def directories(self, name: str) -> list[str]:
        return []


class Keeps(MemoryStore):
    def delete(self, name: str) -> None:
        pass


class Cuts(MemoryStore):
    def put(self, name: str, data: bytes) -> None:
        super().put(name, data[:1_000_000])


class Says(MemoryStore):
    def stat(self, name: str) -> int | None:
        return 7


class Dead(MemoryStore):
    def put(self, name: str, data: bytes) -> None:
        raise StoreGone("nobody answers", hint="Switch it on.")


LIES: dict[str, tuple[Callable[[], MemoryStore], str]] = {
    "replaces": (Replaces, "other bytes"),
    "shifts ranges": (Shifts, "range"),
    "forgets": (Forgets, "list"),
    "flattens": (Flattens, "list"),
    "keeps": (Keeps, "delete"),
    "cuts": (Cuts, "largest object"),
    "tells sizes": (Says, "get"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_told_by_its_check(lie: str) -> None:
    make, check = LIES[lie]
    found = tried(make())
    assert not found[check].fine
    assert found["put"].fine


def test_a_store_that_does_not_answer_ends_it() -> None:
    (check,) = tried(Dead()).values()
    assert (check.what, check.fine, check.said) == ("put", False, "nobody answers. Switch it on.")
