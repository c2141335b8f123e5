"""Mass deletions wait for a yes (promise P5): those made in this folder, and those that come from other devices.

A hold is kept in the state: which way, and the top-most nodes that are gone. What a person says to it is done by
`reviewing`. While a hold stands all other changes flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from blake3 import blake3

from syncd.engine.vault import Vault
from syncd.model import cbor
from syncd.model.entry import Kind
from syncd.state.base import Base
from syncd.state.db import State

OUT, IN = "out", "in"  # made here and not told; told by others and not done here
FEW = 20  # entries; fewer are never held
LATELY_NS = 60 * 10**9  # deletions within a minute count together: an `rm -r` of many files takes seconds
OLD_NS = 600 * 10**9  # what stood for ten minutes counts: programs make and remove files of their own
_LATELY = "gone-lately"
HELD_OUT = "gone from the folder with so much else that its deletion waits: see `syncd review list`"


@dataclass(frozen=True, slots=True)
class Hold:
    """Deletions that wait. `tops` are the top-most nodes; `entries` counts all below, too."""

    way: str
    tops: tuple[int, ...]
    entries: int

    @property
    def seal(self) -> str:
        """What a person who saw just this hold can show for it."""
        shown = (self.way, sorted(self.tops), self.entries)
        return blake3(b"syncd/v1/hold" + cbor.dumps(shown)).hexdigest(length=8)


class Guards:
    """The holds of one vault.

    What a person parted from the rest of a hold, by a yes or a no to the rest, waits for a word of its own, however
    few it is: each node of it, whatever becomes of the directories above.
    """

    def __init__(self, vault: Vault) -> None:
        self._state, self._limit, self._now_ns = vault.state, vault.settings.guard, vault.ambient.now_ns
        self._base, self._disk = vault.state.base, vault.disk

    def let_out(self, gone: list[int], *, whole: bool, unsure: Set[int] = frozenset()) -> list[int]:
        """Return which nodes may be told as gone: of what is gone here, of what was held, and of what lay in these.

        Args:
            gone: top-most nodes.
            whole: these are all that are gone; else what is held already counts with them, unless it stands again.
            unsure: nodes of which nobody can tell whether they are gone: what is held of them is held on.
        """
        held_on = [node for node in held_tops(self._state, OUT) if not whole or node in unsure]
        together = dict.fromkeys([*gone, *filter(self._lacks, held_on)])
        if len(together) > len(gone):  # one may lie in another by now
            together = {node: None for node in together if above(self._base, node, together.keys()) is None}
        yes = {node for node in approved(self._state, OUT) if self._lacks(node)}
        within = [node for node in yes if node not in together and above(self._base, node, together.keys()) is not None]
        asked = dict.fromkeys(node for node in together if node not in yes)
        sizes = {node: sum(1 for _ in all_below(self._base, (node,), yes)) for node in asked}
        apart, parted = self._apart(asked.keys())
        others = sum(sizes[node] for node in asked if node not in parted)
        lately = sum(count for _, count in self._lately())
        held = [*asked] if others and self._too_many(others + lately) else [node for node in asked if node in parted]
        self._put(OUT, held, sum(sizes[node] for node in held), apart, yes)
        stays = set(held)
        return [node for node in together if node not in stays] + within

    def _lacks(self, node: int) -> bool:
        """Tell whether the folder lacks a node that this device knows, as far as it can be looked at."""
        row = self._base.get(node)
        if row is None or not row.alive:
            return False
        try:
            there = self._disk.exact(self._base.path_of(node))
        except OSError:
            return True
        return there is None or there.kind != row.kind

    def _apart(self, asked: Set[int]) -> tuple[list[int], set[int]]:
        """Return the nodes that wait apart and are gone still, and the top-most ones in which they lie."""
        stored, tops, seen = held_apart(self._state, OUT), set[int](), dict[int, bool]()
        for node in stored:
            way, at, row = list[int](), node, self._base.get(node)
            while at not in seen and at not in asked and row is not None and row.alive and row.parent > 0:
                way.append(at)
                at = row.parent
                row = self._base.get(at)
            found = at in asked or seen.get(at, False)
            tops.update([at] if at in asked else ())
            seen.update(dict.fromkeys(way, found))
        return [node for node in stored if node in asked or seen.get(node, False)], tops

    def let_in(self) -> Callable[[int], bool]:
        """Return what tells whether a node that others told as gone may go here, and the directories above it."""
        held = self._held_in()
        return lambda node: node not in held

    def _held_in(self) -> Set[int]:
        lies = dict(self._base.doomed())
        yes = lies.keys() & set(approved(self._state, IN))
        asked = [node for node in lies if node not in yes]
        parted = set(held_apart(self._state, IN))
        apart = {node for node in asked if not parted.isdisjoint(_up(node, lies))} if parted else set()
        many = self._too_many(len(asked) - len(apart))
        held = dict.fromkeys(asked if many else [node for node in asked if node in apart])
        tops = [node for node in held if lies[node] not in held]
        self._put(IN, tops, len(held), sorted(parted.intersection(held)), yes)
        return {stays for node in held for stays in _up(node, lies)}

    def told(self, old: int, tops: list[int]) -> None:
        """Take note that so many old entries were told as gone: they count with what is gone in the next minute.

        Removing much takes its time, and each look sees some of it. What a person has approved does not count.
        """
        if old and not set(approved(self._state, OUT)) & set(tops):
            with self._state.transaction():
                self._state.set(_LATELY, cbor.dumps([*self._lately(), [self._now_ns(), old]]))

    def _lately(self) -> list[list[int]]:
        """Return (when, how many) was told as gone in the last minute."""
        raw = self._state.get(_LATELY)
        found: list[list[int]] = cbor.loads(raw) if raw else []
        now = self._now_ns()
        if not set(held_tops(self._state, OUT)).issubset(held_apart(self._state, OUT)):
            return found  # what was held because of these waits for a yes, however long that takes
        return [item for item in found if 0 <= now - item[0] < LATELY_NS]

    def _too_many(self, entries: int) -> bool:
        if entries < FEW:
            return False
        return entries > self._limit.deletions or entries * 100 > self._state.base.count() * self._limit.percent

    def _put(self, way: str, tops: list[int], entries: int, parted: list[int], yes: Set[int]) -> None:
        """Note what is held, and let go of words that were said about what is decided by now."""
        still = [node for node in approved(self._state, way) if node in yes]
        said = hold_fields(way, tops, entries, parted, still)
        if any((self._state.get(key) or b"") != value for key, value in said.items()):
            with self._state.transaction():
                for key, value in said.items():
                    self._state.set(key, value)


def holds(state: State) -> list[Hold]:
    """Return what waits for a yes."""
    found = []
    for way in (OUT, IN):
        raw = state.get(f"held-{way}")
        if raw:
            nodes, entries = cbor.loads(raw)
            found.append(Hold(way, tuple(nodes), entries))
    return found


def held_tops(state: State, way: str) -> list[int]:
    """Return the top-most nodes that wait."""
    raw = state.get(f"held-{way}")
    found: list[int] = cbor.loads(raw)[0] if raw else []
    return found


def approved(state: State, way: str) -> list[int]:
    """Return the nodes that a person said yes to and that are not gone everywhere yet."""
    return _nodes(state, f"approved-{way}")


def held_apart(state: State, way: str) -> list[int]:
    """Return the nodes that a person parted from the rest of a hold: top-most ones, and all that would go with them."""
    return _nodes(state, f"parted-{way}")


def hold_fields(way: str, tops: list[int], entries: int, parted: list[int], yes: list[int]) -> dict[str, bytes]:
    """Return what the state holds of one way: what waits, which of it was parted from others, and what was approved."""
    return {
        f"held-{way}": cbor.dumps([tops, entries]) if tops else b"",
        f"parted-{way}": cbor.dumps(parted) if parted else b"",
        f"approved-{way}": cbor.dumps(yes) if yes else b"",
    }


def _nodes(state: State, key: str) -> list[int]:
    raw = state.get(key)
    found: list[int] = cbor.loads(raw) if raw else []
    return found


def _up(node: int, lies: Mapping[int, int]) -> Iterator[int]:
    """Yield a node that is to go, and the directories above it that are to go, too."""
    while node in lies:
        yield node
        node = lies[node]


def above(base: Base, node: int, tops: Set[int]) -> int | None:
    """Return in which of others a node lies; None for in none."""
    row = base.get(node)
    while row is not None and row.parent not in tops:
        row = base.get(row.parent)
    return None if row is None else row.parent


def all_below(base: Base, tops: Iterable[int], but: Set[int] = frozenset()) -> Iterable[int]:
    """Yield nodes and all that this disk had in them, without some and what lies in these."""
    stack = [node for node in tops if node not in but]
    while stack:
        node = stack.pop()
        yield node
        row = base.get(node)
        if row is not None and row.kind == Kind.DIRECTORY:
            stack += [child.node for child in base.children(node) if child.node not in but]
