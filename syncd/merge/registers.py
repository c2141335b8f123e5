"""One node from its versions: which place, content, mtime and mode stand, and which contents lost.

Pure; the result depends on the set of versions alone, not on the order they came in. A version states
everything about its node, so what it *changed* is what differs from its parents: place, content, mtime and
mode are registers of their own. What stands is what no later version replaced. Rules: docs/sync-rules.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from syncd.model.entry import Kind

Order = tuple[int, bytes, int]  # Lamport clock of the record, device id, counter: causal, total, the same everywhere


class Version(NamedTuple):
    """One version of one node. `id`, `parents` and `parent` are identities; see model.entry.Change."""

    id: int
    order: Order
    parents: tuple[int, ...]
    parent: int
    name: bytes
    kind: int
    mode: int
    mtime_ns: int
    size: int
    depth: int
    profile: int
    content: bytes
    inline: bytes

    @property
    def alive(self) -> bool:
        """Whether it says that something stands there."""
        return self.kind != Kind.TOMBSTONE

    @property
    def bytes_value(self) -> tuple[object, ...]:
        """What two versions have in common when they hold the same bytes."""
        return (self.kind, self.depth, self.content, self.inline) if self.alive else ()


@dataclass(frozen=True, slots=True)
class Merged:
    """What a node is. Each register names the version that wrote it.

    Attributes:
        heads: versions that no other has as a parent, oldest first.
        place: whose parent and name stand.
        places: every version that moved the node, latest first; the first is `place`.
        content: whose bytes stand; a tombstone when the node is gone.
        mtime_ns: of the bytes that stand.
        mode: whose mode stands.
        losers: whose bytes another version overruled without having seen them; each is shown as a copy.
    """

    heads: tuple[int, ...]
    place: Version
    places: tuple[Version, ...]
    content: Version
    mtime_ns: int
    mode: Version
    losers: tuple[Version, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether something stands there."""
        return self.content.alive

    @property
    def kind(self) -> int:
        """The kind that the node has while it lives."""
        return self.place.kind


Register = Callable[[Version], object]


def _place(version: Version) -> object:
    return version.parent, version.name


def _bytes(version: Version) -> object:
    return version.bytes_value


def _mtime(version: Version) -> object:
    return version.mtime_ns


def _mode(version: Version) -> object:
    return version.mode


REGISTERS: dict[str, Register] = {"place": _place, "bytes": _bytes, "mtime": _mtime, "mode": _mode}


def merge(versions: Iterable[Version]) -> Merged:
    """Return what a node is.

    Args:
        versions: all of the node's that are known, in any order; at least one. Parents that are not
            among them, as after a prune, are taken for never having been.
    """
    history = _History(versions)
    heads = history.heads()
    stands = {name: history.standing(name, heads) for name in REGISTERS}
    content = max(stands["bytes"], key=history.precedence)
    place = max(stands["place"], key=_order)
    mtimes = [version for version in stands["mtime"] if version.bytes_value == content.bytes_value]
    return Merged(
        heads=tuple(version.id for version in heads),
        place=place,
        places=(place, *(version for version in history.movers() if version is not place)),
        content=content,
        mtime_ns=max(mtimes, key=_order).mtime_ns if mtimes else content.mtime_ns,
        mode=max(stands["mode"], key=_order),
        losers=_losers(stands["bytes"], content) if content.alive else (),
    )


def _order(version: Version) -> Order:
    return version.order


def _losers(candidates: Iterable[Version], winner: Version) -> tuple[Version, ...]:
    """Return the live contents that are not the winner's, each once, oldest first."""
    found: dict[tuple[object, ...], Version] = {}
    for version in sorted(candidates, key=_order):
        if version.alive and version.bytes_value != winner.bytes_value:
            found.setdefault(version.bytes_value, version)
    return tuple(found.values())


class _History:
    """The versions of one node as a graph."""

    def __init__(self, versions: Iterable[Version]) -> None:
        # In this order parents stand before their children: the order is causal.
        self._ordered = sorted(versions, key=_order)
        self._by_id: Mapping[int, Version] = {version.id: version for version in self._ordered}
        bits = self._bits = {version.id: 1 << place for place, version in enumerate(self._ordered)}
        self._ancestors: dict[int, int] = {}
        self.depth: dict[int, int] = {}
        self._overruled: dict[int, int] = {}  # a content -> who decided against it
        self._origins: dict[str, dict[int, frozenset[int]]] = {name: {} for name in REGISTERS}
        for version in self._ordered:
            parents = [parent for parent in version.parents if parent in self._by_id]
            self.depth[version.id] = 1 + max((self.depth[parent] for parent in parents), default=0)
            ancestors = 0
            for parent in parents:
                ancestors |= self._ancestors[parent] | bits[parent]
            self._ancestors[version.id] = ancestors
            for name in REGISTERS:
                self._origins[name][version.id] = self._origin(name, version, parents)

    def _origin(self, name: str, version: Version, parents: list[int]) -> frozenset[int]:
        """Return who wrote what a version says of a register: itself, or the one it took over from."""
        value = REGISTERS[name]
        past = 0
        for parent in parents:
            past |= self._ancestors[parent] | self._bits[parent]
        inherited = self._standing((origin for parent in parents for origin in self._origins[name][parent]), past)
        if not inherited:
            return frozenset((version.id,))
        if not version.alive and name != "bytes":
            return frozenset(found.id for found in inherited)  # a tombstone says nothing of place, mtime and mode
        # It takes over what was shown. Who states another of several values has chosen it over the one shown, and so
        # wrote it: else a deletion would count as an older one that a concurrent edit had outlived.
        shown = max(inherited, key=self.precedence if name == "bytes" else _order)
        if value(shown) != value(version):
            return frozenset((version.id,))
        if name == "bytes":  # whoever builds upon several contents and keeps one has decided against the others
            for other in inherited:
                if value(other) != value(shown):
                    self._overruled[other.id] = self._overruled.get(other.id, 0) | self._bits[version.id]
        return frozenset((shown.id,))

    def precedence(self, version: Version) -> tuple[bool, int, Order]:
        """Return by what the bytes that stand are chosen among several."""
        return version.alive, self.depth[version.id], version.order

    def _standing(self, origins: Iterable[int], past: int) -> list[Version]:
        """Leave out whoever was replaced by one of the others, or decided against in a past (bits of versions)."""
        found = set(origins)
        if len(found) > 1:
            replaced = 0
            for origin in found:
                replaced |= self._ancestors[origin]
            found = {origin for origin in found if not self._bits[origin] & replaced}
        if len(found) > 1:
            # Two who decided against each other's choice have decided nothing.
            found = {origin for origin in found if not self._overruled.get(origin, 0) & past} or found
        return [self._by_id[origin] for origin in found]

    def heads(self) -> list[Version]:
        """Return the versions that nobody built upon."""
        seen = {parent for version in self._ordered for parent in version.parents}
        return [version for version in self._ordered if version.id not in seen]

    def standing(self, name: str, heads: Iterable[Version]) -> list[Version]:
        """Return who wrote a register and was not replaced: several when they did not know each other."""
        past = 0
        for head in heads:
            past |= self._ancestors[head.id] | self._bits[head.id]
        return self._standing((origin for head in heads for origin in self._origins[name][head.id]), past)

    def movers(self) -> list[Version]:
        """Return the versions that gave the node a place, latest first."""
        origins = self._origins["place"]
        return [version for version in reversed(self._ordered) if origins[version.id] == {version.id}]
