"""Driving the dashboard against a real agent on a real store: no answer of the agent is ever made up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from syncd.api.client import Client
from syncd.errors import SyncdError
from tests.agent.live import wait_for
from tests.engine.devices import Device, devices, settle
from tests.world import environment
from tui.app import Dashboard
from tui.widgets.virtual_list import VirtualList

SECONDS = 20.0


@dataclass
class Scene:
    """Two devices with a past; the agent of the first one runs."""

    laptop: Device
    desktop: Device
    agent: subprocess.Popen[bytes] | None = None
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.laptop.home.socket)

    def start(self) -> None:
        """Start the agent, and wait until it has looked at everything."""
        environ = environment(self.laptop.root / "laptop" / "home")
        command = [sys.executable, "-m", "syncd", "run", "--background"]
        self.agent = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.client.running() and self.ask("/v1/status")["state"] == "idle")

    def kill(self) -> None:
        """End the agent at once."""
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
            self.agent = None

    def ask(self, route: str) -> Any:
        return self.client.call("GET", route)

    def taken(self, path: str, count: int) -> bool:
        """Tell whether the vault has so many entries in a directory, and nothing is under way."""
        try:
            found = self.ask(f"/v1/entries?path={path}&limit=1")["total"]
        except SyncdError:
            return False
        return bool(found == count and self.ask("/v1/status")["state"] == "idle")

    def dashboard(self, **more: Any) -> Dashboard:
        return Dashboard(self.laptop.home.socket, **more)


def furnish(root: Path) -> Scene:
    """Make two devices with versions, a rename, a deletion, two conflicts and something that is not synced."""
    laptop, desktop = devices(root, "laptop", "desktop")
    for name in ("2024.ods", "2025.ods", "draft.ods"):
        laptop.write(f"Documents/tax/{name}", f"{name}\n" * 10)
    laptop.write("Documents/plan.md", "# Plan\n\n## Budget\n")
    laptop.write("Documents/old-plan.txt", "the old plan\n")
    laptop.write("notes/a.txt", "hello\n")
    laptop.write("picture.bin", "\0\1\2" * 50)
    settle([laptop, desktop])
    for number in range(3):
        laptop.write("Documents/tax/2025.ods", f"total: {48_000 + number}\n")
        laptop.sync()
    settle([laptop, desktop])
    (desktop.folder / "Documents/old-plan.txt").unlink()
    (desktop.folder / "Documents/tax/draft.ods").rename(desktop.folder / "Documents/tax/final.ods")
    settle([laptop, desktop])
    laptop.write("Documents/plan.md", "# Plan\n\n## Budget\nhire one more person\n")
    desktop.write("Documents/plan.md", "# Plan\n\n## Budget\nfreeze hiring\n")
    laptop.write("notes/a.txt", "by the laptop\n")
    desktop.write("notes/a.txt", "by the desktop\n")
    settle([laptop, desktop])
    os.mkfifo(laptop.folder / "pipe")
    return Scene(laptop, desktop)


@contextmanager
def playing(root: Path) -> Iterator[Scene]:
    """Furnish a scene, with the agent started; it is ended afterwards."""
    scene = furnish(root)
    scene.start()
    try:
        yield scene
    finally:
        scene.kill()
        shutil.rmtree(root, ignore_errors=True)


@asynccontextmanager
async def driven(
    scene: Scene, size: tuple[int, int] = (100, 30), **more: Any
) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    """Run a dashboard until it knows how everything stands."""
    app = scene.dashboard(**more)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.view.connected and app.view.changes and app.view.known)
        yield app, pilot


async def until(pilot: Pilot[int], truth: Callable[[], object], seconds: float = SECONDS) -> None:
    """Let the dashboard go on until something is true."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"it did not become true; {said(pilot)}"
        await pilot.pause(0.02)
    await pilot.pause()


def said(pilot: Pilot[int]) -> list[str]:
    """Return what was notified."""
    return [notification.message for notification in pilot.app._notifications]


def pane(app: Dashboard, name: str) -> VirtualList:
    """Return a list of the screen in front."""
    return app.screen.query_one(f"#{name}", VirtualList)


def names(app: Dashboard, name: str) -> list[str]:
    """Return the paths in a list."""
    return [item["path"] for item in pane(app, name).items]


def first(app: Dashboard, name: str) -> str:
    """Return the first path in a list, empty where there is none."""
    return next(iter(names(app, name)), "")
