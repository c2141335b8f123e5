"""History: a path first, then its versions, then what differs; over all time, with what was deleted.

The left pane is one directory at a time, or what a search found; the right one has the versions of the path under the
cursor; below is how the version under the cursor differs from what the folder holds now, or from another version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.markup import escape
from textual.widgets import Input

from syncd.errors import SyncdError
from tui import format as show
from tui import rows
from tui.acting import b64, tell
from tui.dialogs.instant import Instant
from tui.dialogs.restore import Restore, Wanted
from tui.opening import open_copy
from tui.place import Place, bindings
from tui.widgets.virtual_list import PAGE, VirtualList

Item = Mapping[str, Any]
FOUND = 200  # of what a search finds; a longer word finds less
LONGEST_PREVIEW = 65_536  # bytes


@dataclass(slots=True)
class Where:
    """What the left pane shows: a directory at an instant, or what was found for a text."""

    path: str = ""
    path_b64: str | None = None
    at_ns: int | None = None
    deleted: bool = False
    text: str = ""


class History(Place):
    """Every version of every path."""

    place = "history"
    BINDINGS = bindings("history")
    AUTO_FOCUS = "#entries"

    def __init__(self) -> None:
        super().__init__()
        self._where = Where(deleted=False)
        self._marked: dict[str, Item] = {}
        self._compared: Item | None = None
        self._to_versions = False
        self._wanted: str | None = None  # the path on which the cursor is to be, once it is here
        self._asked = False

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Input(placeholder="a part of a name; words before it are parts of the path", id="find")
        with Horizontal(id="panes"):
            entries = VirtualList(self._entry, empty="nothing here", id="entries", key=lambda item: item["path"])
            entries.border_title = "Files"
            yield entries
            with Vertical(id="beside"):
                versions = VirtualList(
                    lambda item, width: rows.version(item, width, self.now),
                    empty="no versions",
                    id="versions",
                    key=lambda item: item["version_id"],
                )
                versions.border_title = "Versions"
                yield versions
                preview = VirtualList(rows.diff, empty="nothing to show", id="preview", key=str)
                preview.border_title = "Preview"
                yield preview

    def _entry(self, item: Item, width: int) -> rows.Row:
        return rows.entry(item, width, marked=item["path"] in self._marked, whole_path=bool(self._where.text))

    def on_mount(self) -> None:
        """Begin at the root."""
        self.query_one("#find").display = False
        super().on_mount()

    def subject(self) -> str:
        """Return which directory, search or instant this is about."""
        where = self._where
        parts = [show.safe(where.path) or "the whole folder"] if not where.text else [f"found: {where.text}"]
        if where.at_ns is not None:
            parts.append(f"as it was {show.full(where.at_ns, self.now)}")
        if self._marked:
            parts.append(f"{len(self._marked)} marked")
        return " · ".join(parts)

    def changed(self, parts: Collection[str]) -> None:
        """Look again when something was told."""
        if self.view.connected and (not self._asked or "changes" in parts):
            self._asked = True
            self._list()
            self._list_versions()

    # -- the left pane --------------------------------------------------------------------------

    @work(exclusive=True, group="entries", exit_on_error=True)
    async def _list(self) -> None:
        """Ask for the first page of what the left pane shows."""
        where, pane = self._where, self.query_one("#entries", VirtualList)
        try:
            if where.text:
                answer = await self.dashboard.live.get("/find", q=where.text, limit=FOUND)
                total = len(answer["items"])
                pane.border_title = f"Found {total}{'+' if answer['more'] else ''}"
            else:
                answer = await self.dashboard.live.get("/entries", **self._asked_for(where))
                total = answer["total"]
                pane.border_title = f"Files · {show.number(total)}"
        except SyncdError as error:
            if self.view.connected:
                tell(self.dashboard, error)
            return
        pane.show(answer["items"], total)
        if self._wanted is not None and pane.go_to_key(self._wanted):
            self._wanted = None
            if self._to_versions:
                self._to_versions = False
                self.set_focus(self.query_one("#versions"))
        self._retitle()

    def _retitle(self) -> None:
        if self.view.known:
            self.heard(frozenset())

    @on(VirtualList.Wanted, "#entries")
    @work(group="pages", exit_on_error=True)
    async def _page(self, event: VirtualList.Wanted) -> None:
        """Fetch a page that is looked at; several may be, and none calls off another."""
        where = self._where
        try:
            answer = await self.dashboard.live.get("/entries", after=str(event.start), **self._asked_for(where))
        except SyncdError as error:
            event.list.forget(event.start)
            tell(self.dashboard, error)
            return
        if where is self._where:
            event.list.add(event.start, answer["items"], answer["total"])

    @staticmethod
    def _asked_for(where: Where) -> dict[str, Any]:
        return {
            "path": where.path,
            "path_b64": where.path_b64,
            "at_ns": where.at_ns,
            "deleted": str(where.deleted).lower(),
            "limit": PAGE,
        }

    @on(VirtualList.Moved, "#entries")
    def _path(self, event: VirtualList.Moved) -> None:
        self._list_versions()

    @on(VirtualList.Chosen, "#entries")
    def _enter(self, event: VirtualList.Chosen) -> None:
        item = event.item
        if item["kind"] == "directory":
            self._see(Where(item["path"], item.get("path_b64"), self._where.at_ns, self._where.deleted))
        else:
            self.set_focus(self.query_one("#versions"))

    def _see(self, where: Where, cursor: str | None = None) -> None:
        """Show something else in the left pane, with the cursor on a path."""
        self._where, self._wanted = where, cursor
        pane = self.query_one("#entries", VirtualList)
        pane.show([])
        pane.clear_cursor()
        self.set_focus(pane)
        self._list()

    def show_path(self, item: Item, *, versions: bool) -> None:
        """Show a path, and its versions."""
        path = str(item["path"])
        parent = path.rpartition("/")[0]
        self._to_versions = versions
        deleted = item.get("change") in rows.GONE or item.get("state") == "deleted"
        self._asked = True
        self._see(Where(parent, None, None, deleted), cursor=path)

    def do_back(self) -> None:
        """From the versions to the files, from a search to the folder, from a directory to the one above, then away."""
        where = self._where
        if self.query_one("#find").display and self.query_one("#find").has_focus:
            self.query_one("#find").display = False
            self.set_focus(self.query_one("#entries"))
            if where.text:
                self._see(Where(deleted=where.deleted))
        elif not self.query_one("#entries").has_focus:
            self.set_focus(self.query_one("#entries"))
        elif where.text:
            self.query_one("#find").display = False
            self._see(Where(deleted=where.deleted))
        elif where.path:
            parent = where.path.rpartition("/")[0]
            self._see(Where(parent, None, where.at_ns, where.deleted), cursor=where.path)
        elif where.at_ns is not None:
            self._see(Where(deleted=where.deleted))
        else:
            self.dashboard.do_back()

    def do_deleted(self) -> None:
        """Show or hide what was deleted."""
        self._where.deleted = not self._where.deleted
        self._list()

    def do_find(self) -> None:
        """Find as one types."""
        find = self.query_one("#find", Input)
        find.display = True
        find.value = self._where.text
        self.set_focus(find)

    @on(Input.Changed, "#find")
    def _typed(self, event: Input.Changed) -> None:
        text = event.value.strip()
        if text != self._where.text:
            self._where = Where(text=text, deleted=self._where.deleted)
            self.query_one("#entries", VirtualList).clear_cursor()
            self._list()

    @on(Input.Submitted, "#find")
    def _sought(self, event: Input.Submitted) -> None:
        self.set_focus(self.query_one("#entries"))
        self.query_one("#find").display = False

    # -- the right panes ------------------------------------------------------------------------

    @work(exclusive=True, group="versions", exit_on_error=True)
    async def _list_versions(self) -> None:
        """Ask for the versions of the path under the cursor."""
        item, pane = self.query_one("#entries", VirtualList).item, self.query_one("#versions", VirtualList)
        if item is None:
            pane.border_title = "Versions"
            pane.show([])
            return
        try:
            answer = await self.dashboard.live.get("/versions", path_b64=b64(item), limit=PAGE)
        except SyncdError as error:
            if self.view.connected:
                tell(self.dashboard, error)
            return
        now = item["path"]
        for version in answer["items"]:
            version["note"] = f"was {version['path']}" if version["path"] != now else ""
        pane.border_title = f"{escape(show.fit(show.safe(now), 40))} · {show.plural(answer['total'], 'version')}"
        pane.show(answer["items"], answer["total"])
        at_ns = self._where.at_ns
        if at_ns is not None:  # on the version that stood at that instant
            stood = (place for place, version in enumerate(answer["items"]) if version["recorded_ns"] <= at_ns)
            pane.go_to(next(stood, pane.cursor))

    @on(VirtualList.Wanted, "#versions")
    @work(group="more-versions", exit_on_error=True)
    async def _more_versions(self, event: VirtualList.Wanted) -> None:
        item = self.query_one("#entries", VirtualList).item
        if item is None:
            return
        try:
            answer = await self.dashboard.live.get("/versions", path_b64=b64(item), after=str(event.start), limit=PAGE)
        except SyncdError as error:
            event.list.forget(event.start)
            tell(self.dashboard, error)
            return
        event.list.add(event.start, answer["items"], answer["total"])

    @on(VirtualList.Moved, "#versions")
    def _version(self, event: VirtualList.Moved) -> None:
        self._preview(event.item, None)

    @on(VirtualList.Chosen, "#versions")
    def _chosen(self, event: VirtualList.Chosen) -> None:
        self.set_focus(self.query_one("#preview"))

    @work(exclusive=True, group="preview", exit_on_error=True)
    async def _preview(self, version: Item | None, against: Item | None) -> None:
        """Show how a version differs from the folder, or from another; or what is in it."""
        pane = self.query_one("#preview", VirtualList)
        if version is None or version["kind"] != "file" or version["change"] in rows.GONE:
            pane.border_title = "Preview"
            pane.show([] if version is None else [f"{version['change']}: {version['path']}"])
            return
        asked = {"version_id": version["version_id"], "against": against["version_id"] if against else None}
        try:
            answer = await self.dashboard.live.get("/compare", **asked)
            lines, title = self._told(answer, against), "Against the folder" if against is None else "Against another"
            if answer["what"] in ("same", "missing"):
                title = "As the folder has it" if answer["what"] == "same" else "Not in the folder now"
                lines = await self._text(version)
        except SyncdError as error:
            lines, title = [error.message, error.hint], "Cannot be shown"
        pane.border_title = title
        pane.clear_cursor()
        pane.show(lines)

    def _told(self, answer: Item, against: Item | None) -> list[str]:
        if answer["what"] == "binary":
            return [f"binary: {show.size(answer['old_size'])} then, {show.size(answer['new_size'] or 0)} now"]
        return list(answer["lines"][2:])

    async def _text(self, version: Item) -> list[str]:
        """Return the beginning of a version's text."""
        data = await self.dashboard.live.content(version["version_id"], 0, LONGEST_PREVIEW)
        if b"\0" in data:
            return [f"binary, {show.size(version['size'])}"]
        return data.decode("utf-8", "replace").splitlines()

    # -- what is done ---------------------------------------------------------------------------

    def do_mark(self) -> None:
        """Mark a path, or take the mark away."""
        pane = self.query_one("#entries", VirtualList)
        if pane.item is not None:
            path = pane.item["path"]
            if self._marked.pop(path, None) is None:
                self._marked[path] = pane.item
            pane.action_move(1)
            pane.refresh()
            self._retitle()

    def do_restore(self) -> None:
        """Ask how to bring back what is marked, the version under the cursor, or the entry."""
        wanted = self._what()
        if wanted is None:
            self.notify("There is nothing under the cursor.", severity="warning")
            return
        self.app.push_screen(Restore(wanted), self._restored)

    def do_restore_all(self) -> None:
        """Ask how to bring back the whole directory that is shown, as it was at the instant that is shown."""
        where = self._where
        if where.text:
            self.notify("This is what was found; mark what you want and press r.", severity="warning")
            return
        item = {"path": where.path, "path_b64": where.path_b64}
        what = where.path or "the whole folder"
        self.app.push_screen(Restore(Wanted((b64(item),), what, where.at_ns, None)), self._restored)

    def _what(self) -> Wanted | None:
        entries, versions = self.query_one("#entries", VirtualList), self.query_one("#versions", VirtualList)
        if self._marked:
            names = tuple(self._marked)
            return Wanted(tuple(map(b64, self._marked.values())), f"{len(names)} entries", self._where.at_ns, None)
        if entries.item is None:
            return None
        path, version = entries.item["path"], versions.item
        is_old = version is not None and not entries.has_focus and version["change"] not in rows.GONE
        if is_old and version is not None:
            return Wanted((b64(version),), version["path"], None, version["version_id"], version["recorded_ns"])
        return Wanted((b64(entries.item),), path, self._where.at_ns, None)

    def _restored(self, begun: bool | None) -> None:
        if begun:
            self._marked.clear()
            self.query_one("#entries").refresh()
            self._retitle()

    def do_compare(self) -> None:
        """Compare two versions: the first key picks one, the second shows how another differs from it."""
        version = self.query_one("#versions", VirtualList).item
        if version is None:
            self.notify("There is no version under the cursor.", severity="warning")
        elif self._compared is None or self._compared["version_id"] == version["version_id"]:
            self._compared = version
            self.notify(f"{show.when(version['recorded_ns'], self.now)}: now = on another version compares the two.")
        else:
            old, new = sorted((self._compared, version), key=lambda item: item["recorded_ns"])
            self._compared = None
            self._preview(old, new)

    def do_instant(self) -> None:
        """Show the whole tree as it was."""
        self.app.push_screen(Instant(), self._at)

    def _at(self, at_ns: int | None) -> None:
        if at_ns is not None:
            self._see(Where(self._where.path if not self._where.text else "", None, at_ns, False))

    def do_open(self) -> None:
        """Write the version beside, and open it with whatever opens such files."""
        version = self.query_one("#versions", VirtualList).item
        if version is None or version["kind"] != "file" or version["change"] in rows.GONE:
            self.notify("There is no file's version under the cursor.", severity="warning")
            return
        self.run_worker(open_copy(self.dashboard, version), exit_on_error=True)
