"""A store in memory: the reference that the conformance suite and simulations start from."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Iterator

from syncd.errors import ObjectExists, ObjectMissing
from syncd.store.provider import Capabilities, Listed, directories_of


class MemoryStore:
    """Keeps objects in a dict."""

    def __init__(self, url: str = "memory://") -> None:
        self._url = url
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities()

    def create(self) -> None:
        """Nothing is needed."""

    def close(self) -> None:
        """Nothing is held."""

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        with self._lock:
            if self._objects.setdefault(name, data) != data:
                raise ObjectExists(f"{name} stands for other bytes already")

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        with self._lock:
            data = self._objects.get(name)
        if data is None:
            raise ObjectMissing(f"{self._url} has no {name}")
        return data[start:] if length is None else data[start : start + length]

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        with self._lock:
            data = self._objects.get(name)
        return None if data is None else len(data)

    def confirm(self, name: str) -> int | None:
        """Return the size of an object."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        with self._lock:
            self._objects.pop(name, None)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        with self._lock:
            found = sorted((name, len(data)) for name, data in self._objects.items() if name.startswith(prefix))
        for name, size in found:
            yield Listed(name, size)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        with self._lock:
            return directories_of(self._objects, name)
