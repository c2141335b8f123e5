"""The one tree: every live node at exactly one path, from what each node wants. Pure.

This is the whole computation, from nothing; `affected` does the same for what a change can reach, and a
test holds the two equal. What always holds of the result: every parent lives, no cycle, no name twice in a
directory, and it depends on the set of nodes alone. Rules: docs/sync-rules.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from syncd.merge.copies import Stamp, conflict_name
from syncd.merge.registers import Merged, Order
from syncd.model.entry import Kind
from syncd.model.ids import ROOT

Rank = tuple[bytes, int]  # device id, counter: the order of nodes that is the same everywhere


class Facts(Protocol):
    """What identities mean outside this process; asked only where something meets."""

    def rank(self, identity: int) -> Rank:
        """Return a node's or version's global id."""

    def order(self, version: int) -> Order:
        """Return where a version stands in the order of all."""

    def stamp(self, claim: Claim) -> Stamp:
        """Return who made the version that a claim's place or overruled content is from, and when."""


class Place(NamedTuple):
    """Where a node wants to stand, and the version that put it there."""

    parent: int
    name: bytes
    version: int


class Claim(NamedTuple):
    """What one node wants.

    `places` is where it wants to be and then, for a directory, where it was before, latest first. `value` is
    equal for entries with equal bytes. `beside` is the node whose overruled content this is: it is no node
    of its own then, and its identity is that of the version.
    """

    node: int
    kind: int
    alive: bool
    places: tuple[Place, ...]
    value: tuple[object, ...]
    beside: int | None = None


class Seat(NamedTuple):
    """Where a node stands. `hidden` names the node that stands for it: an equal file, a directory it merged into."""

    parent: int
    name: bytes
    hidden: int | None = None


@dataclass(slots=True)
class View:
    """The tree: node -> seat of everything that lives; `revived` are dead directories that something lives in."""

    seats: dict[int, Seat] = field(default_factory=dict)
    revived: set[int] = field(default_factory=set)


def claims_of(node: int, merged: Merged, is_node: Callable[[int], bool]) -> list[Claim]:
    """Return what a node wants, and what its overruled contents want: to stand beside it.

    Args:
        node: its identity.
        merged: what it is.
        is_node: tells whether an identity is a node that somebody stated; an overruled content that was changed is
            one, and no copy again, though another device, which did not know it, states that content once more.
    """
    places = tuple(Place(version.parent, version.name, version.id) for version in merged.places)
    value = merged.content.bytes_value
    own = Claim(node, merged.kind, merged.alive, places, value)
    losers = [lost for lost in merged.losers if not is_node(lost.id)]
    return [own, *(Claim(lost.id, lost.kind, True, places[:1], lost.bytes_value, node) for lost in losers)]


def build(claims: Iterable[Claim], facts: Facts) -> View:
    """Return the tree of all nodes."""
    by_node = {claim.node: claim for claim in claims}
    chosen = choose_places(by_node, facts)
    live = _live(by_node, chosen)
    view = View(revived={node for node in live if not by_node[node].alive})
    wanting: dict[int, list[Claim]] = {}
    for node in live:
        wanting.setdefault(_parent(chosen[node], by_node), []).append(by_node[node])
    stack: list[tuple[int, list[Claim]]] = [(ROOT, wanting.get(ROOT, []))]
    while stack:
        parent, inside = stack.pop()
        seats = seat(parent, [(claim, chosen[claim.node].name) for claim in inside], facts)
        view.seats.update(seats)
        members: dict[int, list[Claim]] = {}
        for claim in inside:
            if claim.kind == Kind.DIRECTORY:
                standing = seats[claim.node].hidden
                into = members.setdefault(claim.node if standing is None else standing, [])
                into += wanting.get(claim.node, [])
        stack += members.items()
    return view


def _parent(place: Place, by_node: Mapping[int, Claim]) -> int:
    """Return the parent; what names one that nobody knows, or no directory, stands at the root: nothing is lost."""
    parent = by_node.get(place.parent)
    return place.parent if parent is not None and parent.kind == Kind.DIRECTORY else ROOT


