"""Review: what waits for a yes and is no conflict: deletions that are held, and alarms with what is at stake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.widgets import Static

from tui import format as show
from tui.dialogs.confirm import Confirm
from tui.place import Place, bindings
from tui.widgets.virtual_list import Span, VirtualList

AT_STAKE = (
    "While an alarm stands nothing is removed from this disk, and all else goes on. A store that shows less than it "
    "once did was set back, is incomplete, or lies. Next: look at the store itself; `syncd verify` names what is "
    "damaged; `syncd device show-code` on another device tells whether both have seen the same."
)


def waiting(holds: Collection[Mapping[str, Any]], alarms: Collection[str]) -> list[tuple[str, str]]:
    """Return the lines of what waits: (text, level)."""
    lines = [(f"! {text}", "bad") for text in alarms]
    for hold in holds:
        where = "are gone from this folder" if hold["way"] == "out" else "were deleted by other devices"
        lines.append(
            (f"‼ {show.plural(hold['entries'], 'file or directory', 'files and directories')} {where}:", "wait")
        )
        lines += [(f"    ✗ {show.safe(path['path'])}", "") for path in hold["paths"]]
    return lines


class Review(Place):
    """What waits for a person."""

    place = "review"
    BINDINGS = bindings("review")
    AUTO_FOCUS = "#waiting"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        pane = VirtualList(_line, empty="nothing waits for you", id="waiting", key=lambda line: line[0])
        pane.border_title = "Waiting"
        yield pane
        yield Static("", id="stake", markup=False)

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        view = self.view
        self.query_one("#waiting", VirtualList).show(waiting(view.holds, view.alarms))
        said = AT_STAKE if view.alarms else ""
        if view.holds and not said:
            said = "Y deletes them everywhere, and history keeps them. N brings them back. Until then nothing happens."
        self.query_one("#stake", Static).update(said)

    def do_approve(self) -> None:
        """Ask once more, then let the deletions happen."""
        text = f"{show.plural(self.view.held, 'entry', 'entries')} will be deleted on every device. History keeps them."
        seen = self._seen()  # what waits may be more by the time of the yes
        self.app.push_screen(Confirm(text, "Delete them"), lambda yes: self._approved(yes, seen))

    def _seen(self) -> list[str]:
        return [hold["seal"] for hold in self.view.holds]

    def _approved(self, yes: bool | None, seen: list[str]) -> None:
        if yes:
            asked = {"what": "approve", "seen": seen}
            self.dashboard.act("/decisions", asked, done="Deleted everywhere; history keeps them.")

    def do_deny(self) -> None:
        """Bring back what is gone."""
        self.dashboard.act("/decisions", {"what": "deny", "seen": self._seen()}, done="They are brought back.")


def _line(line: tuple[str, str], width: int) -> list[Span]:
    return [(f" {line[0]}", line[1])]
