"""Several nodes that are one entry: directories and equal files that two devices made at one name, unknown to each other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.engine.inward import Arrived, Inward
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.way import ASIDE
from tests.engine.devices import Device, devices, opened, settle

KINDS: dict[str, Callable[[Device], None]] = {
    "empty directories": lambda device: (device.folder / "x").mkdir(),
    "directories": lambda device: device.write(f"x/{device.name}", device.name),
    "equal files": lambda device: device.write("x", "the same"),
    "equal symlinks": lambda device: (device.folder / "x").symlink_to("there"),
}


@pytest.fixture
def two(tmp_path: Path) -> tuple[Device, Device]:
    one, other = devices(tmp_path, "alpha", "beta")
    settle([one, other])
    return one, other


def sync_alone(*found: Device) -> None:
    """Let devices publish what they have, without a look at what others said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Inward, "fetch", lambda self, *, discover: Arrived())
        for device in found:
            device.sync()


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def made_by_both(two: tuple[Device, Device], kind: str) -> list[str]:
    for device in two:
        KINDS[kind](device)
    sync_alone(*two)
    settle(list(two))
    assert two[0].names() == two[1].names()
    return two[0].names()


@pytest.mark.parametrize("by", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_removed_once(two: tuple[Device, Device], kind: str, by: int) -> None:
    made_by_both(two, kind)
    remove(two[by].folder / "x")
    settle(list(two))
    assert [device.names() for device in two] == [[], []]


@pytest.mark.parametrize("by", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_moved_whole(two: tuple[Device, Device], kind: str, by: int) -> None:
    names = made_by_both(two, kind)
    (two[by].folder / "x").rename(two[by].folder / "y")
    settle(list(two))
    moved = ["y" + name[1:] for name in names]
    assert [device.names() for device in two] == [moved, moved]


@pytest.mark.parametrize("by", [0, 1])
def test_it_is_edited_without_a_conflict(two: tuple[Device, Device], by: int) -> None:
    made_by_both(two, "equal files")
    two[by].write("x", "another")
    settle(list(two))
    assert [(device.names(), device.read("x")) for device in two] == [(["x"], "another")] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_to_its_name_later_stays(two: tuple[Device, Device], kind: str) -> None:
    alpha, beta = two
    KINDS[kind](alpha)
    sync_alone(alpha)
    remove(alpha.folder / "x")
    KINDS[kind](beta)
    sync_alone(beta)
    names = beta.names()
    settle([alpha, beta])
    assert alpha.names() == beta.names() == names


def test_both_remove_it_at_once(two: tuple[Device, Device]) -> None:
    made_by_both(two, "equal files")
    for device in two:
        (device.folder / "x").unlink()
    sync_alone(*two)
    settle(list(two))
    assert [device.names() for device in two] == [[], []]


def test_one_edits_it_and_the_other_removes_it(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    made_by_both(two, "equal files")
    (alpha.folder / "x").unlink()
    beta.write("x", "edited")
    sync_alone(*two)
    settle(list(two))
    assert [(device.names(), device.read("x")) for device in two] == [(["x"], "edited")] * 2


@pytest.mark.parametrize("depth", ["d", "d/e"])
def test_a_copy_that_went_with_its_directory_while_others_moved_it(two: tuple[Device, Device], depth: str) -> None:
    """It was told as decided, this disk had it on for a moment, and then it was a node of its own for good."""
    one, other = two
    one.write(f"{depth}/f", "first")
    settle([one, other])
    one.write(f"{depth}/f", "one")
    other.write(f"{depth}/f", "other")
    settle([one, other])
    copy = next(name for name in other.names() if "conflict" in name)
    (other.folder / copy).rename(other.folder / "kept")
    shutil.rmtree(one.folder / "d")
    with opened(one) as vault:
        Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
    sync_alone(other)
    settle([one, other])
    assert one.tree() == other.tree()
    assert "kept" in one.names()


def test_what_stood_aside_in_a_directory_that_a_person_removed_comes_again(two: tuple[Device, Device]) -> None:
    """It was on its way to another name, had one of ours for a while, and was told as deleted with its directory."""
    one, other = two
    one.write("d/x/file", "bytes")
    one.write("d/beside", "bytes")
    settle([one, other])
    aside = ASIDE + b"0"
    (one.folder / "d/x").rename(one.folder / "d" / aside.decode())
    with opened(one) as vault, vault.state.transaction():
        row = vault.state.base.find(b"d/x")
        assert row is not None
        vault.state.base.put(row._replace(name=aside))
    shutil.rmtree(one.folder / "d")
    settle([one, other])
    assert one.names() == other.names() == ["d", "d/x", "d/x/file"]


@pytest.mark.parametrize("edited", ["alpha", "beta"])
def test_a_directory_that_lives_on_under_the_other_identity_stays_where_it_is(
    two: tuple[Device, Device], edited: str
) -> None:
    """Of two that were one, one died: its directory was put aside, another was made, and all was moved over."""
    made_by_both(two, "directories")
    for by, other in (two, two[::-1]):
        for device in two:
            device.write("x/alpha", f"{device.name} again")
            device.write("x/beta", f"{device.name} again")
            settle(list(two))
        entry = (other.folder / "x").stat().st_ino
        shutil.rmtree(by.folder / "x")
        other.write(f"x/{edited}", f"edited while {by.name} removes it")
        sync_alone(by, other)
        other.sync()
        assert (other.folder / "x").stat().st_ino == entry
        settle(list(two))
        assert (other.folder / "x").stat().st_ino == entry
        assert [device.names() for device in two] == [["x", f"x/{edited}"]] * 2
