"""From disk to history: what every kind of change becomes, and what never becomes a deletion."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outcome, Outward
from syncd.engine.progress import Progress
from syncd.errors import NeedsAttention
from syncd.fs.kernel import Kernel
from syncd.fs.looking import MARKER
from syncd.history.versions import history
from syncd.model.ids import ROOT
from tests.world import World, age, tree_of


def words(world: World, path: str | bytes) -> list[str]:
    """The history of a path as words, oldest first."""
    vault = world.open(write=False)
    try:
        raw = path if isinstance(path, bytes) else path.encode()
        return [v.change for v in history(vault.state.nodes, vault.state.devices.all(), raw)][::-1]
    finally:
        vault.close()


def restored(world: World, tmp_path: Path, *arguments: str) -> dict[str, tuple[object, ...]]:
    target = tmp_path / "restored"
    done = world.cli("restore", ".", "--to", str(target), *arguments)
    assert done.returncode == 0, done.stderr
    return tree_of(target)


def test_everything_a_tree_can_hold_comes_back(world: World, tmp_path: Path) -> None:
    source = random.Random(1)
    world.write("plain.txt", "hello")
    world.write("empty", b"")
    world.write("deep/" * 60 + "leaf", "deep")
    world.write("big.bin", source.randbytes(5_000_000) + bytes(3_000_000) + source.randbytes(1_000_000))
    world.write("exact", bytes(65536))
    world.write("n" * 255, "longest name")
    world.write("e\u0301", "decomposed")
    world.write("\u00e9", "composed")
    world.write("new\nline and 'quotes'", "x")
    (world.folder / "empty directory").mkdir(mode=0o750)
    os.symlink("../nowhere", world.folder / "dangling")
    os.symlink("deep", world.folder / "to a directory")
    odd = os.path.join(os.fsencode(world.folder), b"not \xff utf-8")
    with open(odd, "wb") as file:
        file.write(b"odd")
    run = world.write("run.sh", "#!/bin/sh\n")
    run.chmod(0o755)
    world.write("before 1970", "old")
    os.utime(world.folder / "before 1970", ns=(-5_000_000_001, -5_000_000_001))
    outcome = world.scan()
    assert outcome.problems == {}
    assert restored(world, tmp_path) == world.tree()


def test_a_path_longer_than_the_kernel_takes_at_once(world: World, tmp_path: Path) -> None:
    here = os.open(world.folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open(os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(b"far down")
    os.close(here)
    outcome = world.scan()
    assert outcome.problems == {}
    assert outcome.changes == 21
    path = "/".join(["d" * 250] * 20 + ["leaf"])
    assert world.cli("cat", path).stdout == "far down"
    done = world.cli("restore", ".", "--to", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    subprocess.run(["rm", "-rf", str(tmp_path / "out"), str(world.folder / ("d" * 250))], check=True)


def test_a_second_scan_says_and_reads_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write("a/b.txt", "x")
    world.write("c.txt", "y")
    time.sleep(0)
    world.scan()
    before = {path: path.stat().st_mtime_ns for path in world.objects()}
    settle(world)
    opened: list[bytes] = []

    def noting_open(path: bytes, *arguments: Any, **named: Any) -> int:
        opened.append(path)
        return os.open(path, *arguments, **named)

    monkeypatch.setattr(Kernel, "open", staticmethod(noting_open))
    monkeypatch.setattr(Kernel, "read_files", None)
    outcome = world.scan()
    assert {os.path.basename(path) for path in opened} == {b".syncd-folder"}
    assert (outcome.changes, outcome.records) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in world.objects()} == before


def settle(world: World) -> None:
    """Scan until the fingerprints are old enough to be believed."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        world.scan()
        vault = world.open(write=False)
        untrusted = [row for row in vault.state.nodes.live() if row.kind == 1 and row.ctime_ns == 0]
        vault.close()
        if not untrusted:
            return
    raise AssertionError("fingerprints never settle")


