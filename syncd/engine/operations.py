"""The one log of what the agent does, for people: passes, restores, what was skipped, alarms, pauses.

Every view filters this log. It lives as long as the agent does; what was said in journals is history, and is kept
there. Each change of an operation is an event, too. Invariant: what runs is in the log, however much came after it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.engine.events import Events
from syncd.engine.progress import Progress
from syncd.errors import SyncdError
from syncd.model.path import path_fields

RUNNING, DONE, WARNING, ERROR, CANCELLED = "running", "done", "warning", "error", "cancelled"
STATES = (RUNNING, DONE, WARNING, ERROR, CANCELLED)
KEPT = 2_000  # operations that have ended
MOST_SKIPPED = 500  # entries that have a line of their own; a disk that cannot be read has many


@dataclass(slots=True)
class Operation:
    """One piece of work. Times are ns since 1970, `ended_ns` is 0 while it runs; sizes are in bytes."""

    no: int
    kind: str
    what: str
    began_ns: int
    state: str = RUNNING
    ended_ns: int = 0
    note: str = ""
    hint: str = ""
    path: bytes | None = None
    progress: Progress | None = None
    result: dict[str, Any] | None = None

    def fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        fields: dict[str, Any] = {
            "id": self.no,
            "kind": self.kind,
            "state": self.state,
            "what": self.what,
            "began_ns": self.began_ns,
            "ended_ns": self.ended_ns or None,
            "note": self.note,
            "hint": self.hint,
            "progress": None if self.progress is None else self.progress.fields(),
            "result": self.result,
        }
        return fields if self.path is None else {**fields, **path_fields(self.path)}


class Operations:
    """The log. Safe to use from any thread."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.events = Events(now_ns)
        self._lock = threading.Lock()
        self._all: OrderedDict[int, Operation] = OrderedDict()
        self._last = 0
        self._ended = 0
        self._skipped: dict[bytes, Operation] = {}
        self._alarms: dict[str, Operation] = {}
        self._trouble: Operation | None = None

    # -- writing --------------------------------------------------------------------------------

    def begin(self, kind: str, what: str, *, progress: Progress | None = None, path: bytes | None = None) -> Operation:
        """Begin an operation."""
        with self._lock:
            self._last += 1
            operation = Operation(self._last, kind, what, self._now_ns(), progress=progress, path=path)
            self._all[operation.no] = operation
        self.tell(operation)
        return operation

    def end(self, operation: Operation, state: str = DONE, note: str = "", hint: str = "") -> None:
        """End an operation; the oldest ones that have ended make room."""
        with self._lock:
            operation.state, operation.ended_ns = state, self._now_ns()
            operation.note, operation.hint = note or operation.note, hint or operation.hint
            self._ended += 1
            if self._ended > KEPT:
                oldest = next(no for no, item in self._all.items() if item.state != RUNNING)
                del self._all[oldest]
                self._ended -= 1
        self.tell(operation)

    def tell(self, operation: Operation) -> None:
        """Publish how an operation stands."""
        self.events.publish("operation", operation.fields())

    @contextlib.contextmanager
    def doing(self, operation: Operation) -> Iterator[Operation]:
        """Do the work of an operation: it ends with the block, as that ends."""
        try:
            yield operation
        except SyncdError as error:
            self.end(operation, ERROR, error.message, error.hint)
            raise
        except BaseException as error:
            self.end(operation, ERROR, str(error) or type(error).__name__)
            raise
        if operation.state == RUNNING:
            self.end(operation)

    @contextlib.contextmanager
    def passing(self, progress: Progress) -> Iterator[None]:
        """Note a pass over the folder, once it turns out to have something to do."""
        begun: list[Operation] = []
        progress.first = lambda: begun.append(self.begin("pass", "sync", progress=progress))
        try:
            yield
        except BaseException as error:
            for operation in begun:
                self.end(operation, CANCELLED, getattr(error, "message", "") or "stopped; it goes on later")
            raise
        for operation in begun:
            self.end(operation)

    def skipped(self, problems: Mapping[bytes, str]) -> None:
        """Note what is not taken or brought just now, and why; what is no more among it has come through."""
        for path in self._skipped.keys() - problems.keys():
            self.end(self._skipped.pop(path), DONE, "is taken now")
        for path, reason in problems.items():
            known = self._skipped.get(path)
            if known is None and len(self._skipped) < MOST_SKIPPED:
                known = self._skipped[path] = self.begin("skipped", "skipped", path=path)
            if known is not None and known.note != reason:
                known.note = reason
                self.tell(known)

    def alarms(self, alarms: Mapping[str, str]) -> None:
        """Note the alarms that stand."""
        for name in self._alarms.keys() - alarms.keys():
            self.end(self._alarms.pop(name), WARNING, f"it stands no more: {alarms.get(name, '')}".rstrip(": "))
        for name, text in alarms.items():
            if name not in self._alarms:
                self._alarms[name] = self.begin("alarm", text)

    def trouble(self, error: SyncdError) -> None:
        """Note why nothing goes on."""
        if self._trouble is not None and self._trouble.note == error.message:
            return
        self.calm()
        self._trouble = self.begin("paused", "paused")
        self._trouble.note, self._trouble.hint = error.message, error.hint
        self.tell(self._trouble)

    def calm(self) -> None:
        """Note that all goes on."""
        if self._trouble is not None:
            self.end(self._trouble, WARNING)
            self._trouble = None

    # -- reading --------------------------------------------------------------------------------

    def get(self, no: int) -> Operation | None:
        """Return an operation, None for one that is not known any more."""
        with self._lock:
            return self._all.get(no)

    def newest(self, *, before: int | None = None, state: str | None = None, most: int = 100) -> list[Operation]:
        """Return operations, what runs first, then the newest first.

        Args:
            before: only those with a smaller number.
            state: only those in a state; `waiting` is what was skipped or paused and may go on by itself.
            most: how many.
        """
        with self._lock:
            found = [item for item in self._all.values() if state is None or _in_view(item, state)]
        found.sort(key=lambda item: item.no, reverse=True)
        return [item for item in found if before is None or item.no < before][:most]

    def counts(self) -> dict[str, int]:
        """Return how many operations each view has."""
        with self._lock:
            found = list(self._all.values())
        return {view: sum(_in_view(item, view) for item in found) for view in ("all", *VIEWS)}


VIEWS: dict[str, Callable[[Operation], bool]] = {
    "running": lambda item: item.state == RUNNING and item.kind not in ("skipped", "alarm", "paused"),
    "waiting": lambda item: item.state == RUNNING and item.kind in ("skipped", "paused"),
    "warnings": lambda item: item.state == WARNING or item.kind in ("skipped", "paused"),
    "errors": lambda item: item.state == ERROR or item.kind == "alarm",
}


def _in_view(operation: Operation, view: str) -> bool:
    return view == "all" or VIEWS[view](operation)
