"""The hard cases of docs/sync-rules.md that have no test elsewhere, each by the words of its row."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from syncd.engine import outbox
from syncd.engine.vault import Ambient
from tests.engine.devices import Device, devices, settle
from tests.engine.test_two import conflicts, same


@pytest.fixture
def two(tmp_path: Path) -> tuple[Device, Device]:
    one, other = devices(tmp_path, "alpha", "beta")
    return one, other


def texts(tree: dict[str, tuple[object, ...]]) -> dict[str, object]:
    return {path: found[3] for path, found in tree.items() if found[0] == "file"}


def test_delete_and_delete(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("note", "1")
    same(alpha, beta)
    (alpha.folder / "note").unlink()
    (beta.folder / "note").unlink()
    assert same(alpha, beta) == {}


def test_rename_and_rename_of_one_file(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("old", "bytes")
    same(alpha, beta)
    (alpha.folder / "old").rename(alpha.folder / "by alpha")
    (beta.folder / "old").rename(beta.folder / "by beta")
    tree = texts(same(alpha, beta))
    assert list(tree.values()) == [b"bytes"], "one name wins, and nothing is doubled"
    assert set(tree) < {"by alpha", "by beta"}


def test_two_files_renamed_to_one_name(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("one", "1")
    alpha.write("other", "2")
    same(alpha, beta)
    (alpha.folder / "one").rename(alpha.folder / "both")
    (beta.folder / "other").rename(beta.folder / "both")
    tree = same(alpha, beta)
    assert sorted(texts(tree).values()) == [b"1", b"2"]  # type: ignore[type-var]
    assert "both" in tree
    assert len(conflicts(tree)) == 1


def test_rename_and_delete(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("old", "bytes")
    same(alpha, beta)
    (alpha.folder / "old").rename(alpha.folder / "new")
    (beta.folder / "old").unlink()
    assert same(alpha, beta) == {}, "a rename alone revives nothing"


def test_a_directory_removed_that_holds_what_is_not_synced(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/file", "1")
    same(alpha, beta)
    beta.write("directory/.DS_Store", "of beta alone")
    shutil.rmtree(alpha.folder / "directory")
    alpha.sync()
    problems = beta.sync().problems
    assert "not synced" in problems[b"directory"]
    assert beta.read("directory/.DS_Store") == "of beta alone"
    assert alpha.names() == []


def test_a_rename_of_case_only(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("Note", "1")
    same(alpha, beta)
    inode = (beta.folder / "Note").stat().st_ino
    (alpha.folder / "Note").rename(alpha.folder / "note")
    assert texts(same(alpha, beta)) == {"note": b"1"}
    assert (beta.folder / "note").stat().st_ino == inode, "moved, and not made anew"


def test_names_that_differ_in_case_or_form_only(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    for name in ("a", "A", "\u00e9", "e\u0301"):
        alpha.write(name, name)
    assert texts(same(alpha, beta)) == {name: name.encode() for name in ("a", "A", "\u00e9", "e\u0301")}


def test_clocks_that_are_wrong(tmp_path: Path) -> None:
    ahead = Ambient(now_ns=lambda: time.time_ns() + 400 * 86_400 * 10**9)
    alpha, beta = devices(tmp_path, "alpha", "beta")
    beta.ambient = ahead
    beta.write("note", "by beta, of next year")
    same(alpha, beta)
    alpha.write("note", "by alpha, after it")
    os.utime(alpha.folder / "note", ns=(-(10**18), -(10**18)))
    tree = same(alpha, beta)
    assert texts(tree) == {"note": b"by alpha, after it"}, "what follows wins, whatever the clocks say"
    assert tree["note"][2] == -(10**18), "a time before 1970 is a time"


def test_a_copy_of_last_year_joins(tmp_path: Path) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for number in range(6):
        alpha.write(f"directory/f{number}", f"first {number}")
    same(alpha, beta)
    shutil.copytree(alpha.folder, tmp_path / "gamma" / "folder", ignore=shutil.ignore_patterns(".syncd-*"))
    (alpha.folder / "directory/f0").unlink()
    alpha.write("directory/f1", "second")
    (alpha.folder / "directory/f2").rename(alpha.folder / "elsewhere")
    beta.write("directory/f3", "by beta")
    same(alpha, beta)
    gamma = Device(tmp_path, "gamma", alpha.store)
    gamma.write("directory/f4", "edited in the copy")
    gamma.join(alpha)
    tree = texts(same(alpha, beta, gamma))
    edited = {path: tree.pop(path) for path in list(tree) if "f4" in path}
    assert set(edited.values()) == {b"first 4", b"edited in the copy"}, "only what was edited there is a conflict"
    assert tree == {
        "directory/f1": b"second",
        "directory/f3": b"by beta",
        "directory/f5": b"first 5",
        "elsewhere": b"first 2",
    }


def test_offline_for_a_month(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    for number in range(12):
        alpha.write(f"f{number}", "first")
    same(alpha, beta)
    for week in range(4):
        for number in range(5):
            alpha.write(f"f{number}", f"week {week}")
        (alpha.folder / f"f{8 + week}").unlink()
        alpha.sync()
    beta.write("f6", "by beta")
    beta.write("f7", "by beta")
    (beta.folder / "f5").unlink()
    tree = same(alpha, beta)
    assert conflicts(tree) == []
    wanted = {f"f{number}": b"week 3" for number in range(5)}
    assert texts(tree) == {**wanted, "f6": b"by beta", "f7": b"by beta"}


def test_made_and_gone_again(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("passing", "1")
    (alpha.folder / "passing").unlink()
    both = alpha.sync()
    assert both.outward.changes == 0
    assert same(alpha, beta) == {}


def test_another_folder_of_this_device_in_its_place(two: tuple[Device, Device]) -> None:
    """A backup of the folder, or the directory below a mount: it has our marker, and lacks what came since."""
    alpha, beta = two
    alpha.write("old", "1")
    same(alpha, beta)
    shutil.copytree(alpha.folder, alpha.folder.parent / "backup")
    marker = alpha.folder.parent / "backup" / ".syncd-folder"
    lines = marker.read_text().splitlines()
    marker.write_text("\n".join([*lines[:-1], "mark 0123456789abcdef"]) + "\n")
    alpha.write("new", "2")
    same(alpha, beta)
    alpha.folder.rename(alpha.folder.parent / "away")
    (alpha.folder.parent / "backup").rename(alpha.folder)
    assert texts(same(alpha, beta)) == {"old": b"1", "new": b"2"}, "nothing is taken for deleted"


def test_own_writes_are_no_news(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("a/b", "1")
    same(alpha, beta)
    both = beta.sync()
    assert (both.outward.changes, both.applied.done) == (0, 0)


def test_a_record_is_there_and_its_pack_is_not(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("first", "kept")
    same(alpha, beta)
    alpha.write("lost", "its pack is away")
    before = set(alpha.store.rglob("pack/*/*"))
    alpha.sync()
    (pack,) = set(alpha.store.rglob("pack/*/*")) - before
    alpha.write("after", "it flows")
    alpha.sync()
    pack.rename(alpha.store.parent / "away")
    problems = beta.sync().problems
    assert list(problems) == [b"lost"], "that file alone waits"
    assert beta.read("after") == "it flows"
    (alpha.store.parent / "away").rename(pack)
    assert texts(same(alpha, beta)) == {"first": b"kept", "lost": b"its pack is away", "after": b"it flows"}


def test_a_store_that_shows_an_older_state(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("a", "1")
    same(alpha, beta)
    alpha.write("b", "2")
    same(alpha, beta)
    records = sorted((alpha.store / "record").rglob("*"))
    newest = max((path for path in records if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
    newest.rename(alpha.store.parent / "away")
    alarms = beta.sync().arrived.alarms
    assert any("older state" in text for text in alarms.values())
    (alpha.store.parent / "away").rename(newest)
    assert beta.sync().arrived.alarms == {}


def test_a_gap_in_a_journal(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("a", "1")
    same(alpha, beta)
    before = set((alpha.store / "record").rglob("*"))
    alpha.write("b", "2")
    alpha.sync()
    (hidden,) = [path for path in set((alpha.store / "record").rglob("*")) - before if path.is_file()]
    (alpha.folder / "a").unlink()
    alpha.sync()
    hidden.rename(alpha.store.parent / "away")
    assert any("missing" in text for text in beta.sync().arrived.alarms.values())
    assert beta.names() == ["a"], "nothing is removed while a record is hidden"
    (alpha.store.parent / "away").rename(hidden)
    assert texts(same(alpha, beta)) == {"b": b"2"}


def test_rest_comes_in_few_rounds(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("x", "1")
    beta.write("x", "2")
    settle([alpha, beta], rounds=4)
    assert alpha.tree() == beta.tree()


def test_a_record_that_leaves_out_what_it_has_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta, gamma = devices(tmp_path, "alpha", "beta", "gamma")
    alpha.write("a", "1")
    same(alpha, beta, gamma)
    before = set((alpha.store / "record").rglob("*"))
    alpha.write("directory/b", "2")
    alpha.sync()
    (hidden,) = [path for path in set((alpha.store / "record").rglob("*")) - before if path.is_file()]
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "untold", lambda state: ())
        beta.sync()
        beta.write("directory/c", "3")
        beta.sync()
    hidden.rename(alpha.store.parent / "away")
    assert any("builds upon" in text for text in gamma.sync().arrived.alarms.values())
    (alpha.store.parent / "away").rename(hidden)
    assert texts(same(alpha, beta, gamma)) == {"a": b"1", "directory/b": b"2", "directory/c": b"3"}
