"""The fast listing and the slow one give the same, and follow nothing they should not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.fs.listing import ListDirectory, list_directory, list_slowly
from syncd.model.entry import Kind
from syncd.model.listing import CELL, Listing

LISTERS = [list_directory, list_slowly]


@pytest.fixture(params=LISTERS, ids=["installed", "slow"])
def lister(request: pytest.FixtureRequest) -> ListDirectory:
    chosen: ListDirectory = request.param
    return chosen


def make_all_kinds(root: Path) -> bytes:
    raw = os.fsencode(root)
    (root / "file").write_bytes(b"12345")
    (root / "file").chmod(0o640)
    os.utime(root / "file", ns=(1, -1_500_000_000))
    (root / "directory").mkdir()
    (root / "link").symlink_to("nowhere")
    os.link(root / "file", root / "second name")
    os.mkfifo(root / "fifo")
    (root / ("n" * 255)).write_bytes(b"")
    with open(raw + b"/\xff not utf-8", "wb"):
        pass
    for number in range(300):
        (root / f"one of many {number}").touch()
    return raw


def test_both_say_the_same(tmp_path: Path) -> None:
    raw = make_all_kinds(tmp_path)
    (names, cells), (slow_names, slow_cells) = (lister(raw, False) for lister in LISTERS)
    assert len(names) == 307
    assert sorted(names) == sorted(slow_names)
    assert cells[: CELL.size] == slow_cells[: CELL.size]
    fast, slow = (
        {entry.name: entry for entry in Listing(*found).entries()}
        for found in ((names, cells), (slow_names, slow_cells))
    )
    assert fast == slow


def test_what_a_listing_says_is_what_the_system_says(tmp_path: Path, lister: ListDirectory) -> None:
    listing = Listing(*lister(make_all_kinds(tmp_path), False))
    found = {entry.name: entry for entry in listing.entries()}
    stat = found[b"file"].stat
    real = os.lstat(tmp_path / "file")
    assert stat is not None
    assert (stat.kind, stat.mode, stat.size, stat.mtime_ns, stat.ctime_ns, stat.ino, stat.links) == (
        Kind.FILE,
        0o640,
        5,
        -1_500_000_000,
        real.st_ctime_ns,
        real.st_ino,
        2,
    )
    assert found[b"link"].kind is Kind.SYMLINK
    assert found[b"directory"].kind is Kind.DIRECTORY
    assert found[b"fifo"].kind is None
    assert found[b"fifo"].stat is None
    assert not any(entry.mounted for entry in found.values())
    own = os.stat(tmp_path)
    assert listing.own == (own.st_ino, own.st_mtime_ns, own.st_ctime_ns, own.st_dev)


def test_an_empty_directory_has_its_own_cell_alone(tmp_path: Path, lister: ListDirectory) -> None:
    names, cells = lister(os.fsencode(tmp_path), False)
    assert names == []
    assert len(cells) == CELL.size


def test_a_symlink_is_followed_only_when_asked(tmp_path: Path, lister: ListDirectory) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "inside").touch()
    (tmp_path / "link").symlink_to("real")
    link = os.fsencode(tmp_path / "link")
    with pytest.raises(NotADirectoryError):
        lister(link, False)
    assert lister(link, True)[0] == [b"inside"]


def test_what_cannot_be_listed_is_an_error_with_its_path(tmp_path: Path, lister: ListDirectory) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        lister(os.fsencode(tmp_path / "file"), False)
    with pytest.raises(FileNotFoundError) as caught:
        lister(os.fsencode(tmp_path / "missing"), False)
    assert "missing" in str(caught.value)
