"""Proving what the stores hold: every object is read from each store that has it, and is what its name stands for.

What is damaged is noted as owed, so that catching up (catchup.py) brings it from a store that has it sound; what only
the others' agreement tells is put right by `settle`. Memory is one object of each store.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from syncd.errors import ObjectMissing, StoreError
from syncd.store.listing import side_by_side
from syncd.store.placement import KINDS
from syncd.store.provider import Listed, Provider
from syncd.store.replicas import Replicas


@dataclass(slots=True)
class Proven:
    """What was found.

    Attributes:
        objects: copies that were read, of all stores.
        size: their bytes.
        damaged: (store, object) of copies that are not what the name stands for.
        outvoted: bytes that most stores hold, by (store, object) of copies that differ, where nothing else tells.
        disputed: objects of which stores hold different bytes, and nothing tells which are right.
        failed: stores that could not be read to the end, and why.
    """

    objects: int = 0
    size: int = 0
    damaged: list[tuple[str, str]] = field(default_factory=list)
    outvoted: dict[tuple[str, str], bytes] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)
    failed: dict[str, StoreError] = field(default_factory=dict)


class Proving:
    """Reads the stores of a vault.

    Args:
        stores: all of them.
        go_on: told between two objects, with the bytes read; raises to break off.
    """

    def __init__(self, stores: Replicas, go_on: Callable[[int], None] = lambda size: None) -> None:
        self._stores, self._go_on = stores, go_on
        self.found = Proven()

    def run(self, percent: float, choice: random.Random) -> Proven:
        """Read this share (0 to 100) of all objects, each from every store that has it."""
        members = [member for member in self._stores.members if not member.resting]
        for listed, sizes in side_by_side(members, self.found.failed):
            if listed.name.startswith(KINDS) and choice.random() * 100 < percent:
                self._prove(listed.name, list(sizes))
        return self.found

    def settle(self) -> None:
        """Put in place what most stores hold, where nothing but their number tells which is right.

        Raises:
            StoreError: a store did not take it.
        """
        for (store, name), data in self.found.outvoted.items():
            member = self._stores.member(store)
            if member is not None:
                member.ask(partial(_replace, name, data))

    def _prove(self, name: str, stores: list[str]) -> None:
        copies: dict[str, bytes] = {}
        certain: set[bytes] = set()
        for store in stores:
            data = self._read(store, name)
            if data is None:
                continue
            verdict = self._stores.sound(name, data)
            if verdict is False:
                self._damaged(store, name)
                continue
            copies[store] = data
            if verdict:
                certain.add(data)
        if len(certain) == 1:
            for store in [store for store, data in copies.items() if data not in certain]:
                del copies[store]
                self._damaged(store, name)
        if len(set(copies.values())) > 1:
            self._differ(name, copies)

    def _read(self, store: str, name: str) -> bytes | None:
        member = self._stores.member(store)
        if member is None or store in self.found.failed:
            return None
        try:
            data = member.ask(lambda provider: provider.get(name))
        except ObjectMissing:
            return None  # it went meanwhile
        except StoreError as error:
            self.found.failed[store] = error
            return None
        self.found.objects += 1
        self.found.size += len(data)
        self._go_on(len(data))
        return data

    def _damaged(self, store: str, name: str) -> None:
        self.found.damaged.append((store, name))
        if len(self._stores.members) > 1:
            self._stores.owing.owe([store], [Listed(name, 0)])

    def _differ(self, name: str, copies: dict[str, bytes]) -> None:
        """Of copies that all may be right, take what most stores hold: keys, which are small, and few."""
        (most, count), *_ = Counter(copies.values()).most_common()
        if count * 2 <= len(copies):
            self.found.disputed.append(name)
            return
        for store, data in copies.items():
            if data != most:
                self.found.damaged.append((store, name))
                self.found.outvoted[store, name] = most


def _replace(name: str, data: bytes, provider: Provider) -> None:
    provider.delete(name)
    provider.put(name, data)
