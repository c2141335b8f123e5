"""Bringing back: files, deleted files, directories, everything at an instant; never over unsaved bytes."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from tests.world import World, instant, tree_of


def ok(world: World, *arguments: str) -> str:
    done = world.cli(*arguments)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_an_old_version_of_a_file(world: World, tmp_path: Path) -> None:
    world.write("a.txt", "one")
    world.scan()
    then = instant()
    world.write("a.txt", "two")
    world.scan()
    first = json.loads(ok(world, "history", "a.txt", "--json"))[-1]
    assert ok(world, "cat", "a.txt", "--at", then) == "one"
    assert ok(world, "cat", "a.txt", "--version", first["version_id"]) == "one"
    ok(world, "restore", "a.txt", "--at", then, "--to", str(tmp_path / "out"))
    assert (tmp_path / "out/a.txt").read_text() == "one"
    ok(world, "restore", "a.txt", "--version", first["version_id"])
    assert (world.folder / "a.txt").read_text() == "one"
    changes = [line["change"] for line in json.loads(ok(world, "history", "a.txt", "--json"))]
    assert changes == ["edited", "edited", "added"], "a restored version is a new one"
    assert world.scan().changes == 0


def test_a_deleted_file_comes_back_as_itself(world: World) -> None:
    world.write("dir/sub/a.txt", "precious")
    world.write("dir/b.txt", "other")
    world.scan()
    for path in ("dir/sub/a.txt", "dir/b.txt"):
        (world.folder / path).unlink()
    (world.folder / "dir/sub").rmdir()
    (world.folder / "dir").rmdir()
    world.scan()
    listed = json.loads(ok(world, "find", "*.txt", "--deleted", "--json"))
    found = {entry["path"]: (entry["state"], entry["kind"], entry["size"]) for entry in listed}
    assert found == {"dir/sub/a.txt": ("deleted", "file", 8), "dir/b.txt": ("deleted", "file", 5)}, "as it last was"
    ok(world, "restore", "dir/sub/a.txt")
    assert (world.folder / "dir/sub/a.txt").read_text() == "precious"
    assert not (world.folder / "dir/b.txt").exists()
    lines = [line["change"] for line in json.loads(ok(world, "history", "dir/sub/a.txt", "--json"))]
    assert lines == ["restored", "deleted", "added"]
    ok(world, "restore", "dir/b.txt")
    assert (world.folder / "dir/b.txt").read_text() == "other"
    assert world.scan().changes == 0


def test_the_whole_folder_at_an_instant(world: World, tmp_path: Path) -> None:
    source = random.Random(1)
    for i in range(60):
        world.write(f"d{i % 5}/f{i}", source.randbytes(source.randrange(90_000)))
    os.symlink("f0", world.folder / "d0/link")
    world.scan()
    then, before = instant(), world.tree()
    for i in range(0, 60, 2):
        (world.folder / f"d{i % 5}/f{i}").unlink()
    world.write("d1/f1", "edited")
    (world.folder / "d2").rename(world.folder / "moved")
    world.write("new", "since")
    world.scan()
    now = world.tree()
    ok(world, "restore", ".", "--at", then, "--to", str(tmp_path / "then"))
    assert tree_of(tmp_path / "then") == before
    ok(world, "restore", ".", "--to", str(tmp_path / "now"))
    assert tree_of(tmp_path / "now") == now

    ok(world, "restore", ".", "--at", then)
    restored = world.tree()
    assert {path: entry for path, entry in restored.items() if path in before} == before
    assert "new" in restored, "what came since stays"
    preview = ok(world, "restore", ".", "--at", then, "--exact", "--dry-run")
    assert "remove new" in preview
    assert (world.folder / "new").exists()
    refused = world.cli("restore", ".", "--at", then, "--exact")
    assert refused.returncode == 2
    ok(world, "restore", ".", "--at", then, "--exact", "--yes")
    assert world.tree() == before
    assert ok(world, "cat", "new") == "since", "what was removed is still in the vault"
    assert world.scan().changes == 0


def test_unsaved_changes_are_published_before_they_are_replaced(world: World) -> None:
    world.write("a.txt", "one")
    world.scan()
    then = instant()
    world.write("a.txt", "never scanned")
    ok(world, "restore", "a.txt", "--at", then)
    assert (world.folder / "a.txt").read_text() == "one"
    versions = json.loads(ok(world, "history", "a.txt", "--json"))
    assert ok(world, "cat", "a.txt", "--version", versions[1]["version_id"]) == "never scanned"


def test_a_restore_elsewhere_can_be_repeated(world: World, tmp_path: Path) -> None:
    """As after one that was broken off: what stands there already as it was is as wanted."""
    world.write("dir/a", "one")
    world.write("dir/b", "two")
    (world.folder / "dir" / "link").symlink_to("a")
    world.scan()
    out = tmp_path / "out"
    ok(world, "restore", ".", "--to", str(out))
    (out / "dir" / "a").unlink()
    assert "Restored 1 file, 3 B; 2 were as wanted." in world.cli("restore", ".", "--to", str(out)).stderr
    (out / "dir" / "b").write_text("mine")
    done = world.cli("restore", ".", "--to", str(out))
    assert done.returncode == 3
    assert "stands there already" in done.stderr
    assert (out / "dir" / "b").read_text() == "mine"


def test_elsewhere_nothing_is_ever_replaced(world: World, tmp_path: Path) -> None:
    world.write("a.txt", "vault")
    world.write("b.txt", "vault")
    world.scan()
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("mine")
    done = world.cli("restore", ".", "--to", str(out))
    assert done.returncode == 3
    assert "a.txt: something stands there already" in done.stderr
    assert (out / "a.txt").read_text() == "mine"
    assert (out / "b.txt").read_text() == "vault"


def test_a_file_where_a_directory_stands_now_gets_another_name(world: World) -> None:
    world.write("thing.txt", "a file once")
    world.scan()
    then = instant()
    (world.folder / "thing.txt").unlink()
    world.write("thing.txt/inside", "x")
    world.scan()
    ok(world, "restore", "thing.txt", "--at", then)
    (beside,) = [path for path in world.folder.iterdir() if "(restored" in path.name]
    assert beside.read_text() == "a file once"
    assert beside.suffix == ".txt"
    assert (world.folder / "thing.txt/inside").read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cat", "nowhere"], 2, "nothing ever stood at nowhere"),
        (["cat", "dir"], 2, "is a directory"),
        (["ls", "nowhere"], 2, "nothing stands at nowhere"),
        (["history", "a.tx"], 2, "nothing ever stood at a.tx"),
        (["history", "."], 2, "no versions"),
        (["cat", "a.txt", "--version", "zz-1"], 2, "not a version id"),
        (["cat", "a.txt", "--version", "99999999-1"], 2, "not a version id"),
        (["cat", "a.txt", "--at", "1999-01-01"], 2, "nothing stands at a.txt at that time"),
        (["cat", "a.txt", "--at", "whenever"], 2, "no time that syncd knows"),
        (["restore", "a.txt", "--to", "FOLDER/x"], 2, "lies inside the folder"),
        (["restore", "/etc/passwd"], 2, "is not in the folder"),
        (["restore", "a.txt", "dir", "--version", "x"], 2, "goes with one path"),
        (["restore"], 2, "Missing argument"),
    ],
)
def test_typos_are_told_and_change_nothing(world: World, arguments: list[str], code: int, said: str) -> None:
    world.write("a.txt", "x")
    world.write("dir/b", "y")
    world.scan()
    before = world.tree()
    done = world.cli(*[argument.replace("FOLDER", str(world.folder)) for argument in arguments])
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert world.tree() == before


def test_paths_count_from_where_the_person_is(world: World) -> None:
    import subprocess
    import sys

    from tests.world import environment

    world.write("dir/b", "y")
    world.scan()
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "cat", "b"],
        cwd=world.folder / "dir",
        env=environment(world.root / "home"),
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"y"
    assert ok(world, "cat", str(world.folder / "dir/b")) == "y"


def test_diff(world: World) -> None:
    world.write("a.txt", "one\ntwo\n")
    world.scan()
    assert world.cli("diff", "a.txt").returncode == 0
    world.write("a.txt", "one\nthree\n")
    done = world.cli("diff", "a.txt")
    assert done.returncode == 1
    assert "-two\n+three\n" in done.stdout
    world.write("a.txt", b"\0\1\2")
    assert "differ: 8 and 3 bytes" in world.cli("diff", "a.txt").stdout


def test_a_listing_says_all_its_fields(world: World) -> None:
    world.write("dir/b.txt", "y")
    with open(os.path.join(os.fsencode(world.folder), b"\xff"), "wb"):
        pass
    world.scan()
    listed = {entry["path"]: entry for entry in json.loads(ok(world, "ls", "-R", "--json"))}
    assert set(listed["dir/b.txt"]) == {"path", "kind", "size", "mtime_ns", "mode", "version_id", "state"}
    assert listed["\ufffd"]["path_b64"] == "/w=="
    assert listed["dir"]["kind"] == "directory"
    (version,) = json.loads(ok(world, "history", "dir/b.txt", "--json"))
    assert set(version) == {
        "version_id",
        "path",
        "kind",
        "size",
        "mtime_ns",
        "device",
        "recorded_at",
        "change",
        "current",
    }
    assert version["device"] == "tester"
    assert version["current"] is True


def test_memory_does_not_grow_with_a_file(world: World, tmp_path: Path) -> None:
    """A 300 MB file is taken and brought back in far less memory than it has bytes."""
    path = world.folder / "big"
    with path.open("wb") as file:
        source = random.Random(2)
        for _ in range(300):
            file.write(source.randbytes(1_000_000))
    import sys

    from benchmarks.programs import measure
    from tests.world import environment

    env = environment(world.root / "home")
    assert measure([sys.executable, "-m", "syncd", "sync"], env).peak_mb < 150
    command = [sys.executable, "-m", "syncd", "restore", "big", "--to", str(tmp_path / "out")]
    assert measure(command, env).peak_mb < 150
    assert (tmp_path / "out/big").read_bytes() == path.read_bytes()


def test_a_symlink_leads_no_restore_out_of_its_place(world: World, tmp_path: Path) -> None:
    """A directory that became a symlink: what stood in it is not written to where the link points."""
    world.write("dir/a.txt", "x")
    world.scan()
    then = instant()
    outside = tmp_path / "outside"
    outside.mkdir()
    (world.folder / "dir/a.txt").unlink()
    (world.folder / "dir").rmdir()
    (world.folder / "dir").symlink_to(outside)
    world.scan()
    for arguments in (["restore", "dir/a.txt", "--at", then], ["restore", ".", "--at", then]):
        ok(world, *arguments)
    beside = sorted(path.name for path in world.folder.glob("dir (restored *"))
    assert beside
    assert all((world.folder / name / "a.txt").read_text() == "x" for name in beside)
    out = tmp_path / "out"
    out.mkdir()
    (out / "dir").symlink_to(outside)
    assert world.cli("restore", "dir", "--at", then, "--to", str(out)).returncode == 3
    assert list(outside.iterdir()) == []
    assert (world.folder / "dir").is_symlink()


def test_an_old_symlink_comes_back_in_its_place(world: World) -> None:
    link = world.folder / "link"
    link.symlink_to("old")
    world.scan()
    then = instant()
    link.unlink()
    link.symlink_to("new")
    world.scan()
    ok(world, "restore", "link", "--at", then)
    assert os.readlink(link) == "old"
    assert sorted(path.name for path in world.folder.iterdir()) == [".syncd-folder", "link"]
    assert world.scan().changes == 0


@pytest.mark.parametrize("name", ["ü" * 127, "x" + "ü" * 127, "n." + "ü" * 126, "x" + "ü" * 125 + ".txt"])
def test_a_long_name_that_is_taken_still_fits(world: World, name: str) -> None:
    """Cut within a character, or not at all, it could not be made on this disk or on another."""
    world.write(name, "a file")
    world.scan()
    then = instant()
    (world.folder / name).unlink()
    world.scan()
    world.write(f"{name}/inside", "a directory has its name")
    world.scan()
    ok(world, "restore", name, "--at", then)
    (beside,) = (path for path in world.folder.iterdir() if "(restored " in path.name)
    assert beside.read_text() == "a file"
    assert beside.name.encode("utf-8", "strict")
