"""Devices that change a tree and hear of each other now and then: histories as they really come to be.

A device knows a set of versions that holds every parent of what it holds. It changes only what it sees, by
the rules of docs/sync-rules.md, so what comes out is what journals can say.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from syncd.merge.copies import Stamp
from syncd.merge.registers import Merged, Order, Version, merge
from syncd.merge.tree import Claim, Rank, Seat, View, build, claims_of
from syncd.model.entry import Kind
from syncd.model.ids import ROOT, counter_of, device_of, key

NAMES = [b"a", b"b", b"A", b"note.txt", b".hidden"]  # few, so that they meet
BODIES = [b"0" * 16, b"1" * 16, b"2" * 16]


def rank_of(identity: int) -> Rank:
    # Numbers run against ranks, so a test would notice a comparison of local numbers.
    return bytes([99 - device_of(identity)]) * 16, counter_of(identity)


class KnownFacts:
    """Facts about what is known."""

    def __init__(self, known: dict[int, tuple[int, Version]]) -> None:
        self._known = known

    def rank(self, identity: int) -> Rank:
        return rank_of(identity)

    def order(self, version: int) -> Order:
        return self._known[version][1].order

    def stamp(self, claim: Claim) -> Stamp:
        version = claim.places[0].version if claim.beside is None else claim.node
        return Stamp(f"device {device_of(version)}", 10**18 + version % 7 * 10**11, rank_of(version))


def merged_nodes(known: dict[int, tuple[int, Version]]) -> dict[int, Merged]:
    nodes: dict[int, list[Version]] = {}
    for node, version in known.values():
        nodes.setdefault(node, []).append(version)
    for node, versions in nodes.items():
        root = known.get(node)  # what was a copy begins with the version whose identity it has
        if root is not None and root[0] != node:
            versions.append(root[1])
    return {node: merge(versions) for node, versions in nodes.items()}


def claims_from(merged: dict[int, Merged]) -> list[Claim]:
    return [claim for node, found in merged.items() for claim in claims_of(node, found, merged.__contains__)]


def visible(view: View) -> dict[int, Seat]:
    return {node: place for node, place in view.seats.items() if place.hidden is None}


@dataclass
class Device:
    """One device. `known` is version -> (node, version)."""

    number: int
    known: dict[int, tuple[int, Version]] = field(default_factory=dict)
    lamport: int = 0
    counter: int = 0

    def see(self) -> tuple[dict[int, Merged], View]:
        merged = merged_nodes(self.known)
        return merged, build(claims_from(merged), KnownFacts(self.known))

    def hear(self, other: Device) -> None:
        """Learn all that another device knows."""
        self.known.update(other.known)
        self.lamport = max(self.lamport, other.lamport)

    def say(self, node: int | None, parents: Iterable[int], **fields: object) -> int:
        """Make a version, of a new node when none is given; return the node."""
        self.counter += 1
        self.lamport += 1
        identity = key(self.number, self.counter)
        order = (self.lamport, rank_of(identity)[0], self.counter)
        values: dict[str, object] = {"mtime_ns": self.lamport, "mode": 0o644, "size": 0, "depth": 0, "profile": 0}
        values |= {"content": b"", "inline": b"", **fields}
        version = Version(identity, order, tuple(parents), **values)  # type: ignore[arg-type]
        owner = identity if node is None else node
        self.known[identity] = (owner, version)
        return owner

    def state(self, node: int, merged: Merged) -> tuple[list[int], dict[str, object]]:
        """Return what a change of a node builds upon: all heads that it shows, and what it is."""
        losing = {loser.id for loser in merged.losers}
        parents = [head for head in merged.heads if not self._says(head, losing)]
        content = merged.content
        return parents, {
            "parent": merged.place.parent,
            "name": merged.place.name,
            "kind": content.kind,
            "mode": merged.mode.mode,
            "mtime_ns": merged.mtime_ns,
            "size": content.size,
            "content": content.content,
        }

    def _says(self, head: int, losing: set[int]) -> bool:
        """Tell whether a head carries an overruled content."""
        value = self.known[head][1].bytes_value
        return any(self.known[loser][1].bytes_value == value for loser in losing)

    # -- what a person does ---------------------------------------------------------------------

    def create(self, parent: int, name: bytes, body: bytes | None) -> int:
        kind = Kind.DIRECTORY if body is None else Kind.FILE
        return self.say(None, (), parent=parent, name=name, kind=kind, content=body or b"", size=len(body or b""))

    def change(self, node: int, **fields: object) -> None:
        parents, state = self.state(node, merged_nodes(self.known)[node])
        self.say(node, parents, **{**state, **fields})

    def edit(self, node: int, body: bytes) -> None:
        self.change(node, content=body, size=len(body), mtime_ns=self.lamport + 1)

    def touch(self, node: int) -> None:
        self.change(node, mtime_ns=10**9 + self.lamport)

    def move(self, node: int, parent: int, name: bytes) -> None:
        self.change(node, parent=parent, name=name)

    def remove(self, node: int) -> None:
        self.change(node, kind=Kind.TOMBSTONE, mode=0, mtime_ns=0, content=b"", size=0)

    def change_copy(self, copy: int, view: View, **fields: object) -> None:
        """Change an overruled content: that is decided, and unless it goes it is a node of its own."""
        original, version = self.known[copy]
        merged = merged_nodes(self.known)[original]
        others = {loser.id for loser in merged.losers if loser.id != copy}
        _, state = self.state(original, merged)
        self.say(original, [head for head in merged.heads if not self._says(head, others)], **state)
        if fields.get("kind") != Kind.TOMBSTONE:
            seat = view.seats[copy]
            own = {"parent": seat.parent, "name": seat.name, "kind": version.kind, "mode": version.mode}
            own |= {"mtime_ns": version.mtime_ns, "size": version.size, "content": version.content}
            self.say(copy, [copy], **{**own, **fields})

    def act(self, source: random.Random) -> None:
        """Do something that a person might, to something that is seen."""
        merged, view = self.see()
        shown = {node: place for node, place in visible(view).items() if node in merged}
        directories = [ROOT, *(node for node in shown if merged[node].kind == Kind.DIRECTORY)]
        parent, name = source.choice(directories), source.choice(NAMES)
        free = not any(place.parent == parent and place.name == name for place in view.seats.values())
        action = source.choice(
            ["create", "create", "mkdir", "edit", "edit", "touch", "chmod", "move", "move", "remove"]
        )
        if action in ("create", "mkdir") or not shown:
            if free:
                self.create(parent, name, None if action == "mkdir" else source.choice(BODIES))
            return
        copies = sorted(node for node in visible(view) if node not in merged)
        if copies and source.random() < 0.5:
            copy = source.choice(copies)
            changes: list[dict[str, object]] = [{"kind": Kind.TOMBSTONE}, {"content": source.choice(BODIES)}]
            if free:
                changes.append({"parent": parent, "name": name})
            self.change_copy(copy, view, **source.choice(changes))
            return
        node = source.choice(sorted(shown))
        if action == "edit" and merged[node].kind == Kind.FILE:
            self.edit(node, source.choice(BODIES))
        elif action == "touch":
            self.touch(node)
        elif action == "chmod":
            self.change(node, mode=source.choice([0o600, 0o644, 0o755]))
        elif action == "move" and free and not self._below(parent, node, view):
            self.move(node, parent, name)
        elif action == "remove":
            self._remove_all(node, merged, view)

    def _below(self, node: int, top: int, view: View) -> bool:
        while node != ROOT:
            if node == top:
                return True
            node = view.seats[node].parent
        return False

    def _remove_all(self, node: int, merged: dict[int, Merged], view: View) -> None:
        for child, place in view.seats.items():
            if place.parent == node and child in merged:
                self._remove_all(child, merged, view)
        self.remove(node)


def lives(seed: int, devices: int, steps: int) -> list[Device]:
    """Return devices after a random life."""
    source = random.Random(seed)
    found = [Device(number + 1) for number in range(devices)]
    for _ in range(steps):
        device = source.choice(found)
        if source.random() < 0.25:
            device.hear(source.choice(found))
        else:
            device.act(source)
    return found
