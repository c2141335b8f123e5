"""The dashboard in a real terminal, by a person's keys: tmux holds it, and what it shows is read from its screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.agent.live import pause, wait_for
from tests.tui.driving import Scene
from tests.world import environment

pytestmark = pytest.mark.slow


class Terminal:
    """One window of tmux, on a server of its own."""

    def __init__(self, scene: Scene, width: int, height: int, *arguments: str, **extra: str) -> None:
        assert shutil.which("tmux"), "install tmux: a real terminal is the test"
        self._name = f"syncd-test-{uuid.uuid4().hex}"
        environ = {**environment(scene.laptop.root / "laptop" / "home", **extra), "TERM": "xterm-256color"}
        command = [sys.executable, "-X", "faulthandler", "-m", "syncd", "tui", *arguments]
        size = ("-x", str(width), "-y", str(height))
        self._run("new-session", "-d", *size, *command, env=environ)
        self._run("set-option", "-g", "remain-on-exit", "on")

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            env=env,
            check=False,
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys as fast as a person does."""
        for key in keys:
            self._run("send-keys", key)
            pause(0.12)

    def types(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def shows(self, *texts: str) -> None:
        try:
            wait_for(lambda: all(text in self.text() for text in texts))
        except AssertionError:
            seen = self.text()
            raise AssertionError(f"{texts} are not shown:\n{seen}\n{self._stacks()}") from None

    def _stacks(self) -> str:
        """End the dashboard, and return what its threads were at."""
        process = int(self._run("display-message", "-p", "#{pane_pid}"))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGABRT)
        wait_for(lambda: self._run("display-message", "-p", "#{pane_dead}").strip() == "1")
        return self._run("capture-pane", "-p", "-S", "-")

    def close(self) -> None:
        self._run("kill-server")


@pytest.fixture(params=[(80, 24), (160, 50)], ids=["80x24", "160x50"])
def terminal(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    found = Terminal(scene, *request.param)
    yield found
    found.close()


def test_a_person_restores_decides_approves_and_leaves(scene: Scene, terminal: Terminal) -> None:
    terminal.shows("2 CONFLICTS", "Recent", "y History")
    scene.laptop.write("letter.txt", "dear")
    terminal.shows("letter.txt")
    wait_for(lambda: len(scene.ask("/v1/versions?path=letter.txt")["items"]) == 1)
    scene.laptop.write("letter.txt", "nonsense")
    wait_for(lambda: len(scene.ask("/v1/versions?path=letter.txt")["items"]) == 2)
    terminal.keys("y")
    terminal.shows("letter.txt", "picture.bin")
    terminal.keys("/")
    terminal.shows("a part of a name")
    terminal.types("letter")
    terminal.shows("Found 1")
    terminal.keys("Enter")
    wait_for(lambda: "▊" not in terminal.text())
    terminal.shows("2 versions")
    terminal.keys("Tab", "Down", "r")
    terminal.shows("Restore letter.txt as of", "brought: 1 entry, 4 B")
    terminal.keys("Enter")
    wait_for(lambda: scene.laptop.read("letter.txt") == "dear")
    terminal.keys("c")
    terminal.shows("A against B", "Documents/plan.md")
    terminal.keys("1")
    terminal.shows("1 CONFLICT ")
    for number in range(40):
        scene.laptop.write(f"many/{number}", str(number))
    wait_for(lambda: scene.taken("many", 40))
    (scene.laptop.folder / "many").rename(scene.laptop.root / "many")  # all at once
    terminal.keys("v")
    terminal.shows("41 files and directories are gone", "many")
    terminal.keys("Y")
    terminal.shows("will be deleted on every device")
    terminal.keys("y")
    terminal.shows("nothing waits for you")
    terminal.keys("q")
    terminal.shows("The agent goes on")
    wait_for(lambda: scene.ask("/v1/status")["state"] == "idle")


def test_without_colour_every_state_can_be_read(scene: Scene) -> None:
    terminal = Terminal(scene, 80, 24, NO_COLOR="1")
    try:
        terminal.shows("≠ 2 CONFLICTS", "edited")
        scene.kill()
        terminal.shows("○ NOT CONNECTED", "S starts the agent")
    finally:
        terminal.close()


@pytest.mark.parametrize("by", ["flag", "settings"])
def test_a_terminal_of_ascii_alone(scene: Scene, by: str) -> None:
    if by == "settings":
        config = scene.laptop.home.config
        config.write_text(config.read_text().replace("ascii = false", "ascii = true"))
    terminal = Terminal(scene, 100, 30, *(["--ascii"] if by == "flag" else []))
    try:
        terminal.shows("# 2 CONFLICTS", "edited")
        places = ("History", "Conflicts", "Review", "Activity", "Stores", "Devices", "Folder", "Log", "find a key")
        for key, place in zip("ycvasdfl?", places, strict=True):
            terminal.keys(key)
            terminal.shows(place)
            assert terminal.text().isascii(), (key, [letter for letter in terminal.text() if not letter.isascii()])
    finally:
        terminal.close()


def test_a_terminal_that_is_too_small_still_says_whether_all_is_safe(scene: Scene) -> None:
    terminal = Terminal(scene, 44, 10)
    try:
        terminal.shows("2 CONFLICTS", "? Keys")
    finally:
        terminal.close()


def test_no_terminal_no_dashboard(scene: Scene) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "tui"],
        env=environment(scene.laptop.root / "laptop" / "home"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
