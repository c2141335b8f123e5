"""Threads that nobody waits for: work is done, cancelled work wakes its waiters, and a process ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, wait

import pytest

from syncd.store.threads import DaemonPool


def test_work_is_done_by_so_many_threads_at_most() -> None:
    pool, names = DaemonPool(3, "three"), set[str]()

    def work(number: int) -> int:
        names.add(threading.current_thread().name)
        return number * number

    futures = [pool.submit(work, number) for number in range(200)]
    assert [future.result(10) for future in futures] == [number * number for number in range(200)]
    assert 1 <= len(names) <= 3
    pool.shutdown()
    with pytest.raises(RuntimeError, match="three was shut down"):
        pool.submit(work, 1)


def test_an_error_is_the_futures() -> None:
    pool = DaemonPool(1, "one")
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)
    assert pool.submit(lambda: 2).result(10) == 2, "and the thread goes on"
    pool.shutdown()


def test_what_was_not_begun_is_cancelled_and_whoever_waits_wakes() -> None:
    pool, gate = DaemonPool(1, "one"), threading.Event()
    begun = threading.Event()

    def hang() -> str:
        begun.set()
        assert gate.wait(30)
        return "done"

    first = pool.submit(hang)
    assert begun.wait(10)
    second = pool.submit(lambda: "never")
    pool.shutdown(cancel_futures=True)
    done, _ = wait([second], 10)
    assert done == {second}
    with pytest.raises(CancelledError):
        second.result()
    gate.set()
    assert first.result(10) == "done"


def test_a_process_ends_though_a_call_never_returns() -> None:
    program = (
        "import threading\nfrom syncd.store.threads import DaemonPool\n"
        "pool = DaemonPool(1, 'one')\npool.submit(threading.Event().wait)\npool.submit(int)\nprint('end')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "end\n"
