"""A store that is an enemy: it keeps everything, and answers as its policy says. And a codec that falls to it.

The weak codec is the positive control of each attack: what it does not notice, the attack can do.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from syncd.errors import ObjectMissing
from syncd.store.provider import Capabilities, Listed, Provider, directories_of


@dataclass
class Policy:
    """What the store does to what it is asked; each may be replaced.

    Attributes:
        get: (name, bytes as they are) -> bytes, or None for "there is no such object".
        size: (name, size) -> what it says of it.
        order: a listing -> the listing that it gives.
    """

    get: Callable[[str, bytes], bytes | None] = lambda name, data: data
    size: Callable[[str, int], int] = lambda name, size: size
    order: Callable[[list[Listed]], list[Listed]] = lambda found: found


@dataclass
class EvilStore:
    """The port, over a store that is as it should be. `asked` is all that it saw, in order; `given` every put."""

    inner: Provider
    policy: Policy = field(default_factory=Policy)
    asked: list[tuple[str, str, int, int | None]] = field(default_factory=list)
    given: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def create(self) -> None:
        self.inner.create()

    def close(self) -> None:
        self.inner.close()

    def _whole(self, name: str) -> bytes:
        try:
            data = self.inner.get(name)
        except ObjectMissing:
            data = None
        found = None if data is None else self.policy.get(name, data)
        if found is None:
            raise ObjectMissing(f"{self.url} has no {name}")
        return found

    def put(self, name: str, data: bytes) -> None:
        self.asked.append(("put", name, 0, len(data)))
        self.given.append((name, bytes(data)))
        self.inner.put(name, data)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self.asked.append(("get", name, start, length))
        found = self._whole(name)
        return found[start:] if length is None else found[start : start + length]

    def stat(self, name: str) -> int | None:
        self.asked.append(("stat", name, 0, None))
        try:
            return self.policy.size(name, len(self._whole(name)))
        except ObjectMissing:
            return None

    def confirm(self, name: str) -> int | None:
        return self.stat(name)

    def delete(self, name: str) -> None:
        self.asked.append(("delete", name, 0, None))
        self.inner.delete(name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        self.asked.append(("list", prefix, 0, None))
        found = [
            Listed(listed.name, self.policy.size(listed.name, listed.size))
            for listed in self.inner.list(prefix)
            if self.policy.get(listed.name, b"") is not None
        ]
        yield from self.policy.order(found)

    def directories(self, name: str) -> builtins.list[str]:
        return directories_of((listed.name for listed in self.list(f"{name}/")), name)


# -- the positive control ---------------------------------------------------------------------------


def weak_seal(key: bytes, data: bytes) -> bytes:
    """Seal as so many have: a stream of key bytes over the data, and nothing that says whether it was changed."""
    return bytes(byte ^ mask for byte, mask in zip(data, _stream(key, len(data)), strict=True))


weak_open = weak_seal


def _stream(key: bytes, length: int) -> bytes:
    blocks = (hashlib.sha256(key + number.to_bytes(8)).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]
