"""Faults that were found by trying to break it, each kept as the test that failed first."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from syncd.engine import outbox as outbox_module
from syncd.engine.cycle import Cycle
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.errors import LocalDiskFull, NeedsAttention, StoreForeign, StoreFull
from syncd.state.chunks import place
from syncd.state.db import State
from tests.world import World, instant, tree_of


def words(world: World, path: str) -> list[str]:
    return [line["change"] for line in json.loads(world.cli("history", path, "--json").stdout)][::-1]


def live(world: World) -> int:
    vault = world.open(write=False)
    try:
        return sum(1 for _ in vault.state.nodes.live())
    finally:
        vault.close()


def fill(world: World, directories: int, files: int) -> int:
    for i in range(directories):
        for j in range(files):
            world.write(f"d{i}/sub/f{j}", f"{i} {j}")
    return directories * (files + 2)


@pytest.mark.parametrize("how", ["stop", "store full", "many records"])
def test_a_pass_that_ends_early_owes_the_rest(world: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory's digest was kept before what stands below it was told: the rest was never looked at again."""
    total = fill(world, 12, 8)
    vault = world.open()
    if how == "stop":
        cycle = Cycle(vault)
        left = 40

        def stop_soon() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                cycle.stop()
            Cycle._check_stop(cycle)

        monkeypatch.setattr(cycle, "_check_stop", stop_soon)
        cycle.run()
    else:
        monkeypatch.setattr(outbox_module, "LARGEST_CHANGES", 7)
        if how == "store full":
            put, puts = vault.store.put, 0

            def full(name: str, data: bytes) -> None:
                nonlocal puts
                puts += name.startswith("record/")
                if puts > 3:
                    raise StoreFull("no space")
                put(name, data)

            monkeypatch.setattr(vault.store, "put", full)
            with pytest.raises(StoreFull):
                Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
        else:
            Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
    vault.close()
    monkeypatch.undo()
    world.scan()
    assert live(world) == total


def test_a_file_that_came_and_went_is_told_as_gone(world: World) -> None:
    """The listing is again what an old digest says, but the base is not."""
    world.write("d/a", "x")
    for path in ("d/a", "d"):
        os.utime(world.folder / path, ns=(10**18, 10**18))
    time.sleep(0)
    until_remembered(world)
    world.write("d/b", "y")
    world.scan()
    (world.folder / "d/b").unlink()
    world.scan()
    assert words(world, "d/b") == ["added", "deleted"]


def until_remembered(world: World) -> None:
    """Scan until every directory's digest is kept."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        world.scan()
        vault = world.open(write=False)
        count = len(vault.state.nodes.digests())
        vault.close()
        if count >= 2:
            return
    raise AssertionError("no digest is ever kept")


def test_something_new_where_an_ignored_directory_was(world: World) -> None:
    world.write("build/o", "1")
    world.scan()
    world.write(".syncdignore", "build/\n")
    world.scan()
    shutil.rmtree(world.folder / "build")
    world.write("build", "a file now")
    world.scan()
    assert world.cli("cat", "build").stdout == "a file now"
    assert world.cli("rebuild").returncode == 0


def test_another_kind_at_a_name_after_a_rebuild(world: World, tmp_path: Path) -> None:
    world.write("a", "1")
    world.write("k/x", "2")
    world.scan()
    assert world.cli("rebuild").returncode == 0
    (world.folder / "a").unlink()
    (world.folder / "a").mkdir()
    shutil.rmtree(world.folder / "k")
    (world.folder / "k").symlink_to("a")
    assert world.cli("sync").returncode == 0
    assert "deleted" not in words(world, "a"), "what is missing after a rebuild is not deleted"
    assert (world.folder / "a").read_text() == "1"
    assert len(list(world.folder.glob("a (conflict *"))) == 1, "and what stood there is kept beside it"
    assert world.cli("rebuild").returncode == 0
    assert world.cli("restore", ".", "--to", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out/k/x").read_text() == "2"


def test_a_name_that_passes_on_between_two_records(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("p/d/m", "p/k"):
        world.write(name, name)
    world.scan()
    (world.folder / "p/d").rename(world.folder / "x")
    (world.folder / "p").rename(world.folder / "q")
    world.write("q/d/new", "n")
    monkeypatch.setattr(outbox_module, "LARGEST_CHANGES", 1)
    for _ in range(2):
        world.scan()
    target = world.root / "out"
    assert world.cli("restore", ".", "--to", str(target)).returncode == 0
    assert tree_of(target) == world.tree()
    assert world.cli("rebuild").returncode == 0


@pytest.mark.parametrize("seed", range(12))
def test_random_work_never_wedges_it(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves, swaps, replacements and restores in any order; records close anywhere. Seed: the parameter."""
    source = random.Random(seed)
    monkeypatch.setattr(outbox_module, "LARGEST_CHANGES", source.choice([1, 2, 5, 1000]))
    names = ["a", "b", "c", "a/b", "a/c", "b/a", "c/a/b", "b/c"]
    for _ in range(6):
        for _ in range(source.randrange(1, 6)):
            mutate(world.folder, source, names)
        world.scan()
    world.scan()
    target = world.root / "out"
    done = world.cli("restore", ".", "--to", str(target))
    assert done.returncode == 0, done.stderr
    assert tree_of(target) == world.tree()
    assert world.cli("rebuild").returncode == 0
    assert world.cli("verify", "--read-data", "100").returncode == 0


