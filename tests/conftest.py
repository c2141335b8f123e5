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


# `make check` leaves these out, `make test` does not: they start a process per step, as a person does,
BY_PROCESS = ("agent", "blackbox", "cli", "engine/test_found", "engine/test_re", "engine/test_tr", "engine/test_co")
# or a server that they talk to, or need many turns of several devices.
BY_SERVER = tuple(f"store/test_{name}" for name in ("discord", "objects", "rclone", "refusals", "telegram", "webdav"))
AT_LENGTH = ("engine/test_epochs", "engine/test_pruning", "engine/test_secrecy", "tui/test_pictures")
SLOW = tuple(f"tests/{name}" for name in BY_PROCESS + BY_SERVER + AT_LENGTH)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
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
