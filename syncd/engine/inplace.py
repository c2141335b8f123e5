"""Bringing versions back into the folder: said as new versions, then brought here as every device brings them.

Invariants: the folder was scanned and published first, and an entry is replaced only if it still is what that scan
saw, so nothing is replaced whose bytes are not in the vault; a deleted node revives under its own identity; a
restored version has all heads that are known as its parents, so it is in conflict with none of them.
"""

from __future__ import annotations

from syncd.engine.apply import Apply
from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.published import Published
from syncd.engine.restoring import Restored
from syncd.engine.securing import check_held
from syncd.engine.stating import Stating, tombstone_fields
from syncd.engine.vault import Vault
from syncd.errors import Damaged, ObjectMissing
from syncd.fs.exchanging import Changed
from syncd.history.tree import Placed, Tree
from syncd.merge.copies import with_tag
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, counter_of
from syncd.model.path import join, split
from syncd.model.version import Row

NOT_PUBLISHED = "is not in the vault as it is now (ignored, unreadable or just changed)"
ELSEWHERE_HERE = "another device has just moved a file there, which stands elsewhere here until the next sync"


class InPlace:
    """Brings versions back into the folder, as new versions with the current heads as parents."""

    def __init__(self, vault: Vault, outbox: Outbox, progress: Progress, *, dry_run: bool) -> None:
        self._vault, self._outbox, self._progress, self._dry = vault, outbox, progress, dry_run
        self._disk, self._nodes, self._base = vault.disk, vault.state.nodes, vault.state.base
        self._stating, self._published = Stating(vault.state), Published(vault)
        self._revived: set[int] = set()
        self._places: dict[bytes, bytes] = {}  # directory -> where it comes to stand
        self._said: dict[bytes, Row] = {}  # path -> the version that is to stand there
        self.result = Restored()

    def restore(self, tree: Tree, placed: Placed, *, exact: bool = False) -> None:
        """Bring back an entry, and all below it when it is a directory.

        Args:
            tree: the tree it is taken from.
            placed: the entry in that tree.
            exact: also remove what came since; the person who asks has seen what that is.

        Raises:
            NeedsAttention: the folder is gone.
            StoreError, LocalDiskFull: the rest has to wait; nothing is lost.
        """
        self._vault.check_folder()
        wanted: list[Placed] = [placed] if placed.row is not None else []
        if placed.is_directory:
            wanted += tree.below(placed)
        nodes: dict[bytes, int] = {b"": ROOT}
        for want in wanted:
            assert want.row is not None
            try:
                if want.row.kind == Kind.DIRECTORY:
                    self._directory(want.path, want.row, nodes)
                else:
                    self._parents(split(want.path)[0], nodes)
                    self._file(want.path, want.row, nodes)
            except Changed:
                self.result.failed[want.path] = "something else stands there or above"
            except (Damaged, ObjectMissing) as error:
                self.result.failed[want.path] = error.message
            except OSError as error:
                self.result.failed[want.path] = f"cannot be looked at: {error.strerror}"
        gone = self._remove_newer(placed.path, {want.path for want in wanted}) if exact and placed.is_directory else []
        if not self._dry:
            self._bring(gone)

    def _bring(self, gone: list[Placed]) -> None:
        """Say it, bring it here, and see what came of it."""
        self._outbox.commit()
        told = frozenset(placed.node for placed in gone)  # by a person, just now: nobody has to be asked
        problems = Apply(self._vault, self._progress, may_go=told.__contains__).run().problems
        for path, row in self._said.items():
            reason = problems.get(path) or next(
                (why for at, why in problems.items() if path.startswith(at + b"/")), None
            )
            if reason is not None:
                self._failed(path, row, f"{reason}; it is restored when that ends")
        for placed in gone:
            if placed.path in problems:
                self.result.failed[placed.path] = problems[placed.path]
            else:
                self.result.removed.append(placed.path)

    def _failed(self, path: bytes, row: Row, reason: str) -> None:
        self.result.failed[path] = reason
        self.result.placed.remove(path)
        if row.kind != Kind.DIRECTORY:
            self.result.files -= 1
            self.result.size -= row.size

    # -- directories ----------------------------------------------------------------------------

    def _parents(self, path: bytes, nodes: dict[bytes, int]) -> None:
        """Have the directories above a path, reviving their nodes where they had one."""
        if path in nodes:
            return
        parent, name = split(path)
        self._parents(parent, nodes)
        row = self._child(nodes[parent], name)
        if row is not None and row.kind == Kind.DIRECTORY:
            nodes[path] = row.node
            return
        gone = next((found for found in map(self._nodes.get, self._nodes.ever_at(nodes[parent], name)) if found), None)
        mode = 0o700 if gone is None or not gone.mode else gone.mode
        self._make_directory(path, mode, 0, gone, nodes)

    def _directory(self, path: bytes, row: Row, nodes: dict[bytes, int]) -> None:
        self._parents(split(path)[0], nodes)
        now = self._child(nodes[split(path)[0]], row.name)
        if now is not None and now.kind == Kind.DIRECTORY:
            nodes[path] = now.node
            return
        newest = self._nodes.get(row.node)
        revive = newest if newest is not None and not newest.alive else None
        self._make_directory(path, row.mode, row.mtime_ns, revive, nodes)

    def _child(self, parent: int, name: bytes) -> Row | None:
        return self._nodes.child(parent, name) if parent >= 0 else None

    def _make_directory(
        self, path: bytes, mode: int, mtime_ns: int, revive: Row | None, nodes: dict[bytes, int]
    ) -> None:
        parent, name = split(path)
        if self._child(nodes[parent], name) is not None:  # another kind of entry holds the name
            name = _restored_name(name, revive.version if revive is not None else self._outbox.new_node())
            if self._child(nodes[parent], name) is not None:
                raise Changed(path)
        here = self._places[path] = join(self._places.get(parent, parent), name)
        if self._disk.stat(here) is not None:  # and no version of it is known
            raise Changed(path)
        # A node comes back once, and never below itself.
        again = revive is not None and not revive.alive and revive.node not in self._revived
        node = revive.node if revive is not None and again else self._outbox.new_node()
        self._revived.add(node)
        nodes[path] = node
        heads = self._heads(revive) if revive is not None and node == revive.node else ()
        change = Change(node, nodes[parent], name, Kind.DIRECTORY, mode, mtime_ns, 0, 0, 0, b"", b"", heads)
        self._say(here, change, Row(node, 0, *change[1:11], b"", 0))

    # -- files and symlinks ---------------------------------------------------------------------

    def _file(self, path: bytes, row: Row, nodes: dict[bytes, int]) -> None:
        parent, name = split(path)
        path = join(self._places.get(parent, parent), name)
        now = self._child(nodes[parent], name)
        if now is not None and not self._is_kept(now):
            self.result.failed[path] = NOT_PUBLISHED
            return
        if now is not None and self._is_elsewhere(now, path):
            self.result.failed[path] = ELSEWHERE_HERE
            return
        if now is not None and now.kind == row.kind and _as_wanted(now, row):
            if self._base.get(now.node) is not None and self._disk.exact(path) is not None:
                self.result.unchanged += 1
            else:  # the vault has it and the folder lacks it: there is nothing to say
                self._note(path, row)
            return
        if now is None and self._disk.stat(path) is not None:
            self.result.failed[path] = NOT_PUBLISHED
            return
        check_held(self._vault, row.depth, row.content)
        if now is not None and now.kind == row.kind:
            self._replace(path, now, row)
            return
        if now is not None:  # another kind of entry holds the name
            path = join(split(path)[0], _restored_name(name, row.version))
            if self._child(nodes[parent], split(path)[1]) is not None:
                self.result.failed[path] = "stands there already"
                return
        self._bring_back(path, nodes[parent], row)

    def _is_kept(self, now: Row) -> bool:
        """Tell whether what this disk has of a node is in the vault."""
        here = self._base.get(now.node)
        if here is None or here.kind == Kind.DIRECTORY or self._dry:
            return True  # what is not published yet is published first, when it is done
        path = self._base.path_of(now.node)
        stat = self._disk.exact(path)
        return stat is None or self._published.is_so(path, here, stat)

    def _is_elsewhere(self, now: Row, path: bytes) -> bool:
        """Tell whether this disk has a node at another path than it is asked for: nobody meant that file."""
        return self._base.get(now.node) is not None and self._base.path_of(now.node) != path

    def _replace(self, path: bytes, now: Row, row: Row) -> None:
        fields = {
            "mode": row.mode,
            "mtime_ns": row.mtime_ns,
            "size": row.size,
            "depth": row.depth,
            "profile": row.profile,
            "ids": row.content,
            "inline": row.inline,
        }
        said = self._stating.change(now, **fields)
        for change in said:
            if change.node == now.node and self._base.original(now.node) is None:
                change = change._replace(parents=tuple(dict.fromkeys((*change.parents, *self._heads(now)))))
            if not self._dry:
                self._outbox.change(change, elsewhere=True)
        self._note(path, row)

    def _bring_back(self, path: bytes, parent: int, row: Row) -> None:
        name = split(path)[1]
        own = self._nodes.get(row.node)
        if own is not None and not own.alive and own.node not in self._revived:
            self._revived.add(own.node)
            node, heads = own.node, self._heads(own)
        else:
            node, heads = self._outbox.new_node(), ()
        self._say(path, Change(node, parent, name, *row[4:12], heads), row)

    def _say(self, path: bytes, change: Change, row: Row) -> None:
        if not self._dry:
            self._outbox.change(change, elsewhere=True)
            if self._outbox.full:
                self._outbox.commit(more_follow=True)
        self._note(path, row)

    def _heads(self, row: Row) -> tuple[int, ...]:
        """Return all heads of a node that are known, but for overruled ones: those are somebody's copies."""
        return self._nodes.heads(row.node) or (row.version,)

    def _note(self, path: bytes, row: Row) -> None:
        self._said[path] = row
        self.result.placed.append(path)
        if row.kind != Kind.DIRECTORY:
            self.result.files += 1
            self.result.size += row.size

    # -- what came since ------------------------------------------------------------------------

    def _remove_newer(self, path: bytes, wanted: set[bytes]) -> list[Placed]:
        """Say that what stands below a path and is not wanted is gone; return it."""
        now = Tree(self._nodes)
        kept = wanted | self._said.keys()
        found = [placed for placed in now.below(now.find(path)) if placed.path not in kept]
        gone = []
        for placed in reversed(found):
            assert placed.row is not None
            try:
                published = self._is_kept(placed.row)
            except OSError:
                published = False
            if not published:
                self.result.failed[placed.path] = NOT_PUBLISHED
                continue
            gone.append(placed)
            if self._dry:
                self.result.removed.append(placed.path)
                continue
            for change in self._stating.change(self._base.get(placed.node) or placed.row, **tombstone_fields()):
                self._outbox.change(change, elsewhere=True)
            if self._outbox.full:
                self._outbox.commit(more_follow=True)
        return gone


def _restored_name(name: bytes, version: int) -> bytes:
    """Return the name for what is brought back where another kind of entry holds its own name now."""
    return with_tag(name, f" (restored {counter_of(version)})")


def _as_wanted(now: Row, row: Row) -> bool:
    return (now.content, now.depth, now.inline, now.mode, now.mtime_ns) == (
        row.content,
        row.depth,
        row.inline,
        row.mode,
        row.mtime_ns,
    )
