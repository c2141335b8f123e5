"""Real small file systems: full, read-only, gone with what was on them.

Each test runs in a mount namespace of its own, in a child, as root or as anyone whom the system lets
make one. What it mounts is gone when the child ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.live import wait_for
from tests.agent.test_agent import status
from tests.world import World

INSIDE = "SYNCD_TEST_INSIDE"
NAMESPACE = ["unshare", "--mount", "--propagation", "private"] + (
    [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
)
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x"]


def mounting(test: Callable[[Path], None]) -> Callable[..., None]:
    """Run a test again, in a child that may mount."""

    @functools.wraps(test)
    def outer(tmp_path: Path, request: pytest.FixtureRequest) -> None:
        if os.environ.get(INSIDE):
            test(tmp_path)
            return
        if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
            pytest.skip("this system lets us make no mount namespace")
        done = subprocess.run(
            [*NAMESPACE, *PYTEST, f"--basetemp={tmp_path / 'inside'}", request.node.nodeid],
            env={**os.environ, INSIDE: "1"},
            cwd=request.config.rootpath,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    del outer.__wrapped__  # pytest asks the wrapped function for its arguments
    return outer


def tmpfs(path: Path, size: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)


READ_ONLY, REMOUNT, BIND = 1, 32, 4096


def remount(path: Path, flags: int, options: bytes | None = None) -> None:
    """Change a mounted file system; the system's own call, since mount(8) refuses it to who is root only here."""
    done = ctypes.CDLL(None, use_errno=True).mount(b"tmpfs", os.fsencode(path), b"tmpfs", REMOUNT | flags, options)
    assert done == 0, os.strerror(ctypes.get_errno())


def fill(path: Path) -> None:
    """Write a file until its disk is full, to the last page."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(path).f_bavail == 0


def start(world: World) -> None:
    started = world.cli("start")
    assert started.returncode == 0, started.stderr


@mounting
def test_a_store_that_is_full_and_then_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    tmpfs(world.store, "4m")
    world.found()
    start(world)
    try:
        world.write("fits", "x")
        wait_for(lambda: status(world)["safe"])
        big = random.Random(1).randbytes(6_000_000)
        world.write("too big", big)
        wait_for(lambda: status(world)["state"] == "paused")
        # It tries again every second or two, and is not paused while it does.
        wait_for(lambda: "is full" in str(status(world)["reason"]) and world.cli("status").returncode == 11)
        remount(world.store, 0, b"size=32m")
        wait_for(lambda: status(world)["safe"] and world.cli("cat", "too big", text=False).stdout == big, 60)
    finally:
        world.cli("stop")
    assert world.cli("verify", "--read-data", "100").returncode == 0
    assert not list(world.store.rglob(".put-*")), "nothing half-written stays"


@mounting
def test_a_store_that_is_read_only_and_then_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    tmpfs(world.store, "16m")
    world.found()
    start(world)
    try:
        world.write("before", "x")
        wait_for(lambda: status(world)["safe"])
        remount(world.store, BIND | READ_ONLY)
        world.write("meanwhile", "y")
        wait_for(lambda: status(world)["state"] == "paused")
        assert "read-only" in str(status(world)["reason"]).lower()
        assert world.cli("cat", "before").stdout == "x", "what is there can be read"
        remount(world.store, BIND)
        wait_for(lambda: status(world)["safe"] and world.cli("cat", "meanwhile").stdout == "y", 60)
    finally:
        world.cli("stop")
    assert world.cli("verify", "--read-data", "100").returncode == 0


@mounting
def test_a_home_on_a_disk_that_is_full_and_then_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    tmpfs(world.root / "home", "24m")
    world.folder.mkdir()
    store = world.root / "elsewhere"
    done = world.cli("init", str(world.folder), "--store", str(store), "--no-passphrase")
    assert done.returncode == 0, done.stderr
    start(world)
    try:
        world.write("before", "x")
        wait_for(lambda: status(world)["safe"])
        ballast = world.root / "home" / "ballast"
        fill(ballast)
        for number in range(300):
            world.write(f"meanwhile/{number:03}", str(number) * 50)
        wait_for(lambda: status(world)["state"] == "paused")
        assert "full" in str(status(world)["reason"])
        ballast.unlink()
        wait_for(lambda: status(world)["safe"] and world.cli("cat", "meanwhile/299").stdout == "299" * 50, 60)
    finally:
        world.cli("stop")
    assert world.cli("verify", "--read-data", "100").returncode == 0


@mounting
def test_what_was_on_another_file_system_is_not_deleted_when_that_is_unmounted(tmp_path: Path) -> None:
    world = World(tmp_path).found()
    disk = world.folder / "photos" / "disk"
    tmpfs(disk, "1m")
    world.write("photos/disk/2026/picture", "on the disk")
    world.write("photos/beside", "beside it")
    assert world.scan().changes == 5
    subprocess.run(["umount", str(disk)], check=True)
    outcome = world.scan()
    assert outcome.changes == 0
    assert "not mounted" in outcome.problems[b"photos/disk"]
    assert world.cli("cat", "photos/disk/2026/picture").stdout == "on the disk"
    disk.rmdir()  # as an automounter does
    assert world.scan().changes == 0
    (world.folder / "photos" / "beside").unlink()
    (world.folder / "photos").rmdir()
    outcome = world.scan()
    assert (outcome.changes, list(outcome.problems)) == (0, [b"photos/disk"]), "what holds the mount is held with it"
    tmpfs(disk, "1m")
    world.write("photos/disk/2026/picture", "on the disk")
    assert not world.scan().problems
    (disk / "2026" / "picture").unlink()
    world.scan()
    found = world.cli("find", "**", "--deleted", "--json").stdout
    assert "picture" in found, "a deletion on a mounted file system is a deletion"


@mounting
def test_a_directory_that_took_the_place_of_a_mount_is_a_directory(tmp_path: Path) -> None:
    world = World(tmp_path).found()
    disk = world.folder / "disk"
    tmpfs(disk, "1m")
    world.write("disk/file", "bytes")
    world.scan()
    subprocess.run(["umount", str(disk)], check=True)
    world.write("disk/file", "bytes")
    world.scan()
    (disk / "file").unlink()
    outcome = world.scan()
    # The file is gone, and the directory that stands there now has its own mode.
    assert (outcome.changes, outcome.problems) == (2, {})
