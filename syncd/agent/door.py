"""What the agent does for those who ask: the loop's side of the API.

Looking is done beside the loop, by readers of the state that are kept open; acting is handed to the loop's thread.
Invariant: no look waits for the loop, and no act happens outside it.
"""

from __future__ import annotations

import base64
import contextlib
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from syncd.api.asked import Decide, Prune, Restore, Verify
from syncd.config.home import Home
from syncd.engine.cycle import Cycle
from syncd.engine.deciding import decide
from syncd.engine.operations import ERROR, RUNNING, WARNING, Operation, Operations
from syncd.engine.picking import elsewhere, in_place
from syncd.engine.progress import Progress
from syncd.engine.pruning import prune, would_prune
from syncd.engine.report import report
from syncd.engine.status import FIRST, SCANNING
from syncd.engine.vault import Vault, open_vault
from syncd.engine.verify import Verifier, note_verified, verdict_fields
from syncd.errors import SyncdError
from syncd.model.counted import counted
from syncd.model.path import shown
from syncd.state.db import FILE

T = TypeVar("T")
IDLE_READERS = 4  # kept open; each has a cache of the state's pages of its own


class Readers:
    """Vaults opened for reading, lent to one thread at a time."""

    def __init__(self, home: Home, writing: Callable[[], Vault]) -> None:
        self._home, self._writing = home, writing
        self._idle: queue.SimpleQueue[tuple[object, Vault]] = queue.SimpleQueue()

    def _age(self) -> object:
        """Return what tells the state, stores, keys and settings that are in force from those of before."""
        vault = self._writing()
        found: list[object] = [vault.store, vault.keys.current, len(vault.keys.roots.epochs)]
        for path in (self._home.state / FILE, self._home.config):
            stat = path.stat()
            found.append((stat.st_ino, stat.st_mtime_ns if path == self._home.config else 0))
        return tuple(found)

    @contextlib.contextmanager
    def lend(self) -> Iterator[Vault]:
        """Lend a vault for one look."""
        age = self._age()
        vault = None
        while vault is None:
            try:
                then, vault = self._idle.get_nowait()
            except queue.Empty:
                vault = open_vault(self._home, write=False, stores=self._writing().store)
                break
            if then != age:
                vault.close()
                vault = None
        vault.state.__dict__.pop("chunks", None)  # the loop may have added some since it was read
        try:
            yield vault
        except BaseException:
            vault.close()
            raise
        if self._idle.qsize() < IDLE_READERS:
            self._idle.put((age, vault))
        else:
            vault.close()

    def close(self) -> None:
        """Close those that nobody has."""
        while not self._idle.empty():
            self._idle.get()[1].close()


