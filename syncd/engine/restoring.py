"""Bringing versions back: to a place of their own, or into the folder as new versions.

Invariants: every byte was verified before it is written; nothing that stands anywhere is replaced
unless its bytes are in the vault (in place, the target is scanned and published first); a file that
is what it should be is left alone. Memory is bounded by one batch of `BATCH` files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from syncd.chunk.lists import unfold
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward, tombstone
from syncd.engine.progress import Progress
from syncd.engine.vault import Vault
from syncd.engine.writing import SMALL, TreeWriter
from syncd.errors import Damaged, ObjectMissing, UsageError
from syncd.fs.disk import Changed, Disk, Placement
from syncd.history.tree import Placed, Tree
from syncd.model.entry import Change, Content, Kind, Stat
from syncd.model.ids import ROOT, counter_of
from syncd.model.path import join, split
from syncd.model.version import Row
from syncd.pack.reader import ChunkReader

BATCH = 4096


@dataclass(slots=True)
class Restored:
    """What a restore did or, on a dry run, would do. Paths are as placed; `failed` is path -> reason."""

    files: int = 0
    size: int = 0
    unchanged: int = 0
    placed: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    failed: dict[bytes, str] = field(default_factory=dict)


def content_ids(reader: ChunkReader, row: Row) -> list[bytes]:
    """Return the data chunk ids of a version."""
    ids = unfold(Content(row.depth, row.content), reader.read_list)
    return [ids[i : i + 16] for i in range(0, len(ids), 16)]


def read_version(reader: ChunkReader, row: Row) -> Iterator[bytes]:
    """Yield the bytes of a file's version, verified, in pieces.

    Raises:
        Damaged, ObjectMissing: some of it cannot be had.
    """
    return reader.stream(content_ids(reader, row))


@dataclass(frozen=True, slots=True)
class _Job:
    """A file to be written: where, which version, and what stands there now."""

    path: bytes
    row: Row
    expect: Stat | None


class Restorer:
    """Writes versions below a directory that is not the folder itself."""

    def __init__(self, vault: Vault, target: str, progress: Progress) -> None:
        self._reader = vault.reader()
        self._disk = Disk(os.fsencode(os.path.abspath(target)))
        self._progress = progress
        self.result = Restored()
        self._batch: list[_Job] = []
        self._blocked: set[bytes] = set()  # directories that could not be made
        self._parent = b""  # of the last file: known to be a directory
        self._directories: list[tuple[bytes, Row]] = []
        self._writer = TreeWriter(self._disk, vault.put_pool, self._failed)

    def restore(self, tree: Tree, placed: Placed, name: bytes) -> None:
        """Write an entry, and all below it when it is a directory, as `name` below the target."""
        os.makedirs(self._disk.root, exist_ok=True)
        if not placed.is_directory:
            self._add(name, placed.row)
        else:
            if name:
                self._add(name, placed.row)
            for child in tree.below(placed):
                below = child.path[len(placed.path) :].lstrip(b"/")
                self._add(join(name, below), child.row)
        self._flush()
        for path, row in reversed(self._directories):
            self._disk.set_metadata(path, row.mode, row.mtime_ns)
        self._disk.sync_all()

    def _add(self, path: bytes, row: Row | None) -> None:
        if split(path)[0] in self._blocked:
            self._block(path, row)
            return
        try:
            self._place(path, row)
        except Changed:
            self._block(path, row)

    def _block(self, path: bytes, row: Row | None) -> None:
        """Note that something else stands at a path or above it; what would be below is not written."""
        self.result.failed[path] = "something else stands there or above"
        if row is None or row.kind == Kind.DIRECTORY:
            self._blocked.add(path)

    def _place(self, path: bytes, row: Row | None) -> None:
        if row is None or row.kind == Kind.DIRECTORY:
            self._disk.make_directories(path)
            if row is not None:
                self._directories.append((path, row))
        elif row.kind == Kind.SYMLINK:
            self._disk.make_directories(split(path)[0])
            self._link(path, row)
        elif row.kind == Kind.FILE:
            if split(path)[0] != self._parent:
                self._disk.make_directories(split(path)[0])
                self._parent = split(path)[0]
            self._batch.append(_Job(path, row, None))
            if len(self._batch) >= BATCH:
                self._flush()

    def _link(self, path: bytes, row: Row) -> None:
        try:
            self._disk.place_symlink(path, row.inline, row.mtime_ns, None)
            self.result.placed.append(path)
        except Changed:
            self.result.failed[path] = "something stands there already"

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        for job, pieces in in_store_order(self._reader, batch, self.result):
            placement = Placement(job.path, job.row.mode, job.row.mtime_ns)
            try:
                if job.row.size <= SMALL:
                    self._writer.small(placement, b"".join(pieces))
                else:
                    self._writer.large(placement, pieces)
            except (Damaged, ObjectMissing) as error:
                self.result.failed[job.path] = error.message
                continue
            self.result.files += 1
            self.result.size += job.row.size
            self._progress.bytes += job.row.size
            self._progress.files += 1
        self._writer.finish()

    def _failed(self, path: bytes, reason: str) -> None:
        self.result.failed[path] = reason
        self.result.files -= 1


def in_store_order(
    reader: ChunkReader, jobs: Iterable[_Job], result: Restored
) -> Iterator[tuple[_Job, Iterator[bytes]]]:
    """Yield jobs with their verified bytes, ordered so that each segment is opened once.

    The bytes of small files come from one stream over the whole batch; a file that cannot be read
    whole is noted as failed and never begun.
    """
    small: list[tuple[tuple[int, int, int], _Job]] = []
    for job in jobs:
        row = job.row
        if row.depth or len(row.content) != 16:
            yield job, read_version(reader, row) if row.content else iter(())
            continue
        try:
            at = reader.locate(row.content)
        except Damaged as error:
            result.failed[job.path] = error.message
            continue
        small.append(((at.pack, at.segment, at.offset), job))
    small.sort(key=lambda pair: pair[0])
    for place, job in small:
        reader.prefetch((place[0], place[1]))
        yield job, _one(reader, job.row.content)


def _one(reader: ChunkReader, chunk: bytes) -> Iterator[bytes]:
    yield reader.read(chunk)


class InPlace:
    """Brings versions back into the folder, as new versions with the current heads as parents."""

    def __init__(self, vault: Vault, outbox: Outbox, progress: Progress, *, dry_run: bool) -> None:
        self._vault, self._outbox, self._progress, self._dry = vault, outbox, progress, dry_run
        self._disk, self._nodes = vault.disk, vault.state.nodes
        self._reader = vault.reader()
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
        self._disk.check_marker(self._vault.marker)
        wanted: list[Placed] = [placed] if placed.row is not None else []
        if placed.is_directory:
            wanted += tree.below(placed)
        batch: list[_Job] = []
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
        node = revive.node if revive is not None and not revive.alive else self._outbox.new_node()
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

    def _plan_file(self, path: bytes, row: Row, batch: list[_Job]) -> None:
        now = self._nodes.find(path)
        stat = self._disk.stat(path)
        same_kind = now is not None and now.kind == row.kind
        if now is not None and same_kind and stat is not None and _as_wanted(now, row):
            self.result.unchanged += 1
            return
        if stat is not None and not same_kind:
            path = self._restored_name(path, row)
            stat = self._disk.stat(path)
        if stat is not None and now is None:
            self.result.failed[path] = "is not in the vault yet, so it is not replaced"
            return
        batch.append(_Job(path, row, stat))

    def _restored_name(self, path: bytes, row: Row) -> bytes:
        """Return the name for a file whose own name another kind of entry holds now."""
        parent, name = split(path)
        dot = name.rfind(b".", 1)
        stem, suffix = (name[:dot], name[dot:]) if dot > 0 else (name, b"")
        tag = f" (restored {counter_of(row.version)})".encode()
        return join(parent, stem[: 255 - len(tag) - len(suffix)] + tag + suffix)

    # -- writing --------------------------------------------------------------------------------

    def _write(self, batch: list[_Job], nodes: dict[bytes, int]) -> None:
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

    def _guarded(self, job: _Job, nodes: dict[bytes, int], pieces: Iterator[bytes]) -> None:
        try:
            if job.row.kind == Kind.SYMLINK:
                stat = self._disk.place_symlink(job.path, job.row.inline, job.row.mtime_ns, job.expect)
            else:
                placement = Placement(job.path, job.row.mode, job.row.mtime_ns)
                stat = self._disk.place_file(placement, pieces, job.expect, sync=True)
        except Changed:
            self.result.failed[job.path] = "changed meanwhile, so it is not replaced"
        except (Damaged, ObjectMissing) as error:
            self.result.failed[job.path] = error.message
        else:
            self._note(job)
            self._publish(job, nodes, stat)

    def _note(self, job: _Job) -> None:
        self.result.files += 1
        self.result.size += job.row.size
        self.result.placed.append(job.path)
        self._progress.bytes += job.row.size
        self._progress.files += 1

    def _publish(self, job: _Job, nodes: dict[bytes, int], stat: Stat) -> None:
        parent, name = split(job.path)
        row = job.row
        now = self._nodes.child(nodes[parent], name)
        own = self._nodes.get(row.node)
        if now is not None and now.kind == row.kind and _as_wanted(now, row):
            self._outbox.seen(now.node, stat)  # it was missing in the folder, not in the vault
            return
        if now is not None:
            node, heads = now.node, (now.version,)
        elif own is not None and not own.alive:
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
            self.result.removed.append(placed.path)
            if self._dry:
                continue
            stat = self._disk.stat(placed.path)
            if stat is None:
                continue
            try:
                self._disk.remove(placed.path, stat)
            except Changed:
                self.result.failed[placed.path] = "is not empty or changed meanwhile, so it is not removed"
            else:
                self._outbox.change(tombstone(placed.row))


def _as_wanted(now: Row, row: Row) -> bool:
    return (now.content, now.depth, now.inline, now.mode, now.mtime_ns) == (
        row.content,
        row.depth,
        row.inline,
        row.mode,
        row.mtime_ns,
    )


def publish_first(vault: Vault, outbox: Outbox, progress: Progress) -> None:
    """Scan the folder and publish what it holds, so that nothing is replaced unsaved."""
    Outward(vault, outbox, progress).scan()


def check_target(vault: Vault, target: str) -> None:
    """Refuse a target inside the folder: that is what restoring in place is for.

    Raises:
        UsageError: it lies inside.
    """
    folder, there = os.path.realpath(vault.settings.folder), os.path.realpath(target)
    if os.path.commonpath([folder, there]) == folder:
        raise UsageError(f"{target} lies inside the folder", hint="Leave out --to to restore in place.")
