"""A vault on several stores, from the command line: added, lost, damaged, mended, taken away."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.cli.given import given_stores
from syncd.config.settings import load, save
from syncd.engine.both import full_cycle
from syncd.engine.deciding import decide
from syncd.engine.founding import Founding, create_vault
from syncd.engine.keeping import catch_up, use_stores
from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.vault import open_vault
from tests.agent.live import wait_for
from tests.world import CHEAP, World, run_cli, tree_of


def objects(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and path.name != "syncd-store" and not path.name.startswith(".put-")  # half a put, killed
    }


class Several(World):
    def init(self, *stores: str) -> None:
        self.folder.mkdir(parents=True)
        given = given_stores(tuple(f"{store}={self.at(store)}" for store in stores))
        self.words = create_vault(self.home, Founding(str(self.folder), given, "tester", None, CHEAP), self.ambient)

    def at(self, store: str) -> Path:
        return self.root / "stores" / store

    def do(self, *arguments: str, code: int = 0) -> str:
        done = self.cli(*arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return str(done.stdout if code in (0, 3, 11) else done.stderr)

    def stores(self) -> dict[str, dict[str, object]]:
        return {store["name"]: store for store in json.loads(self.cli("store", "list", "--json").stdout)}

    def alike(self, *names: str) -> bool:
        first, *others = (objects(self.at(name)) for name in names)
        return bool(first) and all(other == first for other in others)


@pytest.fixture
def world(tmp_path: Path) -> Several:
    return made(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Several:
    """A vault for what is refused, and so changes nothing."""
    found = made(tmp_path_factory.mktemp("unchanged"))
    (found.root / "readable").mkdir()
    (found.root / "readable" / "file").write_text("a file, no directory")
    return found


def made(root: Path) -> Several:
    found = Several(root)
    found.init("main", "nas")
    for i in range(8):
        found.write(f"d/{i}", f"content {i} " * 500)
    found.do("sync")
    return found


def test_both_hold_everything(world: Several) -> None:
    assert world.alike("main", "nas")
    assert {name: store["state"] for name, store in world.stores().items()} == {"main": "complete", "nas": "complete"}


def test_an_emptied_store_whose_only_record_is_damaged_is_the_vaults_still(world: Several) -> None:
    """It was taken for another vault's, and lacked everything for good."""
    emptied = world.at("nas")
    for path in emptied.iterdir():
        if path.name != "syncd-store":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    world.write("new", "what is said first to the empty store")
    vault = open_vault(world.home, write=True, ambient=world.ambient)
    try:
        full_cycle(vault, Outbox(vault), Progress(time.monotonic))
    finally:
        vault.close()
    (record,) = (path for path in (emptied / "record").rglob("*") if path.is_file())
    record.write_bytes(record.read_bytes()[:100])
    world.do("sync")
    assert world.alike("main", "nas")
    assert world.stores()["nas"]["state"] == "complete"


def test_a_store_is_added_and_filled(world: Several) -> None:
    world.do("store", "add", "third", str(world.at("third")))
    assert world.alike("main", "nas", "third")
    world.write("more", "more")
    world.do("sync")
    assert world.alike("main", "nas", "third")
    assert world.stores()["third"]["state"] == "complete"


