"""Every key of every place, by what the agent and the folder are like afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from tests.engine.devices import Device, late_with_old_keys, settle
from tests.tui.driving import Scene, driven, first, names, pane, said, until
from tui.dialogs.confirm import Confirm, Line, Typed
from tui.dialogs.instant import Instant
from tui.dialogs.jump import Jump
from tui.dialogs.keys import Keys
from tui.dialogs.restore import Restore
from tui.screens.conflicts import Conflicts
from tui.screens.history import History

pytestmark = pytest.mark.slow


async def test_home_says_how_everything_stands(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: pane(app, "devices").total == 2)
        assert [item["change"] for item in pane(app, "recent").items][:2] == ["edited", "edited"]
        assert {item["device"] for item in pane(app, "recent").items} == {"laptop", "desktop"}
        needs = [(glyph, key) for glyph, _, key, _ in pane(app, "attention").items]
        assert needs == [("≠", "c conflicts"), ("!", "a activity")]
        assert app.view.conflict_count == 2
        scene.laptop.write("new.txt", "made while it is looked at")
        await until(pilot, lambda: first(app, "recent") == "new.txt")


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("y", "history"),
        ("c", "conflicts"),
        ("v", "review"),
        ("a", "activity"),
        ("s", "stores"),
        ("d", "devices"),
        ("f", "folder"),
        ("l", "log"),
    ],
)
async def test_a_letter_leads_to_a_place_and_escape_back(scene: Scene, key: str, place: str) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: app.current_mode == place)
        await pilot.press("h")
        await until(pilot, lambda: app.current_mode == "home")
        await pilot.press(key, "escape")
        await until(pilot, lambda: app.current_mode == "home")
        await pilot.press("escape", "escape")
        assert app.is_running, "escape never leaves the dashboard"


async def test_four_keys_from_the_first_paint_to_an_old_version(scene: Scene) -> None:
    scene.laptop.write("letter.txt", "dear")
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: first(app, "recent") == "letter.txt")
        scene.laptop.write("letter.txt", "nonsense")
        await until(pilot, lambda: [item["path"] for item in pane(app, "recent").items[:2]] == ["letter.txt"] * 2)
        await pilot.press("home", "enter")
        await until(pilot, lambda: pane(app, "versions").has_focus and pane(app, "versions").total == 2)
        await pilot.press("down", "r")
        await until(pilot, lambda: isinstance(app.screen, Restore))
        await until(pilot, lambda: "1 entry, 4 B" in str(app.screen.query_one("#preview", Static).render()))
        await pilot.press("enter")
        await until(pilot, lambda: scene.laptop.read("letter.txt") == "dear")
        await until(pilot, lambda: pane(app, "versions").total == 3)
        assert pane(app, "versions").items[0]["change"] == "edited"


async def test_history_is_by_path(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("y")
        await until(pilot, lambda: names(app, "entries") == ["Documents", "notes", "picture.bin"])
        await pilot.press("enter")
        await until(pilot, lambda: "Documents/tax" in names(app, "entries"))
        assert "Documents/old-plan.txt" not in names(app, "entries")
        await pilot.press("x")
        await until(pilot, lambda: "Documents/old-plan.txt" in names(app, "entries"))
        await pilot.press("end", "enter")
        await until(pilot, lambda: "Documents/tax/final.ods" in names(app, "entries"))
        pane(app, "entries").go_to_key("Documents/tax/final.ods")
        await until(pilot, lambda: pane(app, "versions").total == 2)
        assert [item["change"] for item in pane(app, "versions").items] == ["renamed", "added"]
        assert pane(app, "versions").items[1]["note"] == "was Documents/tax/draft.ods"
        await pilot.press("escape")
        await until(pilot, lambda: pane(app, "entries").item["path"] == "Documents/tax")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.current_mode == "home")


async def test_a_version_is_compared_with_the_folder_and_with_another(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("y")
        await until(pilot, lambda: names(app, "entries"))
        assert isinstance(app.screen, History)
        app.screen.show_path({"path": "Documents/tax/2025.ods"}, versions=True)
        await until(pilot, lambda: pane(app, "versions").total == 4)
        await until(pilot, lambda: pane(app, "preview").border_title == "As the folder has it")
        assert pane(app, "preview").items == ["total: 48002"]
        await pilot.press("down")
        await until(pilot, lambda: "-total: 48001" in pane(app, "preview").items)
        assert "+total: 48002" in pane(app, "preview").items
        await pilot.press("equals_sign", "down", "equals_sign")
        await until(pilot, lambda: pane(app, "preview").border_title == "Against another")
        assert {"-total: 48000", "+total: 48001"} <= set(pane(app, "preview").items)
        app.screen.show_path({"path": "picture.bin"}, versions=True)
        await until(pilot, lambda: pane(app, "preview").items == ["binary, 150 B"])


async def test_a_name_is_no_markup(scene: Scene) -> None:
    for name in ("report [v='1].txt", "[draft] plan.md", "[/] end"):
        scene.laptop.write(name.replace("/", "|"), "text")
    async with driven(scene) as (app, pilot):
        await pilot.press("y")
        await until(pilot, lambda: pane(app, "entries").total == 6)
        for path in names(app, "entries"):
            pane(app, "entries").go_to_key(path)
            await until(pilot, lambda path=path: path in str(pane(app, "versions").border_title).replace("\\", ""))
        assert app.is_running


async def test_finding_as_one_types_over_all_time(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("slash")
        await until(pilot, lambda: app.current_mode == "history" and isinstance(app.focused, Input))
        await pilot.press(*"plan")
        await until(pilot, lambda: "Documents/old-plan.txt" in names(app, "entries"))
        assert "Documents/plan.md" in names(app, "entries")
        await pilot.press("backspace", "backspace", "backspace", "backspace", *"draft")
        await until(pilot, lambda: names(app, "entries") == ["Documents/tax/draft.ods"])
        assert pane(app, "entries").item["state"] == "renamed"
        await pilot.press("enter")
        await until(pilot, lambda: pane(app, "versions").total == 2)
        await pilot.press("escape")
        await until(pilot, lambda: names(app, "entries") == ["Documents", "notes", "picture.bin"])


async def test_a_deleted_file_and_marked_ones_come_back(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("y", "x", "enter")
        await until(pilot, lambda: "Documents/old-plan.txt" in names(app, "entries"))
        pane(app, "entries").go_to_key("Documents/old-plan.txt")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, Restore))
        await pilot.press("enter")
        await until(pilot, lambda: (scene.laptop.folder / "Documents/old-plan.txt").exists())
        await pilot.press("home")
        pane(app, "entries").go_to_key("Documents/tax")
        await pilot.press("enter")
        await until(pilot, lambda: "Documents/tax/2024.ods" in names(app, "entries"))
        back = [scene.laptop.folder / "Documents/tax" / name for name in ("2024.ods", "2025.ods")]
        for path in back:
            path.unlink()
        await until(pilot, lambda: [item["state"] for item in pane(app, "entries").items].count("deleted") == 2)
        for path in back:
            pane(app, "entries").go_to_key(f"Documents/tax/{path.name}")
            await pilot.press("space")
        assert "2 marked" in app.screen.subject()  # type: ignore[attr-defined]
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, Restore))
        await pilot.press("enter")
        await until(pilot, lambda: all(path.exists() for path in back))


async def test_the_whole_tree_at_an_instant(scene: Scene, tmp_path: Path) -> None:
    (scene.laptop.folder / "pipe").unlink()
    before = set(scene.laptop.names())
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: scene.ask("/v1/status")["safe"])
        at = scene.ask("/v1/changes?limit=1")["items"][0]["recorded_ns"]
        shutil.rmtree(scene.laptop.folder / "Documents")
        scene.laptop.write("later.txt", "came later")
        await until(pilot, lambda: first(app, "recent") != "notes/a.txt")
        await pilot.press("y", "t")
        await until(pilot, lambda: isinstance(app.screen, Instant))
        await pilot.press(*"nonsense")
        assert "Write 2026-11-21" in str(app.screen.query_one("#means", Static).render())
        app.screen.query_one(Input).value = ""
        when = app.now().fromtimestamp(at / 1e9 + 0.001, app.now().tzinfo)
        await pilot.press(*when.isoformat(), "enter")
        await until(pilot, lambda: names(app, "entries") == ["Documents", "notes", "picture.bin"])
        assert "as it was" in app.screen.subject()  # type: ignore[attr-defined]
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, Restore))
        await pilot.press("w")
        app.screen.query_one("#target", Input).value = str(tmp_path / "then")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "then/Documents/plan.md").exists())
        await until(
            pilot,
            lambda: not [op for op in app.view.operations if op["state"] == "running" and op["kind"] == "restore"],
        )
        found = {str(path.relative_to(tmp_path / "then")) for path in (tmp_path / "then").rglob("*")}
        # Copies are shown while they are there; one that is no more is in its file's history.
        files = [{path for path in paths if "(conflict " not in path} for paths in (found, before)]
        assert files[0] == files[1]


async def test_exactly_as_it_was_removes_what_came_since(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        scene.laptop.write("notes/later.txt", "came later")
        await until(pilot, lambda: first(app, "recent") == "notes/later.txt")
        at = scene.ask("/v1/changes?limit=2")["items"][1]["recorded_ns"]
        await pilot.press("y")
        await until(pilot, lambda: names(app, "entries"))
        assert isinstance(app.screen, History)
        app.screen._at(at)
        await until(pilot, lambda: "as it was" in app.screen.subject())  # type: ignore[attr-defined]
        pane(app, "entries").go_to_key("notes")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, Restore))
        await pilot.press("e")
        await until(pilot, lambda: "removed: 1 entry" in str(app.screen.query_one("#preview", Static).render()))
        await pilot.press("enter")
        await until(pilot, lambda: not (scene.laptop.folder / "notes/later.txt").exists())


async def test_a_copy_is_opened_beside(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    async with driven(scene) as (app, pilot):
        await pilot.press("y")
        await until(pilot, lambda: names(app, "entries"))
        assert isinstance(app.screen, History)
        app.screen.show_path({"path": "Documents/tax/2025.ods"}, versions=True)
        await until(pilot, lambda: pane(app, "versions").total == 4)
        await pilot.press("end", "o")
        await until(pilot, lambda: any("A copy is at" in text for text in said(pilot)))
        (copy,) = tmp_path.glob("syncd-*/2025.ods")
        assert copy.read_text() == "2025.ods\n" * 10


@pytest.mark.parametrize(("key", "keep"), [("1", "a"), ("2", "b"), ("3", "both")])
async def test_a_conflict_is_decided_by_one_key_and_undone(scene: Scene, key: str, keep: str) -> None:
    pair = next(item for item in scene.ask("/v1/conflicts") if item["path"] == "notes/a.txt")
    texts = {side: scene.laptop.read(pair[path]) for side, path in (("a", "path"), ("b", "copy_path"))}
    async with driven(scene) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: pane(app, "conflicts").total == 2)
        pane(app, "conflicts").go_to_key(pair["copy_path"])
        await until(pilot, lambda: any(line.startswith("+by the") for line in pane(app, "preview").items))
        await pilot.press(key)
        await until(pilot, lambda: pane(app, "conflicts").total == 1)
        kept = {"a": [texts["a"]], "b": [texts["b"]], "both": [texts["a"], texts["b"]]}[keep]
        found = sorted(path.read_text() for path in (scene.laptop.folder / "notes").iterdir())
        assert found == sorted(kept)
        await pilot.press("u")
        if keep == "both":
            await until(pilot, lambda: any("nothing to take back" in text for text in said(pilot)))
            return
        await until(pilot, lambda: len(list((scene.laptop.folder / "notes").iterdir())) == 2)
        await until(pilot, lambda: scene.laptop.read("notes/a.txt") == texts["a"])
        assert scene.laptop.read(pair["copy_path"]) == texts["b"]
        if keep == "a":
            stat = (scene.laptop.folder / pair["copy_path"]).stat()
            assert (stat.st_mode & 0o7777, stat.st_mtime_ns) == (pair["b"]["mode"], pair["b"]["mtime_ns"])


async def test_all_conflicts_are_decided_like_the_first(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: pane(app, "conflicts").total == 2)
        await pilot.press("A")
        await until(pilot, lambda: any("Decide one first" in text for text in said(pilot)))
        await pilot.press("1")
        await until(pilot, lambda: pane(app, "conflicts").total == 1)
        await pilot.press("A")
        await until(pilot, lambda: pane(app, "conflicts").total == 0 and app.view.conflict_count == 0)
        await pilot.press("2")
        await until(pilot, lambda: any("There is no conflict" in text for text in said(pilot)))
    assert not list(scene.laptop.folder.rglob("* (conflict *"))


async def test_a_conflict_is_merged_in_an_editor(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "/^<<<<<<</d;/^=======/d;/^>>>>>>>/d" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    async with driven(scene) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: pane(app, "conflicts").total == 2)
        assert isinstance(app.screen, Conflicts)
        monkeypatch.setattr(type(app), "suspend", lambda self: __import__("contextlib").nullcontext())
        pane(app, "conflicts").go_to(0)
        await pilot.press("m")
        await until(pilot, lambda: pane(app, "conflicts").total == 1)
        text = scene.laptop.read("Documents/plan.md")
        assert "hire one more person" in text
        assert "freeze hiring" in text
        assert "<<<<" not in text
        assert any("resolved: merged" in said_now for said_now in said(pilot))
        before = scene.desktop.folder / "Documents" / "plan.md"
        await pilot.press("u")
        await until(pilot, lambda: scene.laptop.read("Documents/plan.md") == before.read_text())
        await until(pilot, lambda: len(list((scene.laptop.folder / "Documents").glob("plan*"))) == 2)


async def test_held_deletions_are_reviewed(scene: Scene) -> None:
    for number in range(40):
        scene.laptop.write(f"many/{number}", str(number))
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: scene.taken("many", 40))
        (scene.laptop.folder / "many").rename(scene.laptop.root / "many")  # all at once
        await until(pilot, lambda: app.view.holds)
        assert app.view.held == 41
        await pilot.press("v")
        await until(pilot, lambda: pane(app, "waiting").total)
        await pilot.press("N")
        await until(pilot, lambda: (scene.laptop.folder / "many/39").exists())
        await until(pilot, lambda: not app.view.holds and scene.taken("many", 40))
        await pilot.press("Y")
        await until(pilot, lambda: any("Nothing waits" in text for text in said(pilot)))
        (scene.laptop.folder / "many").rename(scene.laptop.root / "many again")
        await until(pilot, lambda: app.view.holds)
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape", "Y")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: not app.view.holds and not scene.ask("/v1/find?q=many/39&deleted=false")["items"])
    settle([scene.desktop])


async def test_some_of_the_held_deletions_get_an_answer(scene: Scene) -> None:
    for number in range(40):
        scene.laptop.write(f"many/{'sub/' * (number % 2)}{number:02}", str(number))
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: scene.taken("many", 21) and scene.taken("many/sub", 20))
        (scene.laptop.folder / "many").rename(scene.laptop.root / "many")
        await until(pilot, lambda: app.view.held == 42)
        await pilot.press("v")
        await until(pilot, lambda: pane(app, "waiting").total == 2)

        def go(text: str) -> None:
            pane(app, "waiting").go_to([line.text for line in pane(app, "waiting").items].index(text))

        def lists(text: str) -> bool:
            return text in [line.text for line in pane(app, "waiting").items]

        assert pane(app, "waiting").cursor == 1, "on the first that can be opened or marked"
        pane(app, "waiting").go_to(0)
        await pilot.press("space")  # the line that says how many: nothing to mark
        go("many")
        await pilot.press("enter")
        await until(pilot, lambda: lists("sub"))
        go("sub")
        await pilot.press("enter")
        await until(pilot, lambda: lists("01"))
        go("01")
        await pilot.press("space", "space", "up", "space")  # 03 is marked, and then no more
        go("many")
        await pilot.press("enter")
        await until(pilot, lambda: not lists("01"))
        assert app.screen.subject() == "1 file or directory marked", "a mark stays when its directory is shut"
        await pilot.press("N")
        await until(pilot, lambda: (scene.laptop.folder / "many/sub/01").exists())
        await until(pilot, lambda: app.view.held == 39)
        assert not (scene.laptop.folder / "many/00").exists()
        await until(pilot, lambda: lists("many/sub/03"))
        assert app.screen.subject() == ""
        for name in ("many/00", "many/sub/03"):
            go(name)
            await pilot.press("space")
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "2 entries will be deleted" in str(app.screen.query_one(".title", Static).render())
        await pilot.press("y")
        await until(pilot, lambda: app.view.held == 37)
        await until(pilot, lambda: not scene.ask("/v1/find?q=sub/03&deleted=false")["items"])
        assert scene.ask("/v1/find?q=sub/05&deleted=false")["items"]


async def test_activity_is_one_log_with_views(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        scene.laptop.write("seen.txt", "now")
        await until(pilot, lambda: any(op["kind"] == "pass" for op in app.view.operations))
        await pilot.press("a")
        await until(pilot, lambda: {item["kind"] for item in pane(app, "operations").items} >= {"pass", "skipped"})
        for key, kinds in (("3", {"skipped"}), ("4", {"skipped"}), ("5", set()), ("2", set())):
            await pilot.press(key)
            await until(pilot, lambda kinds=kinds: {item["kind"] for item in pane(app, "operations").items} == kinds)
        await pilot.press("3")
        await until(pilot, lambda: "Nothing is lost" in str(app.screen.query_one("#why", Static).render()))
        await pilot.press("1")
        await until(pilot, lambda: pane(app, "operations").total >= 2)
        pane(app, "operations").go_to(pane(app, "operations").total - 1)


async def test_what_is_skipped_is_tried_again_opened_and_left_out(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("a", "3")
        await until(pilot, lambda: {item["kind"] for item in pane(app, "operations").items} == {"skipped"})
        await pilot.press("o")
        await until(pilot, lambda: any(str(scene.laptop.folder) in text for text in said(pilot)))
        await pilot.press("r")
        await until(pilot, lambda: any("whole folder was looked at" in text for text in said(pilot)))
        await pilot.press("i")
        await until(pilot, lambda: (scene.laptop.folder / ".syncdignore").exists())
        assert scene.laptop.read(".syncdignore") == "/pipe\n"
        await until(pilot, lambda: scene.ask("/v1/ignored?path=pipe")["pattern"] == "/pipe")
        await until(pilot, lambda: not scene.ask("/v1/status")["skipped"])
        await pilot.press("1")
        await until(pilot, lambda: pane(app, "operations").total >= 2)
        pane(app, "operations").go_to_key(next(i["id"] for i in pane(app, "operations").items if i["kind"] == "pass"))
        await pilot.press("i")
        await until(pilot, lambda: any("about no path" in text for text in said(pilot)))


async def test_stores_are_proven(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "versions of files" in str(app.screen.query_one("#space", Static).render()))
        for key, read in (("V", 0), ("R", 1)):
            await pilot.press(key)
            await until(pilot, lambda read=read: _verified(scene, read))
        await until(pilot, lambda: scene.ask("/v1/status")["stores"][0]["last_verified_at"])


def _verified(scene: Scene, at_least: int) -> bool:
    done = [op for op in scene.ask("/v1/operations")["items"] if op["kind"] == "verify" and op["state"] == "done"]
    return any(op["result"]["clean"] and op["result"]["packs_read"] >= at_least for op in done)


async def test_a_device_gets_another_name(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: pane(app, "devices-list").total == 2)
        await until(pilot, lambda: len(str(app.screen.query_one("#code", Static).render()).split(":")[1].split()) >= 6)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Line))
        await pilot.press(*["backspace"] * 6, *"study", "enter")
        await until(pilot, lambda: pane(app, "devices-list").items[0]["name"] == "study")
        assert scene.ask("/v1/status")["device"] == "study"


async def test_a_device_is_left_out_and_another_let_in(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: pane(app, "devices-list").total == 2)
        pane(app, "devices-list").go_to(0)
        await pilot.press("X")
        await until(pilot, lambda: any("does not revoke itself" in text for text in said(pilot)))
        await pilot.press("W")
        await until(pilot, lambda: any("No device waits" in text for text in said(pilot)))
        pane(app, "devices-list").go_to(1)
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Typed))
        await pilot.press(*"laptop", "enter")
        assert "not desktop" in str(app.screen.query_one("#wrong", Static).render())
        await pilot.press("escape", "X")
        await until(pilot, lambda: isinstance(app.screen, Typed))
        await pilot.press(*"desktop", "enter")
        await until(pilot, lambda: pane(app, "devices-list").items[1]["revoked"])
        await pilot.press("X")
        await until(pilot, lambda: any("There is no other device" in text for text in said(pilot)))
        late_with_old_keys(Device(scene.laptop.root, "tablet", scene.laptop.store), scene.laptop)
        await pilot.press("g")
        await until(pilot, lambda: pane(app, "devices-list").total == 3 and pane(app, "devices-list").items[2]["waits"])
        await until(pilot, lambda: app.view.alarms)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: pane(app, "devices-list").items[2]["name"] == "tablet")
        await until(pilot, lambda: (scene.laptop.folder / "rogue").exists() and not app.view.alarms)
        assert scene.ask("/v1/devices")[1]["revoked"]
        await pilot.press("X")
        await until(pilot, lambda: any("revoked already" in text for text in said(pilot)))
        before = _epochs(scene)
        for answer, more in (("n", 0), ("y", 1)):
            await pilot.press("K")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press(answer)
            await until(pilot, lambda more=more: _epochs(scene) == before + more)  # type: ignore[misc]


def _epochs(scene: Scene) -> int:
    return len(list((scene.laptop.store / "epoch").iterdir()))


async def test_the_ignore_tester_names_the_pattern(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: pane(app, "skipped").total == 1)
        await pilot.press("i", *".DS_Store")
        await until(pilot, lambda: "the pattern .DS_Store" in str(app.screen.query_one("#tested", Static).render()))
        await pilot.press(*["backspace"] * 9, *"notes/a.txt")
        await until(pilot, lambda: str(app.screen.query_one("#tested", Static).render()) == "✓ synced")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.current_mode == "home")


async def test_the_log_is_read_and_filtered(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: any("agent" in line for line in pane(app, "lines").items))
        await pilot.press("2")
        await until(pilot, lambda: not any(" INFO " in line for line in pane(app, "lines").items))
        await pilot.press("1")
        await until(pilot, lambda: any(" INFO " in line for line in pane(app, "lines").items))


async def test_pause_and_sync(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.view.state == "paused by you")
        assert scene.ask("/v1/status")["state"] == "paused by you"
        scene.laptop.write("waits.txt", "until it goes on")
        await pilot.press("p")
        await until(pilot, lambda: scene.ask("/v1/find?q=waits")["items"])
        await pilot.press("g")
        await until(pilot, lambda: any("was looked at" in text for text in said(pilot)))


async def test_every_key_is_listed_and_done_from_the_list(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        for key in ("question_mark", "f1"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Keys))
            await pilot.press("escape")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Keys))
        await pilot.press(*"sealed copies", "enter", "enter")
        await until(pilot, lambda: app.current_mode == "stores")
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"Who shares")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count == 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.current_mode == "devices")


async def test_jump_mode_and_mouse(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await until(pilot, lambda: pane(app, "recent").total > 3)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        letter = next(letter for letter, widget in app.screen._targets.items() if widget.id == "stores")  # type: ignore[attr-defined]
        await pilot.press(letter)
        await until(pilot, lambda: pane(app, "stores").has_focus)
        await pilot.click("#recent", offset=(5, 3))
        await until(pilot, lambda: pane(app, "recent").cursor == 2)
        await pilot.click("#recent", offset=(5, 2), times=2)
        await until(pilot, lambda: app.current_mode == "history" and pane(app, "versions").total > 0)
        await pilot.press("h")
        await until(pilot, lambda: app.current_mode == "home")
        bar = app.screen.query_one("KeysBar")
        await pilot.click("KeysBar", offset=(bar.render().plain.index("Activity"), 0))
        await until(pilot, lambda: app.current_mode == "activity")


async def test_leaving_leaves_the_agent(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert app.return_code == 0
    assert scene.ask("/v1/status")["state"] == "idle"


async def test_an_error_says_path_cause_and_what_to_do(scene: Scene) -> None:
    async with driven(scene) as (app, pilot):
        await pilot.press("d", "n")
        await until(pilot, lambda: isinstance(app.screen, Line))
        os.chmod(scene.laptop.folder, 0o755)
        scene.laptop.folder.rename(scene.laptop.root / "away")
        await until(pilot, lambda: app.view.state == "paused")
        assert str(scene.laptop.folder) in app.view.status["reason"]
        assert app.view.status["hint"]
        (scene.laptop.root / "away").rename(scene.laptop.folder)
        await until(pilot, lambda: app.view.state == "idle", 60)
