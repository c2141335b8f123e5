"""The one tree kept up to date: seats anew only what a change can reach. Pure, over a forest that it is given.

The result is what `tree.build` makes of all claims, whatever changed before; tests/merge holds them equal.
Most changes touch one name in one directory. Only where several nodes want one name does a whole directory
count, and only where moves make a cycle do all directories.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from syncd.merge.tree import Claim, Facts, Place, Seat, choose_places, seat
from syncd.model.entry import Kind
from syncd.model.ids import ROOT


class Forest(Protocol):
    """All claims and seats, kept by somebody."""

    def claim(self, node: int) -> Claim | None:
        """Return what a node wants, None when nobody knows it."""

    def wanting(self, parent: int, name: bytes | None = None) -> Iterable[Claim]:
        """Return the claims whose chosen place is in a directory, or at one name in it.

        Whatever names a parent that nobody knows, or that is no directory, counts as in the root.
        """

    def chosen(self, node: int) -> Place | None:
        """Return the place chosen for a node last, None when there was none yet."""

    def choose(self, node: int, place: Place) -> None:
        """Record the place chosen for a node."""

    def directories(self) -> Iterable[Claim]:
        """Return the claims of all directories, dead ones too."""

    def undone(self) -> bool:
        """Tell whether any directory stands elsewhere than it wants, because of a cycle."""

    def seat(self, node: int) -> Seat | None:
        """Return where a node is seated."""

    def hidden_by(self, node: int) -> Iterable[int]:
        """Return the nodes that another stands for."""

    def displaced(self, parent: int) -> bool:
        """Tell whether any node is seated in a directory under another name than it wants."""

    def put(self, node: int, seat: Seat | None) -> None:
        """Seat a node; None when it does not live."""


def reseat(forest: Forest, changed: Iterable[int], facts: Facts) -> None:
    """Seat anew whatever the changed claims can reach.

    Args:
        forest: has the changed claims already, and everybody's seats from before.
        changed: the nodes whose claims changed, came or went; among them copies (`Claim.beside`).
        facts: about identities.
    """
    _Reseating(forest, facts).run(list(changed))


class _Reseating:
    def __init__(self, forest: Forest, facts: Facts) -> None:
        self._forest, self._facts = forest, facts
        self._spots: dict[tuple[int, bytes | None], None] = {}  # directories, or names in them, to seat anew

    def run(self, changed: list[int]) -> None:
        moved = self._choose(changed)
        for node in {*changed, *moved}:
            self._mark(node)
        for node in changed:
            self._mark_dead_above(node)
        while self._spots:
            spot = next(iter(self._spots))
            del self._spots[spot]
            self._seat(*spot)

    # -- places ---------------------------------------------------------------------------------

    def _choose(self, changed: list[int]) -> list[int]:
        """Choose places for what changed; return the directories that a cycle moved besides."""
        forest = self._forest
        directories = []
        for node in changed:
            claim, before = forest.claim(node), forest.chosen(node)
            if before is not None:
                self._mark_place(before)
            if claim is not None and (before is None or claim.places[0][:2] != before[:2]):
                forest.choose(node, claim.places[0])
                self._mark_place(claim.places[0])
                if claim.kind == Kind.DIRECTORY:
                    directories.append(node)
        if not directories or not (forest.undone() or any(self._cycles(node) for node in directories)):
            return []
        by_node = {claim.node: claim for claim in forest.directories()}
        moved = []
        for node, place in choose_places(by_node, self._facts).items():
            before = forest.chosen(node)
            if before is None or before[:2] != place[:2]:
                if before is not None:
                    self._mark_place(before)
                forest.choose(node, place)
                self._mark_place(place)
                moved.append(node)
        return moved

    def _cycles(self, node: int) -> bool:
        above, steps = self._above(node), {node}
        while above != ROOT and above not in steps:
            steps.add(above)
            above = self._above(above)
        return above != ROOT

    def _above(self, node: int) -> int:
        place = self._forest.chosen(node)
        return ROOT if place is None else self._parent(place)

    def _parent(self, place: Place) -> int:
        parent = self._forest.claim(place.parent)
        return place.parent if parent is not None and parent.kind == Kind.DIRECTORY else ROOT

    # -- what has to be seated ------------------------------------------------------------------

    def _mark_place(self, place: Place) -> None:
        """Mark a name in a directory, and what a dead directory may be in that it lies in."""
        parent = self._parent(place)
        self._spots[parent, place.name] = None
        self._mark_dead_above_place(parent)

    def _mark(self, node: int) -> None:
        place = self._forest.chosen(node)
        if place is not None:
            self._mark_place(place)

    def _mark_dead_above(self, node: int) -> None:
        self._mark_dead_above_place(self._above(node))

    def _mark_dead_above_place(self, parent: int) -> None:
        """Mark the dead directories above: they live as long as something lives in them."""
        seen: set[int] = set()
        while parent != ROOT and parent not in seen:
            seen.add(parent)
            claim, place = self._forest.claim(parent), self._forest.chosen(parent)
            if claim is None or place is None or claim.alive:
                return
            above = self._parent(place)
            self._spots[above, place.name] = None
            parent = above

    # -- seating --------------------------------------------------------------------------------

    def _seat(self, parent: int, name: bytes | None) -> None:
        """Seat a name in the directory that stands for another, or all names where any is taken twice."""
        forest = self._forest
        standing = self._standing(parent)
        if standing is None:  # the directory itself does not live
            for claim in forest.wanting(parent, name):
                self._put(claim, None)
            return
        if name is not None and forest.displaced(standing):
            name = None
        seats = self._seats(standing, name)
        if name is not None and any(place.name != name for place in seats.values()):
            name = None
            seats = self._seats(standing, name)
        for claim in self._claims(standing, name):
            self._put(claim, seats.get(claim.node))

    def _standing(self, parent: int) -> int | None:
        """Return the directory that stands for a directory; None when it has no seat."""
        if parent == ROOT:
            return ROOT
        place = self._forest.seat(parent)
        if place is None:
            return None
        return parent if place.hidden is None else place.hidden

    def _members(self, standing: int) -> list[int]:
        return [standing, *self._forest.hidden_by(standing)] if standing != ROOT else [ROOT]

    def _claims(self, standing: int, name: bytes | None) -> list[Claim]:
        return [claim for member in self._members(standing) for claim in self._forest.wanting(member, name)]

    def _seats(self, standing: int, name: bytes | None) -> dict[int, Seat]:
        living = [claim for claim in self._claims(standing, name) if self._lives(claim)]
        wanting = []
        for claim in living:
            place = self._forest.chosen(claim.node)
            assert place is not None
            wanting.append((claim, place.name))
        return seat(standing, wanting, self._facts)

    def _lives(self, claim: Claim) -> bool:
        if claim.alive:
            return True
        if claim.kind != Kind.DIRECTORY:
            return False
        return any(self._lives(inside) for inside in self._forest.wanting(claim.node))

    def _put(self, claim: Claim, place: Seat | None) -> None:
        """Seat a node; where that changes which directory stands for it, what is inside moves along."""
        before = self._forest.seat(claim.node)
        if before == place:
            return
        self._forest.put(claim.node, place)
        if claim.kind != Kind.DIRECTORY:
            return
        if (before is None) != (place is None) or (before and place and before.hidden != place.hidden):
            self._spots[claim.node, None] = None
            for other in (before, place):
                if other is not None and other.hidden is not None:
                    self._spots[other.hidden, None] = None
