"""The schedules of a whole run begin with it, in processes that take only what other tests leave idle.

Most tests wait for something, for files or servers; nothing in a schedule waits for the world, so it can run at any time.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from tests.simulation.__main__ import Result, run_block
from tests.simulation.test_simulation import BLOCK, FIRST, SCHEDULES

Blocks = dict[int, Future[Result]]
RUNNING = pytest.StashKey[tuple[ProcessPoolExecutor, Blocks]]()


def stand_back() -> None:
    """Take no time from anybody who wants it."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def begin(config: pytest.Config) -> Blocks:
    """Return all schedules, run by as many processes as there are processors; begun once."""
    if RUNNING not in config.stash:
        pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=stand_back)
        blocks = {
            first: pool.submit(run_block, range(first, first + BLOCK))
            for first in range(FIRST, FIRST + SCHEDULES, BLOCK)
        }
        config.stash[RUNNING] = pool, blocks
    return config.stash[RUNNING][1]


def pytest_collection_finish(session: pytest.Session) -> None:
    if (
        any("test_every_promise_is_kept" in item.name for item in session.items)
        and not session.config.option.collectonly
    ):
        begin(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if RUNNING in session.config.stash:
        session.config.stash[RUNNING][0].shutdown(wait=False, cancel_futures=True)


@pytest.fixture(scope="session")
def blocks(pytestconfig: pytest.Config) -> Blocks:
    """What became of all schedules, by the first of each block."""
    return begin(pytestconfig)
