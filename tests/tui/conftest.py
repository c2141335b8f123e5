"""A scene for each test, in a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.driving import Scene, playing


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Two devices with a past; the first one's agent runs."""
    with playing(tmp_path / "scene") as found:
        yield found
