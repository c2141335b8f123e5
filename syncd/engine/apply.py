"""From the tree to the disk: takes the planned steps, each only if what stands there still is what was seen.

Invariants: no byte is replaced or removed that is not in the vault as the version that `base` names; every
byte was verified before it is put in place; nothing is removed that may not go (while an alarm stands nothing may). A
step whose ground has changed is dropped, and its directory is looked at again. What was done is noted after it was
done: after a crash in between, `intents` finds what was begun, and the next scan has nothing to tell of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from syncd.engine.applied import HELD, IN_THE_WAY, LOCAL_FIRST, NOT_EMPTY, Outcome
from syncd.engine.copying import Here
from syncd.engine.intents import settle_intents
from syncd.engine.lending import lent
from syncd.engine.noting import Noting
from syncd.engine.placing import FEW, Placer
from syncd.engine.progress import DOWN, Progress
from syncd.engine.published import Published
from syncd.engine.restoring import Job, Restored, failure_of_one, in_store_order
from syncd.engine.vault import Vault
from syncd.engine.way import Way
from syncd.errors import Failed, LocalDiskFull
from syncd.fs.exchanging import Changed
from syncd.fs.holes import Buffer
from syncd.model.entry import Kind, Stat
from syncd.model.ids import ROOT
from syncd.model.path import join, split
from syncd.model.version import UNTRUSTED, Row
from syncd.plan.steps import Step, StepKind, Waiting, plan

log = logging.getLogger("syncd.engine")
SWEEP = 4096  # nodes planned at once


class Apply:
    """Brings this disk to the merged tree.

    Args:
        vault: opened for writing.
        progress: told of files and bytes as they are put in place.
        may_go: tells whether a node may be removed from this disk.
        ripe: tells whether a node, seen to be gone, has been gone for long enough that its move would have been seen.
    """

    def __init__(
        self,
        vault: Vault,
        progress: Progress,
        *,
        may_go: Callable[[int], bool],
        ripe: Callable[[int], bool] = lambda node: True,
    ) -> None:
        self._vault, self._progress, self._may_go, self._ripe = vault, progress, may_go, ripe
        self._disk, self._state = vault.disk, vault.state
        self._nodes, self._base = vault.state.nodes, vault.state.base
        self._reader = vault.reader()
        self._here = Here(vault, self._reader)
        self._published = Published(vault)
        self._noting = Noting(self._disk, self._state)
        self._full: LocalDiskFull | None = None  # why a file does not fit on this disk
        self._too_big: int | None = None  # bytes of the smallest file that did not
        self._unsure = False  # a step failed, and may have been taken all the same
        self._way = Way(vault, self._noting.note, self._went_aside)
        self._placer = Placer(self._disk, self._state, self._published.sure, self._placed, self._refused)
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Take every step that can be taken.

        Raises:
            NeedsAttention: the folder is gone.
            StoreError, LocalDiskFull: the rest has to wait.
        """
        self._vault.check_folder()
        try:
            before = -1
            while before != self.outcome.done or self._way.make():
                before = self.outcome.done
                self.outcome.problems.clear()
                self._way.begin()
                self._sweep()
            if self._full is not None:
                raise self._full
        except Exception:
            self._unsure = True
            raise
        finally:
            self._noting.note()
            if self._unsure:
                settle_intents(self._vault)
            else:
                with self._state.transaction():
                    self._base.carried_out()
        return self.outcome

    def _sweep(self) -> None:
        last = 0
        while True:
            nodes = self._base.waiting_nodes(last, SWEEP)
            if not nodes:
                return
            last = nodes[-1]
            steps = plan(self._waiting(node) for node in nodes)
            self._way.intend_steps(steps, self._may_go)
            files: list[Step] = []
            for step in steps:
                if step.kind in (StepKind.CREATE, StepKind.REPLACE):
                    files.append(step)
                    continue
                if step.kind > StepKind.REPLACE and files:
                    self._files(files)
                    files = []
                self._take(step)
            self._files(files)
            self._noting.note()

    def _waiting(self, node: int) -> Waiting:
        have, want = self._base.get(node), self._base.wanted(node)
        have = have if have is not None and have.alive else None
        want = want if want is not None and want.alive and want.parent >= 0 else None
        path = self._nodes.path_of(node) if want is not None else self._base.path_of(node)
        return Waiting(node, have, want, path.count(b"/"))

    # -- steps ----------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        waiting = self._as_it_is(step.waiting)
        if step.waiting.have is not None and waiting.have is None:
            return  # an earlier step took it along
        found = self._target(waiting) if step.kind <= StepKind.CREATE_DIRECTORY else self._base.path_of(waiting.node)
        if found is None:
            return  # its directory is not here yet
        path = found
        try:
            try:
                self._carry_out(step.kind, path, waiting)
            except PermissionError:
                here = self._base.path_of(waiting.node)
                with lent(self._disk, (split(path)[0], split(here)[0], here)) as any_lent:
                    if not any_lent:
                        raise
                    self._carry_out(step.kind, path, waiting)
        except Changed as changed:
            if step.kind == StepKind.MOVE and waiting.want is not None and path:
                self._way.blocked(waiting.want, path)
            self._drop(path, str(changed.args[0]) if changed.args and isinstance(changed.args[0], str) else IN_THE_WAY)
        except OSError as error:
            self.outcome.problems[path] = f"cannot be changed: {error.strerror}"
            self._settle(waiting)

    def _settle(self, waiting: Waiting) -> None:
        """Find out what a step that failed had done all the same.

        The steps after it go by what stands where, and of a directory only its name tells which one it is.
        """
        self._unsure = True
        want = waiting.want
        occupant = self._base.child(want.parent, want.name) if want is not None else None
        self._noting.note()
        settle_intents(self._vault, {waiting.node, occupant.node} if occupant is not None else {waiting.node})

    def _carry_out(self, kind: StepKind, path: bytes, waiting: Waiting) -> None:
        if kind == StepKind.REMOVE:
            self._remove(path, waiting)
        elif kind == StepKind.DRESS:
            self._dress(path, waiting)
        elif kind == StepKind.MOVE:
            self._move(path, waiting)
        else:
            self._make_directory(path, waiting)

    def _as_it_is(self, waiting: Waiting) -> Waiting:
        """Return what waits with its row on this disk as earlier steps left it."""
        if self._noting.places_changed:
            self._noting.note()
        have = self._base.get(waiting.node) if waiting.have is not None else None
        return waiting._replace(have=have if have is not None and have.alive else None)

    def _target(self, waiting: Waiting) -> bytes | None:
        """Return where a node is to stand on this disk; None while its directory does not."""
        want = waiting.want
        assert want is not None
        if want.parent == ROOT:
            return want.name
        parent = self._base.get(want.parent)
        if parent is None or parent.kind != Kind.DIRECTORY:
            return None
        return join(self._base.path_of(want.parent), want.name)

    def _move(self, target: bytes, waiting: Waiting) -> None:
        have, want = waiting.have, waiting.want
        assert have is not None
        assert want is not None
        source = self._base.path_of(waiting.node)
        if source == target:
            return  # an earlier step let it change places with another
        self._same(source, have)
        occupant = self._base.child(want.parent, want.name)
        self._noting.changes(source, target)
        if occupant is None:
            self._disk.move(source, target)
        else:
            # Whoever stands there is to go elsewhere, too: they change places, and it goes on from here.
            if not self._base.waits(occupant.node):
                raise Changed(IN_THE_WAY)
            if source.startswith(target + b"/"):  # it comes out of what stands there
                self._way.stands_in_it(occupant)
                raise Changed(IN_THE_WAY)
            self._same(target, occupant)
            self._way.intend((occupant, have.parent, have.name))
            self._disk.exchange(source, target)
            self._noting.has(occupant._replace(parent=have.parent, name=have.name))
        self._noting.places_changed = True
        self._moved(have._replace(parent=want.parent, name=want.name), target)

    def _went_aside(self, row: Row, path: bytes) -> None:
        """Note an entry that made way."""
        self._noting.changes(path)
        self._noting.has(row)
        self._noting.note()

    def _moved(self, row: Row, path: bytes) -> None:
        stat = self._disk.stat(path)
        ctime = stat.ctime_ns if stat is not None and row.ctime_ns != UNTRUSTED else UNTRUSTED
        self._noting.has(row._replace(ctime_ns=ctime))
        self.outcome.done += 1

    def _make_directory(self, path: bytes, waiting: Waiting) -> None:
        want = waiting.want
        assert want is not None
        there = self._disk.stat(path)
        if there is not None:
            occupant = self._base.child(want.parent, want.name)
            if occupant is None or there.kind != Kind.DIRECTORY or not self._is_that_one(waiting.node, occupant):
                self._way.blocked(want, path)
                raise Changed(IN_THE_WAY)
            with self._state.transaction():
                self._base.merge(occupant.node, want._replace(mode=there.mode, ino=there.ino))
            self.outcome.done += 1
            return
        if self._disk.stat(split(path)[0]) is None:  # somebody removed it, which comes first
            raise Changed(LOCAL_FIRST)
        self._noting.changes(path)
        self._disk.make_directories(path)
        self._disk.set_metadata(path, want.mode, None)
        self._has(want, path)
        self._noting.places_changed = True

    def _is_that_one(self, node: int, occupant: Row) -> bool:
        """Tell whether a directory of this disk is another node from now on, with all that it holds.

        So it is where two of one name became one; and where the one that is here died, and what lives in it wants to
        be in the other. All that is to go from it goes by itself.
        """
        if self._base.stands_for(node, occupant.node):
            return True
        newest = self._nodes.get(occupant.node)
        return occupant.kind == Kind.DIRECTORY and newest is not None and not newest.alive

    def _dress(self, path: bytes, waiting: Waiting) -> None:
        have, want = waiting.have, waiting.want
        assert have is not None
        assert want is not None
        self._same(path, have)
        mtime_ns = None if want.kind == Kind.DIRECTORY else want.mtime_ns
        mode = None if want.kind == Kind.SYMLINK else want.mode
        self._disk.set_metadata(path, mode, mtime_ns)
        self._has(want._replace(parent=have.parent, name=have.name), path)

    def _remove(self, path: bytes, waiting: Waiting) -> None:
        have = waiting.have
        assert have is not None
        if not self._may_go(waiting.node):
            self.outcome.problems[path] = HELD
            return
        stat = self._disk.exact(path)
        if have.kind == Kind.DIRECTORY and self._noting.owes(have.node):
            self.outcome.look.add(path)
            raise Changed(LOCAL_FIRST)
        if stat is None or stat.kind != have.kind:  # it is gone already; where to, a look has to tell first
            if not self._ripe(have.node):
                raise Changed(LOCAL_FIRST)
        else:
            self._same(path, have)
            self._noting.changes(path)
            try:
                self._disk.remove(path, stat, self._published.sure(have, stat))
            except Changed:
                self.outcome.problems[path] = NOT_EMPTY
                return
            self.outcome.removed += 1
        self._noting.lacks(waiting.node)
        self.outcome.done += 1
        self._noting.note_soon()

    # -- files ----------------------------------------------------------------------------------

    def _files(self, steps: list[Step]) -> None:
        """Put files and symlinks in place, read in the order in which the store holds them."""
        jobs: dict[bytes, tuple[Job, Waiting]] = {}
        for step in steps:
            waiting = self._as_it_is(step.waiting)
            if step.waiting.have is not None and waiting.have is None:
                continue
            want = waiting.want
            assert want is not None
            expect: Stat | None = None
            if waiting.have is not None:
                path = self._base.path_of(waiting.node)
                try:
                    expect = self._same(path, waiting.have)
                except (Changed, OSError):
                    self._drop(path, LOCAL_FIRST)
                    continue
            else:
                found = self._target(waiting)
                if found is None:
                    continue
                path = found
            jobs[path] = (Job(path, want, expect), waiting)
        failed = Restored()
        self._placer.alone = len(jobs) <= FEW
        with lent(self._disk, (split(path)[0] for path in jobs)):
            for path, (job, waiting) in jobs.items():
                self._noting.changes(path)
                if job.row.kind == Kind.SYMLINK:
                    self._stage(job, waiting, ())
            files = [job for job, _ in jobs.values() if job.row.kind == Kind.FILE]
            for job, pieces in in_store_order(self._reader, files, failed, self._here):
                if self._too_big is None or job.row.size < self._too_big:
                    self._stage(job, jobs[job.path][1], pieces)
            self._placer.flush()
        self.outcome.problems.update(failed.failed)
        self._noting.note()

    def _stage(self, job: Job, waiting: Waiting, pieces: Iterable[Buffer]) -> None:
        self._progress.takes(job.path, job.row.size, DOWN)
        try:
            self._placer.take(job, waiting, pieces)
        except (Failed, OSError) as error:
            self._refused(job, error)

    def _refused(self, job: Job, error: Exception) -> None:
        """Note why a file does not stand. One that does not fit on this disk holds up no smaller one.

        Raises:
            StoreGone: none of the others can, either.
        """
        if isinstance(error, Changed):
            if job.expect is None:
                self._way.blocked(job.row, job.path)
            self._drop(job.path, IN_THE_WAY if job.expect is None else LOCAL_FIRST)
        elif isinstance(error, LocalDiskFull):
            self._full, self._too_big = error, min(job.row.size, self._too_big or job.row.size)
            self.outcome.problems[job.path] = error.message
        elif isinstance(error, Failed):
            self.outcome.problems[job.path] = failure_of_one(error)
        elif isinstance(error, OSError):
            self._unsure = True
            self.outcome.problems[job.path] = f"cannot be written: {error.strerror}"
        else:
            raise error

    def _placed(self, job: Job, waiting: Waiting, stat: Stat) -> None:
        row, have = job.row, waiting.have
        place = (have.parent, have.name) if have is not None else (row.parent, row.name)
        self._noting.has(row._replace(parent=place[0], name=place[1], ino=stat.ino, ctime_ns=UNTRUSTED))
        self.outcome.done += 1
        self.outcome.size += row.size
        self._progress.brought(row.size)
        self._progress.told(row.kind)

    # -- what is there --------------------------------------------------------------------------

    def _same(self, path: bytes, row: Row) -> Stat:
        """Return the fingerprint of an entry that is what the base says.

        Raises:
            Changed: it is not, or not any more.
        """
        stat = self._disk.exact(path)
        if stat is None or not self._published.is_so(path, row, stat):
            raise Changed(LOCAL_FIRST)
        return stat

    def _drop(self, path: bytes, reason: str) -> None:
        self.outcome.problems[path] = reason
        self.outcome.look.add(split(path)[0])

    def _has(self, row: Row, path: bytes) -> None:
        """Note that this disk has a version now; whether its fingerprint can be believed, the next scan tells."""
        stat = self._disk.stat(path)
        if stat is not None:
            self._noting.has(row._replace(ino=stat.ino, ctime_ns=UNTRUSTED))
        self.outcome.done += 1
        self._noting.note_soon()