def test_a_store_is_added_while_the_agent_runs(world: Several) -> None:
    world.do("up", "--no-tui")
    try:
        world.do("store", "add", "third", str(world.at("third")))
        assert world.alike("main", "nas", "third")
        world.write("more", "more")
        wait_for(lambda: "more" in world.do("ls"))
        wait_for(lambda: world.alike("main", "nas", "third"))
        world.at("nas").rename(world.at("away"))
        world.write("even more", "even more")
        wait_for(lambda: "even more" in world.do("ls"))
        wait_for(lambda: world.stores()["nas"]["state"] == "away")
        world.at("away").rename(world.at("nas"))
        wait_for(lambda: world.alike("main", "nas", "third"), 40)
    finally:
        world.do("stop")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "../up", "/x"), 2, "is no name for a store"),
        (("add", "in", "{folder}/store"), 2, "lies inside the folder"),
        (("add", "third", "{root}/third", "--quota", "much"), 2, "is no size"),
        (("add", "third", "{root}/third", "--commit", "9"), 2, "cannot be on 9 of 3 stores"),
        (("add", "third", "{root}/readable/file/x"), 1, ""),
        (("add", "third", "nope://x"), 2, "no provider for nope"),
        (("add", "third", "s3://bucket/x"), 2, "access_key_id"),
        (("set",), 2, "nothing to set"),
        (("set", "--commit", "3"), 2, "cannot be on 3 of 2"),
        (("set", "--commit", "0"), 2, "cannot be on 0 of 2"),
        (("set", "--copies", "3"), 2, "cannot be on 3 of 2"),
        (("set", "--quota", "nobody=1GB"), 2, "there is no store nobody"),
        (("set", "--cost", "nobody=1"), 2, "there is no store nobody"),
        (("set", "--cost", "nas=cheap"), 2, "is no price"),
        (("show", "nobody"), 2, "there is no store nobody"),
        (("remove", "nobody", "--yes"), 2, "there is no store nobody"),
        (("disable", "nobody"), 2, "there is no store nobody"),
        (("browse", "nobody"), 2, "there is no store nobody"),
    ],
)
def test_what_cannot_be(unchanged: Several, arguments: tuple[str, ...], code: int, said: str) -> None:
    before = unchanged.home.config.read_bytes()
    given = [part.format(folder=unchanged.folder, root=unchanged.root) for part in arguments]
    assert said in unchanged.do("store", *given, code=code)
    assert set(unchanged.stores()) == {"main", "nas"}
    assert unchanged.home.config.read_bytes() == before


def test_what_is_known_of_a_store_is_shown(world: Several) -> None:
    world.do("store", "set", "--cost", "nas=7", "--quota", "nas=5GB")
    known = json.loads(world.do("store", "show", "nas", "--json"))
    assert (known["cost"], known["quota_bytes"], known["tried"]) == (7, 5 * 10**9, [])
    text = world.do("store", "show", "nas")
    assert "costs 7 a terabyte" in text
    assert "gives a name once" in text
    world.do("store", "test", "nas")
    world.do("store", "add", "third", str(world.at("third")))
    for store in ("nas", "third"):
        tried = json.loads(world.do("store", "show", store, "--json"))["tried"]
        assert "half a put" in [check["what"] for check in tried]
        assert all(check["fine"] for check in tried)


def test_another_vaults_store_is_refused(world: Several, tmp_path: Path) -> None:
    other = World(tmp_path / "other").found()
    assert "another vault" in world.do("store", "add", "third", str(other.store), code=1)
    world.do("sync")


def test_what_a_dead_store_misses_it_gets(world: Several) -> None:
    world.at("nas").rename(world.at("away"))
    world.write("new", "new")
    world.do("sync")
    assert "NOT REACHABLE" in world.cli("status").stdout
    world.at("away").rename(world.at("nas"))
    world.do("sync")
    assert world.alike("main", "nas")


def test_two_of_two_wait_for_each_other(world: Several) -> None:
    world.do("store", "set", "--commit", "2")
    world.at("nas").rename(world.at("away"))
    world.write("new", "new")
    assert "not mounted, moved or removed" in world.do("sync", code=1)
    world.at("away").rename(world.at("nas"))
    world.do("sync")
    assert world.alike("main", "nas")
    assert "new" in world.do("ls")


def test_a_store_that_was_emptied_is_made_anew(world: Several) -> None:
    shutil.rmtree(world.at("nas"))
    world.write("new", "new")
    world.do("sync")
    world.do("store", "add", "nas", str(world.at("nas")))
    assert world.alike("main", "nas")


def test_damage_is_named_and_mended(world: Several) -> None:
    packs = sorted(world.at("nas").rglob("pack/*/*"))
    packs[0].chmod(0o600)
    data = packs[0].read_bytes()
    packs[0].write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    record = next(world.at("main").rglob("record/*/*1"))
    record.unlink()
    said = world.cli("verify", "--read-data", "100")
    assert said.returncode == 1
    assert "the store nas: pack/" in said.stdout
    assert "the store main: lacks 1 object" in said.stdout
    world.do("repair")
    assert world.alike("main", "nas")
    world.do("verify", "--read-data", "100")


