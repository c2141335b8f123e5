"""Conflicts: both sides with how they differ, and a decision by one key, for one or all; each can be undone.

A decision is a version, so what is not kept stays in history. Undoing brings back both files as they were.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from syncd.errors import SyncdError
from tui import format as show
from tui import rows
from tui.acting import act, b64, tell
from tui.opening import editor, write_version
from tui.place import Place, bindings
from tui.widgets.virtual_list import VirtualList

Item = Mapping[str, Any]
LONGEST_MERGE = 200_000  # bytes of a side that is offered to an editor


MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, with what stood there before."""

    conflict: Item
    keep: str


class Conflicts(Place):
    """What two devices changed at once."""

    place = "conflicts"
    BINDINGS = bindings("conflicts")
    AUTO_FOCUS = "#conflicts"

    def __init__(self) -> None:
        super().__init__()
        self._decided: list[Decided] = []

    def body(self) -> ComposeResult:
        """Yield the panes."""
        conflicts = VirtualList(
            lambda item, width: rows.conflict(item, width, self.now),
            empty="no conflicts: nothing was changed in two places at once",
            id="conflicts",
            key=lambda item: item["copy_path"],
        )
        conflicts.border_title = "Conflicts"
        yield conflicts
        with Horizontal(id="sides"):
            yield Static("", id="side-a", markup=False)
            yield Static("", id="side-b", markup=False)
        with Vertical(id="below"):
            preview = VirtualList(rows.diff, empty="nothing to show", id="preview", key=str)
            preview.border_title = "A against B"
            yield preview

    def subject(self) -> str:
        """Say that nothing was lost."""
        count = len(self.view.conflicts)
        return f"{count} open · nothing was lost, both versions are kept" if count else ""

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        if "conflicts" in parts:
            self.query_one("#conflicts", VirtualList).show(self.view.conflicts)

    @property
    def _conflict(self) -> Item | None:
        found: Item | None = self.query_one("#conflicts", VirtualList).item
        return found

    @on(VirtualList.Moved, "#conflicts")
    def _moved(self, event: VirtualList.Moved) -> None:
        item = event.item
        for letter, key, where in (("a", "path", "in place"), ("b", "copy_path", "kept beside it")):
            said = self.query_one(f"#side-{letter}", Static)
            if item is None:
                said.update("")
                continue
            side = item[letter]
            device = show.safe(side["device"]) or "(unnamed)"
            when = show.full(side["recorded_ns"], self.now)
            said.update(
                f"{letter.upper()}  {device}  ({where})\n{when}  {show.size(side['size'])}\n{show.safe(item[key])}"
            )
        self._compare()

    @work(exclusive=True, group="preview", exit_on_error=True)
    async def _compare(self) -> None:
        item, pane = self._conflict, self.query_one("#preview", VirtualList)
        lines: list[str] = []
        if item is not None and item["a"]["kind"] == item["b"]["kind"] == "file":
            try:
                answer = await self.dashboard.live.get(
                    "/compare", version_id=item["a"]["version_id"], against=item["b"]["version_id"]
                )
                lines = list(answer["lines"][2:]) or [f"both are {answer['what']}"]
            except SyncdError as error:
                lines = [error.message, error.hint]
        elif item is not None:
            lines = [f"A is a {item['a']['kind']}, B is a {item['b']['kind']}"]
        pane.clear_cursor()
        pane.show(lines)

    # -- deciding -------------------------------------------------------------------------------

    def do_keep_a(self) -> None:
        """Keep what stands in place."""
        self._decide("a")

    def do_keep_b(self) -> None:
        """Keep what stands beside it."""
        self._decide("b")

    def do_keep_both(self) -> None:
        """Keep both, as files of their own."""
        self._decide("both")

    def _decide(self, keep: str) -> None:
        if self._conflict is not None:
            self._resolve([self._conflict], keep)

    def do_all_like(self) -> None:
        """Decide all others as the last one."""
        if not self._decided:
            self.notify("Decide one first; A decides all others like it.", severity="warning")
            return
        keep = self._decided[-1].keep
        if keep == MERGED:
            self.notify("The last one was merged; that is done one by one.", severity="warning")
            return
        self._resolve(list(self.view.conflicts), keep)

    @work(group="resolve", exit_on_error=True)
    async def _resolve(self, conflicts: list[Item], keep: str) -> None:
        """Tell the agent what was decided, one after another."""
        done = 0
        for conflict in conflicts:
            answer = "a" if keep == MERGED else keep  # what was merged stands in A's place
            body = {"what": "resolve", "path_b64": b64(conflict, "copy_path"), "keep": answer}
            if await act(self.dashboard, "/decisions", body, "") is None:
                break
            self._decided.append(Decided(conflict, keep))
            done += 1
        if done:
            kept = {"a": "A is kept", "b": "B is kept", "both": "both are kept", MERGED: "merged"}[keep]
            self.notify(f"{show.plural(done, 'conflict')} resolved: {kept}. u takes it back.")

    def do_undo(self) -> None:
        """Take back the last decision."""
        if not self._decided:
            self.notify("Nothing was decided here since the dashboard began.", severity="warning")
            return
        self._undo(self._decided.pop())

    @work(group="resolve", exit_on_error=True)
    async def _undo(self, decided: Decided) -> None:
        """Bring both files back: A in place as a version, B beside it as a file."""
        conflict, keep = decided.conflict, decided.keep
        if keep == "both":
            self.notify("Both were kept: there is nothing to take back.")
            return
        if keep in ("b", MERGED):
            body = {"paths_b64": [b64(conflict)], "version": conflict["a"]["version_id"]}
            if await act(self.dashboard, "/restores", body, "") is None:
                self._decided.append(decided)
                return
        folder = Path(self.view.status["folder"])
        name = base64.b64decode(b64(conflict, "copy_path"))
        try:
            await self._write_beside(folder / os.fsdecode(name), conflict["b"])
        except SyncdError as error:
            tell(self.dashboard, error)
            return
        except OSError as error:
            self.notify(f"{show.safe(str(error.filename))}: {error.strerror}", severity="error", markup=False)
            return
        self.notify("Taken back: both files are there again, each for itself.")
        await act(self.dashboard, "/sync", None, "")

    async def _write_beside(self, target: Path, side: Item) -> None:
        """Put a side's content into the folder, whole or not at all, and over nothing."""
        temporary = Path(tempfile.mkdtemp(prefix="syncd-")) / "side"
        await write_version(self.dashboard, side, temporary)
        data = temporary.read_bytes()
        temporary.unlink()
        temporary.parent.rmdir()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), side["mode"] & 0o7777)
        os.utime(target, ns=(side["mtime_ns"], side["mtime_ns"]))

    # -- merging --------------------------------------------------------------------------------

    def do_merge(self) -> None:
        """Write both together in an editor; what is saved becomes the newest version, and A and B stay in history."""
        conflict, command = self._conflict, editor()
        if conflict is None:
            return
        if command is None:
            self.notify("There is no editor: set EDITOR.", severity="warning")
        elif not conflict["a"]["kind"] == conflict["b"]["kind"] == "file":
            self.notify("Only two files can be merged.", severity="warning")
        elif max(conflict[side]["size"] for side in "ab") > LONGEST_MERGE:
            self.notify("They are too long to be merged in an editor.", severity="warning")
        else:
            self._merge(conflict, command)

    @work(group="resolve", exit_on_error=True)
    async def _merge(self, conflict: Item, command: list[str]) -> None:
        try:
            sides = [await self.dashboard.live.content(conflict[side]["version_id"], 0, LONGEST_MERGE) for side in "ab"]
            texts = [side.decode().splitlines(keepends=True) for side in sides]
        except SyncdError as error:
            tell(self.dashboard, error)
            return
        except UnicodeDecodeError:
            self.notify("Only text can be merged.", severity="warning")
            return
        names = (conflict["a"]["device"], conflict["b"]["device"])
        text = await asyncio.to_thread(merged, texts[0], texts[1], *names)
        suffix = os.path.splitext(conflict["path"])[1]
        with tempfile.NamedTemporaryFile("wb", suffix=suffix, prefix="syncd-merge-", delete=False) as file:
            file.write(text.encode())
        work_copy = Path(file.name)
        try:
            with self.app.suspend():
                subprocess.run([*command, str(work_copy)], check=False)
            refused = self._take_merged(conflict, work_copy, text.encode(), sides[0])
        except SuspendNotSupported:
            refused = "An editor needs a terminal of its own: merge in one."
        except OSError as error:
            refused = f"The merge was not taken: {show.safe(str(error))}."
        if refused:
            self.notify(f"{refused} It is kept in {work_copy}", severity="warning", markup=False, timeout=12)
        else:
            work_copy.unlink()

    def _take_merged(self, conflict: Item, work_copy: Path, before: bytes, side_a: bytes) -> str:
        """Put what was merged in A's place; return why not, empty if it was done or there was nothing to do.

        Only over the very bytes of A: what was saved there meanwhile is nobody's to overwrite.
        """
        data = work_copy.read_bytes()
        if data == before:
            self.notify("Nothing was saved, so nothing is decided.")
            return ""
        if any(line.startswith((b"<<<<<<< A ", b">>>>>>> B ")) for line in data.splitlines()):
            return "Marks of the merge are left in it, so nothing is decided."
        target = Path(self.view.status["folder"]) / os.fsdecode(base64.b64decode(b64(conflict)))
        if target.read_bytes() != side_a:
            return f"{show.safe(conflict['path'])} was saved meanwhile, so nothing is decided."
        beside = target.with_name(f".syncd-tmp-{os.getpid():012x}")
        beside.write_bytes(data)
        beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
        self._resolve([conflict], MERGED)
        return ""


def merged(a: list[str], b: list[str], a_name: str, b_name: str) -> str:
    """Return two texts as one, with what differs between marks, as git leaves it. Pure."""
    import difflib

    lines: list[str] = []
    for what, a_from, a_to, b_from, b_to in difflib.SequenceMatcher(None, a, b).get_opcodes():
        if what == "equal":
            lines += a[a_from:a_to]
            continue
        lines.append(f"<<<<<<< A {a_name}\n")
        lines += _ended(a[a_from:a_to])
        lines.append("=======\n")
        lines += _ended(b[b_from:b_to])
        lines.append(f">>>>>>> B {b_name}\n")
    return "".join(lines)


def _ended(lines: list[str]) -> list[str]:
    return [line if line.endswith("\n") else line + "\n" for line in lines]
