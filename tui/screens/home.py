"""Home: is my data safe, what is moving, what needs me. At 80 columns the right side folds into headline and keys."""

from __future__ import annotations

from collections.abc import Collection

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from tui import format as show
from tui import rows
from tui.place import Place, bindings
from tui.state import View
from tui.widgets.virtual_list import VirtualList

STANDING = ("skipped", "alarm", "paused")  # operations that are no work under way


def attention(view: View) -> list[tuple[str, str, str, str]]:
    """Return what needs a person: (glyph, text, key, level), the gravest first."""
    found = [("!", text, "v review", "bad") for text in view.alarms]
    for hold in view.holds:
        found.append(("‼", f"{show.plural(hold['entries'], 'deletion')} held for your yes", "v review", "wait"))
    if view.conflict_count:
        count = show.plural(view.conflict_count, "conflict")
        found.append(("≠", f"{count}, both sides kept", "c conflicts", "wait"))
    trouble = view.status.get("watch_trouble")
    if trouble:
        found.append(("!", str(trouble), "f folder", "wait"))
    for item in view.status.get("skipped", ())[:50]:
        found.append(("!", f"{item['path']}: {item['reason']}", "a activity", "wait"))
    return found


class Home(Place):
    """The first screen."""

    place = "home"
    BINDINGS = bindings("home")
    AUTO_FOCUS = "#recent"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                now = VirtualList(
                    lambda item, width: rows.operation(item, width, self.now),
                    empty="nothing is moving",
                    id="now",
                    key=lambda item: item["id"],
                )
                now.border_title = "Now"
                yield now
                recent = VirtualList(
                    lambda item, width: rows.change(item, width, self.now),
                    empty="nothing was changed yet",
                    id="recent",
                    key=lambda item: item["version_id"],
                )
                recent.border_title = "Recent"
                yield recent
            with Vertical(id="right"):
                for name, title, draw, empty in (
                    ("attention", "Attention", rows.attention, "nothing needs you"),
                    ("devices", "Devices", lambda item, width: rows.device(item, width, self.now), "asking"),
                    ("stores", "Stores", rows.store, "asking"),
                ):
                    pane = VirtualList(draw, empty=empty, id=name, key=str)
                    pane.border_title = title
                    yield pane

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        view = self.view
        needs = attention(view)
        pane = self.query_one("#attention", VirtualList)
        pane.border_title = f"Attention ({len(needs)})" if needs else "Attention"
        pane.show(needs)
        running = [item for item in view.operations if item["state"] == "running" and item["kind"] not in STANDING]
        self.query_one("#now", VirtualList).show(running)
        if "changes" in parts:
            self.query_one("#recent", VirtualList).show(view.changes)
        if "devices" in parts:
            self.query_one("#devices", VirtualList).show(view.devices)
        if "status" in parts:
            self.query_one("#stores", VirtualList).show(list(view.status.get("stores", ())))

    @on(VirtualList.Chosen, "#recent")
    def _to_history(self, event: VirtualList.Chosen) -> None:
        self.dashboard.show_history(event.item, versions=True)

    @on(VirtualList.Chosen, "#attention")
    def _to_need(self, event: VirtualList.Chosen) -> None:
        self.dashboard.go(event.item[2].partition(" ")[2])

    @on(VirtualList.Chosen, "#now")
    def _to_activity(self, event: VirtualList.Chosen) -> None:
        self.dashboard.go("activity")

    @on(VirtualList.Chosen, "#devices")
    def _to_devices(self, event: VirtualList.Chosen) -> None:
        self.dashboard.go("devices")

    @on(VirtualList.Chosen, "#stores")
    def _to_stores(self, event: VirtualList.Chosen) -> None:
        self.dashboard.go("stores")
