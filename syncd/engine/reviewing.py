"""What a person says to deletions that wait: yes or no, to all of them, or to some.

A yes lets what was shown happen with the next pass. A no brings it back: here what this folder lacks, everywhere what
others removed. What is said of some leaves the rest waiting for a word of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from syncd.engine.guards import IN, OUT, Hold, above, approved, hold_fields, holds
from syncd.engine.outbox import Outbox
from syncd.engine.stating import Stating
from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention, UsageError
from syncd.fs.exchanging import Changed
from syncd.model.entry import Kind
from syncd.model.path import SEPARATOR, names, shown, split
from syncd.state.base import Base
from syncd.state.db import State

LOOK_AGAIN = "Look again: `syncd review list`."


def check_seen(state: State, seen: Collection[str]) -> None:
    """See that a person decides about what that person saw; nothing seen is whatever waits.

    Raises:
        NeedsAttention: other deletions wait now.
    """
    if seen and set(seen) != {hold.seal for hold in holds(state)}:
        raise NeedsAttention(
            "what waits is not what you saw: something was deleted or brought back meanwhile", hint=LOOK_AGAIN
        )


def approve(state: State, paths: Sequence[bytes] = ()) -> int:
    """Let what waits happen with the next pass; return how many entries that are.

    Args:
        state: of this device.
        paths: only these, with all that lies in them; none for all that waits.

    Raises:
        UsageError: nothing at one of them waits.
    """
    total = 0
    for hold, said in _said_of(state, paths):
        decided, will_go = set(said.nodes), _WillGo(state, hold.way)
        going = will_go.all(said.nodes)
        yes = [*approved(state, hold.way), *(going if hold.way == IN else said.nodes)]
        rest = [top for top in hold.tops if top not in decided]
        goes = set(going)
        apart = [node for node in will_go.all(rest) if node not in goes] if paths else []
        _note(state, hold, rest, hold.entries - len(going), apart, yes)
        total += len(going)
    return total


def deny(vault: Vault, outbox: Outbox, paths: Sequence[bytes] = ()) -> int:
    """Bring back what is gone: here what this folder lacks, everywhere what others removed; return how many entries.

    Args:
        vault: opened for writing.
        outbox: takes what is said to others.
        paths: only these, with all that lies in them, and the directories that they lie in; none for all that waits.

    Raises:
        UsageError: nothing at one of them waits.
        NeedsAttention: something else stands where a directory has to be again.
    """
    return _bring(vault, outbox, _said_of(vault.state, paths), part=bool(paths))


def take_back(vault: Vault, outbox: Outbox, paths: Sequence[bytes]) -> None:
    """Bring back what is gone from these paths and waits: whoever wants it restored says no to its deletion."""
    said = _said_of(vault.state, paths, strict=False)
    _bring(vault, outbox, [(hold, some) for hold, some in said if hold.way == OUT], part=True)


def meant(state: State, paths: Sequence[bytes] = (), *, back: bool = False) -> int:
    """Return of how many entries a yes would speak, or a no: that brings `back` the directories above them, too.

    Raises:
        UsageError: nothing at one of the paths waits.
    """
    spoken = _said_of(state, paths)
    above_them = sum(len(said.opened) for _, said in spoken) if back else 0
    return above_them + sum(len(_WillGo(state, hold.way).all(said.nodes)) for hold, said in spoken)


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry that waits to go, and how many go with it, itself among them."""

    path: bytes
    kind: Kind
    entries: int


def tops(state: State, hold: Hold) -> list[Shown]:
    """Return what of a hold is top-most, by path."""
    will_go = _WillGo(state, hold.way)
    return sorted((will_go.shown(node) for node in hold.tops), key=lambda one: one.path)


def within(state: State, path: bytes) -> list[Shown]:
    """Return what lies in a directory that waits, and would go with it; by path.

    Raises:
        UsageError: no directory at that path waits.
    """
    found = []
    for hold in holds(state):
        will_go = _WillGo(state, hold.way)
        node = will_go.find({state.base.path_of(top): top for top in hold.tops}, path)
        if node is not None:
            found += [will_go.shown(row.node) for row in state.base.children(node) if will_go.does(row.node)]
    if not found:
        raise _nothing_at(path)
    return sorted(found, key=lambda one: one.path)


# -- what is meant ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """What of a hold a person speaks of: nodes with all below, and the directories above them that wait, too."""

    nodes: tuple[int, ...]
    opened: tuple[int, ...] = ()


def _said_of(state: State, paths: Sequence[bytes], *, strict: bool = True) -> list[tuple[Hold, _Said]]:
    waiting = holds(state)
    if not paths:
        return [(hold, _Said(hold.tops)) for hold in waiting]
    met, said = set[bytes](), []
    for hold in waiting:
        will_go = _WillGo(state, hold.way)
        places = {state.base.path_of(top): top for top in hold.tops}
        nodes = set[int]()
        for path in paths:
            inner = will_go.find(places, path)
            meant = [inner] if inner is not None else [top for place, top in places.items() if _lies_in(place, path)]
            nodes.update(meant)
            met.update([path] if meant else ())
        chosen = tuple(sorted(node for node in nodes if above(state.base, node, nodes) is None))
        if chosen:
            said.append((hold, _Said(chosen, _opened(state.base, chosen, set(hold.tops)))))
    for path in paths:
        if strict and path not in met:
            raise _nothing_at(path)
    return said