def choose_places(by_node: Mapping[int, Claim], facts: Facts) -> dict[int, Place]:
    """Return the place of each node, so that no directory stands below itself.

    Moves that make a cycle when put together are undone, the latest first, each back to where the
    directory was before (after Kleppmann et al., "A highly-available move operation for replicated trees", 2021).
    """
    chosen = dict.fromkeys(by_node, 0)

    def above(node: int) -> int:
        return _parent(by_node[node].places[chosen[node]], by_node)

    moved = [node for node, claim in by_node.items() if claim.kind == Kind.DIRECTORY and len(claim.places) > 1]
    while moved:
        cycling = {node for start in moved for node in _cycle(start, above)}
        undoable = [node for node in cycling if chosen[node] + 1 < len(by_node[node].places)]
        if not undoable:
            break
        latest = max(undoable, key=lambda node: facts.order(by_node[node].places[chosen[node]].version))
        chosen[latest] += 1
    return {node: by_node[node].places[at] for node, at in chosen.items()}


def _cycle(start: int, above: Callable[[int], int]) -> list[int]:
    """Return the directories of the cycle that a directory stands on, none when it is not on one."""
    path, node = [start], above(start)
    seen = {start}
    while node != ROOT and node not in seen:
        seen.add(node)
        path.append(node)
        node = above(node)
    return path if node == start else []


def _live(by_node: Mapping[int, Claim], chosen: Mapping[int, Place]) -> set[int]:
    """Return the nodes that live, and the directories above them, dead or not."""
    live: set[int] = set()
    for node, claim in by_node.items():
        if claim.alive:
            while node != ROOT and node not in live:
                live.add(node)
                node = _parent(chosen[node], by_node)
    return live


def seat(parent: int, wanting: Iterable[tuple[Claim, bytes]], facts: Facts) -> dict[int, Seat]:
    """Seat what wants to stand in one directory; one name is one entry.

    Directories of one name are one directory, equal files are one file, the node of lower rank standing for
    all. Of what is left the lowest keeps the name, and the others get a name that tells whose they are.
    """
    names: dict[bytes, list[Claim]] = {}
    for claim, name in wanting:
        names.setdefault(name, []).append(claim)
    seats: dict[int, Seat] = {}
    displaced: list[tuple[Claim, bytes]] = []
    for name, claims in names.items():
        if len(claims) == 1:
            seats[claims[0].node] = Seat(parent, name)
        else:
            displaced += _share(parent, name, claims, seats, facts)
    taken = set(names)
    standing = {}
    for claim, name in sorted(displaced, key=lambda item: _standing_order(item[0], facts)):
        found = conflict_name(name, facts.stamp(claim), taken.__contains__)
        taken.add(found)
        standing[claim.node] = seats[claim.node] = Seat(parent, found)
    for node, place in seats.items():
        if place.hidden in standing:
            seats[node] = Seat(parent, standing[place.hidden].name, place.hidden)
    return seats


def _share(
    parent: int, name: bytes, claims: list[Claim], seats: dict[int, Seat], facts: Facts
) -> list[tuple[Claim, bytes]]:
    """Seat those who share a name; return the ones who need another, with the one they wanted."""
    first: dict[tuple[object, ...], Claim] = {}
    for claim in sorted(claims, key=lambda claim: _standing_order(claim, facts)):
        same = (claim.kind,) if claim.kind == Kind.DIRECTORY else claim.value
        stands = first.setdefault(same, claim)
        seats[claim.node] = Seat(parent, name, None if stands is claim else stands.node)
    return [(claim, name) for claim in list(first.values())[1:]]


def _standing_order(claim: Claim, facts: Facts) -> tuple[bool, bool, Rank]:
    # An overruled content never takes a node's name, nor does a dead directory that something lives in.
    return claim.beside is not None, not claim.alive, facts.rank(claim.node)
