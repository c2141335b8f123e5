"""The walk: every directory compared with the base, in an order that tells parents before children.

It runs ahead of the one who takes its findings (`outward`), so files can be read meanwhile. Nothing
here changes anything. Invariant: an ignored, unreadable or special entry is never among the gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from syncd.engine.calling import NamesHere
from syncd.engine.gone import UNREADABLE
from syncd.engine.vault import Vault
from syncd.engine.visit import UNKNOWN_NODE, Directory, Visit
from syncd.fs.exchanging import ASIDE, TEMPORARY
from syncd.merge.copies import is_conflict_name
from syncd.model.entry import EMPTY, Content, Kind, Stat, same_mtime, usual_mode
from syncd.model.ids import ROOT
from syncd.model.listing import Listing
from syncd.model.path import join, names, split
from syncd.model.version import Row
from syncd.scan.diff import Findings, compare, digest, too_fresh
from syncd.scan.ignore import Rules

SPECIAL = "is a fifo, socket or device: not synced"


class Survey:
    """Walks the folder of a vault; `ripe` tells whether a node, seen to be gone, may be told to be gone."""

    def __init__(self, vault: Vault, rules: Rules, moves: Mapping[bytes, bytes], ripe: Callable[[int], bool]) -> None:
        self._vault, self._disk, self._rules = vault, vault.disk, rules
        self._nodes, self._base = vault.state.nodes, vault.state.base
        self._now_ns, self._moves, self._ripe = vault.ambient.now_ns, moves, ripe
        self._shadowed: list[int] = []
        self._at_its_name: set[int] = set()
        self.moved: set[int] = set()  # nodes found at another place, or told to be gone
        self.moved_over: set[int] = set()  # inodes that stand at the name of another node now
        self._covered: frozenset[int] = frozenset()
        self._asked_for: set[bytes] = set()  # directories to go into though they are known, and did not move themselves
        self._mounts = set(self._nodes.mount_points())
        self._waiting, self._comparing = self._base.waiting, vault.state.comparing
        self.empty_base = not self._waiting and next(self._nodes.live(), None) is None
        self._marks: dict[bytes, int] = {}  # directory -> what tells that it was changed since
        self._names = NamesHere(vault)

    def fresh(self) -> Survey:
        """Return a survey that knows nothing of this one's findings, but for what was moved over something."""
        fresh = Survey(self._vault, self._rules, self._moves, self._ripe)
        fresh.moved_over |= self.moved_over
        return fresh

    def everything(self, *, deep: bool) -> Iterator[Visit]:
        """Yield what differs anywhere; `deep` believes no digest of a directory."""
        digests = {} if deep else self._nodes.digests()
        tree = self._base.directories()
        yield from self._walk([Directory(b"", ROOT, True)], digests, tree, below=True)

    def changed_since(self) -> set[bytes]:
        """Return the directories that something came into, or left, after this survey had listed them."""
        found = set()
        for path, mark in self._marks.items():
            try:
                now = self._disk.lstat(path)
            except OSError:
                now = None  # the next look at it names what is wrong
            if now is None or mark != _mark(now.st_ino, now.st_mtime_ns, now.st_ctime_ns):
                found.add(path)
        return found

    def some(self, paths: set[bytes], covered: Collection[int] = ()) -> Iterator[Visit]:
        """Yield what differs in these directories and in new ones below them.

        Args:
            paths: of the directories.
            covered: those in which the last look did not go into something: what came there is looked at to its end,
                for the hints of what changed below it are used up.
        """
        self._covered = frozenset(covered)
        start = []
        # In one order: what a pass asks of the disk depends on the folder alone, and a simulation can repeat it.
        nearest = {path: self._nearest_known(path) for path in sorted(paths)}
        reached = {path for path in nearest.values() if path is not None}
        # What is known by another path, of a directory that moved, is reached once the walk comes to its new one.
        for path, known in nearest.items():
            if known is not None and known != path:
                self._asked_for.update(_down_to(known, path) - reached)
        for path in sorted(reached, reverse=True):
            row = self._base.find(path)
            start.append(Directory(path, row.node if row else ROOT, True))
        yield from self._walk(start, {}, {}, below=False)

    def _nearest_known(self, path: bytes) -> bytes | None:
        """Return the deepest directory on the way to a path that the base and the disk both have.

        None when an ignored one is on the way: what is below it is not looked at.
        """
        reached = b""
        for name in names(path):
            below = join(reached, name)
            if self._rules.ignored(reached, name, True):
                return None
            row, there = self._base.find(below), self._disk.exact(below)
            if row is None or row.kind != Kind.DIRECTORY or there is None or there.kind != Kind.DIRECTORY:
                break
            reached = below
        return reached

    def _walk(
        self,
        stack: list[Directory],
        digests: dict[int, bytes],
        tree: dict[int, dict[bytes, int]],
        *,
        below: bool,
    ) -> Iterator[Visit]:
        ignored = self._rules.ignored
        while stack:
            directory = stack.pop()
            visit = self._visit(directory, digests)
            if visit is None:
                if directory.moved is not None:  # nothing inside changed, but its place did
                    yield Visit(directory, Findings(), [], None)
                path = directory.path
                known = tree.get(directory.node, {}).items()
                stack += [
                    Directory(join(path, name), node, True) for name, node in known if not ignored(path, name, True)
                ]
                continue
            yield visit
            adopted = {row.node for row, _, _ in visit.adopted}
            fresh = [child for child in visit.children if below or self._is_news(directory, child, adopted)]
            stack += reversed(fresh)

    def _is_news(self, directory: Directory, child: Directory, adopted: set[int]) -> bool:
        news = not child.known or child.moved is not None or child.node in adopted
        child.wholly = directory.wholly or (news and directory.node in self._covered)
        return news or child.wholly or child.path in self._asked_for

    def _visit(self, directory: Directory, digests: dict[int, bytes]) -> Visit | None:
        """Compare one directory; None when its digest says that nothing changed."""
        path, rules = directory.path, self._rules
        visit = Visit(directory, Findings(), [], None)
        try:
            listing = self._disk.entries(path)
        except (FileNotFoundError, NotADirectoryError):
            return visit  # gone since its parent was listed: its parent is looked at again
        except OSError as error:
            visit.problems[path] = UNREADABLE.format(error.strerror)
            return visit
        self._remember(path, listing)
        seen = digest(listing, rules.digest)
        if directory.known and digests.get(directory.node) == seen:
            return None
        visit.listed = True
        entries: list[tuple[bytes, Stat]] = []
        special: list[bytes] = []
        mounted: set[bytes] = set()
        for name, kind, stat, mount in listing.entries():
            if rules.ignored(path, name, kind == Kind.DIRECTORY):
                if name.startswith(TEMPORARY):
                    visit.left_over.append(join(path, name))
                continue
            if stat is None:
                visit.problems[join(path, name)] = SPECIAL
                special.append(name)
                continue
            entries.append((name, stat))
            if mount and kind == Kind.DIRECTORY:
                mounted.add(name)
        known = self._known(directory, entries, special) if directory.known else {}
        if directory.known:
            visit.called = self._names.find(path, directory.node, entries, known, self._shadowed)
        entries = self._with_modes(path, entries, known)
        visit.findings = compare(entries, known)
        # One name is one node, whatever inode stands there now: nobody else is that node then.
        others = [(stat, row) for _, stat, row in visit.findings.suspect if row.ino != stat.ino]
        self._at_its_name.update(row.node for _, row in others)
        self.moved_over.update(stat.ino for stat, _ in others if stat.kind == Kind.FILE)
        if self._mounts:  # the directory that a mount hid has a mode of its own, which is nobody's change
            modes = visit.findings.mode_only
            modes[:] = [item for item in modes if item[2].node not in self._mounts or item[0] in mounted]
        self._replaced(visit)
        visit.findings.gone += self._shadowed
        self._shadowed.clear()
        visit.children = self._children(visit, mounted)
        if not self._any_fresh(entries):
            visit.digest = seen
        return visit

    def _with_modes(
        self, path: bytes, entries: list[tuple[bytes, Stat]], known: dict[bytes, Row]
    ) -> list[tuple[bytes, Stat]]:
        """Return entries with the modes that they are to have, where the file system keeps none.

        Asked only where something has another mode than known, or is new and has one as all have there.
        """
        rows = [known.get(name) for name, _ in entries]
        if not any(_has_news_of_mode(row, stat) for row, (_, stat) in zip(rows, entries, strict=True)):
            return entries
        if self._disk.keeps_modes(path):
            return entries
        return [
            (name, stat._replace(mode=usual_mode(stat.kind) if row is None else row.mode))
            for row, (name, stat) in zip(rows, entries, strict=True)
        ]

    def _remember(self, path: bytes, listing: Listing) -> None:
        """Keep what tells later that a directory was changed; needed only where something may be gone."""
        if not self.empty_base:
            own = listing.own
            fresh = too_fresh(own.mtime_ns, own.ctime_ns, self._now_ns())
            self._marks[path] = 0 if fresh else _mark(own.ino, own.mtime_ns, own.ctime_ns)

    def _replaced(self, visit: Visit) -> None:
        """Take what stands where another kind stood for new, or moved there; the other is surely gone from there.

        It waits until the other has been gone for long enough that its move would have been seen: two nodes that
        have one name are told apart by another name, which nobody shall see for a moment.
        """
        found = visit.findings
        replaced, found.replaced = found.replaced, []
        for name, stat, row in replaced:
            if self._ripe(row.node):
                found.new.append((name, stat))
                found.gone.append(row.node)
                visit.met = True
            else:
                found.replaced.append((name, stat, row))

    def _children(self, visit: Visit, mounted: set[bytes]) -> list[Directory]:
        """Return the directories to go into; new ones leave the findings for here."""
        directory, found = visit.directory, visit.findings
        path = directory.path
        children = [
            Directory(join(path, name), node, True, directory, mounted=name in mounted)
            for name, node in found.directories
        ]
        files = []
        for name, stat in found.new:
            if stat.kind != Kind.DIRECTORY:
                files.append((name, stat))
                continue
            here = join(path, name)
            absent = self.absent(directory, name, stat) or self._once_a_directory(directory, name)
            if absent is not None:
                visit.adopted.append((absent, stat, name))
                children.append(Directory(here, absent.node, True, directory, mounted=name in mounted))
                continue
            row = self.moved_from(here, stat)
            if row is None and name.startswith(ASIDE):  # it made way, and nobody knows for what
                visit.left_over.append(here)
                continue
            if row is not None:
                self.moved.add(row.node)
            node = row.node if row else UNKNOWN_NODE
            children.append(Directory(here, node, row is not None, directory, stat, row, name in mounted))
        found.new = files
        return children

    def _known(self, directory: Directory, entries: list[tuple[bytes, Stat]], special: list[bytes]) -> dict[bytes, Row]:
        """Return what the base has in a directory, less what is not synced now: that stays as it is.

        A name that something else, not ignored, stands at now is not left out: one name is one node.
        """
        known: dict[bytes, Row] = {}
        present = dict(entries)
        for row in self._base.children(directory.node):
            name = row.name
            if row.node in self.moved or name in special:
                continue
            if name in present or not self._rules.ignored(directory.path, name, row.kind == Kind.DIRECTORY):
                other = known.get(name)
                if other is not None:  # of two that hold one name, the one that stands there; else the newer
                    stands = present.get(name)
                    row, other = sorted((other, row), key=partial(_likeness, stands), reverse=True)
                    self._shadowed.append(other.node)
                known[name] = row
        return known

    def _any_fresh(self, entries: list[tuple[bytes, Stat]]) -> bool:
        now = self._now_ns()
        newest = max(((stat.ctime_ns, stat.mtime_ns) for _, stat in entries), default=(0, 0))
        if now - newest[0] > 10**10:  # the common case: nothing changed for ten seconds
            latest = max((stat.mtime_ns for _, stat in entries), default=0)
            if now - latest > 10**10:
                return False
        return any(too_fresh(stat.mtime_ns, stat.ctime_ns, now) for _, stat in entries if stat.kind != Kind.DIRECTORY)

    def absent(self, directory: Directory, name: bytes, stat: Stat) -> Row | None:
        """Return what the tree has at a place of this disk that was empty until now, if it is of that kind."""
        if not self._waiting or directory.node < 0:
            return None
        row = self._names.known_as(directory.node, name) or self._base.absent(directory.node, name)
        return row if row is not None and row.kind == stat.kind else None

    def once_here(self, directory: Directory, name: bytes, content: Content = EMPTY) -> Iterator[Row]:
        """Yield all that ever stood at a place, while the folder is new to the state: what lies there may be old.

        The names of copies are in nobody's history, and others may have them by now; their content tells.
        """
        if self._comparing and directory.node >= 0:
            if content.ids and is_conflict_name(name):
                yield from self._base.shown_elsewhere(content.depth, content.ids)
            called = self._names.once_called(directory.node, name)
            for node in [*called, *self._base.once_at(directory.node, name)]:
                yield from self._nodes.versions(node)

    def _once_a_directory(self, directory: Directory, name: bytes) -> Row | None:
        return next((row for row in self.once_here(directory, name) if row.kind == Kind.DIRECTORY), None)

    def moved_from(self, path: bytes, stat: Stat, content: tuple[int, bytes] | None = None) -> Row | None:
        """Return the node that stood elsewhere as this very entry and stands there no more.

        A file is known by its inode and its mtime or, once it was read, its content.
        """
        if self.empty_base or (stat.links > 1 and stat.kind == Kind.FILE):
            return None
        for row in self._base.with_inode(stat.ino):
            taken = row.node in self.moved or row.node in self._at_its_name
            if row.kind == stat.kind and not taken and self._is_it(path, stat, row, content):
                return row
        return None

    def _is_it(self, path: bytes, stat: Stat, row: Row, content: tuple[int, bytes] | None) -> bool:
        """Tell whether an entry is the node that had its inode."""
        was = self._base.path_of(row.node)
        try:
            there = self._disk.exact(was)
        except OSError:
            return False  # its old place cannot be looked at, so nobody knows
        if there is not None and there.kind == row.kind:
            return False  # one name is one node: that is an edit of it
        if self._moves.get(path) == was:
            return True
        if stat.kind == Kind.DIRECTORY:
            return self._shares_children(path, row.node)
        return stat.kind != Kind.FILE or content == (row.depth, row.content) or _looks_the_same(row, stat)

    def _shares_children(self, path: bytes, node: int) -> bool:
        """Tell a moved directory from a new one that was given a removed one's inode."""
        before = {row.name for row in self._base.children(node)}
        if not before:
            return False
        try:
            return not before.isdisjoint(self._disk.entries(path).names)
        except OSError:
            return False


def _down_to(above: bytes, path: bytes) -> set[bytes]:
    """Return the directories on the way from one, which is not among them, down to another."""
    found = set()
    while len(path) > len(above):
        found.add(path)
        path = split(path)[0]
    return found


def _likeness(stat: Stat | None, row: Row) -> tuple[bool, bool, int]:
    # An inode is given away again, even to an entry of another kind.
    return stat is not None and row.kind == stat.kind, stat is not None and row.ino == stat.ino, row.version


def _looks_the_same(row: Row, stat: Stat) -> bool:
    return row.size == stat.size and same_mtime(row.mtime_ns, stat.mtime_ns, stat.ctime_ns)


def _has_news_of_mode(row: Row | None, stat: Stat) -> bool:
    if row is None or row.kind != stat.kind:
        return stat.kind != Kind.SYMLINK and bool(stat.mode & (0o002 if stat.kind == Kind.DIRECTORY else 0o111))
    return row.mode != stat.mode


def _mark(ino: int, mtime_ns: int, ctime_ns: int) -> int:
    return hash((ino, mtime_ns, ctime_ns))
