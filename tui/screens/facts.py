"""Stores, the folder with its ignore tester, and the log: places that show facts, with a key or two."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.markup import escape
from textual.widgets import Input, Static

from syncd.errors import SyncdError
from tui import format as show
from tui import rows
from tui.acting import tell
from tui.place import Place, bindings
from tui.widgets.virtual_list import VirtualList

LOG_LINES, LOG_S = 2000, 2.0


class Stores(Place):
    """Where the sealed copies lie, and what they take."""

    place = "stores"
    BINDINGS = bindings("stores")
    AUTO_FOCUS = "#stores-list"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        pane = VirtualList(rows.store, empty="asking", id="stores-list", key=lambda item: item["name"])
        pane.border_title = "Stores"
        yield pane
        yield Static("", id="space", markup=False)

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        if "status" in parts:
            self.query_one("#stores-list", VirtualList).show(list(self.view.status.get("stores", ())))
        if self.view.connected and ("changes" in parts or "status" in parts):
            self._ask()

    @work(exclusive=True, group="space", exit_on_error=True)
    async def _ask(self) -> None:
        try:
            space = await self.dashboard.live.get("/space")
        except SyncdError as error:
            if self.view.connected:
                tell(self.dashboard, error)
            return
        self.query_one("#space", Static).update("\n".join(self._told(space)))

    def _told(self, space: dict[str, Any]) -> list[str]:
        saved = space["logical_bytes"] - space["stored_bytes"]
        share = f" ({saved / space['logical_bytes']:.0%})" if space["logical_bytes"] and saved > 0 else ""
        stores = self.view.status.get("stores", ())
        lines = [f"{item['name']}: {item['reason']}. {item['hint']}".strip() for item in stores if item["reason"]]
        lines += [
            f"{show.plural(space['versions'], 'version')} of files, {show.size(space['logical_bytes'])} "
            "if each were kept whole",
            f"{show.size(space['stored_bytes'])} on each store, in {show.plural(space['packs'], 'pack')} and "
            f"{show.plural(space['chunks'], 'chunk')}",
        ]
        if saved > 0:
            lines.append(f"{show.size(saved)} saved{share} by keeping each piece once, and compressed")
        lines += [_read(item, self.now) for item in stores if item["read_since"]]
        checked = [item["last_verified_at"] for item in stores if item["last_verified_at"]]
        lines.append(
            f"last proven {show.full(int(max(checked) * 1e9), self.now)}" if checked else "never proven: V does"
        )
        return lines

    def do_verify(self) -> None:
        """Prove that everything is there."""
        self.dashboard.act("/verify", {"read_percent": 0}, done="Verifying; a shows how it goes.")

    def do_verify_read(self) -> None:
        """Read and check every byte."""
        self.dashboard.act("/verify", {"read_percent": 100}, done="Reading everything; a shows how it goes.")


def _read(item: dict[str, Any], now: datetime) -> str:
    """Return how far a store was read again, and what was found."""
    bad = f"{show.plural(item['damaged_objects'], 'object')} damaged" if item["damaged_objects"] else "nothing damaged"
    whole = f", whole {show.when(int(item['read_whole_at'] * 1e9), now)}" if item["read_whole_at"] else ""
    since = show.when(int(item["read_since"] * 1e9), now)
    return f"{show.safe(item['name'])}: {item['read_percent']}% read again since {since}{whole}, {bad}"


class Folder(Place):
    """The folder, and why a path is not synced."""

    place = "folder"
    BINDINGS = bindings("folder")
    AUTO_FOCUS = "#skipped"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("", id="facts", markup=False)
        yield Input(placeholder="a path in the folder: is it synced, and which pattern says no?", id="tester")
        yield Static("", id="tested", markup=False)
        pane = VirtualList(_skipped, empty="nothing is skipped", id="skipped", key=lambda item: item["path"])
        pane.border_title = "Skipped"
        yield pane

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        status = self.view.status
        if not status:
            return
        watched = "is watched" if status["watching"] else "is looked at now and then"
        lines = [
            f"{show.safe(status['folder'])}  {watched}",
            f"{show.plural(status['files'], 'file')}, {show.size(status['bytes'])}",
        ]
        if status["watch_trouble"]:
            lines.append(show.safe(status["watch_trouble"]))
        self.query_one("#facts", Static).update("\n".join(lines))
        self.query_one("#skipped", VirtualList).show(list(status["skipped"]))

    def do_test(self) -> None:
        """Ask for a path."""
        self.set_focus(self.query_one("#tester"))

    def do_back(self) -> None:
        """From the tester to the list, else away."""
        if self.query_one("#tester").has_focus:
            self.set_focus(self.query_one("#skipped"))
        else:
            self.dashboard.do_back()

    @on(Input.Changed, "#tester")
    def _typed(self, event: Input.Changed) -> None:
        self._test(event.value.strip())

    @work(exclusive=True, group="tester", exit_on_error=True)
    async def _test(self, path: str) -> None:
        said = self.query_one("#tested", Static)
        if not path:
            said.update("")
            return
        try:
            answer = await self.dashboard.live.get(
                "/ignored", path=path.rstrip("/"), directory=str(path.endswith("/")).lower()
            )
        except SyncdError as error:
            said.update(show.safe(error.message))
            return
        if answer["ignored"]:
            said.update(f"✗ not synced: {show.safe(answer['by'])} meets the pattern {show.safe(answer['pattern'])}")
        else:
            said.update("✓ synced" if answer["exists"] else "✓ would be synced; there is no such path now")


def _skipped(item: Any, width: int) -> rows.Row:
    return [(" ! ", "wait"), (show.safe(item["path"]), ""), (f"  {show.safe(item['reason'])}", "dim")]


class Log(Place):
    """What the agent writes down."""

    place = "log"
    BINDINGS = bindings("log")
    AUTO_FOCUS = "#lines"

    def __init__(self) -> None:
        super().__init__()
        self._warned = False

    def body(self) -> ComposeResult:
        """Yield the pane."""
        pane = VirtualList(rows.log, empty="nothing was written", id="lines", key=str)
        pane.border_title = "Log"
        yield pane

    def on_mount(self) -> None:
        """Read on every two seconds."""
        super().on_mount()
        self.set_interval(LOG_S, self._read)

    def on_screen_resume(self) -> None:
        """Read at once."""
        super().on_screen_resume()
        self._read()

    @work(exclusive=True, group="log", exit_on_error=True)
    async def _read(self) -> None:
        if not self.view.connected or not self.is_current:
            return
        pane = self.query_one("#lines", VirtualList)
        try:
            answer = await self.dashboard.live.get("/log", lines=LOG_LINES)
        except SyncdError:
            return  # the headline says that the agent is gone
        lines = [line for line in answer["lines"] if not self._warned or " ERROR " in line or " WARNING " in line]
        pane.border_title = escape(show.safe(answer["path"]))
        at_end = pane.cursor >= pane.total - 1
        if lines != pane.items:
            pane.show(lines)
            if at_end:
                pane.go_to(len(lines) - 1)

    def do_everything(self) -> None:
        """Show every line."""
        self._warned = False
        self._read()

    def do_warned(self) -> None:
        """Show warnings and worse."""
        self._warned = True
        self._read()
