"""From the disk to records: take what the survey finds, read what may have changed, hand it on.

The scan is the truth; events only say where to look first. Invariants: a parent is told before its
children; nothing is published that was not read whole and unchanged. Deletions are told last, after
every place a moved entry could have gone to was looked at, and only while the folder's marker stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from syncd.engine.gone import Gone
from syncd.engine.guards import HELD_OUT, Guards
from syncd.engine.leftovers import give_name, sweep
from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.published import says
from syncd.engine.readahead import Batch, Item, read_ahead
from syncd.engine.reading import Read, Reading, Unread
from syncd.engine.recognising import Recognising
from syncd.engine.rules import bring_unselected, keep_rules, read_rules, rules_before
from syncd.engine.stating import Stating
from syncd.engine.survey import Survey
from syncd.engine.vault import Vault
from syncd.engine.visit import UNKNOWN_NODE, Directory, Visit
from syncd.fs.exchanging import ASIDE
from syncd.model.entry import Change, Kind, Stat
from syncd.model.path import join, split
from syncd.model.version import UNTRUSTED, Row
from syncd.scan import ignore
from syncd.scan.diff import too_fresh

BIG = 32 * 1024 * 1024  # larger new files wait until the small ones are safe


@dataclass(slots=True)
class Outcome:
    """What one pass found. `problems` are path -> reason; `unsettled` are directories to look at again soon.

    Directories are nodes: by the time of the next look these may stand elsewhere.
    """

    changes: int = 0
    problems: dict[bytes, str] = field(default_factory=dict)
    unsettled: set[int] = field(default_factory=set)
    records: int = 0
    # Where a directory stands whose name something else had until just now: it was not gone into.
    covered: set[int] = field(default_factory=set)
    other_rules: bool = False  # than at the last whole look: another is due at once


@dataclass(frozen=True, slots=True)
class _Later:
    """A new file that waits, since it is big."""

    path: bytes
    parent: Directory
    stat: Stat


class Outward:
    """One pass over the folder.

    Args:
        vault: opened for writing.
        outbox: takes the changes.
        progress: told of files and bytes as they are read.
        moves: target -> source of renames that the watcher saw.
        ripe: tells whether a node, seen to be gone in some directories, may be told to be gone.
        covered: where looks before this one could not go: what was moved may stand there, so until these were looked at
            nothing is told as gone.
    """

    def __init__(
        self,
        vault: Vault,
        outbox: Outbox,
        progress: Progress,
        moves: Mapping[bytes, bytes] | None = None,
        ripe: Callable[[int], bool] = lambda node: True,
        *,
        covered: Collection[int] = (),
    ) -> None:
        self._vault, self._outbox, self._progress = vault, outbox, progress
        self._disk, self._base = vault.disk, vault.state.base
        self._reading = Reading(vault, outbox, progress)
        self._stating = Stating(vault.state)
        self._now_ns, self._waiting = vault.ambient.now_ns, self._base.waiting
        rules = read_rules(vault)
        self._survey = Survey(vault, rules, moves or {}, ripe)
        self._rules, self._before = rules, rules_before(vault, rules)
        self._outcome = Outcome(covered=set(covered))
        for line in rules.wrong:
            self._outcome.problems[ignore.FILE] = f"the pattern {line!r} cannot be read and is left out"
        self._whole = self._partial = False
        self._unseen = False  # a directory could not be listed
        self._hold: frozenset[bytes] = frozenset()
        self._missing: list[int] = []  # nodes that are not where the base has them
        self._gone = Gone(vault, outbox, self._outcome.problems, ripe)
        self._later: list[_Later] = []
        self._recognising = Recognising(vault, outbox, self._trusted)
        self._records_before = outbox.written.records

    def scan(self, *, deep: bool = False) -> Outcome:
        """Look at the whole folder and commit what differs.

        Args:
            deep: believe no digest of a directory; compare every entry.

        Raises:
            NeedsAttention: the folder is gone.
            StoreError, LocalDiskFull: something could not be kept; nothing is lost.
        """
        self._vault.check_folder()
        self._whole = True
        self._outcome.covered.clear()
        return self._take_until_settled(self._survey.everything(deep=deep))

    def look(self, paths: Iterable[bytes], hold: Collection[bytes] = ()) -> Outcome:
        """Look at some directories, and below those that are new, and commit what differs.

        Args:
            paths: of directories.
            hold: paths that are being written just now, and wait.
        """
        self._vault.check_folder()
        self._hold, self._partial = frozenset(hold), True
        looked_at = set(paths)
        uncovered = {node for node in self._outcome.covered if self._base.path_of(node) in looked_at}
        self._outcome.covered -= uncovered
        self._outcome.other_rules = self._before is not None
        return self._take_until_settled(self._survey.some(looked_at, uncovered))

    def _take_until_settled(self, visits: Iterable[Visit]) -> Outcome:
        """Take visits; then, where it matters, look once more.

        A deletion is told by a second look only: while the first one walked, an entry may have moved to
        where it had been already. Such a move leaves its mark on the directory that it went into, so the
        second look goes there and to where something is gone.
        """
        outcome = self._take_all(visits)
        if self._whole and self._missing:
            again = self._survey.changed_since()
            again |= {split(self._base.path_of(node))[0] for node in self._missing}
            self._whole = False
            self._missing, self._later = [], []
            self._survey = self._survey.fresh()
            self._stating = self._gone.stating = Stating(self._vault.state)
            outcome = self._take_all(self._survey.some(again, outcome.covered), tell=True)
        return outcome

    def _take_all(self, visits: Iterable[Visit], *, tell: bool = False) -> Outcome:
        calm = True
        # Kept back until all that stands below was told too: a digest says that nothing below is owed.
        digests: list[tuple[int, bytes]] = []
        for batch in read_ahead(visits, self._disk, self._vault.read_pool, self._reading.ingest.cut):
            visit = batch.visit
            if batch.first:
                calm = self._enter(visit)
            batch.wait()
            calm &= self._take_files(visit.directory, batch)
            if batch.last and calm and visit.digest is not None:
                digests.append((visit.directory.node, visit.digest))
        self._tell_gone(tell or not self._whole)
        for later in sorted(self._later, key=lambda item: item.stat.size):
            self._take_file(later.parent, Item(split(later.path)[1], later.stat, None))
        for node, digest in digests:
            self._outbox.digest(node, digest)
        self._outbox.commit()
        if self._whole and not self._unseen and self._vault.state.comparing:
            with self._vault.state.transaction():
                self._vault.state.set_comparing(False)
        if self._before is not None and not self._partial:
            keep_rules(self._vault, self._rules)
        self._outcome.records = self._outbox.written.records - self._records_before
        return self._outcome

    # -- directories ----------------------------------------------------------------------------

    def _enter(self, visit: Visit) -> bool:
        """Tell what a directory itself became; return whether it may be remembered as seen."""
        self._progress.beat()
        directory, found = visit.directory, visit.findings
        if visit.called:  # at once: what is told from here on must not say a name that only this disk has
            with self._vault.state.transaction():
                for node, name in visit.called:
                    self._base.call(node, name, stands=True)
            self._stating = self._gone.stating = Stating(self._vault.state)
        if directory.known and visit.listed:
            self._outbox.stale(directory.node)
        if directory.stat is not None:
            self._tell_directory(directory, directory.stat)
            if directory.mounted:
                self._outbox.mounted(directory.node)
        for node, stat in found.renumbered:
            self._outbox.seen(node, stat)
        for row, stat, name in visit.adopted:
            self._outbox.adopt(row, stat, (directory.node, name), trusted=True)
        for child in visit.children:
            if child.mounted and child.known:
                self._outbox.mounted(child.node)
        for path in visit.left_over:
            if not sweep(self._vault, self._reading.ingest, self._outbox.hasher, path):
                self._outcome.unsettled.add(directory.node)
        self._unseen |= bool(visit.problems) and not visit.listed
        for _, stat, row in found.mode_only:
            self._tell_mode(row, stat)
        if visit.met:
            self._outbox.meeting()
        if found.replaced:  # what stood there has not been gone for long enough: its name is not free yet
            self._missing += [row.node for _, _, row in found.replaced]
            if any(stat.kind == Kind.DIRECTORY for _, stat, _ in found.replaced):
                self._outcome.covered.add(directory.node)
            self._outcome.unsettled.add(directory.node)
        self._missing += found.gone
        self._outcome.problems.update(visit.problems)
        return not (found.gone or found.replaced or visit.problems)

    def _tell_directory(self, directory: Directory, stat: Stat) -> None:
        assert directory.parent is not None
        parent, name = directory.parent.node, split(directory.path)[1]
        if directory.moved is not None and name.startswith(ASIDE) and directory.moved.mode == stat.mode:
            self._outbox.adopt(directory.moved, stat, (parent, name), trusted=True)
            return
        if directory.moved is not None:
            self._tell_of(directory.moved, stat, (parent, name), parent=parent, name=name, mode=stat.mode)
            return
        directory.node = self._outbox.new_node()
        change = Change(directory.node, parent, name, stat.kind, stat.mode, stat.mtime_ns, 0, 0, 0, b"", b"", ())
        self._tell(change, stat)

    def _tell_mode(self, row: Row, stat: Stat) -> None:
        self._tell_of(row, stat, (row.parent, row.name), mode=stat.mode, mtime_ns=stat.mtime_ns)

    def _tell_of(self, row: Row, stat: Stat, here: tuple[int, bytes], **fields: object) -> None:
        """Tell what became of an entry that this disk has `here` now.

        The name of one that made way is ours: somebody moved its directory, and it goes on to where it was to go.
        """
        if here[1].startswith(ASIDE):
            fields = {name: value for name, value in fields.items() if name not in ("parent", "name")}
        for change in self._stating.change(row, **fields):
            if change.node == row.node:
                self._tell(change, stat, here)
            else:
                self._outbox.change(change, elsewhere=True)

    # -- files and symlinks ---------------------------------------------------------------------

    def _take_files(self, directory: Directory, batch: Batch) -> bool:
        calm = True
        for item in batch.items:
            waits = item.base is None and item.stat.size > BIG and item.stat.kind == Kind.FILE
            path = join(directory.path, item.name)
            if waits and self._survey.moved_from(path, item.stat) is None:
                self._later.append(_Later(join(directory.path, item.name), directory, item.stat))
                calm = False
            else:
                calm &= self._take_file(directory, item)
        return calm

    def _take_file(self, directory: Directory, item: Item) -> bool:
        """Read a file or symlink that is new or may have changed; publish it if it is or did."""
        path = join(directory.path, item.name)
        if path in self._hold:
            return False
        base = item.base or self._survey.moved_from(path, item.stat)
        try:
            read = self._reading.whole(path, item, base)
        except Unread as unread:
            if unread.problem:
                self._outcome.problems[path] = unread.problem
            if unread.soon:
                self._outcome.unsettled.add(directory.node)
            return False
        stat, content = read.stat, read.content
        if item.base is not None and says(item.base, stat, content, read.inline):
            if self._trusted(stat):
                self._outbox.seen(item.base.node, stat)
            elif item.base.ino != stat.ino:  # by which a move is recognised
                self._outbox.seen(item.base.node, stat._replace(ctime_ns=UNTRUSTED))
            return True
        if base is None and stat.kind == Kind.FILE and content.ids:
            base = self._survey.moved_from(path, stat, (content.depth, content.ids))
        if base is None:
            return self._take_new(directory, item.name, read)
        if item.base is None:
            self._survey.moved.add(base.node)
        self._take_known(directory, item, base, read)
        return True

    def _take_new(self, directory: Directory, name: bytes, read: Read) -> bool:
        """Take what this disk did not have until now."""
        now = _as_change(directory.node, name, read)
        edited = None
        if self._recognising.may_find:
            place = self._survey, directory, name, read.stat
            if self._recognising.as_once(*place, read.content, read.inline):
                return True
            edited = self._recognising.as_edited(*place)
        if edited is not None:
            self._tell_of(edited, read.stat, (directory.node, name), **_fields(now, moved=False))
        elif name.startswith(ASIDE):
            self._outcome.unsettled.add(directory.node)
            return give_name(self._disk, join(directory.path, name))
        else:
            self._tell(now._replace(node=self._outbox.new_node()), read.stat)
        return True

    def _take_known(self, directory: Directory, item: Item, base: Row, read: Read) -> None:
        """Take what this disk had otherwise, or elsewhere."""
        here = (directory.node, item.name)
        now = _as_change(*here, read)
        if self._recognising.may_find and self._recognising.as_arrived(
            base, here, read.stat, read.content, read.inline
        ):
            return
        if item.name.startswith(ASIDE) and says(base, read.stat, read.content, read.inline):
            self._outbox.adopt(base, read.stat, here, trusted=self._trusted(read.stat))
            return
        if self._stating.plain:
            self._tell(now._replace(node=base.node, parents=(base.version,)), read.stat)
            return
        fields = _fields(now, moved=item.base is None)
        copy = self._recognising.chosen_copy(base, read.content, read.inline)
        if copy is not None:  # it was chosen: that it stands beside no more says nothing against it
            fields |= self._stating.deciding(copy)
            self._survey.moved.add(copy.node)
            self._outbox.gone(copy.node)
        elif upon := self._recognising.built_upon(base, directory):
            fields["parents"] = upon
        self._tell_of(base, read.stat, here, **fields)

    def _tell(self, change: Change, stat: Stat, here: tuple[int, bytes] | None = None) -> None:
        self._outbox.change(change, stat, trusted=self._trusted(stat), at=here)
        self._outcome.changes += 1
        self._progress.told(change.kind)
        if self._outbox.full:
            self._outbox.commit(more_follow=True)

    def _trusted(self, stat: Stat) -> bool:
        return not too_fresh(stat.mtime_ns, stat.ctime_ns, self._now_ns())

    # -- what is gone ---------------------------------------------------------------------------

    def _ask_for(self, candidates: list[int], unsure: set[int], *, whole: bool) -> list[int]:
        """Leave out what waits for a person's yes, since there is so much of it."""
        allowed = Guards(self._vault).let_out(candidates, whole=whole, unsure=unsure)
        for node in set(candidates).difference(allowed):
            self._outcome.problems[self._base.path_of(node)] = HELD_OUT
        return allowed

    def _tell_gone(self, tell: bool) -> None:
        """Tell deletions, if this look may tell them."""
        gone, moved = self._gone, self._survey.moved
        missing = [node for node in self._missing if node not in moved]
        if tell and self._outcome.covered:  # what is missing may stand, moved, where nobody has looked yet
            self._outcome.unsettled |= gone.places_of(missing)
            tell = False
        if self._before is not None:
            missing = bring_unselected(self._vault, self._before, missing)
        whole = self._whole and not self._unseen
        candidates = gone.unheld(missing, whole=whole)
        unsure = set(missing).difference(candidates)
        if tell or whole:
            candidates = self._ask_for(candidates, unsure, whole=whole)
        else:
            released = Guards(self._vault).let_out([], whole=False)  # what stands again waits no more
            self._outcome.unsettled |= gone.places_of(released)
        if candidates and tell:
            gone.tell(candidates, moved, self._survey.moved_over)
            self._outcome.changes += gone.told
            self._outcome.unsettled |= gone.unsettled
            Guards(self._vault).told(gone.old, candidates)
            gone.told, gone.old, gone.unsettled = 0, 0, set()


def _as_change(parent: int, name: bytes, read: Read) -> Change:
    stat, content = read.stat, read.content
    return Change(
        UNKNOWN_NODE,
        parent,
        name,
        stat.kind,
        stat.mode,
        stat.mtime_ns,
        stat.size,
        content.depth,
        read.profile,
        content.ids,
        read.inline,
        (),
    )


def _fields(change: Change, *, moved: bool) -> dict[str, object]:
    """Return what a change says of an entry that is known; its place if it moved."""
    left_out = {"node", "parents"} | (set() if moved else {"parent", "name"})
    return {name: value for name, value in change._asdict().items() if name not in left_out}
