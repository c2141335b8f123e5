"""The port that every kind of store speaks, and what it promises.

Names are opaque text: lower-case hex, digits, `-` and `/`. Bytes are opaque and at most 8,323,072
of them. Methods block, are safe to call from several threads, and raise only the errors of
`syncd.errors`. The conformance suite (tests/conformance) holds every provider to this page.

| method | atomic | repeatable | order and visibility |
|---|---|---|---|
| create | - | yes | makes what a new store needs; an existing one is left as it is |
| put | all of the object or none, after a crash too | same bytes again succeed | durable, readable on return |
| get | - | yes | bytes as they were put, or ObjectMissing; never padded, never cut |
| stat | - | yes | size in bytes, or None |
| confirm | - | yes | as stat; what it finds is durable on return, even if its put never returned |
| delete | yes | deleting what is not there succeeds | gone when it returns |
| list | - | yes | all that was put before the call and not deleted; others may appear; by name |
| directories | - | yes | those of what was put before the call and not deleted; others may appear; by name |
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

LARGEST_OBJECT = 8 * 1024 * 1024 - 64 * 1024

# A store in a directory carries this file, which an empty mount point does not have.
MARK = "syncd-store"
MARK_TEXT = "This directory is a store of a syncd vault. Nothing here can be read without its keys.\n"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one store can do.

    Attributes:
        named: an object is found by its name alone.
        listable: `list` works.
        conditional: two creators of one name cannot both succeed with different bytes.
        ranged: `get` of a part moves only that part.
        largest: bytes of the largest object.
        ask_s: seconds between two questions after one object, while nothing happens.
        counts: its word is enough for a change to be safe; else it is a copy beside others.
    """

    named: bool = True
    listable: bool = True
    conditional: bool = True
    ranged: bool = True
    largest: int = LARGEST_OBJECT
    ask_s: float = 30.0
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """One object in a listing; size in bytes."""

    name: str
    size: int


class Provider(Protocol):
    """One store."""

    @property
    def url(self) -> str:
        """Where it is, without secrets."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def create(self) -> None:
        """Make ready a place for a new store.

        Raises:
            StoreForeign: the place holds something else.
            StoreReadOnly, StoreFull, StoreGone, StoreDenied, StoreError: it could not be made.
        """

    def close(self) -> None:
        """Let go of connections and threads. What is asked afterwards makes them anew."""

    def put(self, name: str, data: bytes) -> None:
        """Create an object.

        Raises:
            ObjectExists: the name stands for other bytes already.
            StoreFull, StoreReadOnly, StoreGone, StoreError: it was not stored; nothing is visible.
        """

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return the object's bytes from `start`, at most `length` of them.

        Raises:
            ObjectMissing: there is no such object.
            StoreGone, StoreError: it could not be read.
        """

    def stat(self, name: str) -> int | None:
        """Return the object's size in bytes, None when there is none.

        Raises:
            StoreGone, StoreError: it could not be asked.
        """

    def confirm(self, name: str) -> int | None:
        """Return the object's size in bytes, None when there is none; what is there survives a power cut.

        Raises:
            StoreGone, StoreError: it could not be asked or made durable.
        """

    def delete(self, name: str) -> None:
        """Remove an object.

        Raises:
            StoreReadOnly, StoreGone, StoreError: it may still be there.
        """

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the objects whose names begin with `prefix`, sorted by name.

        Raises:
            StoreGone, StoreError: the listing is not complete.
        """

    def directories(self, name: str) -> builtins.list[str]:
        """Return the names of the directories directly below `name`, sorted; how much lies in them costs nothing.

        Raises:
            StoreGone, StoreError: it could not be asked.
        """


def directories_of(names: Iterable[str], name: str) -> list[str]:
    """Return the directories directly below a name, where the names of all objects are known."""
    above = f"{name}/"
    parts = (other[len(above) :].partition("/") for other in names if other.startswith(above))
    return sorted({first for first, slash, _ in parts if slash})
