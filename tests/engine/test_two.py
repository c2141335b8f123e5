"""Two and more devices share one tree through the store alone."""

from __future__ import annotations

import dataclasses
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from syncd.config.settings import load, save
from syncd.engine.cycle import Cycle
from syncd.engine.inward import Inward
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.picking import in_place, pick
from syncd.engine.progress import Progress
from syncd.engine.reviewing import deny
from syncd.engine.vault import open_vault
from syncd.model.entry import Change, Kind
from syncd.model.ids import OWN_DEVICE, key
from tests.engine.devices import Device, act, devices, opened, settle


@pytest.fixture
def two(tmp_path: Path) -> tuple[Device, Device]:
    one, other = devices(tmp_path, "alpha", "beta")
    return one, other


def same(*found: Device) -> dict[str, tuple[object, ...]]:
    """Let devices come to rest; return the tree that all have."""
    settle(list(found))
    trees = [device.tree() for device in found]
    assert all(tree == trees[0] for tree in trees)
    return trees[0]


def conflicts(tree: dict[str, tuple[object, ...]]) -> list[str]:
    return [path for path in tree if "(conflict " in path]


def test_what_one_has_the_other_gets(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/file", "bytes")
    (alpha.folder / "link").symlink_to("directory/file")
    (alpha.folder / "directory" / "file").chmod(0o640)
    tree = same(alpha, beta)
    assert sorted(tree) == ["directory", "directory/file", "link"]
    assert tree["directory/file"][1] == 0o640


def test_an_existing_folder_joins_without_a_byte_lost(tmp_path: Path) -> None:
    (alpha,) = devices(tmp_path, "alpha")
    alpha.write("same", "equal on both")
    alpha.write("other", "of alpha")
    alpha.sync()
    (tmp_path / "beta" / "folder").mkdir(parents=True)
    beta = Device(tmp_path, "beta", alpha.store)
    beta.write("same", "equal on both")
    beta.write("other", "of beta")
    beta.write("mine", "of beta alone")
    beta.join(alpha)
    both = beta.sync()
    assert both.outward.changes == 2, "what is equal is not published again"
    tree = same(alpha, beta)
    assert {tree[path][3] for path in tree} == {b"equal on both", b"of alpha", b"of beta", b"of beta alone"}
    assert len(conflicts(tree)) == 1


def test_edit_and_edit(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("note.txt", "first")
    same(alpha, beta)
    alpha.write("note.txt", "of alpha")
    beta.write("note.txt", "of beta")
    tree = same(alpha, beta)
    assert sorted(tree[path][3] for path in tree) == [b"of alpha", b"of beta"]  # type: ignore[type-var]
    (copy,) = conflicts(tree)
    assert copy.startswith("note (conflict ")
    assert copy.endswith(".txt")
    (beta.folder / copy).unlink()
    assert list(same(alpha, beta)) == ["note.txt"], "a copy that is removed is decided"


def test_edits_in_causal_order(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    for number in range(4):
        (alpha, beta)[number % 2].write("note.txt", f"edit {number}")
        tree = same(alpha, beta)
        assert list(tree) == ["note.txt"]


def test_rename_and_edit(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("old", "first")
    same(alpha, beta)
    (alpha.folder / "old").rename(alpha.folder / "new")
    beta.write("old", "edited meanwhile")
    tree = same(alpha, beta)
    assert {path: tree[path][3] for path in tree} == {"new": b"edited meanwhile"}


def test_edit_and_delete(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("note", "first")
    same(alpha, beta)
    (alpha.folder / "note").unlink()
    beta.write("note", "still wanted")
    assert same(alpha, beta)["note"][3] == b"still wanted"


def test_a_directory_removed_and_written_in(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/old", "1")
    same(alpha, beta)
    (alpha.folder / "directory" / "old").unlink()
    (alpha.folder / "directory").rmdir()
    beta.write("directory/new", "2")
    assert sorted(same(alpha, beta)) == ["directory", "directory/new"]


def test_a_directory_renamed_and_written_in(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/old", "1")
    same(alpha, beta)
    (alpha.folder / "directory").rename(alpha.folder / "moved")
    beta.write("directory/new", "2")
    assert sorted(same(alpha, beta)) == ["moved", "moved/new", "moved/old"]


def test_both_make_one_directory(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/a", "1")
    beta.write("directory/b", "2")
    assert sorted(same(alpha, beta)) == ["directory", "directory/a", "directory/b"]


def test_each_moves_a_directory_into_the_other(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("one/a", "1")
    alpha.write("other/b", "2")
    same(alpha, beta)
    (alpha.folder / "one").rename(alpha.folder / "other" / "one")
    (beta.folder / "other").rename(beta.folder / "one" / "other")
    tree = same(alpha, beta)
    assert sorted(tree[path][3] for path in tree if tree[path][0] == "file") == [b"1", b"2"]  # type: ignore[type-var]


def test_what_lost_has_the_name_once_what_won_is_removed(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("file", "one")
    same(alpha, beta)
    alpha.write("file", "two")
    beta.write("file", "three")
    same(alpha, beta)
    assert len(beta.names()) == 2
    won = beta.read("file")
    (beta.folder / "file").unlink()
    same(alpha, beta)
    assert beta.names() == ["file"]
    assert {won, beta.read("file")} == {"two", "three"}


def test_a_file_and_a_directory_change_places(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("a", "a file")
    alpha.write("b/inside", "in a directory")
    same(alpha, beta)
    (alpha.folder / "a").rename(alpha.folder / "aside")
    (alpha.folder / "b").rename(alpha.folder / "a")
    (alpha.folder / "aside").rename(alpha.folder / "b")
    tree = same(alpha, beta)
    assert (tree["a/inside"][3], tree["b"][3]) == (b"in a directory", b"a file")


@pytest.mark.parametrize("seed", range(6))
def test_random_lives_end_in_one_tree(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    found = devices(tmp_path, "alpha", "beta", "gamma")
    for _ in range(20):
        device = source.choice(found)
        if source.random() < 0.3:
            device.sync()
        else:
            act(device, source)
    same(*found)


def test_nothing_is_removed_while_an_alarm_stands(two: tuple[Device, Device]) -> None:
    """An alarm that only a listing shows holds for the looks and questions between two listings, too."""
    alpha, beta = two
    alpha.write("file", "bytes")
    same(alpha, beta)
    (alpha.folder / "file").unlink()
    alpha.sync()
    vault = open_vault(beta.home, write=True)
    try:
        cycle = Cycle(vault)
        cycle.status.alarms = {"record/x": "is missing"}
        cycle._pass(directories={b""})
        assert beta.read("file") == "bytes"
        cycle.status.alarms = {}
        cycle._pass(directories={b""})
        assert "file" not in beta.names()
    finally:
        vault.close()


def test_what_this_disk_has_is_copied_not_fetched(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("big", "x" * 40 + "".join(f"{number:09d}" for number in range(300_000)))
    same(alpha, beta)
    for pack in (alpha.store / "pack").rglob("*"):
        if pack.is_file():
            pack.unlink()  # whoever asked for one would be told
    shutil.copy2(alpha.folder / "big", alpha.folder / "copy")
    vault = open_vault(alpha.home, write=True)
    row = vault.state.nodes.find(b"big")
    assert row is not None
    change = Change(key(OWN_DEVICE, 0), 0, b"copy", 1, row.mode, row.mtime_ns, row.size, 0, 0, b"", b"", ())
    outbox = Outbox(vault)
    copied = change._replace(node=outbox.new_node(), depth=row.depth, profile=row.profile, ids=row.content)
    outbox.change(copied, vault.disk.stat(b"copy"))
    outbox.commit()
    vault.close()
    beta.sync()
    assert beta.read("copy") == beta.read("big")


def restore(device: Device, path: bytes, at_ns: int, *, exact: bool = False) -> dict[str, Any]:
    vault = open_vault(device.home, write=True)
    try:
        return in_place(vault, [path], Progress(time.monotonic), at_ns=at_ns, version=None, exact=exact, dry_run=False)
    finally:
        vault.close()


def test_what_is_restored_here_is_restored_there(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("directory/file", "one")
    same(alpha, beta)
    then = time.time_ns()
    beta.write("directory/file", "two")
    beta.write("directory/since", "then")
    same(alpha, beta)
    assert restore(alpha, b"directory", then)["files"] == 1
    assert alpha.read("directory/file") == "one", "at once, here"
    tree = same(alpha, beta)
    assert sorted(tree) == ["directory", "directory/file", "directory/since"], "what came since stays, without conflict"
    assert beta.read("directory/file") == "one"
    assert len(restore(alpha, b"directory", then, exact=True)["removed"]) == 1
    assert sorted(same(alpha, beta)) == ["directory", "directory/file"]


def kind_at(device: Device, path: bytes, at_ns: int) -> int:
    vault = open_vault(device.home, write=False)
    try:
        _, placed = pick(vault, path, at_ns, None)
        assert placed.row is not None
        return placed.row.kind
    finally:
        vault.close()


def test_what_stood_at_a_name_is_the_same_whoever_has_it_now(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("name/inside", "of alpha")
    alpha.sync()
    alone = time.time_ns()
    beta.write("name", "of beta")
    same(alpha, beta)
    both = time.time_ns()
    stood = Kind.DIRECTORY if (alpha.folder / "name").is_dir() else Kind.FILE
    assert [kind_at(alpha, b"name", when) for when in (alone, both)] == [Kind.DIRECTORY, stood]
    (alpha.folder / "name").rename(alpha.folder / "elsewhere")
    same(alpha, beta)
    assert [kind_at(alpha, b"name", when) for when in (alone, both)] == [Kind.DIRECTORY, stood]


def test_a_restore_builds_upon_all_that_is_known(two: tuple[Device, Device]) -> None:
    """An edit that arrived and could not be brought here yet is no conflict of a restore."""
    alpha, beta = two
    alpha.write("file", "one")
    same(alpha, beta)
    then = time.time_ns()
    beta.write("file", "two")
    beta.sync()
    vault = open_vault(alpha.home, write=True)
    Inward(vault).fetch(discover=True)
    vault.close()
    restore(alpha, b"file", then)
    assert sorted(same(alpha, beta)) == ["file"]
    assert beta.read("file") == "one"


def test_ignoring_and_not_ignoring_again_deletes_nothing(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("keep.log", "one")
    alpha.write("directory/also.log", "two")
    alpha.write("other", "three")
    before = same(alpha, beta)
    alpha.write(".syncdignore", "*.log\n")
    tree = same(alpha, beta)
    assert before.items() <= tree.items(), "what is ignored stays where it is, on both"
    alpha.write("keep.log", "edited while it was ignored")
    (beta.folder / "directory" / "also.log").unlink()
    settle([alpha, beta])
    assert beta.read("keep.log") == "one"
    assert alpha.read("directory/also.log") == "two"
    (alpha.folder / ".syncdignore").unlink()
    after = same(alpha, beta)
    assert after["keep.log"][3] == b"edited while it was ignored"
    assert not conflicts(after)
    assert before.keys() <= after.keys(), "what went while nobody looked is brought again, as in a folder that joins"
    (beta.folder / "directory" / "also.log").unlink()
    assert "directory/also.log" not in same(alpha, beta), "from then on it is a file like others"


def test_a_directory_that_was_ignored_and_went_is_brought_again_whole(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("log/deep/1.log", "one")
    alpha.write("log/2.log", "two")
    before = same(alpha, beta)
    alpha.write(".syncdignore", "log/\n")
    same(alpha, beta)
    shutil.rmtree(alpha.folder / "log")
    alpha.sync()
    (alpha.folder / ".syncdignore").unlink()
    assert before.items() <= same(alpha, beta).items()


def select(device: Device, *ignored: str) -> None:
    """Let a device sync all but some patterns, by its own settings."""
    save(dataclasses.replace(load(device.home.config), ignore=ignored), device.home.config)


def test_what_a_device_does_not_select_is_deleted_nowhere(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    alpha.write("films/old.mkv", "an old film")
    alpha.write("note", "small")
    before = same(alpha, beta)
    select(beta, "films/")
    shutil.rmtree(beta.folder / "films")
    alpha.write("films/new.mkv", "a new film")
    alpha.write("films/old.mkv", "a longer cut")
    alpha.write("note", "edited")
    settle([alpha, beta])
    assert beta.names() == ["note"], "what is not selected is not brought"
    assert beta.read("note") == "edited"
    assert alpha.names() == ["films", "films/new.mkv", "films/old.mkv", "note"]
    beta.write("films/own.mkv", "made here, told to nobody")
    settle([alpha, beta])
    assert "films/own.mkv" not in alpha.names()
    select(beta)
    after = same(alpha, beta)
    assert after.keys() == {*before, "films/new.mkv", "films/own.mkv"}
    assert beta.read("films/old.mkv") == "a longer cut"
    assert not conflicts(after)


def test_a_mass_deletion_that_takes_its_time_is_held_too(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    for number in range(60):
        alpha.write(f"many/{number}", str(number))
    same(alpha, beta)
    alpha.ambient = dataclasses.replace(alpha.ambient, now_ns=lambda: time.time_ns() + 3600 * 10**9)
    for number in range(60):
        (alpha.folder / f"many/{number}").unlink()
        if number % 15 == 14:
            alpha.sync()
    beta.sync()
    assert len(list((beta.folder / "many").iterdir())) == 45, "the first look saw too few; then they count together"
    alpha.ambient = dataclasses.replace(alpha.ambient, now_ns=lambda: time.time_ns() + 7200 * 10**9)
    alpha.sync()
    beta.sync()
    assert len(list((beta.folder / "many").iterdir())) == 45, "it waits for a yes, and not for a minute"
    vault = open_vault(alpha.home, write=True)
    assert deny(vault, Outbox(vault)) == 45
    vault.close()
    settle([alpha, beta])
    assert len(list((alpha.folder / "many").iterdir())) == 45


def test_a_mass_deletion_that_was_denied_comes_back_whole(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    for number in range(30):
        alpha.write(f"directory/deep/{number}", str(number))
    before = same(alpha, beta)
    shutil.rmtree(alpha.folder / "directory")
    alpha.sync()
    vault = open_vault(alpha.home, write=True)
    assert deny(vault, Outbox(vault)) > 20
    vault.close()
    assert same(alpha, beta) == before


@pytest.mark.parametrize("chooser", [0, 1])
def test_a_copy_moved_over_the_other_is_chosen_whatever_that_became_meanwhile(
    two: tuple[Device, Device], chooser: int
) -> None:
    """Told late that the copy is gone from beside: that says nothing against what stands in the other's place."""
    one, other = two[chooser], two[1 - chooser]
    one.write("note", "first")
    same(one, other)
    one.write("note", "of one")
    other.write("note", "of the other")
    (copy,) = conflicts(tree := same(one, other))
    chosen = tree[copy][3]
    for number in range(3):  # of two that changed at once, the one with more behind it stands
        other.write("note", f"edit {number}")
        other.sync()
    (one.folder / copy).replace(one.folder / "note")
    with opened(one) as vault:  # a look tells nothing as gone while there is a directory that it could not go into
        Outward(vault, Outbox(vault), Progress(time.monotonic), covered={key(OWN_DEVICE, 99)}).look([b""])
    tree = same(one, other)
    assert {tree[path][3] for path in ["note", *conflicts(tree)]} == {b"edit 2", chosen}
