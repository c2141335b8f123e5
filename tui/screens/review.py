"""Review: what waits for a yes and is no conflict: deletions that are held, and alarms with what is at stake.

Held deletions are a tree: enter opens a directory and shows what would go with it. A yes or a no is about what is
marked, or about all where nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from syncd.errors import SyncdError, UsageError
from tui import format as show
from tui.acting import act, b64, tell
from tui.dialogs.confirm import Confirm
from tui.place import Place, bindings
from tui.widgets.virtual_list import Span, VirtualList

AT_STAKE = (
    "While an alarm stands nothing is removed from this disk, and all else goes on. A store that shows less than it "
    "once did was set back, is incomplete, or lies. Next: look at the store itself; `syncd verify` names what is "
    "damaged; `syncd device show-code` on another device tells whether both have seen the same."
)
STORE_TROUBLE = "Nothing in the folder is touched by it. Next: `s` shows the stores; the line above says what to do."
ANSWERS = (
    "Y deletes what is marked, or all, everywhere; history keeps it. N brings it back. Until then nothing happens."
)
OPENED = 1000  # entries of one directory that are shown; who wants to see more opens directories in it

Going = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what waits: text, or an entry that would go; `depth` is how many opened directories it lies in."""

    text: str
    level: str = ""
    item: Going | None = None
    depth: int = 0


def lines(
    holds: Collection[Mapping[str, Any]], alarms: Collection[str], opened: Mapping[str, Sequence[Going]]
) -> list[Line]:
    """Return the lines of what waits; `opened` has what lies in the directories that are open. Pure."""
    found = [Line(f"! {text}", "bad") for text in alarms]
    for hold in holds:
        where = "are gone from this folder" if hold["way"] == "out" else "were deleted by other devices"
        found.append(Line(f"‼ {_entries(hold['entries'])} {where}:", "wait"))
        for item in hold["paths"]:
            found += _tree(item, opened, 0)
    return found


def _tree(item: Going, opened: Mapping[str, Sequence[Going]], depth: int) -> list[Line]:
    found = [Line(_name(item["path"], depth), item=item, depth=depth)]
    within = opened.get(b64(item), ())
    for child in within:
        found += _tree(child, opened, depth + 1)
    beyond = item["entries"] - 1 - sum(child["entries"] for child in within)
    if within and beyond > 0:
        found.append(Line(f"… {_entries(beyond)} more", "dim", depth=depth + 1))
    return found


def _name(path: str, depth: int) -> str:
    return show.safe(path.rpartition("/")[2] if depth else path)


def _entries(count: int) -> str:
    return show.plural(count, "file or directory", "files and directories")


