from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.scene import Scene, made


@pytest.fixture(scope="session")
def unhurt(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene, which no test may change."""
    return made(tmp_path_factory.mktemp("attacks") / "scene")


@pytest.fixture
def scene(unhurt: Scene, tmp_path: Path) -> Scene:
    """A copy of it, to be attacked."""
    return unhurt.copy(tmp_path / "scene")
