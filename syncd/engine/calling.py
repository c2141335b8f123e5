"""What this disk calls a node: by its own name, unless the file system takes that for another's, or changes it.

A file system that does not tell `a` from `A` cannot hold both: the lower node keeps its name and the other is
called `stem (case SHORTID).ext` here. One that stores the letters of a name in another form lists it in that form.
Invariant: a name that only this disk has is never published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.engine.vault import Vault
from syncd.merge.copies import case_name, has_case_tag, is_case_name_of
from syncd.merge.tree import Rank
from syncd.model.entry import Kind, Stat
from syncd.model.folding import fold, same_form
from syncd.model.ids import counter_of, device_of
from syncd.model.path import join, split
from syncd.model.version import Row
from syncd.state.base import Alias
from syncd.state.nodes import PENDING


class NamesHere:
    """Tells nodes by names that are not their own, and gives such names. Reads the state; `Base.call` writes it."""

    def __init__(self, vault: Vault) -> None:
        self._disk, self._state = vault.disk, vault.state
        self._nodes, self._base = vault.state.nodes, vault.state.base
        self._found: dict[tuple[int, bytes], int] = {}

    # -- seeing ---------------------------------------------------------------------------------

    def find(
        self, path: bytes, node: int, entries: Iterable[tuple[bytes, Stat]], known: dict[bytes, Row], gone: list[int]
    ) -> list[tuple[int, bytes]]:
        """Find nodes under names that only this disk has for them; `known` names them so from then on.

        Args:
            path: of a directory.
            node: the directory's.
            entries: what it lists.
            known: what the base has in it, by name.
            gone: takes nodes whose names are found to be others' here.
        """
        strange = [
            (name, stat)
            for name, stat in entries
            if _may_be_an_alias(name) and (name not in known or known[name].ino != stat.ino)
        ]
        if not strange:
            return []
        strange.sort(key=lambda item: not has_case_tag(item[0]))  # a tag names one node surely, a form may fit several
        listed = {name for name, _ in entries}
        found: list[tuple[int, bytes]] = []
        for name, stat in strange:
            lost = [row for row in known.values() if row.name not in listed]
            row = next((row for row in lost if self._is_called(path, row, name, stat)), None)
            if name in known and (row is None or row.ino != stat.ino):
                continue  # it is what has the name by right, and was saved anew
            if row is not None:
                if name in known:
                    gone.append(known[name].node)
                del known[row.name]
                known[name] = row._replace(name=name)
            else:
                taken = {other for other, _ in found}
                absent = (row for row in self._absent(node) if row.node not in taken)
                row = next((row for row in absent if self._is_called(path, row, name, stat)), None)
            if row is not None:
                self._found[node, name] = row.node
                found.append((row.node, name))
        return found

    def _absent(self, node: int) -> Iterator[Row]:
        """Yield what the tree has in a directory and this disk has not yet."""
        for row in self._nodes.children(node):
            if row.ino == PENDING and not self._base.waits(row.node):
                yield row

    def _is_called(self, path: bytes, row: Row, name: bytes, stat: Stat) -> bool:
        if row.kind != stat.kind:
            return False
        if is_case_name_of(name, row.name, self._rank(row.node)):
            return True
        if not same_form(row.name, name):
            return False
        try:
            other = self._disk.stat(join(path, row.name))
        except OSError:
            return False
        return other is not None and other.ino == stat.ino

    def known_as(self, directory: int, name: bytes) -> Row | None:
        """Return the node that was found under a name that is not its own, if this disk did not have it before."""
        node = self._found.get((directory, name))
        row = None if node is None else self._nodes.get(node)
        return row if row is not None and row.ino == PENDING and not self._base.waits(row.node) else None

    def once_called(self, directory: int, name: bytes) -> list[int]:
        """Return the nodes, living or not, that a directory of this disk may once have called so."""
        if not has_case_tag(name):
            return []
        rows = [*self._nodes.children(directory), *self._nodes.gone_children(directory)]
        return [row.node for row in rows if is_case_name_of(name, row.name, self._rank(row.node))]

    # -- naming ---------------------------------------------------------------------------------

    def other(self, want: Row, path: bytes) -> Row | None:
        """Return the entry of this disk that answers to a name which is to be another node's; None if none does.

        Args:
            want: what is to stand there.
            path: where, on this disk.
        """
        here = self._disk.stat(path)
        if here is None:
            return None
        listed = self._disk.exact(path) is not None
        linked = here.kind == Kind.FILE and here.links > 1  # the same file under two names that both are its own
        # Another node's first: the node's own entry may be one and the same, by a link from before a crash.
        others = [row for row in self._base.children(want.parent) if row.name != want.name]
        for row in sorted(others, key=lambda row: row.node == want.node):
            alike = fold(row.name) == fold(want.name) or same_form(row.name, want.name)
            by_inode = row.ino == here.ino and (not linked or (alike and not listed))
            if by_inode and self._stands_as(join(split(path)[0], row.name), here):
                return row
            if not listed and fold(row.name) == fold(want.name):
                return row
        return None

    def _stands_as(self, path: bytes, here: Stat) -> bool:
        """Tell whether an entry answers to a path, too; one that a person moved does not answer to its old name."""
        found = self._disk.stat(path)
        return found is not None and found.ino == here.ino

    def meet(self, want: Row, other: Row) -> bool:
        """Tell whether two entries that cannot both stand have names of their own: only this disk has them for one."""
        one, two = self._nodes.get(want.node), self._nodes.get(other.node)
        return one is not None and two is not None and one.node != two.node and one.name != two.name

    def clash(self, one: Row, other: Row) -> tuple[int, bytes]:
        """Return which of two nodes whose names this disk takes for one is called otherwise, and how."""
        named = max(one, other, key=lambda row: self._rank(row.node))
        rows = (*self._base.children(named.parent), *self._nodes.children(named.parent))
        taken = {fold(row.name) for row in rows if row.node != named.node}
        own = self._nodes.get(named.node)
        assert own is not None
        return named.node, case_name(own.name, self._rank(named.node), lambda name: fold(name) in taken)

    def end_needless(self) -> bool:
        """Let nodes have their own names where no other has them any more; return whether there were any."""
        ended = False
        for alias in self._base.aliases():
            row = self._base.wanted(alias.node)
            holds = row is not None and row.alive and (row.parent, row.name) == (alias.parent, alias.shown)
            if not holds:
                self._base.uncall(alias.node)
            elif has_case_tag(alias.shown) and not self._others_answer(alias):
                self._base.call(alias.node, alias.name, stands=False)
                ended = True
        return ended

    def _others_answer(self, alias: Alias) -> bool:
        rows = (*self._nodes.children(alias.parent), *self._base.children(alias.parent))
        folded = fold(alias.name)
        return any(fold(row.name) == folded and row.node != alias.node for row in rows)

    def _rank(self, node: int) -> Rank:
        return self._state.devices.get(device_of(node)).id, counter_of(node)


def _may_be_an_alias(name: bytes) -> bool:
    return not name.isascii() or has_case_tag(name)