def test_the_words_of_a_file_through_its_life(world: World) -> None:
    path = world.write("a.txt", "one")
    world.scan()
    world.write("a.txt", "two!")
    world.scan()
    age(path, 50)
    world.scan()
    path.chmod(0o600)
    world.scan()
    path.rename(world.folder / "b.txt")
    world.scan()
    (world.folder / "sub").mkdir()
    (world.folder / "b.txt").rename(world.folder / "sub/b.txt")
    world.scan()
    (world.folder / "sub/b.txt").unlink()
    world.scan()
    expected = ["added", "edited", "touched", "mode", "renamed", "moved", "deleted"]
    assert words(world, "sub/b.txt") == expected
    assert words(world, "a.txt") == expected, "the history is found from every name it had"


def test_renaming_a_directory_is_one_change_and_no_bytes(world: World) -> None:
    for i in range(200):
        world.write(f"photos/{i % 7}/{i}.txt", f"picture {i}")
    world.scan()
    before = len(world.objects())
    (world.folder / "photos").rename(world.folder / "pictures")
    outcome = world.scan()
    assert outcome.changes == 1
    assert len(world.objects()) == before + 1, "one record, no pack"
    assert words(world, "pictures/3/3.txt") == ["added"]
    assert world.cli("cat", "pictures/3/3.txt").stdout == "picture 3"


@pytest.mark.parametrize(
    "save", ["truncate", "write and rename", "backup and rename", "append", "emacs", "delete and write"]
)
def test_saves_of_editors_are_edits_of_one_node(world: World, save: str) -> None:
    path = world.write("letter.txt", "dear")
    world.scan()
    fresh, backup = world.folder / ".letter.new", world.folder / "letter.txt~"
    if save == "truncate":
        path.write_text("dear you")
    elif save == "write and rename":
        fresh.write_text("dear you")
        fresh.replace(path)
    elif save == "backup and rename":
        path.rename(backup)
        path.write_text("dear you")
        backup.unlink()
    elif save == "append":
        with path.open("a") as file:
            file.write(" you")
    elif save == "emacs":
        path.rename(backup)
        path.write_text("dear you")
    else:
        path.unlink()
        path.write_text("dear you")
    world.scan()
    assert words(world, "letter.txt") == ["added", "edited"]
    assert world.cli("cat", "letter.txt").stdout == "dear you"


def test_a_rename_over_another_file_edits_it(world: World) -> None:
    world.write("a", "from a")
    world.write("b", "from b")
    world.scan()
    (world.folder / "a").rename(world.folder / "b")
    world.scan()
    assert words(world, "b") == ["added", "edited"]
    assert words(world, "a") == ["added", "deleted"]


def test_file_and_directory_change_places(world: World, tmp_path: Path) -> None:
    world.write("x/inner", "inside")
    world.write("y", "a file")
    world.scan()
    (world.folder / "x").rename(world.folder / "t")
    (world.folder / "y").rename(world.folder / "x")
    (world.folder / "t").rename(world.folder / "y")
    world.scan()
    assert restored(world, tmp_path) == world.tree()


def test_hard_links_are_files_of_their_own(world: World, tmp_path: Path) -> None:
    world.write("one", "shared")
    os.link(world.folder / "one", world.folder / "two")
    world.scan()
    (world.folder / "one").unlink()
    world.scan()
    assert words(world, "two") == ["added"]
    assert words(world, "one") == ["added", "deleted"]


