"""The store, the log and the local database's neighbours tell nothing: canaries over every byte."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from syncd.seal.padding import padded
from tests.world import World

NAME, DIRECTORY, CONTENT, TARGET = "canaryname", "canarydir", "canarycontent", "canarytarget"
PASSPHRASE = "canary passphrase"


@pytest.fixture
def told(tmp_path: Path) -> World:
    """A vault that has seen every canary, by the agent and by the command line."""
    world = World(tmp_path, passphrase=PASSPHRASE).found()
    world.write(f"{DIRECTORY}/{NAME}.txt", CONTENT * 50)
    (world.folder / "link").symlink_to(TARGET)
    assert world.cli("start").returncode == 0
    try:
        world.cli("sync")
        world.write(f"{DIRECTORY}/{NAME}2.txt", CONTENT + "more")
        world.cli("sync")
        (world.folder / "pipe").unlink(missing_ok=True)
        world.cli("restore", f"{DIRECTORY}/{NAME}.txt")
        world.cli("restore", "nothing like that")
    finally:
        world.cli("stop")
    return world


def secrets(world: World) -> dict[str, bytes]:
    vault = world.open(write=False)
    found = {
        "id root": vault.keys.roots.id_root,
        "epoch root": vault.keys.roots.epochs[vault.keys.current],
        "device slot": vault.device.slot.reveal(),
        "chunk key": vault.keys.chunk_key("data"),
        "cut table": vault.cuts.table[:64],
        "cut key": vault.cuts.key,
        "passphrase": PASSPHRASE.encode(),
        "words": world.words.encode(),
        "a word pair": " ".join(world.words.split()[:2]).encode(),
    }
    vault.close()
    return found


def forms(secret: bytes) -> list[bytes]:
    return [secret, secret.hex().encode(), base64.b64encode(secret)]


def test_the_store_holds_no_readable_byte(told: World) -> None:
    canaries = {word: word.encode() for word in (NAME, DIRECTORY, CONTENT, TARGET)} | secrets(told)
    files = [path for path in told.store.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        data = path.read_bytes() + str(path.relative_to(told.store)).encode()
        for what, secret in canaries.items():
            assert not any(form in data for form in forms(secret)), f"{what} is in {path}"
    # The positive control: the search finds a canary where there is one.
    assert CONTENT.encode() in (told.folder / DIRECTORY / f"{NAME}.txt").read_bytes()


def test_object_sizes_are_padded_sizes_and_names_are_opaque(told: World) -> None:
    for path in told.objects():
        assert path.stat().st_size == padded(path.stat().st_size), path
        assert re.fullmatch(r"genesis|(slot|epoch|record|pack)/[0-9a-f/]+", str(path.relative_to(told.store)))


def test_logs_say_no_secret(told: World) -> None:
    log = told.home.log.read_bytes()
    assert b"agent" in log
    for what, secret in secrets(told).items():
        assert not any(form in log for form in forms(secret)), f"{what} is in the log"
    assert CONTENT.encode() not in log
    assert NAME.encode() not in log


def test_secrets_on_this_computer_are_for_this_user_alone(told: World) -> None:
    for path in (told.home.device_key, told.home.config):
        assert path.stat().st_mode & 0o077 == 0
    assert told.home.state.stat().st_mode & 0o077 == 0
    held = [path for path in told.home.state.rglob("*") if path.is_file()]
    for what, secret in secrets(told).items():
        for path in held:
            assert secret not in path.read_bytes(), f"{what} is in {path}"


def test_the_process_list_shows_no_secret(told: World) -> None:
    """The passphrase comes from a file: no option takes it."""
    done = told.cli("init", "--help")
    assert "--passphrase-file" in done.stdout
    assert not re.search(r"--passphrase\b(?!-)", done.stdout)
