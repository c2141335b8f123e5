"""The first run, from nothing to a folder that is safe."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from syncd.config.home import find_home
from tests.tui.driving import until
from tests.world import World, environment
from tui.app import Dashboard
from tui.screens.locked import Locked
from tui.screens.setup import Setup, words_table

pytestmark = pytest.mark.slow


def run_in(home: Path) -> object:
    def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
        command = [sys.executable, "-m", "syncd", *arguments]
        done = subprocess.run(command, env=environment(home), capture_output=True, text=True, input=given, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def said(app: Dashboard) -> str:
    return str(app.screen.query_one("#said", Static).render())


async def test_from_nothing_to_a_folder_that_is_safe(tmp_path: Path) -> None:
    home = find_home({"SYNCD_HOME": str(tmp_path / "home")})
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    run = run_in(tmp_path / "home")
    app = Dashboard(home.socket, config=home.config, run=run)  # type: ignore[arg-type]
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Setup))
            for name, value in (("folder", str(home.state)), ("store", str(tmp_path / "store")), ("device", "study")):
                app.screen.query_one(f"#{name}", Input).value = value
            await pilot.press("enter", "enter", "enter")
            await until(pilot, lambda: "syncd's own files" in said(app), 60)
            assert not home.config.exists()
            app.screen.query_one("#folder", Input).value = str(folder)
            await pilot.press("enter")
            await until(pilot, lambda: app.screen._words, 60)  # type: ignore[attr-defined]
            words = list(app.screen._words)  # type: ignore[attr-defined]
            assert len(words) == 24
            await pilot.press(*"wrong words", "enter")
            assert "Those are others" in said(app)
        # Whoever goes away now comes to the same words again.
        assert home.words.read_text() == " ".join(words)
        app = Dashboard(home.socket, config=home.config, unseen=home.words.exists(), run=run)  # type: ignore[arg-type]
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Setup) and app.screen._words, 60)
            assert app.screen._words == words  # type: ignore[attr-defined]
            await pilot.press(*"wrong words", "enter")
            assert "Those are others" in said(app)
            proof = " ".join(words[number] for number in app.screen._asked)  # type: ignore[attr-defined]
            app.screen.query_one("#proof", Input).value = proof
            await pilot.press("enter")
            await until(pilot, lambda: app.current_mode == "home" and app.view.connected, 60)
            await until(pilot, lambda: app.view.status.get("files") == 1 and app.view.status["safe"], 60)
            assert app.view.status["device"] == "study"
            assert not home.words.exists()
        (tmp_path / "words").write_text(" ".join(words))
        done = subprocess.run(
            [sys.executable, "-m", "syncd", "join", str(tmp_path / "other"), "--store", str(tmp_path / "store"),
             "--recovery-file", str(tmp_path / "words"), "--yes"],
            env=environment(tmp_path / "home2"), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, "the words that were shown open the vault"
    finally:
        run("stop")  # type: ignore[operator]


def test_the_words_stand_with_their_numbers() -> None:
    words = [f"word{number}" for number in range(1, 25)]
    table = words_table(words)
    assert table.split() == [part for row in range(6) for column in range(4)
                             for part in (str(row + column * 6 + 1), f"word{row + column * 6 + 1}")]  # fmt: skip
    assert max(map(len, table.splitlines())) < 70


def test_other_words_are_asked_for_each_time() -> None:
    asked = {tuple(sorted(random.Random(seed).sample(range(24), 2))) for seed in range(50)}
    assert len(asked) > 20


@pytest.mark.parametrize("by", ["words", "passphrase"])
async def test_a_locked_device_asks_for_what_opens_it(tmp_path: Path, by: str) -> None:
    world = World(tmp_path, passphrase="a horse in the rain").found()
    world.write("a", "kept")
    world.scan()
    assert world.cli("lock").returncode == 0
    app = Dashboard(world.home.socket, config=world.home.config, locked=True, run=run_in(tmp_path / "home"))  # type: ignore[arg-type]
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Locked))
            await pilot.press(*"a cow", "enter")
            await until(pilot, lambda: "does not open" in said(app))
            assert app.screen.query_one("#secret", Input).value == ""
            app.screen.query_one("#secret", Input).value = world.words if by == "words" else "a horse in the rain"
            await pilot.press("enter")
            await until(pilot, lambda: app.current_mode == "home" and app.view.connected, 60)
            await until(pilot, lambda: app.view.status.get("files") == 1)
    finally:
        world.cli("stop")