def test_a_read_that_meets_damage_is_answered_by_another_store(world: Several) -> None:
    for store in ("main", "nas"):
        assert world.alike("main", "nas")
        for path in world.at(store).rglob("pack/*/*"):
            path.chmod(0o600)
            data = path.read_bytes()
            path.write_bytes(data[:150] + bytes(byte ^ 1 for byte in data[150:]))
        target = world.root / f"out-{store}"
        world.do("restore", ".", "--to", str(target))
        assert tree_of(target) == world.tree()
        world.do("repair")


def test_a_store_goes_once_the_others_have_everything(world: Several) -> None:
    world.do("store", "add", "third", str(world.at("third")))
    world.do("store", "set", "--copies", "1")
    for i in range(6):
        world.write(f"spread/{i}", f"{i}" * 3000)
        world.do("sync")
    packs = [
        {name for name in objects(world.at(store)) if name.startswith("pack")} for store in ("main", "nas", "third")
    ]
    assert packs[0] != packs[1] or packs[1] != packs[2], "they are spread"
    before = world.tree()
    world.do("store", "remove", "main", "--yes")
    shutil.rmtree(world.at("main"))
    world.do("verify", "--read-data", "100")
    target = world.root / "out"
    world.do("restore", ".", "--to", str(target))
    assert tree_of(target) == before
    assert set(world.stores()) == {"nas", "third"}
    world.do("store", "remove", "nas", "--yes")
    assert "fewer stores" in world.do("store", "remove", "third", "--yes", code=2)
    world.do("verify", "--read-data", "100")


def test_what_lies_on_a_store_alone_that_is_taken_away_is_brought(world: Several) -> None:
    """So is the word that it is taken away, where no other store was there to take it."""
    vault = open_vault(world.home, write=True, ambient=world.ambient)
    try:
        world.at("nas").rename(world.at("aside"))
        world.write("late", "safe on main alone")
        full_cycle(vault, Outbox(vault), Progress(time.monotonic))
        decide(vault, "stores", {"places": {"main": ""}})
        assert [(member.name, member.leaving) for member in vault.store.members] == [("nas", False), ("main", True)]
        use_stores(vault)
        assert vault.store.member("main") is not None, "the other one is away, and lacks something"
        world.at("aside").rename(world.at("nas"))
        catch_up(vault)
        use_stores(vault)
        assert [member.name for member in vault.store.members] == ["nas"]
    finally:
        vault.close()
    assert "main" not in world.home.config.read_text()
    shutil.rmtree(world.at("main"))
    world.do("verify", "--read-data", "100")
    assert world.do("history", "late")


def test_a_store_that_is_gone_for_good(world: Several) -> None:
    world.at("nas").rename(world.at("aside"))
    world.write("late", "safe on main alone")
    world.do("sync", code=0)
    world.at("aside").rename(world.at("nas"))
    shutil.rmtree(world.at("main"))
    assert "--lost" in world.do("store", "remove", "main", "--yes", code=1)
    done = world.cli("store", "remove", "main", "--lost", "--yes")
    assert done.returncode == 0, done.stderr
    assert "2 objects" in done.stderr
    assert "1 are records" in done.stderr
    assert set(world.stores()) == {"nas"}


def test_a_store_is_not_used_here_for_a_while(world: Several) -> None:
    world.do("store", "disable", "nas")
    assert "the only store" in world.do("store", "disable", "main", code=2)
    world.write("meanwhile", "meanwhile")
    world.do("sync")
    assert not world.alike("main", "nas")
    assert world.stores()["nas"]["state"] == "disabled"
    assert "disabled on this device" in world.do("store", "remove", "nas", "--yes", code=2), "it would not be drained"
    world.do("store", "enable", "nas")
    world.do("sync")
    assert world.alike("main", "nas")


