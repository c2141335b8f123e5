"""What is gone from the folder: told last, and only when it is surely a person's deletion (promise P5).

Nothing is told as gone below a file system that is not mounted, while its place
cannot be looked at, or before it has been gone for long enough that a move would have been seen;
nor what stood aside under a name of ours, on its way to another place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from syncd.engine.guards import OLD_NS, all_below
from syncd.engine.outbox import Outbox
from syncd.engine.stating import Stating, tombstone_fields
from syncd.engine.vault import Vault
from syncd.fs.exchanging import ASIDE
from syncd.model.entry import Kind
from syncd.model.version import Row

UNREADABLE = "cannot be read: {}"
UNMOUNTED = "held another file system that is not mounted: nothing in it is taken for deleted"


class Gone:
    """Tells deletions of one pass.

    Args:
        vault: opened for writing.
        outbox: takes the tombstones.
        problems: path -> reason, for what cannot be told.
        ripe: tells whether a node, seen to be gone, may be told to be gone.
    """

    def __init__(self, vault: Vault, outbox: Outbox, problems: dict[bytes, str], ripe: Callable[[int], bool]) -> None:
        self._vault, self._outbox, self._problems, self._ripe = vault, outbox, problems, ripe
        self._disk, self._nodes, self._base = vault.disk, vault.state.nodes, vault.state.base
        self.stating = Stating(vault.state)
        self.told = self.old = 0  # how many were told; of those, how many had stood for long
        self._long_ago_ns = vault.ambient.now_ns() - OLD_NS
        self.unsettled: set[int] = set()  # directories to look at again soon

    def unheld(self, candidates: list[int], *, whole: bool) -> list[int]:
        """Leave out what is gone with a file system that is not mounted.

        Args:
            candidates: nodes that are not where the base has them.
            whole: every directory of the folder was looked at to find them.
        """
        for mount in self._nodes.mount_points():
            row, path = self._base.get(mount), self._base.path_of(mount)
            if row is None or not row.alive:
                self._outbox.mounted(mount, still=False)
                continue
            if self._disk.is_mount(path):
                continue
            held = {node for node in candidates if _one_holds_other(self._base.path_of(node), path)}
            if held:
                self._problems[path] = UNMOUNTED
                candidates = [node for node in candidates if node not in held]
            elif whole:
                self._outbox.mounted(mount, still=False)  # all of it stands here as ordinary files
        return candidates

    def tell(self, candidates: list[int], moved: set[int], moved_over: AbstractSet[int] = frozenset()) -> None:
        """Tell deletions, children before parents.

        Args:
            candidates: nodes that are not where the base has them.
            moved: nodes found elsewhere; takes those told.
            moved_over: inodes of files that stand at another node's name now. That such a file is gone from its own
                is certain at once; and it has to be told with what stands there now, which may be taken for a copy of
                it, and so for one too many.
        """
        self._vault.check_folder()
        for node in candidates:
            row = self._base.get(node)
            if row is None or not row.alive or node in moved:
                continue
            path = self._base.path_of(node)
            try:
                there = self._disk.exact(path)
            except OSError as error:
                self._problems[path] = UNREADABLE.format(error.strerror)
                continue
            others = [other for other in self._base.named(row.parent, row.name) if other.node != node]
            shadowed = bool(others) and there is not None and there.ino != row.ino
            if there is not None and there.kind == row.kind and not shadowed:
                continue
            if self._ripe(node) or (row.kind == Kind.FILE and row.ino in moved_over):
                self._tell_subtree(row, moved)
            else:
                self.unsettled |= self.places_of([node])

    def places_of(self, nodes: Iterable[int]) -> set[int]:
        """Return the directories that these are gone from."""
        rows = map(self._base.get, nodes)
        return {row.parent for row in rows if row is not None}

    def _tell_subtree(self, top: Row, moved: set[int]) -> None:
        # Directories first, each before what it holds; their rows are read again when their turn comes,
        # so that memory is one directory's rows and not the subtree's.
        if top.name.startswith(ASIDE):
            self._bring_again(top, moved)
            return
        order, stack = [], [top.node]
        while stack:
            node = stack.pop()
            order.append(node)
            inside = [row for row in self._base.children(node) if row.node not in moved]
            for row in inside:
                if row.name.startswith(ASIDE):
                    self._bring_again(row, moved)
            stack += [row.node for row in inside if row.kind == Kind.DIRECTORY and row.node not in moved]
        for node in reversed(order):
            for row in self._base.children(node):
                if row.node not in moved:
                    self._tell_one(row, moved)
        if top.node not in moved:
            self._tell_one(top, moved)

    def _bring_again(self, top: Row, moved: set[int]) -> None:
        """Let this disk have again what had a name of ours for a while: who removed it can hardly have meant it."""
        below = [row for row in all_below(self._base, [top.node]) if row not in moved]
        with self._vault.state.transaction():
            for node in below:
                self._base.lacks(node)
        moved.update(below)

    def _tell_one(self, row: Row, moved: set[int]) -> None:
        said = self.stating.change(row, **tombstone_fields())
        for change in said:
            self._outbox.change(change, elsewhere=change.node != row.node)
        if said and all(change.node != row.node for change in said):  # a copy: that it is decided is what is said
            self._outbox.gone(row.node)
        if not said:  # a copy of what is decided by now: nobody has to be told, and this disk has it no more
            with self._vault.state.transaction():
                self._base.drop(row.node)
        moved.add(row.node)
        self.told += bool(said)
        self.old += bool(said) and row.recorded_ns < self._long_ago_ns
        if self._outbox.full:
            self._outbox.commit(more_follow=True)


def _one_holds_other(one: bytes, other: bytes) -> bool:
    """Tell whether one of two paths is the other or lies below it."""
    return one == other or one.startswith(other + b"/") or other.startswith(one + b"/")
