"""Folders in which a vault would meet itself are refused, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.engine.founding import check_place
from syncd.errors import UsageError
from tests.world import World


@pytest.mark.parametrize(
    ("folder", "store", "said"),
    [
        ("folder/below", "elsewhere", "belongs to a vault already"),
        ("store/below/not/there/yet", "store", "lies inside the store"),
        ("new", "new/store", "lies inside the folder"),
        ("home", "elsewhere", "holds syncd's own files"),
        (".", "/nowhere/store", "holds syncd's own files"),
    ],
)
def test_it_is_refused(world: World, folder: str, store: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_place(world.home, os.path.normpath(world.root / folder), [str(world.root / store)])


def test_join_leaves_nothing_in_a_store(world: World, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text(world.words)
    inside = world.store / "sub"
    done = world.cli("join", str(inside), "--store", str(world.store), "--recovery-file", str(words), "--yes")
    assert done.returncode == 2, done.stderr
    assert not inside.exists()


def test_a_store_that_a_newcomer_spelled_wrong(world: World, tmp_path: Path) -> None:
    """They were told to mount it, and that it goes on by itself: nothing was set up that could."""
    words = tmp_path / "words"
    words.write_text(world.words)
    bare = World(tmp_path / "bare")
    done = bare.cli("join", str(tmp_path / "new"), "--store", str(tmp_path / "stroe"), "--recovery-file", str(words))
    assert done.returncode == 1, done.stderr
    assert "spelling" in done.stderr
    assert "by itself" not in done.stderr


@pytest.mark.parametrize("name", ["", "-x", "two\nlines", "red\x1b[31m", "x" * 65])
def test_a_device_is_not_called_so(world: World, name: str) -> None:
    assert world.cli("device", "rename", "--", name).returncode == 2


def test_an_empty_database_is_told(world: World) -> None:
    database = world.home.state / "state.db"
    for path in world.home.state.glob("state.db*"):
        path.unlink()
    database.touch()
    done = world.cli("status")
    assert (done.returncode, "is empty" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_another_store_than_the_vaults_is_refused(world: World, tmp_path: Path) -> None:
    done = world.cli("up", str(world.folder), "--store", str(tmp_path / "other"))
    assert done.returncode == 2
    assert str(world.store) in done.stderr
    assert not world.home.socket.exists(), "no agent was started"
