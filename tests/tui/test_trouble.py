"""The agent is killed and comes back while every place is open: nothing is forgotten, and nothing has to be done."""

from __future__ import annotations

import pytest

from tests.tui.driving import Scene, driven, first, pane, said, until
from tui.actions import PLACES
from tui.headline import headline

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("place", list(PLACES))
async def test_a_place_lives_through_a_killed_agent(scene: Scene, place: str) -> None:
    async with driven(scene) as (app, pilot):
        app.go(place)
        await until(pilot, lambda: app.current_mode == place)
        await pilot.pause(0.2)
        scene.kill()
        await until(pilot, lambda: not app.view.connected)
        await until(pilot, lambda: app.screen.has_class("-gone"))
        assert app.view.changes, "what was known stays"
        assert "what you see is" in headline(app.view, app.view.lost_s or 0).sentence
        await pilot.press("g")
        assert any("does not answer" in text for text in said(pilot)), "and an action says why it cannot be done"
        scene.laptop.write("while-gone.txt", "nobody was there to see it")
        scene.start()
        await until(pilot, lambda: app.view.connected and not app.screen.has_class("-gone"))
        await until(pilot, lambda: app.view.changes[0]["path"] == "while-gone.txt")


async def test_the_dashboard_comes_before_the_agent(scene: Scene) -> None:
    scene.kill()
    started: list[str] = []

    def start(command: str) -> tuple[int, str, str]:
        started.append(command)
        scene.start()
        return 0, "", ""

    app = scene.dashboard(run=start)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.view.lost_s is not None)
        assert headline(app.view, 0).word == "NOT CONNECTED"
        await pilot.press("S")
        await until(pilot, lambda: app.view.connected and first(app, "recent"))
        assert started == ["start"]


async def test_an_agent_that_cannot_be_started_says_why(scene: Scene) -> None:
    scene.kill()
    app = scene.dashboard(run=lambda command: (12, "", "syncd: the device key is missing"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.lost_s is not None)
        await pilot.press("S")
        await until(pilot, lambda: any("device key is missing" in text for text in said(pilot)))


async def test_no_event_is_lost_over_a_restart(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        for number in range(3):
            scene.laptop.write(f"before-{number}", "x")
            await until(pilot, lambda number=number: first(app, "recent") == f"before-{number}")
            scene.kill()
            await until(pilot, lambda: not app.view.connected)
            scene.laptop.write(f"between-{number}", "x")
            scene.start()
            await until(pilot, lambda number=number: first(app, "recent") == f"between-{number}")
        found = {item["path"] for item in pane(app, "recent").items}
        assert {f"{when}-{number}" for when in ("before", "between") for number in range(3)} <= found
