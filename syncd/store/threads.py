"""Threads that wait for stores, and that nobody waits for: a process ends though a store never answers.

The standard pool joins its threads when the interpreter ends, however long their calls take. What is half done at a
store is safe to leave: a put shows all of an object or none, and what is owed was noted before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")
_Work = tuple["Future[Any]", Callable[[], Any]]


class DaemonPool(Executor):
    """So many threads at most, begun as they are needed, that do not keep a process alive.

    Args:
        most: threads.
        name: of them, for who looks at a process.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = 0
        self._ended = False

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Run a function in a thread.

        Raises:
            RuntimeError: the pool was shut down.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._ended:
                raise RuntimeError(f"{self._name} was shut down")
            self._work.put((future, lambda: function(*arguments, **named)))
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=f"{self._name}_{self._threads}", daemon=True).start()
        return future

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, work = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            del item, future, work  # a result may be large, and the next piece of work far
            with self._lock:
                self._idle += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; nobody waits for what is under way, whatever `wait` says."""
        with self._lock:
            self._ended = True
            if cancel_futures:
                self._cancel()
            for _ in range(self._threads):
                self._work.put(None)

    def _cancel(self) -> None:
        while True:
            try:
                item = self._work.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                future = item[0]
                future.cancel()
                future.set_running_or_notify_cancel()  # wakes whoever waits for it