def test_an_edit_of_the_same_size_in_the_same_instant_is_seen(world: World) -> None:
    """What rsync misses: equal size, equal mtime. The change time tells."""
    path = world.write("counter", "1111")
    world.scan()
    stat = path.stat()
    for text in ("2222", "3333", "4444"):
        path.write_text(text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        world.scan()
        assert world.cli("cat", "counter").stdout == text


def test_a_file_edited_while_it_was_being_scanned_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second write falls into the same tick as the first: only distrust finds it."""
    path = world.folder / "counter"
    path.write_text("1111")
    frozen = path.stat()
    world.scan()
    path.write_text("2222")
    vault = world.open()
    row = vault.state.nodes.find(b"counter")
    vault.close()
    assert row is not None
    if frozen.st_ctime_ns > time.time_ns() - 10**10:
        assert row.ctime_ns == 0, "a fingerprint this young must not be trusted"
    world.scan()
    assert world.cli("cat", "counter").stdout == "2222"


def test_a_file_that_changes_while_it_is_read_is_never_published_torn(world: World) -> None:
    path = world.write("torn", b"a" * 3_000_000)
    vault = world.open()
    outbox = Outbox(vault)
    reads = []
    original = outbox.chunk

    def meddling(data: bytes, **options: int) -> bytes:
        reads.append(len(data))
        if len(reads) < 200:
            with path.open("r+b") as file:
                file.seek(2_999_999)
                file.write(bytes([len(reads)]))
        return original(data, **options)

    outbox.chunk = meddling  # type: ignore[assignment, method-assign]
    outcome = Outward(vault, outbox, Progress(time.monotonic)).scan()
    assert vault.state.nodes.find(b"torn") is None
    assert b"torn" in outcome.problems
    assert outcome.unsettled == {ROOT}
    vault.close()
    world.scan()
    assert world.cli("cat", "torn", text=False).stdout == path.read_bytes()


def test_special_files_are_listed_and_skipped(world: World) -> None:
    os.mkfifo(world.folder / "pipe")
    world.write("file", "x")
    outcome = world.scan()
    assert list(outcome.problems) == [b"pipe"]
    assert "fifo" in outcome.problems[b"pipe"]
    assert world.cli("sync").returncode == 3
    status = world.cli("status")
    assert "pipe" in status.stdout


def test_what_cannot_be_read_is_not_deleted(world: World) -> None:
    world.write("secret/inner", "x")
    world.write("locked", "y")
    world.scan()
    (world.folder / "secret").chmod(0)
    (world.folder / "locked").chmod(0)
    done = world.cli("sync", obedient=True)
    assert done.returncode == 3, done.stderr
    listed = world.cli("status", "--json").stdout
    assert '"secret"' in listed
    assert '"locked"' in listed
    assert "Permission denied" in listed
    assert words(world, "secret/inner") == ["added"]
    assert words(world, "locked") == ["added"]
    (world.folder / "secret").chmod(0o755)
    (world.folder / "locked").chmod(0o644)


def test_an_unmounted_folder_is_not_deleted(world: World) -> None:
    world.write("precious", "x")
    world.scan()
    world.folder.rename(world.folder.with_name("away"))
    world.folder.mkdir()
    with pytest.raises(NeedsAttention, match="not mounted"):
        world.scan()
    done = world.cli("sync")
    assert done.returncode == 11
    assert "not mounted" in done.stderr
    assert words(world, "precious") == ["added"]
    world.folder.rmdir()
    world.folder.with_name("away").rename(world.folder)
    assert world.scan().changes == 0


def test_another_folder_in_its_place_is_not_taken(world: World) -> None:
    (world.folder / os.fsdecode(MARKER)).write_text("vault 00\ndevice 00\n")
    with pytest.raises(NeedsAttention, match="another vault"):
        world.scan()


def test_ignoring_a_known_file_never_deletes_it(world: World) -> None:
    world.write("build/out.o", "x")
    world.write("notes.tmp", "y")
    world.scan()
    world.write(".syncdignore", "build/\n*.tmp\n")
    world.scan()
    (world.folder / "notes.tmp").unlink()
    world.scan()
    assert words(world, "build/out.o") == ["added"]
    assert words(world, "notes.tmp") == ["added"]
    world.write(".syncdignore", "")
    world.write("build/out.o", "edited while it was ignored")
    world.scan()
    assert words(world, "build/out.o") == ["added", "edited"]
    # It is compared as in a folder that joins: what is missing there is no deletion, and is brought again.
    assert words(world, "notes.tmp") == ["added"]


def test_equal_content_is_stored_once(world: World) -> None:
    data = random.Random(9).randbytes(400_000)
    world.write("one", data)
    world.scan()
    size = sum(path.stat().st_size for path in world.objects())
    for name in ("two", "three", "sub/four"):
        world.write(name, data)
    world.scan()
    assert sum(path.stat().st_size for path in world.objects()) - size < 10_000


def test_a_one_byte_insertion_stores_one_chunk(world: World) -> None:
    data = random.Random(10).randbytes(4_000_000)
    world.write("big", data)
    world.scan()
    size = sum(path.stat().st_size for path in world.objects())
    world.write("big", b"x" + data)
    world.scan()
    assert sum(path.stat().st_size for path in world.objects()) - size < 300_000


def test_what_changed_deep_in_a_directory_that_moved_is_seen_with_the_move(world: World) -> None:
    """Events name the new place, which nobody knows before the move is told: they must not be lost by then."""
    for place in ("old/a/b", "old/a/c", "old/z"):
        world.write(f"{place}/file", "first")
    (world.folder / "there").mkdir()
    world.scan()
    vault = world.open()
    try:
        (world.folder / "old/a/b/file").write_text("second, and longer")
        (world.folder / "old/a/b/new").write_text("new")
        (world.folder / "old").rename(world.folder / "there/moved")
        hints = {b"", b"there", *(b"there/moved" + below for below in (b"", b"/a", b"/a/b", b"/a/c", b"/z"))}
        Outward(vault, Outbox(vault), Progress(time.monotonic), {b"there/moved": b"old"}).look(hints)
        nodes = vault.state.nodes
        assert nodes.find(b"there/moved/a/b/new") is not None
        row = nodes.find(b"there/moved/a/b/file")
        assert row is not None
        assert row.size == len("second, and longer")
    finally:
        vault.close()


def test_what_is_gone_from_a_directory_that_moved_is_looked_for_where_it_stands_now(world: World) -> None:
    """It is told by the second look only, and that went to where the directory had stood before."""
    world.write("old/deep/file", "stays")
    world.write("old/deep/gone", "goes")
    (world.folder / "there").mkdir()
    world.scan()
    vault = world.open()
    try:
        (world.folder / "old/deep/gone").unlink()
        (world.folder / "old").rename(world.folder / "there/moved")
        hints = {b"", b"there", b"there/moved", b"there/moved/deep"}
        moves, nodes = {b"there/moved": b"old"}, vault.state.nodes

        def look(paths: set[bytes], *, ripe: bool) -> Outcome:
            return Outward(vault, Outbox(vault), Progress(time.monotonic), moves, lambda node: ripe).look(paths)

        first = look(hints, ripe=False)
        assert nodes.find(b"there/moved/deep/gone") is not None, "it may have been moved, too"
        again = {vault.state.base.path_of(node) for node in first.unsettled}
        assert again == {b"there/moved/deep"}
        assert not look(again, ripe=True).unsettled
        assert nodes.find(b"there/moved/deep/gone") is None
        assert nodes.find(b"there/moved/deep/file") is not None
    finally:
        vault.close()


@pytest.mark.parametrize("whole", [True, False])
def test_a_directory_that_took_the_name_of_a_file_is_gone_into_to_the_end(world: World, whole: bool) -> None:
    """The first look does not go into it, for the file may be gone for a moment only; the next one has no hints of it."""
    world.write("name", "a file")
    world.write("directory/deep/file", "stays")
    world.scan()
    vault = world.open()
    try:
        (world.folder / "directory/deep/new").write_text("new")
        (world.folder / "name").rename(world.folder / "directory/file")
        (world.folder / "directory").rename(world.folder / "name")

        def outward(ripe: bool, covered: set[int]) -> Outward:
            return Outward(vault, Outbox(vault), Progress(time.monotonic), {}, lambda node: ripe, covered=covered)

        first = outward(False, set()).scan() if whole else outward(False, set()).look({b"", b"name", b"name/deep"})
        assert vault.state.nodes.find(b"name/deep/new") is None
        second = outward(True, first.covered).look({vault.state.base.path_of(node) for node in first.unsettled})
        assert not second.covered
        assert vault.state.nodes.find(b"name/deep/new") is not None
        assert vault.state.nodes.find(b"name/file") is not None
    finally:
        vault.close()


def test_looking_at_one_directory_finds_what_a_scan_finds(world: World) -> None:
    world.write("a/known", "x")
    world.scan()
    world.write("a/known", "edited")
    world.write("a/new/deeper/file", "y")
    world.write("elsewhere", "not looked at")
    vault = world.open()
    outcome = Outward(vault, Outbox(vault), Progress(time.monotonic)).look([b"a/new/deeper", b"a"])
    vault.close()
    assert outcome.changes == 4
    assert world.scan().changes == 1


def test_a_held_file_waits_and_the_others_do_not(world: World) -> None:
    world.write("being written", "half")
    world.write("done", "x")
    vault = world.open()
    outcome = Outward(vault, Outbox(vault), Progress(time.monotonic)).look([b""], {b"being written"})
    assert outcome.changes == 1
    assert vault.state.nodes.find(b"being written") is None
    vault.close()
    assert world.scan().changes == 1
