"""The schedules of a whole run begin with it, in processes that take only what other tests leave idle.

Most tests wait for something, for files or servers; nothing in a schedule waits for the world, so it can run at any time.
Where several processes run the tests, one of them runs the schedules, and puts what became of each block into a file.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.agent.live import wait_for
from tests.simulation.__main__ import Result, run_block
from tests.simulation.test_simulation import BLOCK, FIRST, SCHEDULES

Block = Callable[[int], Result]
RUNNING = pytest.StashKey[ProcessPoolExecutor]()
LONGEST_S = 290.0  # that a block is waited for: a little less than its test may take


def stand_back() -> None:
    """Take no time from anybody who wants it."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def begin(config: pytest.Config, directory: Path) -> None:
    """Run all schedules, by as many processes as there are processors; what became of a block is a file then."""
    pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=stand_back)
    config.stash[RUNNING] = pool
    for first in range(FIRST, FIRST + SCHEDULES, BLOCK):
        future = pool.submit(run_block, range(first, first + BLOCK))
        future.add_done_callback(partial(_write_down, directory / str(first)))


def _write_down(path: Path, done: Future[Result]) -> None:
    if not done.cancelled():
        made = path.with_suffix(".new")
        made.write_bytes(pickle.dumps(done.exception() or done.result()))
        made.rename(path)


def shared(config: pytest.Config) -> Path:
    """Return the directory that all processes of this run know."""
    base = Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    found = (base.parent if worker() else base) / "schedules"
    found.mkdir(exist_ok=True)
    return found


def worker() -> str:
    """Return which of several processes this one is; empty for the only one."""
    return os.environ.get("PYTEST_XDIST_WORKER", "")


def pytest_collection_finish(session: pytest.Session) -> None:
    if (
        any("test_every_promise_is_kept" in item.name for item in session.items)
        and not session.config.option.collectonly
        and worker() in ("", "gw0")
    ):
        begin(session.config, shared(session.config))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if RUNNING in session.config.stash:
        session.config.stash[RUNNING].shutdown(wait=False, cancel_futures=True)


@pytest.fixture(scope="session")
def block(pytestconfig: pytest.Config) -> Block:
    """Waits for what became of a block of schedules, by its first one."""
    directory = shared(pytestconfig)

    def wait(first: int) -> Result:
        path = directory / str(first)
        wait_for(path.exists, LONGEST_S)
        found = pickle.loads(path.read_bytes())
        if isinstance(found, BaseException):
            raise found
        assert isinstance(found, Result)
        return found

    return wait
