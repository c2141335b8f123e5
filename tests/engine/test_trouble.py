"""What goes wrong for real people, each with a clear message, its exit code, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import World, environment, run_cli


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("folder = \n", "Invalid value"),
        ("folder = '/x'\nspeed = 3\n", "speed"),
        ("[scan]\ninterval_s = -5\n", "scan.interval_s"),
        ("stores = []\n", "stores"),
        ("folder = '/x'\nlog_level = 'loud'\n[[stores]]\n", "log_level"),
        ("", "folder is missing"),
        ("\xff".encode("latin-1"), "utf-8"),
    ],
)
def test_damaged_settings(world: World, text: str | bytes, said: str) -> None:
    world.write("a", "x")
    world.scan()
    world.home.config.write_bytes(text if isinstance(text, bytes) else text.encode())
    for command in (["sync"], ["config", "check"], ["status"], ["start"]):
        done = world.cli(*command)
        assert done.returncode == 2, (command, done.stderr)
        assert "config.toml" in done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_a_foreign_directory_as_store(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.folder.mkdir()
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"meow")
    done = world.cli("init", str(world.folder), "--store", str(photos), "--no-passphrase")
    assert done.returncode == 1
    assert "is not empty and is not a syncd store" in done.stderr
    assert [path.name for path in photos.iterdir()] == ["cat.jpg"]
    assert list(world.folder.iterdir()) == []


def test_a_store_that_has_a_vault_already(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.folder.mkdir(parents=True)
    done = other.cli("init", str(other.folder), "--store", str(world.store), "--no-passphrase")
    assert done.returncode == 1
    assert "holds a vault already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init", "NOWHERE", "--no-passphrase"], "is not a directory"),
        (["init", "FOLDER"], "no passphrase given"),
        (["init", "FOLDER", "--no-passphrase", "--store", "FOLDER/inside"], "lies inside the folder"),
        (["init", "FOLDER", "--no-passphrase", "--store", "gopher://x"], "no provider for gopher"),
        (["init", "FOLDER", "--no-passphrase", "--passphrase-file", "x"], "exclude each other"),
        (["init", "FOLDER", "--passphrase-file", "nowhere"], "No such file"),
        (["up"], "which folder?"),
    ],
)
def test_setting_up_wrongly_leaves_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    world = World(tmp_path)
    world.folder.mkdir()
    places = {"NOWHERE": tmp_path / "nowhere", "FOLDER": world.folder}
    typed = [str(places.get(word, word)).replace("FOLDER", str(world.folder)) for word in arguments]
    done = world.cli(*typed)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert list(world.folder.iterdir()) == []
    assert not world.home.config.exists()


def test_a_home_has_one_vault(world: World, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    done = world.cli("init", str(second), "--no-passphrase")
    assert done.returncode == 2
    assert "has a vault already" in done.stderr
    other = run_cli(world.root / "home2", "init", str(world.folder), "--no-passphrase")
    assert other.returncode == 2
    assert "belongs to a vault already" in other.stderr


def test_a_lost_device_key(world: World) -> None:
    world.home.device_key.unlink()
    done = world.cli("sync")
    assert done.returncode == 12
    assert "recovery" in done.stderr


def test_a_damaged_device_key(world: World) -> None:
    world.home.device_key.write_bytes(b"garbage")
    done = world.cli("sync")
    assert done.returncode == 1
    assert "rebuild" in done.stderr


def test_a_damaged_state_is_made_anew(world: World) -> None:
    world.write("a", "x")
    world.scan()
    for path in world.home.state.glob("state.db*"):
        path.write_bytes(b"not a database" * 1000)
    done = world.cli("sync")
    assert done.returncode == 1
    assert "syncd rebuild" in done.stderr
    assert world.cli("rebuild").returncode == 0
    assert world.cli("sync").returncode == 0
    assert world.cli("cat", "a").stdout == "x"


def test_a_disk_that_is_full(world: World, tmp_path: Path) -> None:
    """A quota of the process stands for the disk: writes beyond it fail as ENOSPC does for a person."""
    world.write("a", b"x" * 3_000_000)
    world.scan()
    script = (
        "import os, errno, sys\n"
        "write = os.write\n"
        "def full(fd, data):\n"
        "    if 'out' in os.readlink(f'/proc/self/fd/{fd}'): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "    return write(fd, data)\n"
        "os.write = full\n"
        "os.pwrite = os.pwritev = lambda fd, data, at: full(fd, data)\n"
        "from syncd.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "restore", "a", "--to", str(tmp_path / "out")],
        env=environment(world.root / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "no space left" in done.stderr
    assert not (tmp_path / "out/a").exists(), "half a file is no file"


def test_a_folder_without_permission(world: World) -> None:
    world.write("a", "x")
    world.scan()
    world.folder.chmod(0)
    done = world.cli("sync", obedient=True)
    world.folder.chmod(0o755)
    assert done.returncode == 11
    assert "cannot be read" in done.stderr


def test_a_store_without_permission(world: World) -> None:
    world.write("a", "x")
    world.scan()
    before = world.objects()
    directories = [world.store, *[path for path in world.store.rglob("*") if path.is_dir()]]
    for path in directories:
        path.chmod(0o500)
    world.write("b", "y")
    done = world.cli("sync", obedient=True)
    for path in directories:
        path.chmod(0o700)
    assert done.returncode == 1
    assert "refuses" in done.stderr
    assert world.objects() == before
    assert world.scan().changes == 1
    assert world.cli("cat", "b").stdout == "y"


def test_help_and_typos() -> None:
    for arguments, code, said in (
        (["--help"], 0, "Keep a folder safe"),
        (["--version"], 0, "syncd"),
        (["hsitory"], 2, "Did you mean history"),
        (["ls", "--nope"], 2, "No such option"),
        ([], 2, "Commands"),
    ):
        done = run_cli(Path("/nonexistent"), *arguments)
        assert done.returncode == code, arguments
        assert said in done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = run_cli(Path("/nonexistent"), "completion", shell)
    assert done.returncode == 0
    assert "_SYNCD_COMPLETE" in done.stdout


def test_names_cannot_write_on_a_terminal(world: World) -> None:
    world.write("evil\x1b[31m\nname", "x")
    world.scan()
    assert "\x1b" not in world.cli("ls").stdout
    assert "evil\\x1b[31m\\x0aname" in world.cli("ls").stdout
