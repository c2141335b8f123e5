"""Several stores to test on: in memory, each with a door where things go wrong as told."""

from __future__ import annotations

import builtins
import random
import threading
from collections.abc import Callable, Iterator

from blake3 import blake3

from syncd.errors import StoreError, StoreGone
from syncd.store.member import Member, Surroundings
from syncd.store.memory import MemoryStore
from syncd.store.owing import Owing
from syncd.store.placement import Rule
from syncd.store.provider import Capabilities, Listed
from syncd.store.replicas import Replicas
from syncd.store.threads import DaemonPool

GENESIS = b"the genesis of this vault"


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Doored(MemoryStore):
    """A store in memory that fails, or waits, as its test says."""

    def __init__(self, name: str) -> None:
        super().__init__(f"memory://{name}")
        self.fault: Callable[[str, str], StoreError | None] = lambda call, about: None
        self.gate: threading.Event | None = None  # what is asked waits for it
        self.calls: list[str] = []
        self.counts = True

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(counts=self.counts)

    def _door(self, call: str, about: str) -> None:
        self.calls.append(call)
        if self.gate is not None:
            assert self.gate.wait(30)
        error = self.fault(call, about)
        if error is not None:
            raise error

    def put(self, name: str, data: bytes) -> None:
        self._door("put", name)
        super().put(name, data)
        self._door("put-done", name)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self._door("get", name)
        return super().get(name, start, length)

    def stat(self, name: str) -> int | None:
        self._door("stat", name)
        return super().stat(name)

    def delete(self, name: str) -> None:
        self._door("delete", name)
        super().delete(name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        self._door("list", prefix)
        for listed in super().list(prefix):
            self._door("listed", listed.name)
            yield listed

    def directories(self, name: str) -> builtins.list[str]:
        self._door("directories", name)
        return super().directories(name)

    def die(self) -> None:
        self.fault = lambda call, about: StoreGone(f"{self.url} is away")

    def live(self) -> None:
        self.fault = lambda call, about: None

    def damage(self, name: str, data: bytes) -> None:
        self._objects[name] = data

    def empty(self) -> None:
        self._objects.clear()

    def objects(self) -> dict[str, bytes]:
        return dict(self._objects)


class Stores:
    """A vault's stores and what they are made of."""

    def __init__(
        self,
        count: int = 3,
        rule: Rule | None = None,
        genesis: bytes = GENESIS,
        quota: dict[str, int] | None = None,
        names: str = "abcdefgh",
    ) -> None:
        self.clock = Clock()
        self.doors = [Doored(names[i]) for i in range(count)]
        self.owing = Owing()
        around = Surroundings(self.clock, lambda: 1.0, DaemonPool)
        members = [Member(names[i], door, around, genesis, sound) for i, door in enumerate(self.doors)]
        if genesis:
            for door in self.doors:
                door.put("genesis", genesis)
                door.calls.clear()
        self.all = Replicas(members, rule or Rule(0, 2), self.owing, sound, quota)


def sound(name: str, data: bytes) -> bool:
    """Tell whether bytes are what a name stands for: packs are named by them, records say their name."""
    kind, _, last = name.partition("/")
    if kind == "pack":
        return last.rpartition("/")[2] == blake3(data).hexdigest()
    if kind == "record":
        return data.startswith(name.encode())
    return True


def pack(seed: int, size: int = 100) -> tuple[str, bytes]:
    data = random.Random(seed).randbytes(size)
    name = blake3(data).hexdigest()
    return f"pack/{name[:2]}/{name}", data


def record(number: int, text: str = "said") -> tuple[str, bytes]:
    name = f"record/{'d' * 32}/{number:016x}"
    return name, f"{name} {text}".encode()
