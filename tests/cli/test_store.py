"""`syncd store`: what it lists, what it tries, and how credentials are given anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from syncd.cli import store as store_cli
from syncd.cli.main import cli as entry
from tests.store.servers import s3
from tests.world import World, run_cli

KEYS = {"AWS_ACCESS_KEY_ID": s3.KEY, "AWS_SECRET_ACCESS_KEY": s3.WORD}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.seaweed(tmp_path_factory.mktemp("weed")) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, endpoint: str) -> Path:
    (tmp_path / "folder").mkdir()
    url = f"s3://vault/{tmp_path.name}?endpoint={endpoint}"
    done = run_cli(tmp_path / "home", "init", str(tmp_path / "folder"), "--store", url, "--no-passphrase", **KEYS)
    assert done.returncode == 0, done.stderr
    return tmp_path / "home"


def test_a_folder_is_listed_and_tried(tmp_path: Path) -> None:
    world = World(tmp_path).found()
    (listed,) = json.loads(world.cli("store", "list", "--json").stdout)
    assert (listed["name"], listed["healthy"]) == ("main", True)
    done = world.cli("store", "test", "--json")
    assert done.returncode == 0, done.stderr
    assert all(check["fine"] for check in json.loads(done.stdout))
    assert world.cli("store", "test", "nobody").returncode == 2
    assert "no credentials" in world.cli("store", "login").stderr


def test_the_secrets_are_kept_for_this_user_alone(home: Path) -> None:
    kept = home / "keys" / "main.store"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert s3.WORD not in (home / "config.toml").read_text()
    done = run_cli(home, "store", "test")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok") == 9


def test_credentials_that_do_not_open_it_are_not_kept(home: Path) -> None:
    before = (home / "keys" / "main.store").read_text()
    done = run_cli(home, "store", "login", **{**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode == 1
    assert "secret key is wrong" in done.stderr
    assert (home / "keys" / "main.store").read_text() == before
    assert run_cli(home, "store", "login").returncode == 2


def test_credentials_are_given_anew(home: Path) -> None:
    (home / "keys" / "main.store").write_text(json.dumps({"access_key_id": s3.KEY, "secret_access_key": "old"}))
    listed = run_cli(home, "store", "list")
    assert listed.returncode == 1
    assert "does not answer" in listed.stdout
    assert run_cli(home, "store", "login", **KEYS).returncode == 0
    assert run_cli(home, "store", "list").returncode == 0


def test_a_person_is_asked_and_nothing_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "keys" / "main.store").unlink()
    monkeypatch.setenv("SYNCD_HOME", str(home))
    monkeypatch.setattr(store_cli, "at_a_terminal", lambda: True)
    done = CliRunner().invoke(entry, ["store", "login"], input=f"{s3.KEY}\n{s3.WORD}\n\n")
    assert done.exit_code == 0, done.output
    assert s3.WORD not in done.output
    assert json.loads((home / "keys" / "main.store").read_text())["secret_access_key"] == s3.WORD