def test_what_lies_in_a_store(world: Several) -> None:
    found = {row["what"]: row["objects"] for row in json.loads(world.do("store", "browse", "nas", "--json"))}
    assert found["genesis"] == 1
    assert found["pack"] >= 1
    (world.at("nas") / "pack" / "aa").mkdir(exist_ok=True)
    (world.at("nas") / "pack" / "aa" / ("aa" * 32)).write_bytes(b"left by a put that did not come to its end")
    (world.at("nas") / "holiday.txt").write_text("somebody else's")
    orphans = json.loads(world.do("store", "browse", "nas", "--orphans", "--json"))
    assert {row["what"] for row in orphans} == {"orphan", "unknown"}
    assert len(json.loads(world.do("store", "browse", "nas", "record/", "--json"))) >= 1


def test_another_device_has_all_stores_from_one(world: Several, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text(world.words)
    home, folder = tmp_path / "second", tmp_path / "second-folder"
    place = str(world.at("nas"))
    joined = run_cli(home, "join", str(folder), "--store", place, "--recovery-file", str(words), "--yes")
    assert joined.returncode == 0, joined.stderr
    done = run_cli(home, "sync")
    assert done.returncode == 0, done.stderr
    assert tree_of(folder) == world.tree()
    listed = json.loads(run_cli(home, "store", "list", "--json").stdout)
    assert sorted(store["name"] for store in listed) == ["main", "nas"]
    (folder / "from the second").write_text("second")
    assert run_cli(home, "sync").returncode == 0
    assert world.alike("main", "nas")
    world.do("store", "add", "third", str(world.at("third")))
    (folder / "again").write_text("again")
    for _ in range(2):
        assert run_cli(home, "sync").returncode == 0
    assert world.alike("main", "nas", "third"), "a store that one device adds is everybody's"


def test_a_place_that_is_none_of_the_vaults(world: Several, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text(world.words)
    moved = tmp_path / "moved"
    shutil.copytree(world.at("nas"), moved)
    home, folder = tmp_path / "second", tmp_path / "second-folder"
    arguments = ("join", str(folder), "--recovery-file", str(words), "--yes")
    refused = run_cli(home, *arguments, "--store", str(moved))
    assert refused.returncode == 2
    assert "which store of the vault" in refused.stderr
    assert run_cli(home, *arguments, "--store", f"nas={moved}").returncode == 0
    listed = {store["name"]: store["url"] for store in json.loads(run_cli(home, "store", "list", "--json").stdout)}
    assert listed["nas"] == moved.as_uri()


def test_a_rebuild_that_does_not_know_of_a_store_makes_a_new_device(world: Several) -> None:
    """Another device added it: it alone may have what this device said last, which nobody shall say otherwise."""
    world.do("store", "add", "third", str(world.at("third")))
    settings = load(world.home.config)
    save(replace(settings, stores=tuple(one for one in settings.stores if one.name != "third")), world.home.config)
    assert "third" in world.stores(), "the journals name it"
    for other in ("main", "nas"):
        world.at(other).rename(world.at(f"{other}-aside"))
    world.write("last", "said on the third alone")
    world.do("sync")
    for other in ("main", "nas"):
        world.at(f"{other}-aside").rename(world.at(other))
    world.at("third").rename(world.at("third-aside"))
    before = devices_of(world)
    world.do("rebuild")
    world.at("third-aside").rename(world.at("third"))
    world.do("sync")
    assert len(devices_of(world)) == len(before) + 1
    assert json.loads(world.cli("status", "--json").stdout)["alarms"] == 0


def devices_of(world: Several) -> list[dict[str, object]]:
    return list(json.loads(world.do("device", "list", "--json")))


@pytest.mark.parametrize("store", ["main", "nas"])
def test_a_rebuild_from_any_one_store(world: Several, tmp_path: Path, store: str) -> None:
    words = tmp_path / "words"
    words.write_text(world.words)
    for other in {"main", "nas"} - {store}:
        shutil.rmtree(world.at(other))
    home, folder = tmp_path / "bare", tmp_path / "bare-folder"
    place = str(world.at(store))
    done = run_cli(home, "rebuild", str(folder), "--store", place, "--recovery-file", str(words))
    assert done.returncode == 0, done.stderr
    assert run_cli(home, "sync").returncode == 0
    assert tree_of(folder) == world.tree()
