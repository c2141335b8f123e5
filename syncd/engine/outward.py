"""From the disk to records: walk, compare with the base, read what may have changed, hand it on.

The scan is the truth; events only say where to look first. Invariants: what cannot be read, is
ignored or was not looked at is never a deletion; a parent is told before its children; nothing is
published that was not read whole and unchanged. Deletions are told last, after every place a moved
entry could have gone to was looked at, and only while the folder's marker stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from syncd.chunk.params import keep_profile
from syncd.engine.ingest import Ingest, Torn
from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.vault import Vault
from syncd.fs.disk import to_stat
from syncd.model.entry import EMPTY, Change, Content, Kind, Stat, kind_of_mode
from syncd.model.ids import ROOT
from syncd.model.path import join, split
from syncd.scan import ignore
from syncd.scan.diff import Findings, Known, compare, digest, too_fresh
from syncd.state.nodes import Row

BIG = 32 * 1024 * 1024  # larger new files wait until the small ones are safe
TRIES = 3  # of a file that changes while it is read, before it waits for the next cycle
_REASONS = {
    "unreadable": "cannot be read: {0}",
    "special": "is a fifo, socket or device: not synced",
    "torn": "keeps changing while it is read; tried again at the next change",
    "changed": "changed while the folder was scanned; looked at again",
}


@dataclass(slots=True)
class Outcome:
    """What one pass found. `problems` are path -> reason; `unsettled` are paths to look at again soon."""

    changes: int = 0
    problems: dict[bytes, str] = field(default_factory=dict)
    unsettled: list[bytes] = field(default_factory=list)
    records: int = 0


@dataclass(slots=True)
class _Directory:
    """A directory to be walked: path, node, and what the base has in it (None: it is new)."""

    path: bytes
    node: int
    known: bool


@dataclass(slots=True)
class _Later:
    """A new file that waits: big ones, and those whose name another node still holds."""

    path: bytes
    parent: int
    stat: Stat


class Outward:
    """One pass over the folder.

    Args:
        vault: opened for writing.
        outbox: takes the changes.
        progress: told of files and bytes as they are read.
    """

    def __init__(self, vault: Vault, outbox: Outbox, progress: Progress) -> None:
        self._vault, self._outbox, self._progress = vault, outbox, progress
        self._disk, self._nodes = vault.disk, vault.state.nodes
        self._ingest = Ingest(vault.disk, vault.gear, vault.params)
        self._now_ns = vault.ambient.now_ns
        self._outcome = Outcome()
        self._moved: set[int] = set()
        self._gone: list[int] = []
        self._later: list[_Later] = []
        self._rules = read_rules(vault)
        self._empty_base = next(self._nodes.live(), None) is None
        self._records_before = outbox.written.records

    # -- passes ---------------------------------------------------------------------------------

    def scan(self, *, deep: bool = False) -> Outcome:
        """Look at the whole folder and commit what differs.

        Args:
            deep: believe no digest of a directory; compare every entry.

        Raises:
            NeedsAttention: the folder is gone.
            StoreError, LocalDiskFull: something could not be kept; nothing is lost.
        """
        self._disk.check_marker(self._vault.marker)
        digests = {} if deep else self._nodes.digests()
        tree = self._nodes.directories()
        stack = [_Directory(b"", ROOT, True)]
        while stack:
            found = self._directory(stack.pop(), digests, tree)
            stack.extend(reversed(found))
        return self._finish()

    def look(self, paths: Iterable[bytes]) -> Outcome:
        """Look at some directories, and below those that are new, and commit what differs."""
        self._disk.check_marker(self._vault.marker)
        stack: list[_Directory] = []
        for path in sorted(set(paths)):
            row = self._nodes.find(path)
            if not path or (row is not None and row.kind == Kind.DIRECTORY):
                stack.append(_Directory(path, row.node if row else ROOT, True))
        while stack:
            found = self._directory(stack.pop(), {}, {})
            stack.extend(directory for directory in reversed(found) if not directory.known)
        return self._finish()

    def _finish(self) -> Outcome:
        self._tell_gone()
        for later in sorted(self._later, key=lambda item: item.stat.size):
            self._new_file(later.path, later.parent, later.stat)
        self._outbox.commit()
        self._outcome.records = self._outbox.written.records - self._records_before
        return self._outcome

    # -- one directory --------------------------------------------------------------------------

    def _directory(
        self, directory: _Directory, digests: dict[int, bytes], tree: dict[int, dict[bytes, int]]
    ) -> list[_Directory]:
        """Compare one directory; return those to go into, in order."""
        path, node = directory.path, directory.node
        try:
            listing = self._disk.entries(path)
        except FileNotFoundError:
            return []  # gone since its parent was listed: the parent is looked at again
        except OSError as error:
            self._problem(path, "unreadable", error.strerror or str(error))
            return []
        seen = digest(listing, self._rules.digest)
        if node in digests and digests[node] == seen:
            return [_Directory(join(path, name), child, True) for name, child in tree.get(node, {}).items()]
        calm = True
        entries: list[tuple[bytes, Stat]] = []
        for name, raw in listing:
            if self._rules.ignored(join(path, name), name, kind_of_mode(raw.st_mode) == Kind.DIRECTORY):
                continue
            stat = to_stat(raw)
            if stat is None:
                self._problem(join(path, name), "special")
            else:
                entries.append((name, stat))
        known = self._known(directory) if directory.known else {}
        found = compare(entries, known)
        into, calm = self._take(directory, found)
        if calm and not self._any_fresh(entries):
            self._outbox.digest(node, seen)
        return into

    def _any_fresh(self, entries: Iterable[tuple[bytes, Stat]]) -> bool:
        now = self._now_ns()
        return any(too_fresh(stat.mtime_ns, stat.ctime_ns, now) for _, stat in entries if stat.kind != Kind.DIRECTORY)

    def _known(self, directory: _Directory) -> dict[bytes, Known]:
        """Return what the base has in a directory, less what the rules ignore now: that stays as it is."""
        known = {}
        for row in self._nodes.children(directory.node):
            is_directory = row.kind == Kind.DIRECTORY
            if row.node in self._moved:
                continue
            if not self._rules.ignored(join(directory.path, row.name), row.name, is_directory):
                stat = Stat(row.kind, row.mode, row.size, row.mtime_ns, row.ctime_ns, row.ino)
                known[row.name] = Known(row.node, stat)
        return known

    def _take(self, directory: _Directory, found: Findings) -> tuple[list[_Directory], bool]:
        """Hand on what differs; return the directories to go into, and whether all is settled."""
        path, node = directory.path, directory.node
        calm = not found.gone and not found.replaced
        into = [_Directory(join(path, name), child, True) for name, child in found.directories]
        for _, stat, child in found.mode_only:
            self._mode_changed(child, stat)
        for name, stat, child in found.suspect:
            calm &= self._suspect(join(path, name), stat, child)
        for name, stat in found.new:
            if stat.kind == Kind.DIRECTORY:
                into.append(self._new_directory(join(path, name), node, stat))
            elif stat.kind == Kind.FILE and stat.size > BIG:
                self._later.append(_Later(join(path, name), node, stat))
                calm = False
            else:
                calm &= self._new_file(join(path, name), node, stat)
        self._gone += found.gone
        for name, stat, child in found.replaced:
            self._replaced(join(path, name), node, stat, child)
        return into, calm

    def _replaced(self, path: bytes, parent: int, stat: Stat, node: int) -> None:
        """Another kind stands at the name: the old node goes first, then the new one comes."""
        self._gone.append(node)
        if stat.kind == Kind.DIRECTORY:
            self._outcome.unsettled.append(split(path)[0])  # its name is free after this pass
        else:
            self._later.append(_Later(path, parent, stat))

    # -- entries --------------------------------------------------------------------------------

    def _new_directory(self, path: bytes, parent: int, stat: Stat) -> _Directory:
        moved = self._moved_from(path, stat)
        if moved is not None:
            self._tell(_moved(moved, parent, split(path)[1], stat), stat)
            self._moved.add(moved.node)
            return _Directory(path, moved.node, True)
        node = self._outbox.new_node()
        name = split(path)[1]
        self._tell(Change(node, parent, name, stat.kind, stat.mode, stat.mtime_ns, 0, 0, 0, b"", b"", ()), stat)
        return _Directory(path, node, False)

    def _new_file(self, path: bytes, parent: int, stat: Stat) -> bool:
        """Publish a file or symlink at a name that the base does not know."""
        moved = self._moved_from(path, stat)
        read = self._read(path, stat, moved)
        if read is None:
            return False
        stat, content, profile, inline = read
        name = split(path)[1]
        if moved is not None:
            self._moved.add(moved.node)
        node = moved.node if moved else self._outbox.new_node()
        heads = (moved.version,) if moved else ()
        size = len(inline) if stat.kind == Kind.SYMLINK else stat.size
        change = Change(
            node,
            parent,
            name,
            stat.kind,
            stat.mode,
            stat.mtime_ns,
            size,
            content.depth,
            profile,
            content.ids,
            inline,
            heads,
        )
        self._tell(change, stat)
        return True

    def _suspect(self, path: bytes, stat: Stat, node: int) -> bool:
        """Read a file or symlink that may have changed; publish it if it did."""
        row = self._nodes.get(node)
        assert row is not None
        read = self._read(path, stat, row)
        if read is None:
            return False
        stat, content, profile, inline = read
        if self._equal(row, stat, content, inline):
            if self._trusted(stat):
                self._outbox.seen(node, stat)
            return True
        size = len(inline) if stat.kind == Kind.SYMLINK else stat.size
        change = Change(
            node,
            row.parent,
            row.name,
            stat.kind,
            stat.mode,
            stat.mtime_ns,
            size,
            content.depth,
            profile,
            content.ids,
            inline,
            (row.version,),
        )
        self._tell(change, stat)
        return True

    @staticmethod
    def _equal(row: Row, stat: Stat, content: Content, inline: bytes) -> bool:
        bytes_same = (row.depth, row.content, row.inline) == (content.depth, content.ids, inline)
        return bytes_same and row.mode == stat.mode and row.mtime_ns == stat.mtime_ns

    def _mode_changed(self, node: int, stat: Stat) -> None:
        row = self._nodes.get(node)
        assert row is not None
        heads = (row.version,)
        change = Change(node, row.parent, row.name, row.kind, stat.mode, stat.mtime_ns, 0, 0, 0, b"", b"", heads)
        self._tell(change, stat)

    def _read(self, path: bytes, stat: Stat, base: Row | None) -> tuple[Stat, Content, int, bytes] | None:
        """Read an entry whole; None when it cannot be, with the reason noted."""
        for _ in range(TRIES):
            try:
                if stat.kind == Kind.SYMLINK:
                    return stat, EMPTY, 0, self._disk.readlink(path)
                profile = base.profile if base and keep_profile(base.profile, base.size, stat.size) else None
                group = _group(path)
                ids, profile = self._ingest.file(path, stat, profile, partial(self._outbox.chunk, group=group))
                self._progress.read(stat.size)
                return stat, self._outbox.content(ids, group), profile, b""
            except Torn:
                again = self._disk.stat(path)
                if again is None or again.kind != stat.kind:
                    break
                stat = again
            except FileNotFoundError:
                break
            except OSError as error:
                self._problem(path, "unreadable", error.strerror or str(error))
                return None
        else:
            self._problem(path, "torn")
        self._outcome.unsettled.append(split(path)[0])
        return None

    def _tell(self, change: Change, stat: Stat) -> None:
        self._outbox.change(change, stat, trusted=self._trusted(stat))
        self._outcome.changes += 1
        self._progress.told(change.kind)
        if self._outbox.full:
            self._outbox.commit(more_follow=True)

    def _trusted(self, stat: Stat) -> bool:
        return not too_fresh(stat.mtime_ns, stat.ctime_ns, self._now_ns())

    def _moved_from(self, path: bytes, stat: Stat) -> Row | None:
        """Return the node that stood elsewhere as this very entry and stands there no more."""
        if self._empty_base or (stat.links > 1 and stat.kind == Kind.FILE):
            return None
        row = self._nodes.with_inodes((stat.ino,)).get(stat.ino)
        if row is None or row.kind != stat.kind or row.node in self._moved:
            return None
        if stat.kind == Kind.FILE and (row.size, row.mtime_ns) != (stat.size, stat.mtime_ns):
            return None
        there = self._disk.stat(self._nodes.path_of(row.node))
        if there is not None:
            return None
        if stat.kind == Kind.DIRECTORY and not self._shares_children(path, row.node):
            return None
        return row

    def _shares_children(self, path: bytes, node: int) -> bool:
        """Tell a moved directory from a new one that was given a removed one's inode."""
        before = {row.name for row in self._nodes.children(node)}
        if not before:
            return False
        try:
            return any(name in before for name, _ in self._disk.entries(path))
        except OSError:
            return False

    # -- what is gone ---------------------------------------------------------------------------

    def _tell_gone(self) -> None:
        """Tell deletions, children before parents."""
        candidates = [node for node in self._gone if node not in self._moved]
        if not candidates:
            return
        self._disk.check_marker(self._vault.marker)
        for node in candidates:
            row = self._nodes.get(node)
            if row is None or not row.alive:
                continue
            there = self._disk.stat(self._nodes.path_of(node))
            if there is None or there.kind != row.kind:
                self._tell_subtree_gone(row)

    def _tell_subtree_gone(self, top: Row) -> None:
        order, stack = [], [top]
        while stack:
            row = stack.pop()
            order.append(row)
            if row.kind == Kind.DIRECTORY:
                stack += [child for child in self._nodes.children(row.node) if child.node not in self._moved]
        for row in reversed(order):
            change = Change(
                row.node,
                row.parent,
                row.name,
                Kind.TOMBSTONE,
                0,
                0,
                0,
                0,
                row.profile,
                b"",
                b"",
                (row.version,),
            )
            self._outbox.change(change)
            self._moved.add(row.node)
            self._outcome.changes += 1
            if self._outbox.full:
                self._outbox.commit(more_follow=True)

    def _problem(self, path: bytes, reason: str, *details: str) -> None:
        self._outcome.problems[path] = _REASONS[reason].format(*details)


def _moved(row: Row, parent: int, name: bytes, stat: Stat) -> Change:
    return Change(
        row.node,
        parent,
        name,
        row.kind,
        stat.mode,
        row.mtime_ns,
        row.size,
        row.depth,
        row.profile,
        row.content,
        row.inline,
        (row.version,),
    )


def _group(path: bytes) -> int:
    """Return the segment group of a file: files with one extension compress best together."""
    dot = path.rfind(b".", path.rfind(b"/") + 2)
    return crc32(path[dot:].lower()) % 7 + 1 if dot >= 0 else 0


def read_rules(vault: Vault) -> ignore.Rules:
    """Return the ignore rules in force: defaults, the folder's own, the settings' additions."""
    lines = list(ignore.DEFAULTS)
    try:
        descriptor = vault.disk.open(ignore.FILE)
    except OSError:
        descriptor = -1
    if descriptor >= 0:
        with os.fdopen(descriptor, "rb") as file:
            lines += ignore.patterns_of(file.read())
    return ignore.Rules([*lines, *vault.settings.ignore])
