"""A model of two devices that share one file, after Hughes, Pierce, Arts and Norell, "Mysteries of Dropbox" (ICST 2016).

It says what anybody may see who only reads and writes files. What a device does in between (it tells what was done
in its folder, or hears what the other told) cannot be seen; so all states are kept that could have been reached,
and an observation leaves those that explain it. None left: the program did what nobody can explain.

Which of two contents that did not know each other wins is not for the model to say: it only has to be one of the
living ones, and the same everywhere. The others stand beside it as copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

GONE = ""  # the value of a file that is not there
Versions = tuple[tuple[str, frozenset[int]], ...]  # value and parents of each version that was told, by number
Shown = tuple[str, tuple[str, ...]]  # what stands at the name, and sorted beside it


@dataclass(frozen=True)
class Side:
    """One device: what it knows of what was told, what its file holds, and on which versions that builds."""

    known: frozenset[int] = frozenset()
    shown: frozenset[int] = frozenset()  # heads whose merge was brought here
    value: str = GONE
    dirty: bool = False  # something was done here that was not told


@dataclass(frozen=True)
class World:
    """Everything, as nobody sees it."""

    versions: Versions = ()
    sides: tuple[Side, ...] = (Side(), Side())
    winners: frozenset[tuple[frozenset[int], int]] = frozenset()  # heads that met -> which of them won

    # -- merging ----------------------------------------------------------------------------------

    def heads(self, known: frozenset[int]) -> frozenset[int]:
        """Return the versions that no other known one builds upon."""
        built_upon = {parent for number in known for parent in self.versions[number][1]}
        return frozenset(number for number in known if number not in built_upon)

    def merged(self, heads: frozenset[int]) -> Iterator[tuple[World, str, frozenset[int]]]:
        """Yield every (world, value at the name, heads that it stands for) that heads may come to."""
        living = frozenset(number for number in heads if self.versions[number][0] != GONE)
        if len(living) <= 1:
            yield self, next((self.versions[number][0] for number in living), GONE), heads
            return
        decided = dict(self.winners).get(living)
        for won in [decided] if decided is not None else sorted(living):
            world = replace(self, winners=self.winners | {(living, won)})
            yield world, self.versions[won][0], (heads - living) | {won}

    def copies(self, number: int) -> tuple[str, ...]:
        """Return what a device shows beside the name."""
        side = self.sides[number]
        living = {self.versions[head][0] for head in self._brought(side)} - {GONE}
        won = {self.versions[head][0] for head in side.shown}
        return tuple(sorted(living - won))

    def _brought(self, side: Side) -> frozenset[int]:
        return self.heads(side.known) if side.shown else frozenset()

    # -- what nobody sees -------------------------------------------------------------------------

    def hidden(self) -> Iterator[World]:
        """Yield the worlds that one hidden step leads to."""
        for number, side in enumerate(self.sides):
            if side.dirty:
                yield self._tell(number, side)
            yield from self._hear(number, side)

    def _tell(self, number: int, side: Side) -> World:
        """What was done here becomes a version, which builds on what was shown."""
        nothing = side.value == GONE and not any(self.versions[head][0] != GONE for head in side.shown)
        if nothing or {self.versions[head][0] for head in side.shown} == {side.value}:
            return self._with(number, replace(side, dirty=False))
        new = len(self.versions)
        world = replace(self, versions=(*self.versions, (side.value, side.shown)))
        return world._with(number, replace(side, known=side.known | {new}, shown=frozenset({new}), dirty=False))

    def _hear(self, number: int, side: Side) -> Iterator[World]:
        """What was told is known, and what it comes to is brought here, unless something here was not told yet.

        That may be other than what was told here: whoever removes what won lets a copy of what lost have the name.
        """
        if side.dirty:
            return  # it comes first; what is heard is brought after it
        told = frozenset(range(len(self.versions)))
        for world, value, shown in self.merged(self.heads(told)):
            heard = world._with(number, replace(side, known=told, shown=shown, value=value))
            if heard != self:
                yield heard

    def makes_way(self, number: int) -> bool:
        """Tell whether a file may just have left its name, for another one that won and is about to stand there."""
        side = self.sides[number]
        return side.value != GONE and any(
            world.sides[number].value not in (GONE, side.value) and side.value in world.copies(number)
            for world in self._hear(number, side)
        )

    def _with(self, number: int, side: Side) -> World:
        sides = list(self.sides)
        sides[number] = side
        return replace(self, sides=tuple(sides))

    # -- what people do ---------------------------------------------------------------------------

    def write(self, number: int, value: str) -> World:
        """A person gives the file another content, or removes it (`GONE`)."""
        return self._with(number, replace(self.sides[number], value=value, dirty=True))

    def rests(self) -> bool:
        """Tell whether nothing hidden is left to happen."""
        return next(self.hidden(), None) is None


@dataclass
class Explanations:
    """All worlds that explain what was seen so far."""

    worlds: set[World] = field(default_factory=lambda: {World()})

    def _reach(self) -> set[World]:
        """Return every world that hidden steps may have led to by now."""
        found, new = set(self.worlds), list(self.worlds)
        while new:
            for world in new.pop().hidden():
                if world not in found:
                    found.add(world)
                    new.append(world)
        return found

    def wrote(self, number: int, value: str) -> None:
        """A person wrote, or removed, the file on one device."""
        self.worlds = {world.write(number, value) for world in self._reach()}

    def _keep(self, worlds: Iterable[World], seen: str) -> None:
        kept = set(worlds)
        assert kept, f"nothing explains that {seen}"
        self.worlds = kept

    def read(self, number: int, value: str) -> None:
        """Somebody read the file on one device.

        Raises:
            AssertionError: it cannot hold that.
        """
        self._keep(
            (
                world
                for world in self._reach()
                if world.sides[number].value == value or (value == GONE and world.makes_way(number))
            ),
            f"{number} shows {value!r}",
        )

    def settled(self, shown: list[Shown]) -> None:
        """All is calm, and each device shows this.

        Raises:
            AssertionError: that is nothing that everybody's words come to.
        """
        found = (world for world in self._reach() if world.rests())
        seen = ", ".join(map(repr, shown))
        self._keep(
            (
                world
                for world in found
                if all((world.sides[n].value, world.copies(n)) == shown[n] for n in range(len(shown)))
            ),
            f"they come to {seen}",
        )
