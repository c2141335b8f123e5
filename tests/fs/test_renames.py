"""Moves that replace nothing, and exchanges, where the system has them in one step and where it has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.fs.disk import Disk
from syncd.fs.exchanging import Changed
from syncd.fs.kernel import Kernel


@pytest.fixture(params=["one step", "several"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    if request.param == "several":
        monkeypatch.setattr(Kernel, "rename_with", staticmethod(lambda *_: False))
    return Disk(os.fsencode(tmp_path))


def test_a_move_replaces_nothing(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(Changed):
        disk.move(b"a", b"b")
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("a", "b")
    disk.move(b"a", b"c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]


def test_two_entries_change_places(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "inside").write_text("inside")
    disk.exchange(b"file", b"directory")
    assert (tmp_path / "directory").read_text() == "a file"
    assert (tmp_path / "file" / "inside").read_text() == "inside"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_lies_inside_the_other_stays(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    for one, other in ((b"a", b"a/b/file"), (b"a/b/file", b"a")):
        with pytest.raises(Changed):
            disk.exchange(one, other)
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"


def test_an_exchange_that_fails_leaves_both(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(OSError):
        disk.exchange(b"a", b"missing")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
