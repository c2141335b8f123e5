"""The passphrase and the words: changed, made anew, tried; what opened before opens nothing, and all else goes on."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from syncd.config.settings import StoreSetting
from syncd.engine.custody import forget_words
from syncd.engine.founding import Founding, create_vault
from syncd.engine.unlocking import open_with
from syncd.errors import Damaged, NotUnlocked
from syncd.model.ids import VaultId
from syncd.seal import slots
from syncd.seal.slots import Unlock
from syncd.store.folder import FolderStore
from tests.world import CHEAP, World, run_cli, tree_of

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.folder.mkdir(parents=True)
    founding = Founding(
        str(found.folder), (StoreSetting("main", str(found.store)),), "tester", Unlock.passphrase("old"), CHEAP
    )
    found.words = create_vault(found.home, founding, found.ambient)
    forget_words(found.home)  # they are written down: the test has them
    for name, text in (("old", "old"), ("new", "new one"), ("wrong", "wrong"), ("words", found.words)):
        (tmp_path / name).write_text(text + "\n")
    found.write("letter", "hello")
    found.cli("sync")
    return found


def do(world: World, *arguments: str, code: int = 0) -> str:
    done = world.cli(*(part.format(at=world.root) for part in arguments))
    assert done.returncode == code, (arguments, done.stdout, done.stderr)
    return str(done.stdout + done.stderr)


def slots_of(world: World) -> set[str]:
    return {path.name for path in (world.store / "slot").iterdir()}


CHANGE = ("key", "change-passphrase", "--passphrase-file", "{at}/old", "--new-passphrase-file", "{at}/new")


def test_another_passphrase(world: World) -> None:
    assert "1 of 1 epochs: all of the vault" in do(world, "key", "test", "--passphrase-file", "{at}/old")
    before = slots_of(world)
    assert "kept a copy of the store" in do(world, *CHANGE)
    assert len(slots_of(world) & before) == 1, "the words stay, the old passphrase went"
    assert len(slots_of(world)) == 2
    do(world, "key", "test", "--passphrase-file", "{at}/new")
    do(world, "key", "test", "--recovery-file", "{at}/words")
    assert "no slot" in do(world, "key", "test", "--passphrase-file", "{at}/old", code=1)
    do(world, "sync")
    do(world, "verify", "--read-data", "100")
    second = world.root / "second"
    opens = ("--passphrase-file", str(world.root / "new"))
    joined = run_cli(second / "home", "join", str(second / "folder"), "--store", str(world.store), *opens)
    assert joined.returncode == 0, joined.stderr
    assert run_cli(second / "home", "sync").returncode == 0
    assert (second / "folder" / "letter").read_text() == "hello"


def test_a_forgotten_passphrase_is_set_by_the_words(world: World) -> None:
    do(world, "key", "change-passphrase", "--recovery-file", "{at}/words", "--new-passphrase-file", "{at}/new")
    do(world, "key", "test", "--passphrase-file", "{at}/new")
    do(world, "key", "test", "--passphrase-file", "{at}/old", code=1)


def test_new_words(world: World) -> None:
    done = world.cli("key", "recovery", "--passphrase-file", str(world.root / "old"))
    assert done.returncode == 0
    assert len(done.stdout.split()) == 24
    (world.root / "others").write_text(done.stdout)
    do(world, "key", "test", "--recovery-file", "{at}/others")
    assert "no slot" in do(world, "key", "test", "--recovery-file", "{at}/words", code=1)
    do(world, "key", "test", "--passphrase-file", "{at}/old")


def test_new_words_that_nobody_saw_are_shown_again(world: World) -> None:
    with Path("/dev/full").open("w") as full:
        done = world.cli("key", "recovery", "--passphrase-file", str(world.root / "old"), stdout=full)
    assert done.returncode != 0
    assert "no slot" in do(world, "key", "test", "--recovery-file", "{at}/words", code=1)
    (world.root / "others").write_text(world.cli("key", "words").stdout)
    do(world, "key", "test", "--recovery-file", "{at}/others")
    do(world, "key", "words", "--written-down")
    assert "not kept here" in do(world, "key", "words", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("change-passphrase", "--passphrase-file", "{at}/wrong", "--new-passphrase-file", "{at}/new"), 1, "no slot"),
        (("change-passphrase", "--passphrase-file", "{at}/old"), 2, "no new passphrase"),
        (("change-passphrase", "--passphrase-file", "{at}/nowhere"), 2, "nowhere"),
        (("recovery", "--passphrase-file", "{at}/wrong"), 1, "no slot"),
        (("test",), 2, "no passphrase given"),
        (("test", "--recovery-file", "{at}/old"), 1, "word"),
    ],
)
def test_what_cannot_be(world: World, arguments: tuple[str, ...], code: int, said: str) -> None:
    before = slots_of(world)
    assert said in do(world, "key", *arguments, code=code)
    assert slots_of(world) == before


def test_with_a_store_away_nothing_is_changed(world: World) -> None:
    do(world, "store", "add", "nas", "{at}/nas")
    (world.root / "nas").rename(world.root / "away")
    before = slots_of(world)
    assert "nas cannot be asked" in do(world, *CHANGE, code=11)
    (world.root / "away").rename(world.root / "nas")
    do(world, "store", "disable", "nas")
    assert "nas cannot be asked" in do(world, *CHANGE, code=11)
    assert slots_of(world) == before
    do(world, "store", "enable", "nas")
    do(world, *CHANGE)
    assert slots_of(world) == {path.name for path in (world.root / "nas" / "slot").iterdir()}


def test_a_drill_brings_everything_back_and_leaves_nothing(world: World) -> None:
    world.write("sub/large", "x" * 3_000_000)
    do(world, "sync")
    before = {path: path.read_bytes() for path in world.store.rglob("*") if path.is_file()}
    done = world.cli("drill", "--recovery-file", str(world.root / "words"), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["whole"], found["files"], found["wanted"]) == (True, 2, 2)
    assert {path: path.read_bytes() for path in world.store.rglob("*") if path.is_file()} == before
    do(world, "drill", "--passphrase-file", "{at}/old", "--into", "{at}/back")
    assert tree_of(world.root / "back" / "restored") == tree_of(world.folder)
    assert [path.name for path in (world.root / "back").iterdir()] == ["restored"], "no key stays beside the files"
    assert "is not empty" in do(world, "drill", "--passphrase-file", "{at}/old", "--into", "{at}/back", code=2)
    assert "no slot" in do(world, "drill", "--passphrase-file", "{at}/wrong", code=1)


def test_a_drill_names_what_does_not_come_back(world: World) -> None:
    world.write("sub/large", random.Random(1).randbytes(200_000).hex())
    do(world, "sync")
    largest = max((world.store / "pack").rglob("*"), key=lambda path: path.stat().st_size)
    largest.unlink()
    said = do(world, "drill", "--recovery-file", "{at}/words", code=1)
    assert "not back: sub/large" in said
    assert "1 file," in said
    newest = max(path for path in (world.store / "record").rglob("*") if path.is_file())
    newest.unlink()
    assert "missing: sub/large" in do(world, "drill", "--recovery-file", "{at}/words", code=1)


def opens(store: FolderStore, vault: VaultId, unlock: Unlock) -> str:
    try:
        open_with(store, vault, unlock)
    except (NotUnlocked, Damaged) as error:
        return error.code
    return "opened"


def test_a_damaged_slot_does_not_stand_before_others(world: World) -> None:
    vault = world.open(write=False)
    store = FolderStore(world.store)
    for path in sorted((world.store / "slot").iterdir()):
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(data[:60])
        unlocks = (Unlock.passphrase("old"), Unlock.words(world.words))
        said = [opens(store, vault.keys.vault, unlock) for unlock in unlocks]
        assert sorted(said) == ["damaged", "opened"], "who has the word for the one that is damaged hears of that"
        path.write_bytes(data)
    vault.close()


def test_less_than_the_floor_is_refused_before_anything_is_computed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that lowers the costs of a slot is not helped to try passphrases (attack A3)."""
    vault = world.open(write=False)
    monkeypatch.setattr(slots, "MEMORY_FLOOR_KIB", 1 << 22)

    def never(*_: object) -> bytes:
        raise AssertionError("it was computed")

    monkeypatch.setattr(slots, "_secret", never)
    for path in (world.store / "slot").iterdir():
        if slots.read_clear(path.read_bytes(), slots.ObjectKind.SLOT, "it").clear[2] != 1:
            path.unlink()  # words have no costs
    with pytest.raises(Damaged):
        open_with(FolderStore(world.store), vault.keys.vault, Unlock.passphrase("old"))
    vault.close()
