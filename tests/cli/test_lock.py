"""A locked device opens nothing; the passphrase or the words, and nothing else, let it go on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.api.client import Client
from syncd.engine.custody import FILE, KEYRING, LOCKED, place_of
from syncd.seal.keys import DeviceKeys
from tests.agent.live import wait_for
from tests.world import World

PASSPHRASE = "a horse in the rain"
COMMANDS = [("status",), ("sync",), ("ls",), ("cat", "a"), ("verify",), ("start",), ("restore", "a"), ("key", "rotate")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path, passphrase=PASSPHRASE).found()
    found.write("a", "first")
    found.scan()
    return found


def given(world: World, text: str) -> str:
    path = world.root / "given"
    path.write_text(text)
    return str(path)


def do(world: World, *arguments: str, **more: str) -> str:
    done = world.cli(*arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("what", ["--passphrase-file", "--recovery-file"])
def test_it_goes_on_where_it_was(world: World, what: str) -> None:
    before = DeviceKeys.load(world.home.device_key.read_bytes())
    assert "syncd unlock" in do(world, "lock")
    for command in COMMANDS:
        done = world.cli(*command)
        assert done.returncode == 12, (command, done.stdout, done.stderr)
        assert "this device is locked" in done.stderr
        assert "syncd unlock" in done.stderr
    world.write("b", "made while it was locked")
    text = PASSPHRASE if what == "--passphrase-file" else world.words
    do(world, "unlock", what, given(world, text))
    assert DeviceKeys.load(world.home.device_key.read_bytes()).id == before.id
    do(world, "sync")
    assert do(world, "cat", "b") == "made while it was locked"
    assert not world.home.locked_key.exists()


def test_nothing_on_this_disk_opens_it(world: World) -> None:
    device = DeviceKeys.load(world.home.device_key.read_bytes())
    secrets = [device.slot.reveal(), device._sign_raw]
    do(world, "lock")
    for path in (world.root / "home").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path
    assert place_of(world.home) == LOCKED


@pytest.mark.parametrize(
    ("what", "text"), [("--passphrase-file", "a horse in the sun"), ("--recovery-file", "zoo " * 23 + "vote")]
)
def test_nothing_else_does(world: World, what: str, text: str) -> None:
    do(world, "lock")
    done = world.cli("unlock", what, given(world, text))
    assert done.returncode == 1
    assert "does not open" in done.stderr
    assert place_of(world.home) == LOCKED
    do(world, "unlock", "--passphrase-file", given(world, PASSPHRASE))


def test_what_is_not_locked_is_not_unlocked(world: World) -> None:
    done = world.cli("unlock", "--passphrase-file", given(world, PASSPHRASE))
    assert done.returncode == 2
    assert "is not locked" in done.stderr


def test_it_needs_no_store_and_takes_what_opened_the_vault_when_it_was_locked(world: World) -> None:
    do(world, "lock")
    world.store.rename(world.root / "away")
    do(world, "unlock", "--passphrase-file", given(world, PASSPHRASE))
    assert place_of(world.home) == FILE


def test_a_store_that_shows_no_slot_locks_nobody_out(world: World) -> None:
    for slot in (world.store / "slot").iterdir():
        slot.unlink()
    done = world.cli("lock")
    assert done.returncode == 11
    assert "nothing would unlock" in done.stderr
    assert place_of(world.home) == FILE


def test_an_agent_ends_first(world: World) -> None:
    do(world, "start")
    client = Client(world.home.socket)
    wait_for(client.running)
    do(world, "lock")
    assert not client.running()


def test_a_kill_between_two_places_leaves_it_unlocked(world: World) -> None:
    key = world.home.device_key.read_bytes()
    do(world, "lock")
    world.home.device_key.write_bytes(key)
    assert place_of(world.home) == FILE
    do(world, "ls")
    do(world, "lock")
    assert place_of(world.home) == LOCKED


def test_whoever_lost_what_was_locked_becomes_a_new_device(world: World) -> None:
    do(world, "lock")
    world.home.locked_key.write_bytes(b"rotten")
    done = world.cli("unlock", "--passphrase-file", given(world, PASSPHRASE))
    assert done.returncode == 1
    assert "rebuild" in done.stderr
    do(world, "rebuild", "--recovery-file", given(world, world.words))
    assert place_of(world.home) == FILE
    assert not world.home.locked_key.exists()
    do(world, "sync")


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A keyring in a file."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    return tmp_path / ".local" / "share" / "python_keyring" / "keyring_pass.cfg"  # HOME is there


def test_the_key_is_in_the_keyring(world: World, keyring: Path) -> None:
    device = DeviceKeys.load(world.home.device_key.read_bytes())
    do(world, "key", "keep", "keyring")
    assert place_of(world.home) == KEYRING
    assert device.id.hex() in keyring.read_text()
    assert device.slot.reveal() not in world.home.device_key.read_bytes()
    assert "in the keyring" in do(world, "doctor")
    world.write("b", "more")
    do(world, "sync")
    assert world.cli("key", "keep", "keyring").returncode == 2
    do(world, "key", "keep", "file")
    assert place_of(world.home) == FILE
    assert device.id.hex() not in keyring.read_text()
    do(world, "sync")


def test_a_keyring_that_lost_it_is_told(world: World, keyring: Path) -> None:
    do(world, "key", "keep", "keyring")
    keyring.unlink()
    done = world.cli("sync")
    assert done.returncode == 12
    assert "the keyring has nothing for syncd-device/" in done.stderr


def test_locking_takes_it_out_of_the_keyring(world: World, keyring: Path) -> None:
    do(world, "key", "keep", "keyring")
    do(world, "lock")
    assert "syncd-device" not in keyring.read_text()
    do(world, "unlock", "--passphrase-file", given(world, PASSPHRASE))
    assert place_of(world.home) == FILE
    do(world, "sync")


def test_without_a_keyring_the_key_stays_where_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    done = world.cli("key", "keep", "keyring")
    assert done.returncode == 12
    assert "the keyring is not open" in done.stderr
    assert place_of(world.home) == FILE
