"""Everything comes back from a store and the words alone; a store that was hurt is named, never believed."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path

import pytest

from syncd.engine import rebuild as rebuilding
from syncd.engine import replacing
from syncd.errors import Damaged, JournalAhead, ObjectMissing
from tests.world import World, tree_of


def lived_in(world: World) -> None:
    """Give a vault some history."""
    source = random.Random(1)
    for i in range(40):
        world.write(f"d{i % 4}/f{i}", source.randbytes(30_000))
    world.scan()
    world.write("d1/f1", "edited")
    (world.folder / "d2").rename(world.folder / "moved")
    (world.folder / "d3/f3").unlink()
    world.scan()
    world.write("big", source.randbytes(20_000_000))
    world.scan()


def seen(world: World) -> tuple[str, ...]:
    """What a person can see of the vault."""
    asked = (["ls", "-R", "--json", "--deleted"], ["history", "d1/f1", "--json"], ["history", "moved/f2", "--json"])
    return tuple(world.cli(*arguments).stdout for arguments in asked)


def test_local_state_is_made_anew_from_the_store(world: World) -> None:
    lived_in(world)
    before, objects = seen(world), world.objects()
    shutil.rmtree(world.home.state)
    done = world.cli("rebuild")
    assert done.returncode == 0, done.stderr
    assert seen(world) == before
    assert world.objects() == objects, "reading back writes nothing"
    outcome = world.scan()
    assert outcome.changes == 0, "equal content is adopted, not published"
    world.write("d1/f1", "edited again")
    assert world.scan().changes == 1
    assert world.cli("verify", "--read-data", "100").returncode == 0


@pytest.mark.parametrize("key", ["words", "passphrase"])
def test_a_bare_machine_needs_a_key_and_the_store_only(tmp_path: Path, key: str) -> None:
    world = World(tmp_path, passphrase="open sesame").found()
    lived_in(world)
    before = world.tree()
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "key").write_text(world.words if key == "words" else "open sesame\n")
    new = World(bare)
    option = "--recovery-file" if key == "words" else "--passphrase-file"
    folder = str(new.folder)
    done = new.cli("rebuild", folder, "--store", str(world.store), option, str(bare / "key"), "--device", "second")
    assert done.returncode == 0, done.stderr
    (new.root / "home/store").symlink_to(world.store)
    outcome = new.scan()
    assert outcome.changes == 0, "what was never brought back is not taken for deleted"
    assert new.cli("sync").returncode == 0
    assert tree_of(new.folder) == before
    new.write("d0/f0", "by the new device")
    assert new.scan().changes == 1
    line = json.loads(new.cli("history", "d0/f0", "--json").stdout)[0]
    assert line["device"] == "second"
    assert new.cli("verify", "--read-data", "100").returncode == 0
    (new.folder / "d0/f4").unlink()
    new.scan()
    assert json.loads(new.cli("history", "d0/f4", "--json").stdout)[0]["change"] == "deleted", "recovery has ended"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abandon " * 23 + "art", "no slot of this vault opens"),
        ("abandon " * 24, "do not fit together"),
        ("abandon abandon", "2 recovery words, not 24"),
        ("abandon " * 23 + "artt", "word 24 is not in the list"),
    ],
)
def test_wrong_words_open_nothing(world: World, tmp_path: Path, text: str, said: str) -> None:
    world.write("a", "x")
    world.scan()
    (tmp_path / "words").write_text(text)
    new = World(tmp_path / "new")
    new.root.mkdir()
    done = new.cli("rebuild", str(new.folder), "--store", str(world.store), "--recovery-file", str(tmp_path / "words"))
    assert done.returncode == 1
    assert said in done.stderr


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, passphrase="right").found()
    (tmp_path / "pass").write_text("wrong")
    new = World(tmp_path / "new")
    new.root.mkdir()
    done = new.cli("rebuild", str(new.folder), "--store", str(world.store), "--passphrase-file", str(tmp_path / "pass"))
    assert done.returncode == 1
    assert "no slot of this vault opens" in done.stderr


def test_a_failed_rebuild_leaves_the_state_as_it_was(world: World) -> None:
    lived_in(world)
    before = seen(world)
    (world.store / "genesis").rename(world.store / "gone")
    done = world.cli("rebuild")
    assert done.returncode == 1
    assert "holds no vault" in done.stderr
    (world.store / "gone").rename(world.store / "genesis")
    epoch = next((world.store / "epoch").iterdir())
    epoch.write_bytes(epoch.read_bytes()[:-1] + b"x")
    assert world.cli("rebuild").returncode == 1
    assert seen(world) == before


def test_a_state_restored_from_an_old_copy_is_noticed(world: World) -> None:
    world.write("a", "1")
    world.scan()
    shutil.copytree(world.home.state, world.root / "old")
    world.write("a", "2")
    world.scan()
    shutil.rmtree(world.home.state)
    (world.root / "old").rename(world.home.state)
    world.write("a", "3")
    with pytest.raises(JournalAhead):
        world.scan()
    done = world.cli("sync")
    assert done.returncode == 0
    assert "going on as a new device" in done.stderr
    kept = {path.read_text() for path in world.folder.glob("a*")}
    assert kept == {"2", "3"}, "nobody knows whether 3 was made of 2, so both are kept"
    assert json.loads(world.cli("status", "--json").stdout)["state"] != "paused"
    assert world.cli("sync").returncode == 0
    assert world.cli("verify", "--read-data", "100").returncode == 0


def damage(world: World, what: str, kind: str) -> Path:
    """Hurt one object of a kind and return it."""
    found = [
        path for path in world.objects() if path.parts[-2 if kind == "record" else -3] == kind or path.parts[-3] == kind
    ]
    victim = max(found, key=lambda path: path.stat().st_size)
    data = victim.read_bytes()
    victim.chmod(0o600)
    if what == "flipped":
        victim.write_bytes(data[:300] + bytes([data[300] ^ 4]) + data[301:])
    elif what == "truncated":
        victim.write_bytes(data[: len(data) // 2])
    elif what == "swapped":
        other = min(found, key=lambda path: path.stat().st_size)  # of another size, which `doctor` looks at
        victim.write_bytes(other.read_bytes())
    else:
        victim.unlink()
    return victim


@pytest.mark.parametrize("kind", ["pack", "record"])
@pytest.mark.parametrize("what", ["flipped", "truncated", "swapped", "missing"])
def test_damage_is_named_with_the_paths_it_hurts(world: World, tmp_path: Path, what: str, kind: str) -> None:
    lived_in(world)
    before = tree_of(world.folder)
    victim = damage(world, what, kind)
    done = world.cli("verify", "--read-data", "100", "--json")
    assert done.returncode == 1
    verdict = json.loads(done.stdout)
    named = " ".join(item["name"] for item in verdict["objects"])
    assert victim.name[:16] in named or victim.parent.name in named
    if kind == "pack":
        hurt = {item["path"] for item in verdict["paths"]}
        assert hurt
        out = tmp_path / "out"
        partly = world.cli("restore", ".", "--to", str(out))
        assert partly.returncode == 3
        for path, entry in tree_of(out).items():
            assert entry[-1] == before[path][-1], "wrong bytes were written"
        assert set(before) - set(tree_of(out)) <= hurt
        doctor = world.cli("doctor")
        if what != "flipped":
            assert doctor.returncode == 1
            assert victim.name[:16] in doctor.stdout


def test_reading_a_hurt_chunk_says_which_object(world: World) -> None:
    world.write("only", random.Random(3).randbytes(10_000))
    world.scan()
    victim = damage(world, "flipped", "pack")
    vault = world.open(write=False)
    row = vault.state.nodes.find(b"only")
    assert row is not None
    with pytest.raises((Damaged, ObjectMissing), match=victim.name):
        vault.reader().read(row.content)
    vault.close()
    done = world.cli("cat", "only")
    assert done.returncode == 1
    assert victim.name in done.stderr
    assert done.stdout == ""


class KilledError(BaseException):
    """Stands for a SIGKILL: nothing tidies up after it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Let a rebuild end at a point, as if the process were killed there."""

    def end(*_: object, **__: object) -> None:
        raise KilledError

    room, _, name = point.partition(":")
    monkeypatch.setattr(rebuilding, "put_back", lambda state: None)
    if name == "half-way aside":
        replace = Path.replace

        def some(path: Path, target: Path) -> Path:
            if target.name == replacing.ASIDE:
                raise KilledError
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", some)
    else:
        monkeypatch.setattr({"rebuilding": rebuilding, "replacing": replacing}[room], name, end)


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize(
    ("point", "is_new"),
    [
        ("replacing:half-way aside", False),
        ("rebuilding:_fill", False),
        ("rebuilding:fold_all", False),
        ("rebuilding:enrol_unheard", False),
        ("rebuilding:save", True),
        ("rebuilding:marker_of", True),
        ("rebuilding:drop_aside", True),
    ],
)
def test_a_rebuild_that_is_killed(world: World, point: str, is_new: bool, anew: bool) -> None:
    lived_in(world)
    before, tree, old = seen(world), world.tree(), world.home.device_key.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, point)
        with pytest.raises(KilledError):
            rebuilding.rebuild(world.home, world.ambient, None, anew=anew)
    assert world.cli("sync").returncode == 0
    assert seen(world) == before
    assert (world.home.device_key.read_bytes() != old) == (anew and is_new)
    assert world.tree() == tree
    world.write("d0/after", "the kill")
    assert world.cli("sync").returncode == 0
    assert json.loads(world.cli("history", "d0/after", "--json").stdout)[0]["change"] == "added"
    assert not [path for path in world.home.state.iterdir() if path.is_dir() and path.name in ("moving", "aside")]
    assert world.cli("verify", "--read-data", "100").returncode == 0


def test_a_return_that_is_killed_goes_on(world: World) -> None:
    lived_in(world)
    before = seen(world)
    for fewest in range(4):
        replacing.set_aside(world.home.state)
        (world.home.state / "state.db").write_bytes(b"of a rebuild that was killed")
        (world.home.state / "state.db-wal").write_bytes(b"too")
        with pytest.MonkeyPatch.context() as patch:
            replace, count = Path.replace, iter(range(100))

            def some(path: Path, target: Path, replace=replace, count=count, fewest=fewest) -> Path:  # type: ignore[no-untyped-def]
                if next(count) == fewest:
                    raise KilledError
                return replace(path, target)

            patch.setattr(Path, "replace", some)
            with contextlib.suppress(KilledError):
                replacing.put_back(world.home.state)
        replacing.settle(world.home)
        assert seen(world) == before
