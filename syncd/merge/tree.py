"""The one tree: every live node at exactly one path, from what each node wants. Pure.

This is the whole computation, from nothing; `affected` does the same for what a change can reach, and a
test holds the two equal. What always holds of the result: every parent lives, no cycle, no name twice in a
directory, and it depends on the set of nodes alone. Rules: docs/sync-rules.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from syncd.merge.copies import Stamp, conflict_name
from syncd.merge.registers import Merged, Order
from syncd.model.entry import Kind
from syncd.model.ids import ROOT

Rank = tuple[bytes, int]  # device id, counter: the order of nodes that is the same everywhere


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node wants to stand, since which version, and whose name for it if it cannot have that."""

    parent: int
    name: bytes
    order: Order


@dataclass(frozen=True, slots=True)
class Claim:
    """What one node wants.

    Attributes:
        node: its identity.
        rank: its global id.
        kind: file, directory or symlink.
        alive: whether a version that stands says that it is there.
        places: where it wants to be; then, for a directory, where it was before, latest first.
        value: equal for entries with equal bytes.
        stamp: for its name, if another has the one that it wants.
        beside: the node whose overruled content this is; it is no node of its own then.
    """

    node: int
    rank: Rank
    kind: int
    alive: bool
    places: tuple[Place, ...]
    value: tuple[object, ...]
    stamp: Stamp
    beside: int | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a node stands. `hidden` names the node that stands for it: an equal file, a directory it merged into."""

    parent: int
    name: bytes
    hidden: int | None = None


@dataclass(slots=True)
class View:
    """The tree: node -> seat of everything that lives; `revived` are dead directories that something lives in."""

    seats: dict[int, Seat] = field(default_factory=dict)
    revived: set[int] = field(default_factory=set)


def claims_of(
    node: int, merged: Merged, rank_of: Callable[[int], Rank], stamp_of: Callable[[int], Stamp]
) -> list[Claim]:
    """Return what a node wants, and what its overruled contents want: to stand beside it.

    Args:
        node: its identity.
        merged: its registers.
        rank_of: identity -> global id.
        stamp_of: version -> who made it, and when.
    """
    places = tuple(Place(version.parent, version.name, version.order) for version in merged.places)
    own = Claim(
        node,
        rank_of(node),
        merged.kind,
        merged.alive,
        places,
        merged.content.bytes_value,
        stamp_of(merged.place.id),
    )
    return [own] + [
        Claim(loser.id, rank_of(loser.id), loser.kind, True, places[:1], loser.bytes_value, stamp_of(loser.id), node)
        for loser in merged.losers
    ]


def build(claims: Iterable[Claim]) -> View:
    """Return the tree of all nodes."""
    by_node = {claim.node: claim for claim in claims}
    chosen = choose_places(by_node)
    live = _live(by_node, chosen)
    view = View(revived={node for node in live if not by_node[node].alive})
    wanting: dict[int, list[Claim]] = {}
    for node in live:
        wanting.setdefault(_parent(chosen[node], by_node), []).append(by_node[node])
    stack: list[tuple[int, list[Claim]]] = [(ROOT, wanting.get(ROOT, []))]
    while stack:
        parent, inside = stack.pop()
        seats = seat(parent, [(claim, chosen[claim.node].name) for claim in inside])
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


def choose_places(by_node: Mapping[int, Claim]) -> dict[int, Place]:
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
        latest = max(undoable, key=lambda node: by_node[node].places[chosen[node]].order)
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


def seat(parent: int, wanting: Iterable[tuple[Claim, bytes]]) -> dict[int, Seat]:
    """Seat what wants to stand in one directory; one name is one entry.

    Directories of one name are one directory, equal files are one file, the node of lower rank standing for
    all. Of what is left the lowest keeps the name, and the others get a name that tells whose they are.
    """
    names: dict[bytes, list[Claim]] = {}
    for claim, name in wanting:
        names.setdefault(name, []).append(claim)
    seats: dict[int, Seat] = {}
    displaced: list[tuple[Claim, bytes]] = []
    followers: list[tuple[Claim, Claim]] = []
    for name, claims in names.items():
        first: dict[tuple[object, ...], Claim] = {}
        for claim in sorted(claims, key=_by_rank):
            same = (claim.kind,) if claim.kind == Kind.DIRECTORY else claim.value
            standing = first.setdefault(same, claim)
            if standing is not claim:
                followers.append((claim, standing))
        keeper, *others = first.values()
        seats[keeper.node] = Seat(parent, name)
        displaced += [(claim, name) for claim in others]
    taken = set(names)
    for claim, name in sorted(displaced, key=lambda item: _by_rank(item[0])):
        found = conflict_name(name, claim.stamp, taken.__contains__)
        taken.add(found)
        seats[claim.node] = Seat(parent, found)
    for claim, standing in followers:
        seats[claim.node] = Seat(parent, seats[standing.node].name, standing.node)
    return seats


def _by_rank(claim: Claim) -> tuple[bool, bool, Rank]:
    # An overruled content never takes a node's name, nor does a dead directory that something lives in.
    return claim.beside is not None, not claim.alive, claim.rank
