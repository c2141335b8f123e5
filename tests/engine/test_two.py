"""Two and more devices share one tree through the store alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.engine.devices import act, devices, settle


@pytest.mark.parametrize("seed", range(12))
def test_random_lives_end_in_one_tree(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    found = devices(tmp_path, "alpha", "beta", "gamma"[: 5 * (seed % 2)] or "gamma")
    for _ in range(30):
        device = source.choice(found)
        if source.random() < 0.3:
            device.sync()
        else:
            act(device, source)
    settle(found)
    trees = [device.tree() for device in found]
    assert trees[0] == trees[1] == trees[2], f"seed {seed}"
