"""The watcher hears of all that people do to a real folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.watch.observer import Watcher
from syncd.watch.pending import Hint

ACTS: dict[str, Callable[[Path], object]] = {
    "write": lambda root: (root / "file").write_text("more"),
    "append": lambda root: os.close(os.open(root / "file", os.O_WRONLY | os.O_APPEND)),
    "mode of a file": lambda root: (root / "file").chmod(0o755),
    "time of a file": lambda root: os.utime(root / "file", ns=(1, 1)),
    "mode of a directory": lambda root: (root / "directory").chmod(0o700),
    "new file": lambda root: (root / "directory" / "new").write_text("new"),
    "new directory": lambda root: (root / "directory" / "made").mkdir(),
    "symlink": lambda root: (root / "link").symlink_to("file"),
    "rename": lambda root: (root / "file").rename(root / "directory" / "file"),
    "remove": lambda root: (root / "file").unlink(),
    "remove a directory": lambda root: (root / "directory").rmdir(),
}


@pytest.mark.parametrize("act", ACTS)
def test_it_hears_of(tmp_path: Path, act: str) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "directory").mkdir()
    heard = threading.Event()

    def note(path: bytes, hint: Hint) -> None:
        heard.set()

    watcher = Watcher(os.fsencode(tmp_path), note, lambda source, target: None, lambda: None)
    assert watcher.start()
    try:
        ACTS[act](tmp_path)
        assert heard.wait(10)
    finally:
        watcher.stop()


def test_it_watches_through_a_link_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    heard: list[bytes] = []
    came = threading.Event()

    def note(path: bytes, hint: Hint) -> None:
        heard.append(path)
        came.set()

    watcher = Watcher(os.fsencode(tmp_path / "link"), note, lambda source, target: None, lambda: None)
    assert watcher.start()
    try:
        (tmp_path / "real" / "file").write_text("text")
        assert came.wait(10)
        assert heard[0] == b"file"
    finally:
        watcher.stop()
