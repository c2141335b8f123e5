"""Activity: the one log of operations, by view; below it, in plain words, why the one under the cursor is as it is."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from syncd.errors import SyncdError
from tui import format as show
from tui import rows
from tui.acting import b64, tell
from tui.opening import open_directory
from tui.place import Place, bindings
from tui.widgets.virtual_list import PAGE, VirtualList

PLAIN: dict[str, str] = {
    "pass": "A look at the folder and at what other devices said; what differs was taken and brought.",
    "restore": "Old versions were brought back. Each is a new version now, so this, too, can be taken back.",
    "verify": "What the stores hold was compared with what the vault says they hold.",
    "skipped": "This is not synced just now. Nothing is lost: what was taken of it before is in history, "
    "and it is taken by itself as soon as it can be.",
    "paused": "Nothing is taken or brought while this stands. The agent tries again by itself.",
    "alarm": "The store shows something that must not be. Nothing is removed from this disk while this stands.",
    "resolve": "A conflict was decided. What was not kept is in history.",
    "approve": "Deletions that waited for a yes happened.",
    "deny": "What was gone was brought back.",
}


def why(item: Mapping[str, Any] | None, now: Any) -> str:
    """Return in plain words why an operation is as it is."""
    if item is None:
        return ""
    lines = [show.safe(str(item.get("path") or item["what"]))]
    if item["note"]:
        lines.append(show.safe(item["note"]))
    if item["hint"]:
        lines.append(show.safe(item["hint"]))
    lines.append(PLAIN.get(item["kind"], ""))
    began = show.full(item["began_ns"], now)
    ended = f", ended {show.full(item['ended_ns'], now)}" if item["ended_ns"] else ""
    lines.append(f"began {began}{ended}")
    failed = (item.get("result") or {}).get("failed", ())
    lines += [f"  {show.safe(one['path'])}: {one['reason']}" for one in failed[:5]]
    return "\n".join(line for line in lines if line)


class Activity(Place):
    """What the agent does and did."""

    place = "activity"
    BINDINGS = bindings("activity")
    AUTO_FOCUS = "#operations"

    def __init__(self) -> None:
        super().__init__()
        self._of = "all"
        self._next: int | None = None

    def body(self) -> ComposeResult:
        """Yield the panes."""
        pane = VirtualList(
            lambda item, width: rows.operation(item, width, self.now),
            empty="nothing of that kind",
            id="operations",
            key=lambda item: item["id"],
        )
        pane.border_title = "All"
        yield pane
        yield Static("", id="why", markup=False)

    def changed(self, parts: Collection[str]) -> None:
        """Ask again when something was done."""
        if "operations" in parts and self.view.connected:
            self._list()

    @work(exclusive=True, group="operations", exit_on_error=True)
    async def _list(self) -> None:
        pane = self.query_one("#operations", VirtualList)
        try:
            answer = await self.dashboard.live.get("/operations", view=self._of, limit=PAGE)
        except SyncdError as error:
            if self.view.connected:
                tell(self.dashboard, error)
            return
        self._next = answer["next"]
        pane.border_title = f"{self._of.capitalize()} · {show.number(answer['counts'][self._of])}"
        pane.show(answer["items"], answer["counts"][self._of])

    @on(VirtualList.Wanted, "#operations")
    @work(exclusive=True, group="more", exit_on_error=True)
    async def _more(self, event: VirtualList.Wanted) -> None:
        """Fetch the pages up to the one that is wanted: the log is read by its numbers."""
        while self._next is not None and len(event.list.items) <= event.start:
            try:
                answer = await self.dashboard.live.get("/operations", view=self._of, before=self._next, limit=PAGE)
            except SyncdError as error:
                tell(self.dashboard, error)
                return
            event.list.add(len(event.list.items), answer["items"])
            self._next = answer["next"]

    @on(VirtualList.Moved, "#operations")
    def _moved(self, event: VirtualList.Moved) -> None:
        self.query_one("#why", Static).update(why(event.item, self.now))

    @on(VirtualList.Chosen, "#operations")
    def _chosen(self, event: VirtualList.Chosen) -> None:
        if event.item.get("path"):
            self.dashboard.show_history(event.item, versions=True)

    def _path(self) -> str:
        """Return the path under the cursor; say so where there is none."""
        item = self.query_one("#operations", VirtualList).item or {}
        path = str(item.get("path") or "")
        if not path:
            self.app.notify("That is about no path.", severity="warning", markup=False)
        return path

    def do_again(self) -> None:
        """Look at everything once more."""
        self.dashboard.do_sync()

    def do_ignore(self) -> None:
        """Leave the path under the cursor out from now on."""
        item = self.query_one("#operations", VirtualList).item or {}
        if path := self._path():
            done = f"{show.safe(path)} is left out from now on: .syncdignore says so."
            self.dashboard.act("/decisions", {"what": "ignore", "path_b64": b64(item)}, done=done)

    def do_open(self) -> None:
        """Open the directory that the path under the cursor is in."""
        if path := self._path():
            open_directory(self.dashboard, os.path.dirname(os.path.join(str(self.view.status["folder"]), path)))

    def _see(self, view: str) -> None:
        self._of = view
        self.query_one("#operations", VirtualList).clear_cursor()
        self._list()

    def do_all(self) -> None:
        """Show every operation."""
        self._see("all")

    def do_running(self) -> None:
        """Show what runs."""
        self._see("running")

    def do_waiting(self) -> None:
        """Show what waits."""
        self._see("waiting")

    def do_warnings(self) -> None:
        """Show what was not whole."""
        self._see("warnings")

    def do_errors(self) -> None:
        """Show what failed."""
        self._see("errors")