def _opened(base: Base, chosen: Iterable[int], tops: Set[int]) -> tuple[int, ...]:
    """Return the directories from the top-most ones that wait down to the chosen, without these; from the top down."""
    found: dict[int, None] = {}
    for node in chosen:
        way, row = list[int](), base.get(node)
        while row is not None and row.node not in tops:
            way.append(row.parent)
            row = base.get(row.parent)
        found.update(dict.fromkeys(reversed(way)))
    return tuple(found)


def _lies_in(path: bytes, directory: bytes) -> bool:
    return not directory or path.startswith(directory + SEPARATOR)


def _nothing_at(path: bytes) -> UsageError:
    return UsageError(f"nothing at {shown(path)} waits for a yes", hint=LOOK_AGAIN)


# -- what would go ------------------------------------------------------------------------------


class _WillGo:
    """What would go one way, were a person to say yes to all that waits. What got a yes before is not among it."""

    def __init__(self, state: State, way: str) -> None:
        self._base, self._yes = state.base, frozenset(approved(state, way))
        # In a directory that others told as gone there may be what they did not tell; all of what is gone here is gone.
        self._doomed = None if way == OUT else frozenset(node for node, _ in state.base.doomed())

    def does(self, node: int) -> bool:
        """Tell whether a node that lies in what waits is part of it."""
        return node not in self._yes and (self._doomed is None or node in self._doomed)

    def all(self, tops: Iterable[int]) -> list[int]:
        """Return what would go with some nodes, themselves among it."""
        found, stack = list[int](), [node for node in tops if self.does(node)]
        while stack:
            found.append(stack.pop())
            stack += [row.node for row in self._base.children(found[-1]) if self.does(row.node)]
        return found

    def find(self, places: Mapping[bytes, int], path: bytes) -> int | None:
        """Return the node at a path, which is one of the top-most that wait, or lies in one of them."""
        place = next((place for place in _upwards(path) if place in places), None)
        if place is None:
            return None
        node = places[place]
        for name in names(path[len(place) + 1 :]):
            row = self._base.child(node, name)
            if row is None or not self.does(row.node):
                return None
            node = row.node
        return node

    def shown(self, node: int) -> Shown:
        """Return what a person is told of a node."""
        row = self._base.get(node)
        kind = Kind.FILE if row is None else Kind(row.kind)
        entries = len(self.all([node])) if kind == Kind.DIRECTORY else 1
        return Shown(self._base.path_of(node), kind, entries)


def _upwards(path: bytes) -> Iterator[bytes]:
    while path:
        yield path
        path = split(path)[0]


# -- what is done -------------------------------------------------------------------------------


def _bring(vault: Vault, outbox: Outbox, spoken: list[tuple[Hold, _Said]], *, part: bool) -> int:
    state, total = vault.state, 0
    for hold, said in sorted(spoken, key=lambda item: item[0].way):  # in, then out: what both removed
        will_go = _WillGo(state, hold.way)
        back, decided = will_go.all(said.nodes), {*said.nodes, *said.opened}
        beside = [row.node for node in said.opened for row in state.base.children(node) if will_go.does(row.node)]
        rest = [node for node in (*hold.tops, *beside) if node not in decided]
        count = len(back) + len(said.opened)
        yes, apart = approved(state, hold.way), will_go.all(rest) if part else []
        if part:  # first of all: what is done now makes the rest look like other deletions than those that were held
            _note(state, hold, list(hold.tops), hold.entries, will_go.all(hold.tops), yes)
        if hold.way == OUT:
            _open_again(vault, said.opened)
            _revive(state, outbox, [node for node in (*said.opened, *back) if not _lives(state, node)])
            with state.transaction():
                for node in back:
                    state.base.lacks(node)
        else:
            _revive(state, outbox, [*said.opened, *back])
        _note(state, hold, rest, hold.entries - count, apart, yes)
        total += count
    return total


def _lives(state: State, node: int) -> bool:
    newest = state.nodes.get(node)
    return newest is not None and newest.alive


def _note(state: State, hold: Hold, rest: list[int], entries: int, apart: list[int], yes: list[int]) -> None:
    with state.transaction():
        for key, value in hold_fields(hold.way, rest, entries, apart, yes).items():
            state.set(key, value)


def _open_again(vault: Vault, directories: Sequence[int]) -> None:
    """Make directories that are gone from this disk again; what else is gone from them the next look finds.

    Raises:
        NeedsAttention: something else stands there, or they cannot be made.
    """
    base, disk = vault.state.base, vault.disk
    for node in directories:
        path = base.path_of(node)
        try:
            disk.make_directories(path)
        except (Changed, OSError) as error:
            cause = error.strerror if isinstance(error, OSError) else "something else stands there"
            raise NeedsAttention(
                f"{shown(path)} cannot be a directory again: {cause}",
                hint="Move what stands there, or bring back the whole directory.",
            ) from error
    for node in reversed(directories):
        row = base.get(node)
        if row is not None:
            disk.set_metadata(base.path_of(node), row.mode, None)


def _revive(state: State, outbox: Outbox, nodes: Iterable[int]) -> None:
    stating = Stating(state)
    for node in nodes:
        row, newest = state.base.get(node), state.nodes.get(node)
        if row is not None and row.alive and newest is not None:
            heads = dict.fromkeys((*state.base.heads(row), newest.version))
            for change in stating.change(row):
                outbox.change(change._replace(parents=tuple(heads)), elsewhere=True)
                if outbox.full:
                    outbox.commit(more_follow=True)
    outbox.commit()
