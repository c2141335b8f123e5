"""Mass deletions wait for a yes (promise P5): those made in this folder, and those that come from other devices.

A hold is kept in the state: which way, and the top-most nodes that are gone. A person approves it, and what
was shown happens; or denies it, and what is gone is brought back, here or everywhere. While a hold stands
all other changes flow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from blake3 import blake3

from syncd.engine.outbox import Outbox
from syncd.engine.stating import Stating
from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention
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
    """Deletions that wait. `tops` are nodes, `paths` where they are or were; `entries` counts all below, too."""

    way: str
    tops: tuple[int, ...]
    paths: tuple[bytes, ...]
    entries: int

    @property
    def seal(self) -> str:
        """What a person who saw just this hold can show for it."""
        shown = (self.way, self.tops, self.entries)
        return blake3(b"syncd/v1/hold" + cbor.dumps(shown)).hexdigest(length=8)


class Guards:
    """The holds of one vault."""

    def __init__(self, vault: Vault) -> None:
        self._state, self._limit, self._now_ns = vault.state, vault.settings.guard, vault.ambient.now_ns

    def let_out(self, gone: list[int], *, whole: bool) -> list[int]:
        """Return which of the nodes that are gone here may be told as gone: all, or none that is not approved.

        Args:
            gone: top-most nodes.
            whole: these are all that are gone; else what is held already counts with them.
        """
        held = [] if whole else [node for hold in holds(self._state) if hold.way == OUT for node in hold.tops]
        together = list(dict.fromkeys([*gone, *held]))
        lately = sum(count for _, count in self._lately())
        allowed = set(self._let(OUT, together, lambda node: _below(self._state.base, node), lately))
        return [node for node in gone if node in allowed]

    def told(self, old: int, tops: list[int]) -> None:
        """Take note that so many old entries were told as gone: they count with what is gone in the next minute.

        Removing much takes its time, and each look sees some of it. What a person has approved does not count.
        """
        if old and not set(self._approved(OUT)) & set(tops):
            with self._state.transaction():
                self._state.set(_LATELY, cbor.dumps([*self._lately(), [self._now_ns(), old]]))

    def _lately(self) -> list[list[int]]:
        """Return (when, how many) was told as gone in the last minute."""
        raw = self._state.get(_LATELY)
        found: list[list[int]] = cbor.loads(raw) if raw else []
        now = self._now_ns()
        if self._state.get(f"held-{OUT}"):
            return found  # what was held because of these waits for a yes, however long that takes
        return [item for item in found if 0 <= now - item[0] < LATELY_NS]

    def may_remove(self) -> bool:
        """Tell whether what others told as gone may be removed here."""
        gone = self._state.base.doomed()
        return len(self._let(IN, gone, lambda node: 1)) == len(gone)

    def _let(self, way: str, gone: list[int], size: Callable[[int], int], before: int = 0) -> list[int]:
        yes = set(self._approved(way)) if gone else set()
        asked = [node for node in gone if node not in yes]
        entries = sum(map(size, asked))
        if not entries or not self._too_many(entries + before):
            self._put(way, [], 0)
            return gone
        self._put(way, asked, entries)
        return [node for node in gone if node in yes]

    def _too_many(self, entries: int) -> bool:
        if entries < FEW:
            return False
        return entries > self._limit.deletions or entries * 100 > self._state.base.count() * self._limit.percent

    def _put(self, way: str, nodes: list[int], entries: int) -> None:
        held = cbor.dumps([nodes, entries]) if nodes else b""
        if (self._state.get(f"held-{way}") or b"") != held:
            with self._state.transaction():
                self._state.set(f"held-{way}", held)

    def _approved(self, way: str) -> list[int]:
        raw = self._state.get(f"approved-{way}")
        found: list[int] = cbor.loads(raw) if raw else []
        return found


def holds(state: State) -> list[Hold]:
    """Return what waits for a yes."""
    found = []
    for way in (OUT, IN):
        raw = state.get(f"held-{way}")
        if raw:
            nodes, entries = cbor.loads(raw)
            tops = tuple(nodes)
            found.append(Hold(way, tops, tuple(sorted(state.base.path_of(node) for node in tops)), entries))
    return found


def check_seen(state: State, seen: Collection[str]) -> None:
    """See that a person decides about what that person saw; nothing seen is whatever waits.

    Raises:
        NeedsAttention: other deletions wait now.
    """
    if seen and set(seen) != {hold.seal for hold in holds(state)}:
        raise NeedsAttention(
            "what waits is not what you saw: something was deleted or brought back meanwhile",
            hint="Look again: `syncd review list`.",
        )


def approve(state: State) -> int:
    """Let what waits happen with the next pass; return how many entries that are."""
    total = 0
    with state.transaction():
        for hold in holds(state):
            state.set(f"approved-{hold.way}", cbor.dumps(list(hold.tops)))
            state.set(f"held-{hold.way}", b"")
            total += hold.entries
    return total


def deny(vault: Vault, outbox: Outbox) -> int:
    """Bring back what is gone: here what this folder lacks, everywhere what others removed; return how many entries."""
    state, total = vault.state, 0
    for hold in holds(state):
        total += hold.entries
        if hold.way == OUT:
            with state.transaction():
                for node in list(all_below(state.base, hold.tops)):
                    state.base.lacks(node)
                state.set("held-out", b"")
        else:
            stating = Stating(state)
            for node in hold.tops:
                row, newest = state.base.get(node), state.nodes.get(node)
                if row is not None and row.alive and newest is not None:
                    heads = dict.fromkeys((*state.base.heads(row), newest.version))
                    for change in stating.change(row):
                        outbox.change(change._replace(parents=tuple(heads)), elsewhere=True)
            outbox.commit()
            with state.transaction():
                state.set("held-in", b"")
    return total


def _below(base: Base, node: int) -> int:
    """Count a node and all that this disk had in it."""
    return sum(1 for _ in all_below(base, (node,)))


def all_below(base: Base, tops: Iterable[int]) -> Iterable[int]:
    """Yield nodes and all that this disk had in them."""
    stack = list(tops)
    while stack:
        node = stack.pop()
        yield node
        row = base.get(node)
        if row is not None and row.kind == Kind.DIRECTORY:
            stack += [child.node for child in base.children(node)]