class Review(Place):
    """What waits for a person."""

    place = "review"
    BINDINGS = bindings("review")
    AUTO_FOCUS = "#waiting"

    def __init__(self) -> None:
        super().__init__()
        self._opened: dict[str, Sequence[Going]] = {}
        self._marked: dict[str, Going] = {}

    def body(self) -> ComposeResult:
        """Yield the panes."""
        pane = VirtualList(self._line, empty="nothing waits for you", id="waiting", key=_key)
        pane.border_title = "Waiting"
        yield pane
        yield Static("", id="stake", markup=False)

    def _line(self, line: Line, width: int) -> list[Span]:
        if line.item is None:
            return [(f" {'  ' * line.depth} {line.text}" if line.depth else f" {line.text}", line.level)]
        name = b64(line.item)
        mark = "●" if name in self._marked or self._goes_along(line.item) else " "
        glyph = "✗" if line.item["kind"] != "directory" else ("▾" if name in self._opened else "▸")
        more = line.item["entries"] - 1
        return [
            (f" {mark}", "busy"),
            (f" {'  ' * line.depth}{glyph} {line.text}", ""),
            (f"  with {_entries(more)}" if more else "", "dim"),
        ]

    def _goes_along(self, item: Going) -> bool:
        """Tell whether a directory above is marked."""
        return bool(self._marked) and _lies_in(item["path"], {one["path"] for one in self._marked.values()})

    def subject(self) -> str:
        """Return how much is marked."""
        return f"{_entries(self._meant())} marked" if self._marked else ""

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        view = self.view
        self._show()
        said = STORE_TROUBLE if view.alarms else ANSWERS if view.holds else ""
        self.query_one("#stake", Static).update(AT_STAKE if view.status.get("removals_wait") else said)
        if "holds" in parts and self._opened:
            self._look_again()

    def _show(self) -> None:
        if not self.view.holds:
            self._marked.clear()
        pane, found = self.query_one("#waiting", VirtualList), lines(self.view.holds, self.view.alarms, self._opened)
        new = not pane.total
        pane.show(found)
        if new:  # on the first that can be opened or marked
            pane.go_to(next((place for place, line in enumerate(found) if line.item is not None), 0))

    # -- the tree -------------------------------------------------------------------------------

    @on(VirtualList.Chosen, "#waiting")
    def _chosen(self, event: VirtualList.Chosen) -> None:
        item = event.item.item
        if item is None or item["kind"] != "directory":
            return
        if self._opened.pop(b64(item), None) is None:
            self._open(b64(item))
        else:
            self._show()

    @work(exclusive=False, exit_on_error=True)
    async def _open(self, name: str) -> None:
        """Show what lies in a directory."""
        try:
            page = await self.dashboard.live.get("/holds/entries", path_b64=name, limit=OPENED)
        except SyncdError as error:
            tell(self.dashboard, error)
            return
        self._opened[name] = page["items"]
        self.heard(())

    @work(exclusive=True, group="again", exit_on_error=True)
    async def _look_again(self) -> None:
        """Ask anew what lies in the directories that are open; one that does not wait any more is open no more.

        What cannot be asked now is shown as it was; the next event asks again.
        """
        for name in list(self._opened):
            try:
                page = await self.dashboard.live.get("/holds/entries", path_b64=name, limit=OPENED)
            except SyncdError as error:
                if error.code == UsageError.code:
                    self._opened.pop(name, None)
            else:
                if name in self._opened:
                    self._opened[name] = page["items"]
        self.heard(())

    def do_mark(self) -> None:
        """Mark an entry, or take the mark away."""
        pane = self.query_one("#waiting", VirtualList)
        item = pane.item.item if pane.item is not None else None
        if item is None:
            return
        if self._goes_along(item):
            self.notify("The directory above is marked: it goes along.", severity="warning")
            return
        if self._marked.pop(b64(item), None) is None:
            self._marked[b64(item)] = item
        pane.refresh()
        pane.action_move(1)
        self.heard(())

    # -- the answer -----------------------------------------------------------------------------

    def _meant(self) -> int:
        """Return how many entries are marked, as it was when they were: what lies in another counts once."""
        paths = {item["path"] for item in self._marked.values()}
        return sum(item["entries"] for item in self._marked.values() if not _lies_in(item["path"], paths))

    def do_approve(self) -> None:
        """Ask once more, then let the deletions happen."""
        self._answer("approve")

    def do_deny(self) -> None:
        """Bring back what is gone."""
        self._answer("deny")

    @work(exclusive=True, group="answer", exit_on_error=True)
    async def _answer(self, what: str) -> None:
        """Say yes or no to what is marked, or to all, as it waits now; a yes only after one more question."""
        seals = [hold["seal"] for hold in self.view.holds]  # what waits may be more by the time of the yes
        asked = {"what": what, "seen": seals, "paths_b64": list(self._marked)}
        if what == "approve":
            meant = await act(self.dashboard, "/decisions", {**asked, "dry_run": True}, done="")
            if meant is None:  # what is marked waits no more, or something else does
                self._unmark()
                return
            many = show.plural(meant["entries"], "entry", "entries")
            text = f"{many} will be deleted on every device. History keeps them."
            if not await self.app.push_screen_wait(Confirm(text, "Delete them")):
                return
        done = "Deleted everywhere; history keeps them." if what == "approve" else "They are brought back."
        await act(self.dashboard, "/decisions", asked, done)
        self._unmark()

    def _unmark(self) -> None:
        self._marked.clear()
        self.heard(())


def _key(line: Line) -> str:
    return line.text if line.item is None else b64(line.item)


def _lies_in(path: str, others: Collection[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:count]) in others for count in range(1, len(parts)))
