"""Devices as real processes on real folders, with a store between them that may go away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from syncd.api.client import Client
from syncd.errors import SyncdError
from tests.engine.devices import Device, devices
from tests.world import environment


def pause(seconds: float) -> None:
    """Let processes work for a while: what a person does between two things."""
    waiting = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        waiting.wait(seconds)
    except subprocess.TimeoutExpired:
        waiting.communicate()


def wait_for(truth: Callable[[], object], seconds: float = 20, problem: str = "it did not become true") -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, problem
        pause(0.02)


@dataclass
class Live:
    """A device whose agent runs."""

    device: Device
    agent: subprocess.Popen[bytes] | None = None
    kills: int = 0
    log: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ("-m", "syncd", "run")

    @property
    def folder(self) -> Path:
        return self.device.folder

    def start(self) -> None:
        """Start the agent, if it does not run."""
        if self.agent is None:
            command = [sys.executable, *self.command]
            environ = environment(self.device.root / self.device.name / "home")
            with (self.device.root / f"{self.device.name}.out").open("ab") as out:
                self.agent = subprocess.Popen(command, env=environ, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """End the agent at once, wherever it is."""
        if self.agent is not None:
            self.agent.send_signal(signal.SIGKILL)
            self.agent.wait()
            self.agent, self.kills = None, self.kills + 1

    def stop(self) -> None:
        """End the agent as a person does."""
        if self.agent is not None:
            self.agent.send_signal(signal.SIGTERM)
            try:
                self.agent.wait(30)
            finally:
                self.agent.kill()
                self.agent.wait()
                self.agent = None


def living(root: Path, *names: str) -> list[Live]:
    """Return devices of one new vault, with their agents started."""
    found = [Live(device) for device in devices(root, *names)]
    for live in found:
        live.start()
    return found


def same_tree(found: list[Live], seconds: float, more: Callable[[], bool] = lambda: True) -> None:
    """Wait until all folders hold the same and stay so for a second.

    Args:
        found: the devices.
        seconds: how long at most.
        more: done at each look; tells whether nothing else is awaited.

    Raises:
        AssertionError: they do not.
    """
    end, since = time.monotonic() + seconds, 0.0
    trees: list[object] = []
    while True:
        try:
            now: list[object] = [live.device.tree() for live in found]
        except OSError:  # something went away between listing and reading
            now = [object()]
        calm = more() and all(tree == now[0] for tree in now) and now == trees
        trees = now
        if not calm:
            since = 0.0
        elif not since:
            since = time.monotonic()
        elif time.monotonic() - since > 1.5:
            return
        if time.monotonic() > end:
            raise AssertionError(f"they do not come to one tree: {differences(found)}\n{states(found)}")
        pause(0.1)


def states(found: list[Live]) -> str:
    """Say how each agent stands, and what it wrote down last."""
    lines = []
    for live in found:
        try:
            status = Client(live.device.home.socket).call("GET", "/v1/status")
        except SyncdError as error:
            status = {"error": error.message}
        lines.append(f"{live.device.name}: {json.dumps(status)}")
        with suppress(OSError):
            lines += live.device.home.log.read_text(errors="replace").splitlines()[-30:]
    return "\n".join(lines)


def differences(found: list[Live]) -> list[str]:
    """Say how trees differ."""
    trees = [live.device.tree() for live in found]
    paths = sorted({path for tree in trees for path in tree if any(other.get(path) != tree[path] for other in trees)})
    return [f"{path}: {[tree.get(path) for tree in trees]}" for path in paths[:20]]
