"""What was being put in place when the process died, and directories that one may write in and not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from syncd.engine.noting import Noting
from syncd.engine.placing import Placer, Touched
from syncd.errors import LocalDiskFull
from syncd.fs.disk import Disk, Placement
from syncd.fs.exchanging import ASIDE
from syncd.fs.kernel import Kernel
from syncd.model.ids import ROOT
from tests.engine.devices import Device, devices, opened
from tests.engine.test_two import conflicts, same


class Died(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("first", ["create", "replace"])
def test_an_edit_after_a_crash_is_an_edit_of_what_was_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    if first == "replace":
        alpha.write("note", "zero")
        same(alpha, beta)
    alpha.write("note", "one")
    alpha.sync()

    def dies(self: Placer) -> None:
        flush(self)
        raise Died

    flush = Placer.flush
    with monkeypatch.context() as patch:
        patch.setattr(Placer, "flush", dies)
        patch.setattr(Noting, "note", lambda self: None)
        patch.setattr("syncd.state.base.Base.carried_out", lambda self: None)  # nobody tidies up after a death
        with pytest.raises(Died):
            beta.sync()
    assert beta.read("note") == "one"
    beta.write("note", "two, of what beta saw")
    alpha.write("other", "meanwhile")
    tree = same(alpha, beta)
    assert tree["note"][3] == b"two, of what beta saw"
    assert conflicts(tree) == []


def test_a_change_of_places_that_failed_and_was_made_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps after it went by what the disk had before: they undid it, which was told as a person's doing."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    alpha.write("one/first", "1")
    alpha.write("two/second", "2")
    same(alpha, beta)
    for old, new in (("one", "for a moment"), ("two", "one"), ("for a moment", "two")):
        (alpha.folder / old).rename(alpha.folder / new)
        alpha.sync()
    made = list[bytes]()

    def exchange(self: Disk, one: bytes, other: bytes) -> None:
        real(self, one, other)
        made.append(one)
        if len(made) == 1:
            raise OSError(5, "Input/output error")

    real = Disk.exchange
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "exchange", exchange)
        beta.sync()
    assert len(made) == 1
    assert beta.names() == ["one", "one/second", "two", "two/first"]
    assert beta.sync().outward.changes == 0
    assert len(same(alpha, beta)) == 4


def test_what_our_hand_removed_before_a_crash_is_nobodys_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told once more, as this device's: and of the copy of a conflict, as that being decided."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    alpha.write("directory/deeper/note", "one")
    alpha.write("kept", "one")
    same(alpha, beta)
    (alpha.folder / "directory/deeper/note").unlink()
    (alpha.folder / "directory/deeper").rmdir()
    (alpha.folder / "directory").rmdir()
    alpha.sync()

    def dies(self: Noting) -> None:
        if not (beta.folder / "directory").exists():
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(Noting, "note", dies)
        patch.setattr("syncd.state.base.Base.carried_out", lambda self: None)  # nobody tidies up after a death
        with pytest.raises(Died):
            beta.sync()
    assert beta.names() == ["kept"]
    assert beta.sync().outward.changes == 0
    assert same(alpha, beta).keys() == {"kept"}


def test_a_directory_that_cannot_be_read_is_made_durable_with_all_else(tmp_path: Path) -> None:
    synced: list[str] = []

    class Refusing(Kernel):
        @staticmethod
        def fsync(descriptor: int) -> None:
            raise PermissionError(13, "Permission denied")

        @staticmethod
        def syncfs(descriptor: int) -> None:
            synced.append("all")

    touched = Touched(Disk(os.fsencode(tmp_path), Refusing()))
    touched.above(b"file")
    touched.make_durable()
    assert synced == ["all"]


def test_a_failed_exchange_back_removes_nobodys_file(tmp_path: Path) -> None:
    class Failing(Kernel):
        calls = 0

        @staticmethod
        def rename_with(flag: int, *arguments: Any) -> bool:
            Failing.calls += 1
            if Failing.calls == 1:
                (tmp_path / "file").unlink()
                (tmp_path / "file").write_text("a person's, of this moment")
            if Failing.calls == 2:
                raise OSError(5, "Input/output error")
            return Kernel.rename_with(flag, *arguments)

    (tmp_path / "file").write_text("seen")
    disk = Disk(os.fsencode(tmp_path), Failing())
    expect = disk.stat(b"file")
    with pytest.raises(OSError, match="Input/output"):
        disk.place_file(Placement(b"file", 0o644, 0), (b"ours",), expect, sync=False)
    assert "a person's, of this moment" in {path.read_text() for path in tmp_path.iterdir()}


def test_nothing_of_ours_is_left_over(tmp_path: Path) -> None:
    (alpha,) = devices(tmp_path, "alpha")
    alpha.write("directory/file", "1")
    alpha.sync()
    alpha.write("directory/.syncd-tmp-0123456789ab", "1")
    Device.sync(alpha)
    assert [path.name for path in (alpha.folder / "directory").iterdir()] == ["file"]


def test_what_came_out_of_an_exchange_when_we_died_is_not_swept(tmp_path: Path) -> None:
    (alpha,) = devices(tmp_path, "alpha")
    alpha.write("directory/file", "1")
    alpha.sync()
    alpha.write("directory/.syncd-tmp-0123456789ab", "saved by a person in that very moment")
    alpha.sync()
    alpha.sync()
    found = {path.name: path.read_text() for path in (alpha.folder / "directory").iterdir()}
    (name,) = found.keys() - {"file"}
    assert name.startswith("recovered-")
    assert found[name] == "saved by a person in that very moment"
    assert f"directory/{name}" in alpha.names()


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_made_way_keeps_its_name_for_others(tmp_path: Path, kind: str) -> None:
    """A person moved the directory in which it stood under a name of ours: that was told as its name, for good."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for path in ("one/first", "one/other", "two/second"):
        alpha.write(path if kind == "file" else f"{path}/inside", path)
    same(alpha, beta)
    with opened(beta) as vault, vault.state.transaction():
        one = vault.state.nodes.child(ROOT, b"one")
        assert one is not None
        first = vault.state.base.child(one.node, b"first")
        assert first is not None
        aside = ASIDE + b"0123456789ab"
        os.rename(beta.folder / "one/first", os.fsencode(beta.folder / "one") + b"/" + aside)
        vault.state.base.put(first._replace(name=aside))
    for old, new in (("one", "for a moment"), ("two", "one"), ("for a moment", "two")):
        (beta.folder / old).rename(beta.folder / new)
    tree = same(alpha, beta)
    assert not [name for name in tree if "aside" in name]
    assert len([name for name in tree if name.endswith("first")]) == 1


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_made_way_and_is_known_no_more_gets_a_name(tmp_path: Path, kind: str) -> None:
    (alpha,) = devices(tmp_path, "alpha")
    path = os.fsdecode(ASIDE) + "0123456789ab"
    alpha.write(f"directory/{path}" if kind == "file" else f"directory/{path}/inside", "1")
    alpha.sync()
    alpha.sync()
    (name,) = (path.name for path in (alpha.folder / "directory").iterdir())
    assert name.startswith("recovered-")
    assert f"directory/{name}" in alpha.names()


def test_a_file_that_does_not_fit_holds_up_no_smaller_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for name, size in (("a big", 3_000_000), ("b bigger", 4_000_000), ("c small", 10), ("directory/small", 10)):
        alpha.write(name, "x" * size)
    alpha.sync()
    tried = list[bytes]()

    def stage(self: Disk, placement: Placement, pieces: Any, *, sync: bool) -> Any:
        row = len(tried)
        tried.append(placement.path)
        if b"big" in placement.path:
            raise LocalDiskFull(f"no space left for {os.fsdecode(placement.path)} {row}")
        return real(self, placement, pieces, sync=sync)

    real = Disk.stage
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "stage", stage)
        with pytest.raises(LocalDiskFull, match="a big"):
            beta.sync()
    assert beta.names() == ["c small", "directory", "directory/small"]
    assert len(tried) == len(set(tried)), "what did not fit is not fetched again and again"
    assert len(same(alpha, beta)) == 5