def mutate(root: Path, source: random.Random, names: list[str]) -> None:
    path, other = (root / source.choice(names) for _ in range(2))
    what = source.choice(["write", "write", "mkdir", "rename", "remove", "link", "swap"])
    try:
        if what == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.randbytes(200))
        elif what == "mkdir":
            path.mkdir(parents=True, exist_ok=True)
        elif what == "rename":
            path.rename(other)
        elif what == "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif what == "link":
            path.symlink_to("b")
        else:
            middle = root / "middle"
            path.rename(middle)
            other.rename(path)
            middle.rename(other)
    except OSError:
        return  # the dice asked for what a file system refuses


def test_a_huge_file_takes_several_records(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "LARGEST_SEALED", 2000)
    data = random.Random(1).randbytes(12_000_000)
    world.write("huge", data)
    outcome = world.scan()
    assert outcome.records > 1
    assert world.cli("cat", "huge", text=False).stdout == data
    assert world.cli("rebuild").returncode == 0
    assert world.cli("verify", "--read-data", "100").returncode == 0


def test_a_commit_that_fails_leaves_the_chunk_index_whole(tmp_path: Path) -> None:
    state = State(tmp_path, write=True)
    with state.transaction():
        state.chunks.add([(i.to_bytes(16, "big"), place(1, 1, i, 1)) for i in range(9000)])

    class Full:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def execute(self, sql: str, *rest: object) -> object:
            if sql == "COMMIT":
                import sqlite3

                raise sqlite3.OperationalError("database or disk is full")
            return self.inner.execute(sql, *rest)  # type: ignore[attr-defined]

    real, state.db = state.db, Full(state.db)  # type: ignore[assignment]

    def fail() -> None:
        with state.transaction():
            state.chunks.add([((i + 9000).to_bytes(16, "big"), place(2, 1, i, 1)) for i in range(9000)])

    with pytest.raises(LocalDiskFull):
        fail()
    state.db = real
    with state.transaction():
        state.chunks.add([(b"n" * 16, place(3, 1, 1, 1))])
    assert len(state.chunks) == 9001
    state.close()
    again = State(tmp_path, write=True)
    assert len(again.chunks) == 9001
    again.close()


@pytest.mark.parametrize("why", ["ignored", "unreadable"])
@pytest.mark.parametrize("exact", [False, True])
def test_a_restore_never_replaces_what_was_not_published(world: World, why: str, exact: bool) -> None:
    world.write("d/a", "v1")
    world.scan()
    then = instant()
    world.write("d/a", "v2")
    world.write("d/later", "came since")
    world.scan()
    if why == "ignored":
        world.write(".syncdignore", "a\nlater\n")
        world.scan()
    for name in ("a", "later"):
        world.write(f"d/{name}", "precious, unsaved")
        if why == "unreadable":
            (world.folder / "d" / name).chmod(0)
    arguments = ["restore", "d", "--at", then] + (["--exact", "--yes"] if exact else [])
    done = world.cli(*arguments, obedient=True)
    for name in ("a", "later"):
        (world.folder / "d" / name).chmod(0o644)
        assert (world.folder / "d" / name).read_text() == "precious, unsaved"
    assert done.returncode == 3, done.stderr
    assert "is not in the vault as it is now" in done.stderr


