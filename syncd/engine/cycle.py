"""The one loop: waits for hints, requests and the clock; looks at what they point to; publishes it.

All work on the vault happens in the thread that calls `run`. Others leave requests and read `status`.
A store that is full, gone or read-only, or a folder that is gone, pauses the loop with a reason; it
tries again by itself and, since nothing was forgotten, goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from syncd.engine.attention import Attention
from syncd.engine.both import Both, answer_others, bring_in, help_newcomers
from syncd.engine.daily import tidy_if_due
from syncd.engine.folder import meet_folder
from syncd.engine.intents import settle_intents
from syncd.engine.inward import Arrived
from syncd.engine.keeping import use_stores
from syncd.engine.listening import Listening
from syncd.engine.operations import Operations
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outcome, Outward
from syncd.engine.problems import Problems
from syncd.engine.progress import Progress
from syncd.engine.rebuild import succeed
from syncd.engine.rules import count_files
from syncd.engine.status import IDLE, PAUSED, RESTING, SCANNING, STOPPING, Status
from syncd.engine.vault import Vault
from syncd.engine.watching import Watching
from syncd.errors import Failed, JournalAhead, NeedsAttention, StoreError, SyncdError
from syncd.model.path import split
from syncd.watch.observer import Watcher
from syncd.watch.pending import Hint, Pending
from syncd.watch.source import Moved, Note

log = logging.getLogger("syncd.engine")

RETRY_FIRST_S, RETRY_LONGEST_S = 1.0, 30.0
MANY = 1000  # entries brought here at once
FOLDER_S = 5.0  # between two looks whether the folder is there
PRUNE_S = 3600.0  # between two questions whether a day of this device's life has passed
RESTS = "rests"  # the name in the state that says that a person paused it
RIPE_S, FORGET_S = 0.4, 60.0  # a deletion is told by the second look, half a second after the first


class Stopped(Exception):
    """The loop was asked to stop or to pause while it worked."""


Watch = Callable[[bytes, Note, Moved, Callable[[], None]], Watcher]
Succeed = Callable[[Vault], tuple[Vault, SyncdError | None]]
Request = tuple[Callable[["Cycle"], Any], "Future[Any]"]


class Cycle:
    """Keeps one vault's folder safe until stopped."""

    def __init__(self, vault: Vault, watch: Watch = Watcher, succeed: Succeed = succeed) -> None:
        self.vault, self._succeed = vault, succeed
        self.status = Status()
        self.operations = Operations(vault.ambient.now_ns)
        self._attention = Attention(self.status, self.operations.events)
        self._problems = Problems(vault.disk)
        self._rests = bool(vault.state.get(RESTS))
        scan = vault.settings.scan
        self._pending = Pending(scan.settle_ms / 1000, scan.settle_open_ms / 1000)
        self._wake = threading.Condition()
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._rest_requests: queue.SimpleQueue[Request] = queue.SimpleQueue()  # to pause or go on: come before all
        self._stop = self._ended = False
        self.heartbeat: Callable[[], None] = lambda: None  # called at each turn, and between files
        self._moves: dict[bytes, bytes] = {}
        self._gone_since: dict[int, float] = {}  # node -> when it was first seen to be gone
        self._covered: set[int] = set()  # directories that looks have to come back to before anything is told as gone
        self._retry_s = 0.0
        self._scan_due_s = self._folder_due_s = self._prune_due_s = 0.0
        self._elapsed = vault.ambient.elapsed_s
        watcher = watch(vault.disk.root, self._note, self._moved, self._overflowed)
        self._watching = Watching(watcher, self.status, self._elapsed)
        self._listening = Listening(self._elapsed, self.status, self.operations, self._rouse)

    # -- called from other threads --------------------------------------------------------------

    def _note(self, path: bytes, hint: Hint) -> None:
        with self._wake:
            self._pending.note(path, hint, self._elapsed())
            self._wake.notify()

    def _moved(self, source: bytes, target: bytes) -> None:
        with self._wake:
            self._pending.moved(source, target)

    def _overflowed(self) -> None:
        log.info("the whole folder is scanned: events were lost or not watched for, or other rules are in force")
        with self._wake:
            self._pending.overflowed()
            self._wake.notify()

    def ask(self, work: Callable[[Cycle], Any]) -> Future[Any]:
        """Have a function run in the loop's thread; its result or error is in the future."""
        return self._leave(self._requests, work)

    def ask_rest(self, rests: bool) -> Future[Any]:
        """Have the loop pause, or go on; a pass that is under way is left for it, and what was taken is committed.

        No trouble of the store or the folder refuses it, as it does other requests.
        """
        return self._leave(self._rest_requests, lambda cycle: cycle.rest(rests))

    def _leave(self, requests: queue.SimpleQueue[Request], work: Callable[[Cycle], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        requests.put((work, future))
        self._rouse()
        if self._ended:
            self._end()
        return future

    def stop(self) -> None:
        """Ask the loop to end; what was taken is committed first."""
        self._stop = True
        self._rouse()

    def _rouse(self) -> None:
        with self._wake:
            self._wake.notify()

    # -- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`."""
        self._listening.begin()
        try:
            while not self._stop:
                self.turn()
                self._wait()
        finally:
            self._is(STOPPING)
            self._watching.stop()
            self._listening.stop()
            self._end()

    def _end(self) -> None:
        self._ended = True
        for requests in (self._requests, self._rest_requests):
            _refuse(requests, Failed("the agent is stopping"))

    def turn(self) -> None:
        """Do what is due."""
        self.heartbeat()
        if self._rests or not self._rest_requests.empty():
            if self._rests:
                self._is(RESTING, "you paused it", "`syncd resume` lets it go on.")
            self._answer()
            return
        if self._watching.keep():
            self._scan_due_s = 0.0
        now = self._elapsed()
        with self._wake:
            whole = self._pending.everything or now >= self._scan_due_s
            if whole:
                self._pending.take_all()
                directories, held = set[bytes](), set[bytes]()
            else:
                directories, held = self._pending.take(now)
            if whole or directories:
                self._moves = self._pending.take_moves()
                directories |= {split(path)[0] for path in self._moves} if directories else set()

        def work() -> None:
            if whole:
                self.sync()
            elif directories:
                self._pass(directories=directories, held=held)
            elif self.status.state != PAUSED:
                self._look_after(now)

        self._answer(work)

    def _answer(self, first: Callable[[], None] = lambda: None) -> None:
        """Do some work, then what others asked for; a trouble of the store or folder pauses the loop."""
        try:
            while not self._rest_requests.empty():
                self._serve(*self._rest_requests.get())
            first()
            while not self._requests.empty():
                self._serve(*self._requests.get())
        except Stopped:
            return
        except JournalAhead as error:
            self._go_on_as_another(error)
        except SyncdError as error:
            self._pause(error)
        except OSError as error:
            self._pause(NeedsAttention(f"the folder cannot be used: {error}"))
        except Exception as error:
            # A fault of ours must not end the watch over the folder: say it loudly and try again.
            log.exception("an error inside syncd")
            self._pause(
                Failed(f"an error inside syncd: {error!r}", hint=f"Please report it, with {self.vault.home.log}.")
            )

    def _serve(self, work: Callable[[Cycle], Any], future: Future[Any]) -> None:
        try:
            future.set_result(work(self))
        except Stopped as error:
            future.set_exception(Failed("the agent is stopping" if self._stop else "a person paused the agent"))
            raise error from None
        except StoreError as error:
            future.set_exception(error)
            raise
        except SyncdError as error:
            future.set_exception(error)  # the asker's trouble, not the folder's
        except OSError as error:
            future.set_exception(NeedsAttention(f"the folder cannot be used: {error}"))
            raise
        except Exception as error:
            log.exception("an error inside syncd, while it was asked for something")
            future.set_exception(Failed(f"an error inside syncd: {error!r}"))

    def rest(self, rests: bool) -> None:
        """Do nothing until a person says so, over restarts, too; or go on. From the loop's thread only."""
        self._rests = rests
        with self.vault.state.transaction():
            self.vault.state.set(RESTS, b"1" if rests else b"")
        self._scan_due_s = 0.0

    def _is(self, state: str, reason: str = "", hint: str = "") -> None:
        """Note what the loop does now, for all who look."""
        now = self.status
        if (now.state, now.reason, now.hint) == (state, reason, hint):
            return
        now.state, now.reason, now.hint = state, reason, hint
        self.operations.events.publish("state", {"state": state, "reason": reason, "hint": hint})

    def sync(self) -> Outcome:
        """Scan the whole folder and publish what differs; from the loop's thread only."""
        outcome = self._pass(whole=True)
        scan = self.vault.settings.scan
        every = scan.interval_s if self.status.watching else scan.poll_s
        self._scan_due_s = self._elapsed() + every
        with self.vault.state.transaction():
            self.vault.state.receipts.look_now_and_then(self.vault.ambient.now_ns())
        return outcome

    def _pass(
        self,
        *,
        whole: bool = False,
        directories: set[bytes] | None = None,
        held: set[bytes] | None = None,
        arrived: Arrived | None = None,
    ) -> Outcome:
        """Fetch, look at the folder or some of its directories, publish, apply."""
        progress = Progress(self._elapsed)
        progress.checkpoint, progress.beat = self._check_stop, self.heartbeat
        self.status.progress = progress
        self._is(SCANNING)
        with self.operations.passing(progress):
            both = self._both_ways(progress, whole, directories or set(), held or set(), arrived)
        outcome = both.outward
        self._covered = outcome.covered
        help_newcomers(self.vault, outcome)
        self._problems.learn(both, None if whole else directories or set(), self._elapsed())
        self._tell_problems(anew=whole)
        if outcome.other_rules:
            self._overflowed()
        for path in map(self.vault.state.base.path_of, outcome.unsettled | outcome.covered):
            self._note(path + b"/." if path else b".", Hint.CHANGING)
        self._retry_s = 0.0
        self.status.last_safe_ns = self.vault.ambient.now_ns()
        self.operations.calm()
        self._is(IDLE)
        if outcome.changes:
            log.info("published %d changes in %d records", outcome.changes, outcome.records)
        if both.applied.done:
            log.info("applied %d changes of other devices", both.applied.done)
        if outcome.changes or both.applied.done or both.arrived.records:
            self.operations.events.publish("changed", both.fields())
        self._attention.look(self.vault.state)
        return outcome

    def _tell_problems(self, *, anew: bool) -> None:
        problems = self._problems.all
        if anew or problems != self.status.problems:
            self.status.problems = problems
            self.operations.skipped(problems)
            with self.vault.state.transaction():
                self.vault.state.nodes.set_problems(problems, self.vault.ambient.now_ns())

    def _both_ways(
        self, progress: Progress, whole: bool, directories: set[bytes], held: set[bytes], arrived: Arrived | None
    ) -> Both:
        meet_folder(self.vault)
        settle_intents(self.vault)
        arrived = arrived or self._listening.fetch(self.vault, discover=whole)
        use_stores(self.vault)
        outbox = Outbox(self.vault)
        answer_others(self.vault, outbox, progress)
        if whole and self.vault.state.nodes.counts() == (0, 0):
            progress.total_files, progress.total_bytes = count_files(self.vault)
        both = Both(arrived=arrived)
        both.outward.covered = set(self._covered)
        try:
            outward = Outward(self.vault, outbox, progress, self._moves, self._ripe, covered=self._covered)
            if whole:
                both.outward = outward.scan()
            elif directories:
                both.outward = outward.look(directories, held)
            # What only a listing shows (a gap, a rewind) stands until a listing shows it no more.
            both.arrived.alarms = {**self.status.alarms, **both.arrived.alarms}
            many = len(self.vault.state.base.waiting_nodes(-1, MANY)) >= MANY
            # The whole scan is asked for at the end: the time of the next one is set anew by a scan that runs now.
            with self._watching.away(self._overflowed) if many else contextlib.nullcontext():
                bring_in(self.vault, outbox, progress, both, self._ripe)
        except Stopped:
            outbox.commit()
            raise
        finally:
            outbox.abandon()
        return both

    def _look_after(self, now: float) -> None:
        """Do what is due while nothing happens: see that the folder is there, which makes no event, and listen."""
        if now >= self._folder_due_s:
            self._folder_due_s = now + FOLDER_S
            self.vault.check_folder()
        if now >= self._prune_due_s and not self.status.alarms:
            self._prune_due_s = now + PRUNE_S
            progress = Progress(self._elapsed)
            progress.checkpoint, progress.beat = self._check_stop, self.heartbeat
            tidy_if_due(self.vault, self.operations, progress)
        if now >= self._problems.due_s:
            self._pass()
        elif now >= self._listening.due_s:
            arrived = self._listening.poll(self.vault)
            if arrived is not None:
                self._pass(arrived=arrived)
            else:
                self._attention.look(self.vault.state)

    def _ripe(self, node: int) -> bool:
        """Tell whether a node has been gone for long enough that a move's event would have come."""
        now = self._elapsed()
        for old in [old for old, since in self._gone_since.items() if now - since > FORGET_S]:
            del self._gone_since[old]
        return now - self._gone_since.setdefault(node, now) >= RIPE_S

    def _check_stop(self) -> None:
        self.heartbeat()
        if self._stop or not self._rest_requests.empty():
            raise Stopped

    def _go_on_as_another(self, error: JournalAhead) -> None:
        """Become a new device, where the store knows of this one what its state does not."""
        log.warning("%s; going on as a new device", error.message)
        self.vault, failed = self._succeed(self.vault)
        self._problems = Problems(self.vault.disk)
        if failed is not None:
            self._pause(failed)
        self._scan_due_s = 0.0

    def _pause(self, error: SyncdError) -> None:
        if not (error.retryable or isinstance(error, NeedsAttention)):
            log.error("%s", error.message)
        if self.status.reason != error.message:
            log.warning("paused: %s", error.message)
        _refuse(self._requests, error)  # else they would be done whenever this ends, when nobody expects it any more
        self.operations.trouble(error)
        self._is(PAUSED, error.message, error.hint)
        self._retry_s = min(RETRY_LONGEST_S, self._retry_s * 2 or RETRY_FIRST_S)
        self._scan_due_s = self._elapsed() + self._retry_s

    def _wait(self) -> None:
        """Sleep until something is due."""
        with self._wake:
            self.status.pending = len(self._pending)
            if self._stop or not (self._requests.empty() and self._rest_requests.empty()):
                return
            due = [self._scan_due_s] if not self._rests else []
            if not self._rests and self.status.state != PAUSED:
                due += [self._listening.due_s, self._folder_due_s, self._problems.due_s]
                next_due = self._pending.next_due_s()
                if next_due is not None:
                    due.append(next_due)
            if not self._rests:
                due += self._watching.due_s()
            # The watcher's own death makes no event: look after it every few seconds.
            self._wake.wait(max(0.0, min([at - self._elapsed() for at in due] + [5.0])))


def _refuse(requests: queue.SimpleQueue[Request], error: SyncdError) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            requests.get_nowait()[1].set_exception(error)
