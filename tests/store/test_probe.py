"""Trying a store: one that keeps its promises passes, and each lie is told by its check."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from syncd.errors import StoreGone
from syncd.store.memory import MemoryStore
from syncd.store.probe import Check, probe
from syncd.store.provider import Listed


def tried(store: MemoryStore) -> dict[str, Check]:
    return {check.what: check for check in probe(store, random.Random(1))}


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