class AgentDoor:
    """Answers the API."""

    def __init__(self, cycle: Cycle, home: Home) -> None:
        self._cycle, self._home = cycle, home
        self._readers = Readers(home, lambda: cycle.vault)

    @property
    def operations(self) -> Operations:
        """The log of what is done."""
        return self._cycle.operations

    # -- looking --------------------------------------------------------------------------------

    def read(self, look: Callable[[Vault], T]) -> T:
        """Return what a look at the vault gives."""
        with self._readers.lend() as vault:
            return look(vault)

    def lend(self) -> contextlib.AbstractContextManager[Vault]:
        """Lend a vault for one look that takes its time."""
        return self._readers.lend()

    def status(self) -> dict[str, Any]:
        """Return the status."""
        return self.read(lambda vault: report(vault, self._cycle.status))

    def progress(self) -> dict[str, Any]:
        """Return what the loop does now."""
        status = self._cycle.status
        progress = status.progress if status.state in (FIRST, SCANNING) else None
        return {
            "state": status.state,
            "reason": status.reason,
            "hint": status.hint,
            "pending": status.pending,
            "alarms": len(status.alarms),
            "progress": None if progress is None else progress.fields(),
        }

    def log_tail(self, lines: int) -> dict[str, Any]:
        """Return the last lines of the log."""
        with contextlib.suppress(FileNotFoundError), self._home.log.open(encoding="utf-8", errors="replace") as file:
            return {"path": str(self._home.log), "lines": [line.rstrip("\n") for line in deque(file, maxlen=lines)]}
        return {"path": str(self._home.log), "lines": []}

    # -- acting ---------------------------------------------------------------------------------

    def _ask(self, work: Callable[[Cycle], dict[str, Any]]) -> dict[str, Any]:
        answer: dict[str, Any] = self._cycle.ask(work).result()
        return answer

    def sync(self) -> dict[str, Any]:
        """Run one full cycle and tell what it did."""

        def work(cycle: Cycle) -> dict[str, Any]:
            outcome = cycle.sync()
            return {"changes": outcome.changes, "records": outcome.records, "skipped": len(outcome.problems)}

        return self._ask(work)

    def rest(self, rests: bool) -> None:
        """Pause, or go on."""
        self._cycle.ask_rest(rests).result()

    def restore(self, request: Restore) -> dict[str, Any]:
        """Bring back, in the loop when it is into the folder."""
        if request.dry_run:
            return self.read(lambda vault: self._bring_back(vault, request, Progress(time.monotonic)))
        progress = Progress(time.monotonic)
        names = [shown(base64.b64decode(path)) or "everything" for path in request.paths_b64]
        what = names[0] if len(names) == 1 else f"{len(names)} entries"
        operation = self.operations.begin("restore", what, progress=progress)

        def work(vault: Vault) -> dict[str, Any]:
            with self.operations.doing(operation):
                result = operation.result = self._bring_back(vault, request, progress)
                if result["failed"]:
                    self.operations.end(operation, WARNING, f"{len(result['failed'])} entries could not be restored")
                return result

        return self._do(work, operation, beside=request.to is not None, wait=request.wait)

    def _bring_back(self, vault: Vault, request: Restore, progress: Progress) -> dict[str, Any]:
        paths = [base64.b64decode(path).strip(b"/") for path in request.paths_b64]
        paths = [b"" if path == b"." else path for path in paths]
        if request.to is not None:
            return elsewhere(
                vault,
                paths,
                request.to,
                progress,
                at_ns=request.at_ns,
                version=request.version,
                dry_run=request.dry_run,
            )
        return in_place(
            vault,
            paths,
            progress,
            at_ns=request.at_ns,
            version=request.version,
            exact=request.exact,
            dry_run=request.dry_run,
        )

    def _do(
        self, work: Callable[[Vault], dict[str, Any]], operation: Operation, *, beside: bool, wait: bool
    ) -> dict[str, Any]:
        """Do work in the loop, or beside it with a reader; return its result or, if nobody waits, the operation."""
        if beside:

            def read() -> dict[str, Any]:
                try:
                    return self.read(work)
                except Exception as error:
                    self._end_if_refused(operation, error)
                    raise

            if wait:
                return read()

            def alone() -> None:
                with contextlib.suppress(Exception):  # the operation says what became of it
                    read()

            threading.Thread(target=alone, name=f"syncd-{operation.kind}", daemon=True).start()
            return operation.fields()
        future = self._cycle.ask(lambda cycle: work(cycle.vault))
        future.add_done_callback(lambda done: self._end_if_refused(operation, done.exception()))
        if not wait:
            return operation.fields()
        answer: dict[str, Any] = future.result()
        return answer

    def _end_if_refused(self, operation: Operation, error: BaseException | None) -> None:
        """End an operation that could not even be begun."""
        if error is not None and operation.state == RUNNING:
            hint = error.hint if isinstance(error, SyncdError) else ""
            self.operations.end(operation, ERROR, str(error), hint)

    def decide(self, request: Decide) -> dict[str, Any]:
        """Do what a person decided, and bring the folder to it."""
        what = shown(base64.b64decode(request.path_b64)) if request.path_b64 else request.name or request.what

        def work(cycle: Cycle) -> dict[str, Any]:
            with self.operations.doing(self.operations.begin(request.what, what)):
                answer = decide(cycle.vault, request.what, request.model_dump())
                cycle.sync()
            return answer

        return self._ask(work)

    def verify(self, request: Verify) -> dict[str, Any]:
        """Begin to verify, beside the loop."""
        progress = Progress(time.monotonic)
        operation = self.operations.begin("verify", "all stores", progress=progress)

        def work(vault: Vault) -> dict[str, Any]:
            with self.operations.doing(operation):
                verdict = Verifier(vault, progress).run(request.read_percent, random.SystemRandom())
                operation.result = verdict_fields(verdict)
                if verdict.clean:
                    self._cycle.ask(lambda cycle: note_verified(cycle.vault))
                else:
                    damaged, hurt = counted(len(verdict.objects), "object"), counted(verdict.versions_hurt, "version")
                    text = f"{damaged} damaged, {hurt} hurt"
                    self.operations.end(operation, ERROR, text, "`syncd verify` names them.")
                return operation.result

        return self._do(work, operation, beside=True, wait=False)

    def prune(self, request: Prune) -> dict[str, Any]:
        """Let go of what nothing keeps, in the loop; saying what would go is a look like others."""
        progress = Progress(time.monotonic)
        if request.dry_run:
            return self.read(lambda vault: would_prune(vault, progress).fields())
        operation = self.operations.begin("prune", "old versions", progress=progress)

        def work(vault: Vault) -> dict[str, Any]:
            with self.operations.doing(operation):
                result = operation.result = prune(vault, progress).fields()
                return result

        return self._do(work, operation, beside=False, wait=True)

    def stop(self) -> None:
        """End the agent."""
        self._cycle.stop()

    def close(self) -> None:
        """Let go of what is open."""
        self._readers.close()