def test_another_vaults_store_is_not_written_to(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.root.mkdir()
    other.found()
    shutil.rmtree(world.store)
    shutil.copytree(other.store, world.store)
    world.write("a", "x")
    with pytest.raises(StoreForeign, match="another vault"):
        world.scan()
    shutil.rmtree(world.store / "slot")
    (world.store / "genesis").unlink()
    with pytest.raises(StoreForeign, match="holds no vault"):
        world.scan()


def test_a_lost_pack_is_stored_again_when_its_bytes_are_met(world: World) -> None:
    data = random.Random(2).randbytes(100_000)
    path = world.write("x", data)
    world.scan()
    next(found for found in world.objects() if "pack" in found.parts).unlink()
    world.write("copy", data)
    world.scan()
    path.touch()
    world.scan()
    assert world.cli("cat", "copy", text=False).stdout == data
    assert world.cli("cat", "x", text=False).stdout == data


@pytest.mark.parametrize("what", ["damaged", "missing"])
def test_a_hole_in_the_journal_makes_a_new_device(world: World, what: str) -> None:
    for number in range(4):
        world.write(f"f{number}", f"content {number}")
        world.scan()
    records = sorted(path for path in world.objects() if path.parts[-3] == "record")
    if what == "damaged":
        records[1].write_bytes(records[1].read_bytes()[:-1] + b"x")
    else:
        records[1].unlink()
    done = world.cli("rebuild")
    assert done.returncode == 1
    assert world.cli("sync").returncode == 0
    for number in range(4):
        assert world.cli("cat", f"f{number}").stdout == f"content {number}", "published again from the folder"
    assert world.cli("rebuild").returncode == 1, "the hole is still told"
    assert world.cli("sync").returncode == 0


def test_a_store_that_shows_an_older_state_is_noticed(world: World) -> None:
    world.write("a", "1")
    world.scan()
    world.write("a", "2")
    world.scan()
    max(path for path in world.objects() if path.parts[-3] == "record").unlink()
    world.write("a", "3")
    with pytest.raises(NeedsAttention, match="older state"):
        world.scan()
    assert world.cli("sync").returncode == 11


def test_a_second_rebuild_needs_no_words(tmp_path: Path) -> None:
    world = World(tmp_path, passphrase="sesame").found()
    world.write("a", "x")
    world.scan()
    world.home.device_key.unlink()
    (tmp_path / "pass").write_text("sesame")
    assert world.cli("rebuild", "--passphrase-file", str(tmp_path / "pass")).returncode == 0
    assert world.cli("sync").returncode == 0
    done = world.cli("rebuild")
    assert done.returncode == 0, done.stderr
    assert world.cli("sync").returncode == 0


def test_a_moved_big_file_is_still_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.engine import outward

    monkeypatch.setattr(outward, "BIG", 1000)
    world.write("a/film", b"f" * 5000)
    world.scan()
    (world.folder / "b").mkdir()
    (world.folder / "a/film").rename(world.folder / "b/film")
    world.scan()
    assert words(world, "b/film") == ["added", "moved"]


def test_a_link_in_place_of_a_directory_publishes_nothing_from_behind_it(world: World, tmp_path: Path) -> None:
    world.write("d/a", "x")
    world.scan()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not of the folder")
    shutil.rmtree(world.folder / "d")
    (world.folder / "d").symlink_to(outside)
    vault = world.open()
    Outward(vault, Outbox(vault), Progress(time.monotonic)).look([b"d", b""])
    vault.close()
    assert world.cli("find", "secret", "--deleted").returncode == 1


def test_nothing_below_an_ignored_directory_is_looked_at(world: World) -> None:
    world.write("build/a.txt", "x")
    world.scan()
    world.write(".syncdignore", "build\n")
    world.scan()
    (world.folder / "build/a.txt").unlink()
    world.write("build/new.txt", "y")
    for _ in range(2):
        world.scan()
    vault = world.open()
    Outward(vault, Outbox(vault), Progress(time.monotonic)).look([b"build"])
    vault.close()
    assert words(world, "build/a.txt") == ["added"]
    assert world.cli("find", "new.txt").returncode == 1


def test_a_hurt_list_hurts_its_own_file_only(world: World, tmp_path: Path) -> None:
    for number in range(5):
        world.write(f"small{number}", f"content {number}")
    world.scan()
    world.write("long", b"SQLite format 3\0" + random.Random(3).randbytes(4_000_000))
    world.scan()
    newest = max((path for path in world.objects() if "pack" in path.parts), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[: len(newest.read_bytes()) // 2])
    out = tmp_path / "out"
    done = world.cli("restore", ".", "--to", str(out))
    assert done.returncode == 3
    assert len([path for path in out.iterdir() if path.name.startswith("small")]) == 5
    assert not (out / "long").exists()


@pytest.mark.parametrize("lines", ["!\nbuild/\n", "\\\n[x]\n"])
def test_a_pattern_that_cannot_be_read_is_said_and_left_out(world: World, lines: str) -> None:
    world.write(".syncdignore", lines)
    world.write("a", "x")
    done = world.cli("sync")
    assert done.returncode == 3, done.stderr
    assert "cannot be read and is left out" in world.cli("status").stdout
    assert world.cli("cat", "a").stdout == "x"


def test_odd_old_places_stop_nothing(world: World) -> None:
    """Where a moved file stood is now a link to itself, a file, or a directory nobody may enter."""
    for name in ("d", "e", "f"):
        world.write(f"{name}/x", name)
    world.scan()
    for name in ("d", "e", "f"):
        (world.folder / name / "x").rename(world.folder / f"{name}-moved")
    (world.folder / "d").rmdir()
    (world.folder / "d").symlink_to("d")
    (world.folder / "e").rmdir()
    world.write("e", "a file")
    (world.folder / "f").chmod(0)
    done = world.cli("sync", obedient=True)
    (world.folder / "f").chmod(0o755)
    assert done.returncode == 3, done.stderr
    assert world.cli("sync").returncode == 0
    for name in ("d", "e", "f"):
        assert world.cli("cat", f"{name}-moved").stdout == name


def test_an_ignore_file_that_is_a_directory_or_unreadable(world: World) -> None:
    (world.folder / ".syncdignore").mkdir()
    world.write("a", "x")
    assert world.cli("sync").returncode == 0
    (world.folder / ".syncdignore").rmdir()
    world.write(".syncdignore", "secret\n")
    world.write("secret", "x")
    (world.folder / ".syncdignore").chmod(0)
    done = world.cli("sync", obedient=True)
    (world.folder / ".syncdignore").chmod(0o644)
    assert done.returncode == 11
    assert world.cli("find", "secret").returncode == 1


def test_moves_during_a_look_are_not_deletions(world: World) -> None:
    """Files leave one directory for another in bursts while the agent looks: each keeps its history."""
    for number in range(1500):
        world.write(f"from/{number}", f"{number}")
    (world.folder / "to").mkdir()
    world.scan()
    vault = world.open()
    cycle = Cycle(vault)
    thread = threading.Thread(target=cycle.run)
    thread.start()
    try:
        end = time.monotonic() + 30
        while cycle.status.state != "idle" and time.monotonic() < end:
            os.sched_yield()
        for number in range(1500):
            (world.folder / f"from/{number}").rename(world.folder / f"to/{number}")
            if number % 100 == 0:
                threading.Event().wait(0.06)
        cycle.ask(lambda cycle: cycle.sync()).result()
    finally:
        cycle.stop()
        thread.join()
    rows = list(vault.state.nodes.everything())
    vault.close()
    assert not [row for row in rows if row.kind == 4], "a move was told as a deletion"


def test_junk_beside_the_records_stops_nothing(world: World) -> None:
    world.write("a", "x")
    world.scan()
    (world.store / "record/desktop.ini").write_text("junk")
    (world.store / "record" / ("0" * 31)).mkdir()
    assert world.cli("verify").returncode == 0
    assert world.cli("rebuild").returncode == 0


@pytest.mark.parametrize("when", ["2999-01-01", "0001-01-01", "999999999999 days ago"])
def test_times_that_are_too_far_away(world: World, when: str) -> None:
    world.write("a", "x")
    world.scan()
    done = world.cli("cat", "a", "--at", when)
    assert done.returncode == 2
    assert "too far away" in done.stderr


def test_the_wrong_version_of_the_wrong_file(world: World) -> None:
    world.write("a", "from a")
    world.write("b", "from b")
    world.scan()
    (line,) = json.loads(world.cli("history", "a", "--json").stdout)
    done = world.cli("restore", "b", "--version", line["version_id"])
    assert done.returncode == 2
    assert (world.folder / "b").read_text() == "from b"
    early = world.cli("restore", ".", "--at", "2001-01-01", "--exact", "--yes")
    assert early.returncode == 2
    assert (world.folder / "a").exists()
    assert world.cli("restore", "").returncode == 2
    assert world.cli("restore", "a", "--to", str(world.store / "x")).returncode == 2


def test_the_status_of_one_path(world: World, tmp_path: Path) -> None:
    world.write("kept", "x")
    world.write("build/o", "y")
    world.write(".syncdignore", "build/\n")
    world.scan()
    said = {path: json.loads(world.cli("status", path, "--json").stdout)["state"] for path in ("kept", "build/o")}
    assert said == {"kept": "safe", "build/o": "ignored by the pattern build/"}
    (tmp_path / "short").symlink_to(world.folder)
    assert world.cli("cat", str(tmp_path / "short/kept")).stdout == "x"
