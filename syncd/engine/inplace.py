"""Bringing versions back into the folder, as new versions with the current heads as parents.

Invariants: the folder was scanned and published first, so nothing is replaced whose bytes are not in the
vault; an entry is replaced only if it still is what that scan saw; every byte was verified before it
is written; a deleted node revives under its own identity.
"""

from __future__ import annotations

from collections.abc import Iterator

from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.published import Published
from syncd.engine.restoring import Job, Restored, failure_of_one, in_store_order
from syncd.engine.stating import Stating, tombstone_fields
from syncd.engine.vault import Vault
from syncd.errors import Failed
from syncd.fs.disk import Changed, Placement
from syncd.fs.holes import Buffer
from syncd.history.tree import Placed, Tree
from syncd.model.entry import Change, Kind, Stat
from syncd.model.ids import ROOT, counter_of
from syncd.model.path import join, split
from syncd.model.version import Row


class InPlace:
    """Brings versions back into the folder, as new versions with the current heads as parents."""

    def __init__(self, vault: Vault, outbox: Outbox, progress: Progress, *, dry_run: bool) -> None:
        self._vault, self._outbox, self._progress, self._dry = vault, outbox, progress, dry_run
        self._disk, self._nodes = vault.disk, vault.state.nodes
        self._reader = vault.reader()
        self._stating = Stating(vault.state)
        self._published = Published(vault)
        self._revived: set[int] = set()
        self.result = Restored()

    def restore(self, tree: Tree, placed: Placed, *, exact: bool = False) -> None:
        """Bring back an entry, and all below it when it is a directory.

        Args:
            tree: the tree it is taken from.
            placed: the entry in that tree.
            exact: also remove what came since, once it is in the vault.

        Raises:
            NeedsAttention: the folder is gone.
        """
        self._vault.check_folder()
        wanted: list[Placed] = [placed] if placed.row is not None else []
        if placed.is_directory:
            wanted += tree.below(placed)
        batch: list[Job] = []
        nodes: dict[bytes, int] = {b"": ROOT}
        for want in wanted:
            assert want.row is not None
            try:
                if want.row.kind == Kind.DIRECTORY:
                    self._directory(want.path, want.row, nodes)
                else:
                    self._parents(split(want.path)[0], nodes)
                    self._plan_file(want.path, want.row, batch)
            except Changed:
                self.result.failed[want.path] = "something else stands there or above"
            except OSError as error:
                self.result.failed[want.path] = f"cannot be written: {error.strerror}"
        self._write(batch, nodes)
        if exact and placed.is_directory:
            self._remove_newer(placed.path, {want.path for want in wanted})
        if not self._dry:
            self._outbox.commit()

    # -- what is there now ----------------------------------------------------------------------

    def _parents(self, path: bytes, nodes: dict[bytes, int]) -> None:
        """Make the directories above a path, reviving their nodes where they had one."""
        if path in nodes:
            return
        parent, name = split(path)
        self._parents(parent, nodes)
        row = self._nodes.child(nodes[parent], name) if nodes[parent] >= 0 else None
        if row is not None and row.kind == Kind.DIRECTORY:
            nodes[path] = row.node
            self._bring_back_directory(path, row)
            return
        gone = next((found for found in map(self._nodes.get, self._nodes.ever_at(nodes[parent], name)) if found), None)
        mode = 0o700 if gone is None or not gone.mode else gone.mode
        self._make_directory(path, mode, 0, gone, nodes)

    def _directory(self, path: bytes, row: Row, nodes: dict[bytes, int]) -> None:
        self._parents(split(path)[0], nodes)
        now = self._nodes.child(nodes[split(path)[0]], row.name)
        if now is not None and now.kind == Kind.DIRECTORY:
            nodes[path] = now.node
            self._bring_back_directory(path, now)
            return
        newest = self._nodes.get(row.node)
        revive = newest if newest is not None and not newest.alive else None
        self._make_directory(path, row.mode, row.mtime_ns, revive, nodes)

    def _bring_back_directory(self, path: bytes, row: Row) -> None:
        """Make a directory that the vault has and the folder lacks, as after a rebuild: nothing to tell."""
        if not self._dry and self._disk.lstat(path) is None:
            self._disk.make_directories(path)
            self._disk.set_metadata(path, row.mode, None)

    def _make_directory(
        self, path: bytes, mode: int, mtime_ns: int, revive: Row | None, nodes: dict[bytes, int]
    ) -> None:
        parent, name = split(path)
        here = self._disk.lstat(path)
        if here is not None:  # not a directory of the vault, or this would not be asked
            raise Changed(path)
        self.result.placed.append(path)
        # A node comes back once, and never below itself.
        again = revive is not None and not revive.alive and revive.node not in self._revived
        node = revive.node if revive is not None and again else self._outbox.new_node()
        self._revived.add(node)
        nodes[path] = node
        if self._dry:
            return
        self._disk.make_directories(path)
        self._disk.set_metadata(path, mode, None)
        stat = self._disk.stat(path)
        assert stat is not None
        heads = (revive.version,) if revive is not None and node == revive.node else ()
        change = Change(node, nodes[parent], name, Kind.DIRECTORY, mode, mtime_ns, 0, 0, 0, b"", b"", heads)
        self._outbox.change(change, stat)

    def _plan_file(self, path: bytes, row: Row, batch: list[Job]) -> None:
        now = self._nodes.find(path)
        stat = self._disk.stat(path)
        same_kind = now is not None and now.kind == row.kind
        if stat is not None and (now is None or not self._published.is_so(path, now, stat)):
            self.result.failed[path] = "is not in the vault as it is now (ignored, unreadable or just changed)"
            return
        if now is not None and same_kind and stat is not None and _as_wanted(now, row):
            self.result.unchanged += 1
            return
        if stat is not None and not same_kind:
            path = self._restored_name(path, row)
            stat = self._disk.stat(path)
            if stat is not None:
                self.result.failed[path] = "stands there already"
                return
        batch.append(Job(path, row, stat))

    def _restored_name(self, path: bytes, row: Row) -> bytes:
        """Return the name for a file whose own name another kind of entry holds now."""
        parent, name = split(path)
        dot = name.rfind(b".", 1)
        stem, suffix = (name[:dot], name[dot:]) if dot > 0 else (name, b"")
        tag = f" (restored {counter_of(row.version)})".encode()
        return join(parent, stem[: 255 - len(tag) - len(suffix)] + tag + suffix)

    # -- writing --------------------------------------------------------------------------------

    def _write(self, batch: list[Job], nodes: dict[bytes, int]) -> None:
        if self._dry:
            for job in batch:
                self._note(job)
            return
        links = [job for job in batch if job.row.kind == Kind.SYMLINK]
        files = [job for job in batch if job.row.kind == Kind.FILE]
        for job in links:
            self._guarded(job, nodes, iter(()))
        for job, pieces in in_store_order(self._reader, files, self.result):
            self._guarded(job, nodes, pieces)

    def _guarded(self, job: Job, nodes: dict[bytes, int], pieces: Iterator[Buffer]) -> None:
        try:
            if job.row.kind == Kind.SYMLINK:
                stat = self._disk.place_symlink(job.path, job.row.inline, job.row.mtime_ns, job.expect)
            else:
                placement = Placement(job.path, job.row.mode, job.row.mtime_ns)
                stat = self._disk.place_file(placement, pieces, job.expect, sync=True)
        except Changed:
            self.result.failed[job.path] = "changed meanwhile, so it is not replaced"
        except Failed as error:
            self.result.failed[job.path] = failure_of_one(error)
        except OSError as error:
            self.result.failed[job.path] = f"cannot be written: {error.strerror}"
        else:
            self._note(job)
            self._publish(job, nodes, stat)

    def _note(self, job: Job) -> None:
        self.result.files += 1
        self.result.size += job.row.size
        self.result.placed.append(job.path)
        self._progress.bytes += job.row.size
        self._progress.files += 1

    def _publish(self, job: Job, nodes: dict[bytes, int], stat: Stat) -> None:
        parent, name = split(job.path)
        row = job.row
        now = self._nodes.child(nodes[parent], name)
        own = self._nodes.get(row.node)
        if now is not None and now.kind == row.kind and _as_wanted(now, row):
            self._outbox.seen(now.node, stat)  # it was missing in the folder, not in the vault
            return
        if now is not None:
            node, heads = now.node, (now.version,)
        elif own is not None and not own.alive and own.node not in self._revived:
            self._revived.add(own.node)
            node, heads = own.node, (own.version,)
        else:
            node, heads = self._outbox.new_node(), ()  # type: ignore[assignment]
        change = Change(
            node,
            nodes[parent],
            name,
            row.kind,
            stat.mode,
            stat.mtime_ns,
            row.size,
            row.depth,
            row.profile,
            row.content,
            row.inline,
            heads,
        )
        self._outbox.change(change, stat)
        if self._outbox.full:
            self._outbox.commit(more_follow=True)

    def _remove_newer(self, path: bytes, wanted: set[bytes]) -> None:
        """Remove what stands below a path and is not wanted; its bytes are in the vault."""
        now = Tree(self._nodes)
        found = [placed for placed in now.below(now.find(path)) if placed.path not in wanted]
        for placed in reversed(found):
            assert placed.row is not None
            if self._dry:
                self.result.removed.append(placed.path)
                continue
            stat = self._disk.stat(placed.path)
            if stat is None:
                continue
            try:
                if not self._published.is_so(placed.path, placed.row, stat):
                    raise Changed(placed.path)
                self._disk.remove(placed.path, stat)
            except Changed:
                self.result.failed[placed.path] = "is not empty, ignored or changed meanwhile, so it is not removed"
            except OSError as error:
                self.result.failed[placed.path] = f"cannot be removed: {error.strerror}"
            else:
                self.result.removed.append(placed.path)
                for change in self._stating.change(placed.row, **tombstone_fields()):
                    self._outbox.change(change)
                if self._outbox.full:
                    self._outbox.commit(more_follow=True)


def _as_wanted(now: Row, row: Row) -> bool:
    return (now.content, now.depth, now.inline, now.mode, now.mtime_ns) == (
        row.content,
        row.depth,
        row.inline,
        row.mode,
        row.mtime_ns,
    )
