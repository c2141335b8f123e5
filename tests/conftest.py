"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.world import World

# Processes of pytest-xdist have them, and who draws on a terminal believes them before the terminal.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

settings.register_profile(
    "syncd",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("SYNCD_CASES", "100")),  # of each property
)
settings.load_profile("syncd")


# They start a process per step, as a person does: `make check` leaves them out, `make test` does not.
BY_PROCESS = (
    "tests/agent",
    "tests/engine/test_found",
    "tests/engine/test_re",
    "tests/engine/test_tr",
    "tests/engine/test_co",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(BY_PROCESS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with an empty folder."""
    return World(tmp_path).found()


@pytest.fixture
def agent(world: World) -> Iterator[World]:
    """A vault whose agent runs."""
    started = world.cli("start")
    assert started.returncode == 0, started.stderr
    yield world
    world.cli("stop")
