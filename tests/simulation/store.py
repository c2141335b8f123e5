"""Simulated stores: dicts that all devices see, each device through doors of its own where things go wrong."""

from __future__ import annotations

import builtins
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from syncd.errors import ObjectExists, ObjectMissing, StoreGone
from syncd.store.provider import Capabilities, Listed, directories_of


@dataclass
class Shelf:
    """What the store holds."""

    objects: dict[str, bytes] = field(default_factory=dict)
    puts: int = 0
    previous: set[str] = field(default_factory=set)  # what a stale listing shows
    name: str = "main"
    away: bool = False  # nobody reaches it
    damaged: bool = False  # one object, once
    came: Callable[[str], None] = lambda name: None  # told of each object that is put

    def all(self) -> list[Shelf]:
        return [self]


@dataclass
class Shelves:
    """Several stores, and what they hold together; `counted` are the objects that ever were on W of them."""

    each: list[Shelf]
    commit: int = 1
    counted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for shelf in self.each:
            shelf.came = self._came

    def _came(self, name: str) -> None:
        if sum(name in shelf.objects for shelf in self.each) >= self.commit:
            self.counted.add(name)

    def all(self) -> list[Shelf]:
        return self.each

    @property
    def objects(self) -> dict[str, bytes]:
        return {name: data for shelf in self.each for name, data in shelf.objects.items()}

    @property
    def puts(self) -> int:
        return sum(shelf.puts for shelf in self.each)

    def can_spare(self, shelf: Shelf, name: str) -> bool:
        """Tell whether another store that can be reached has an object as this one has it."""
        data = shelf.objects[name]
        return any(other.objects.get(name) == data for other in self.each if other is not shelf and not other.away)


class Door:
    """The store as one device reaches it.

    Args:
        shelf: what all devices share.
        point: told of each call before it is made, and after a put or delete took effect; raises what the
            schedule wants.
    """

    def __init__(self, shelf: Shelf, point: Callable[[str, str], None]) -> None:
        self.shelf, self._tell = shelf, point
        self.stale = False
        self.order: int | None = None  # in which listings come; None: by name

    def _point(self, call: str, about: str) -> None:
        self._tell(call, about)
        if self.shelf.away:
            raise StoreGone(f"the simulated store {self.shelf.name} is away")

    @property
    def url(self) -> str:
        return f"simulated://{self.shelf.name}"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(ask_s=2.0)

    def create(self) -> None:
        pass

    def close(self) -> None:
        pass

    def put(self, name: str, data: bytes) -> None:
        self._point("put", name)
        if self.shelf.objects.setdefault(name, data) != data:
            raise ObjectExists(f"{name} stands for other bytes already")
        self.shelf.puts += 1
        self.shelf.came(name)
        self._point("put-done", name)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self._point("get", name)
        data = self.shelf.objects.get(name)
        if data is None:
            raise ObjectMissing(f"the store has no {name}")
        return data[start:] if length is None else data[start : start + length]

    def stat(self, name: str) -> int | None:
        self._point("stat", name)
        data = self.shelf.objects.get(name)
        return None if data is None else len(data)

    def confirm(self, name: str) -> int | None:
        return self.stat(name)

    def delete(self, name: str) -> None:
        self._point("delete", name)
        self.shelf.objects.pop(name, None)
        self._point("delete-done", name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        self._point("list-store", prefix)
        names = sorted(name for name in self.shelf.objects if name.startswith(prefix))
        if self.stale:
            self.stale = False
            names = [name for name in names if name in self.shelf.previous]
        if self.order is not None:
            names.sort(key=lambda name: zlib.crc32(name.encode(), self.order or 0))
        for name in names:
            yield Listed(name, len(self.shelf.objects[name]))

    def directories(self, name: str) -> builtins.list[str]:
        return directories_of((listed.name for listed in self.list(f"{name}/")), name)
