"""The tree that is kept up to date is the tree that is made from nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from syncd.merge.affected import reseat
from syncd.merge.tree import Claim, Place, Seat, build
from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from tests.merge.devices import KnownFacts, claims_from, lives, merged_nodes


class DictForest:
    """A forest in dicts."""

    def __init__(self) -> None:
        self.claims: dict[int, Claim] = {}
        self.places: dict[int, Place] = {}
        self.seats: dict[int, Seat] = {}

    def claim(self, node: int) -> Claim | None:
        return self.claims.get(node)

    def _stands_in(self, place: Place) -> int:
        parent = self.claims.get(place.parent)
        return place.parent if parent is not None and parent.kind == Kind.DIRECTORY else ROOT

    def wanting(self, parent: int, name: bytes | None = None) -> Iterable[Claim]:
        return [
            self.claims[node]
            for node, place in self.places.items()
            if node in self.claims and self._stands_in(place) == parent and name in (None, place.name)
        ]

    def chosen(self, node: int) -> Place | None:
        return self.places.get(node)

    def choose(self, node: int, place: Place) -> None:
        self.places[node] = place

    def directories(self) -> Iterable[Claim]:
        return [claim for claim in self.claims.values() if claim.kind == Kind.DIRECTORY]

    def undone(self) -> bool:
        return any(
            self.places[claim.node] != claim.places[0] for claim in self.directories() if claim.node in self.places
        )

    def seat(self, node: int) -> Seat | None:
        return self.seats.get(node)

    def hidden_by(self, node: int) -> Iterable[int]:
        return [other for other, place in self.seats.items() if place.hidden == node]

    def displaced(self, parent: int) -> bool:
        return any(
            place.parent == parent and place.name != self.places[node].name for node, place in self.seats.items()
        )

    def put(self, node: int, seat: Seat | None) -> None:
        if seat is None:
            self.seats.pop(node, None)
        else:
            self.seats[node] = seat


def drop(forest: DictForest, node: int) -> None:
    """A copy that is no more: its claim goes, its seat with it."""
    del forest.claims[node]
    forest.seats.pop(node, None)


@given(seed=st.integers(0, 1 << 48), count=st.integers(2, 5), batch=st.integers(1, 6))
def test_kept_up_to_date_is_made_from_nothing(seed: int, count: int, batch: int) -> None:
    known = {version: found for device in lives(seed, count, 50) for version, found in device.known.items()}
    facts = KnownFacts(known)
    arrival = sorted(known, key=facts.order)
    random.Random(seed).shuffle(arrival)
    heard: dict[int, tuple[int, object]] = {}
    forest = DictForest()
    before: dict[int, Claim] = {}
    while arrival:
        ready = [
            version
            for version in arrival
            if all(parent in heard for parent in known[version][1].parents)
            and (known[version][1].parent == ROOT or known[version][1].parent in {node for node, _ in heard.values()})
        ]
        taken = ready[:batch]
        for version in taken:
            heard[version] = known[version]
            arrival.remove(version)
        now = {claim.node: claim for claim in claims_from(merged_nodes(heard))}  # type: ignore[arg-type]
        changed = [node for node in {*before, *now} if before.get(node) != now.get(node)]
        for node in changed:
            if node in now:
                forest.claims[node] = now[node]
            else:
                drop(forest, node)
        reseat(forest, changed, facts)
        view = build(now.values(), facts)
        assert forest.seats == view.seats
        before = now
