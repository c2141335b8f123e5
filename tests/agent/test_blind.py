"""A real file system that does not tell `a` from `A` and keeps no modes: exFAT, as on a stick, through FUSE."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.engine.reviewing import approve
from syncd.engine.vault import open_vault
from tests.agent.live import wait_for
from tests.agent.test_mounts import mounting
from tests.engine.devices import Device, act, devices, settle

TAG = re.compile(r" \((?:case|conflict [^()]*) [0-9a-f]{6,32}\)")
SIZE = 64 * 1024 * 1024


@contextlib.contextmanager
def exfat(root: Path) -> Iterator[Path]:
    """Mount a new file system; it needs a block device, which only root can make of a file."""
    if os.geteuid() or not shutil.which("mount.exfat-fuse") or not Path("/dev/fuse").exists():
        pytest.skip("this machine cannot mount a file system that is blind to case")
    image, place = root / "image", root / "stick"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.exfat", str(image)], check=True, capture_output=True)
    made = subprocess.run(["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True)
    device = made.stdout.strip()
    try:
        subprocess.run(["mount.exfat-fuse", device, str(place)], check=True, capture_output=True)
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=False, capture_output=True)
        subprocess.run(["losetup", "-d", device], check=False, capture_output=True)


@contextlib.contextmanager
def two(root: Path) -> Iterator[tuple[Device, Device]]:
    """Two devices, of which the second has its folder on such a file system."""
    with exfat(root) as place:
        (place / "folder").mkdir()
        folder = root / "beta" / "folder"
        folder.mkdir(parents=True)
        subprocess.run(["mount", "--bind", str(place / "folder"), str(folder)], check=True)
        alpha, beta = devices(root, "alpha", "beta")
        try:
            yield alpha, beta
        finally:
            subprocess.run(["umount", str(folder)], check=False)


def say_yes(device: Device) -> int:
    """Let deletions happen that wait for a yes: people here may remove more than half of all at once."""
    vault = open_vault(device.home, write=True)
    try:
        return approve(vault.state)
    finally:
        vault.close()


def contents(device: Device) -> list[tuple[str, object]]:
    """Return what stands in a folder, under the names that the tree has for it, without modes and times."""
    found = device.tree().items()
    return sorted((TAG.sub("", path), facts[3]) for path, facts in found if facts[0] == "file")


def meet(alpha: Device, beta: Device) -> bool:
    """Let both come to rest, with a yes to every question; return whether they hold the same.

    The system answers to a name for up to a second after it is gone from a file system like this, and calls it taken.
    """
    settle([alpha, beta], rounds=10)
    while sum(say_yes(device) for device in (alpha, beta)):
        settle([alpha, beta], rounds=10)
    return contents(beta) == contents(alpha)


@mounting
def test_two_names_that_are_one_there(tmp_path: Path) -> None:
    with two(tmp_path) as (alpha, beta):
        alpha.write("note.txt", "lower")
        alpha.write("Note.txt", "upper")
        alpha.write("sub/a", "in the lower")
        alpha.write("Sub/a", "in the upper")
        settle([alpha, beta])
        assert contents(beta) == contents(alpha)
        shown = [name for name in beta.names() if "(case " in name and "/" not in name]
        assert len(shown) == 2

        (beta.folder / next(name for name in shown if name.endswith(".txt"))).write_text(
            "changed where it has another name"
        )
        settle([alpha, beta])
        assert sorted(alpha.names()) == ["Note.txt", "Sub", "Sub/a", "note.txt", "sub", "sub/a"]
        assert "changed where it has another name" in (alpha.read("Note.txt"), alpha.read("note.txt"))
        assert contents(beta) == contents(alpha)

        (alpha.folder / "note.txt").unlink()
        shutil.rmtree(alpha.folder / "Sub")
        settle([alpha, beta])
        assert beta.names() == ["Note.txt", "sub", "sub/a"], "a name that nobody else has any more is its own again"


@mounting
def test_case_alone_changes(tmp_path: Path) -> None:
    with two(tmp_path) as (alpha, beta):
        alpha.write("one", "1")
        alpha.write("two", "2")
        alpha.write("directory/file", "3")
        settle([alpha, beta])
        (alpha.folder / "one").rename(alpha.folder / "ONE")
        (beta.folder / "two").rename(beta.folder / "TWO")
        (alpha.folder / "directory").rename(alpha.folder / "Directory")
        settle([alpha, beta])
        assert alpha.names() == beta.names() == ["Directory", "Directory/file", "ONE", "TWO"]


@mounting
def test_modes_that_are_not_kept_are_no_news(tmp_path: Path) -> None:
    with two(tmp_path) as (alpha, beta):
        alpha.write("secret", "s")
        alpha.write("tool", "#!/bin/sh")
        (alpha.folder / "secret").chmod(0o600)
        (alpha.folder / "tool").chmod(0o755)
        settle([alpha, beta])
        (beta.folder / "secret").write_text("edited there")
        beta.write("new", "made there")
        settle([alpha, beta])
        tree = alpha.tree()
        assert [tree[name][1] for name in ("secret", "tool", "new")] == [0o600, 0o755, 0o644]
        assert alpha.read("secret") == "edited there"


@mounting
def test_what_cannot_stand_there_stays_elsewhere(tmp_path: Path) -> None:
    with two(tmp_path) as (alpha, beta):
        alpha.write("file", "f")
        (alpha.folder / "link").symlink_to("file")
        alpha.sync()
        both = beta.sync()
        assert b"link" in both.problems
        beta.write("other", "o")
        beta.sync()
        alpha.sync()
        assert alpha.names() == ["file", "link", "other"]


@mounting
def test_random_lives_meet(tmp_path: Path) -> None:
    with two(tmp_path) as (alpha, beta):
        for seed in range(4):
            source = random.Random(seed)
            for _ in range(60):
                act(source.choice([alpha, beta]), source)
                if source.random() < 0.3:
                    source.choice([alpha, beta]).sync()
            wait_for(lambda: meet(alpha, beta), problem=f"seed {seed}: the folders stay different")
