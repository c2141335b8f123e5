"""What is not there to see is not gone (promise P5)."""

from __future__ import annotations

import json
import os

from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.model.listing import Listing
from tests.world import World


def test_what_a_fifo_stands_for_now_is_not_deleted(world: World) -> None:
    path = world.write("file", "bytes")
    world.scan()
    path.unlink()
    os.mkfifo(path)
    outcome = world.scan()
    assert outcome.changes == 0
    assert "fifo" in outcome.problems[b"file"]
    assert world.cli("cat", "file").stdout == "bytes"


def test_after_a_rebuild_what_cannot_be_read_is_not_told_as_gone(world: World) -> None:
    world.write("closed/file", "bytes")
    world.write("open", "bytes")
    world.scan()
    (world.folder / "closed").chmod(0)
    assert world.cli("rebuild").returncode == 0
    assert world.cli("sync", obedient=True).returncode == 3
    (world.folder / "closed").chmod(0o755)
    assert world.cli("sync", obedient=True).returncode == 0
    assert [line["change"] for line in json.loads(world.cli("history", "closed/file", "--json").stdout)] == ["added"]
    assert (world.folder / "closed/file").read_text() == "bytes"


def test_one_listing_after_another_sees_what_moved_between_them(world: World) -> None:
    """A file that moves, while the folder is walked, to where the walk has been: moved, and never told as gone."""
    world.write("a/file", "1")
    world.write("b/file", "2")
    world.scan()
    vault = world.open()
    listed: list[bytes] = []
    entries = vault.disk.entries

    def moving(path: bytes) -> Listing:
        found = entries(path)
        if path and not listed:  # the first of the two; the other one is still to be walked
            later = "b" if path == b"a" else "a"
            (world.folder / later / "file").rename(world.folder / path.decode() / "moved")
            listed.append(path)
        return found

    vault.disk.entries = moving  # type: ignore[method-assign]
    Outward(vault, Outbox(vault), Progress(lambda: 0.0)).scan(deep=True)
    vault.close()
    history = json.loads(world.cli("history", f"{listed[0].decode()}/moved", "--json").stdout)
    assert [line["change"] for line in history] == ["moved", "added"]
