"""What a restore would change, shown before it does: how many entries, how much, what cannot be; and where to.

The preview is the agent's own dry run. Nothing is ever overwritten that is not in the vault: the agent publishes what
stands there first, so what is replaced is a version like others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from syncd.errors import SyncdError
from tui import format as show
from tui.acting import act
from tui.widgets.toggle import Toggle

if TYPE_CHECKING:
    from tui.app import Dashboard


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be brought back: exact paths in base64, what they are called, and as they were when."""

    paths_b64: tuple[str, ...]
    what: str
    at_ns: int | None
    version: str | None
    of_ns: int | None = None


class Restore(ModalScreen[bool]):
    """Asks where to, shows what would change, and begins. The result says whether it was begun."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Cancel"),
        Binding("enter", "begin", "Restore", priority=True),
        Binding("e", "exact", "Exact", show=False),
        Binding("w", "elsewhere", "Elsewhere", show=False),
    ]
    AUTO_FOCUS = "#begin"

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        wanted, dashboard = self._wanted, cast("Dashboard", self.app)
        instant = wanted.of_ns if wanted.of_ns is not None else wanted.at_ns
        when = f" as of {show.full(instant, dashboard.now())}" if instant is not None else ""
        with Vertical(classes="dialog"):
            yield Static(f"Restore {show.safe(wanted.what)}{when}", classes="title", markup=False)
            yield Static("In its place: it becomes the newest version, and nothing is lost.", id="place")
            yield Toggle("w  into another directory instead", id="there")
            yield Input("~/Restored", id="target")
            yield Toggle("e  exactly: also remove what came since", id="exact")
            yield Static("asking what would change", id="preview", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel (esc)", id="cancel")
                yield Button("Restore (enter)", id="begin", variant="primary")

    def on_mount(self) -> None:
        """Ask what would change."""
        self.query_one("#exact").display = self._wanted.version is None
        self.query_one("#target").display = False
        self._ask()

    def _body(self, *, dry_run: bool) -> dict[str, Any]:
        elsewhere = self.query_one("#there", Toggle).value
        target = os.path.abspath(os.path.expanduser(self.query_one("#target", Input).value)) if elsewhere else None
        return {
            "paths_b64": list(self._wanted.paths_b64),
            "at_ns": self._wanted.at_ns,
            "version": self._wanted.version,
            "to": target,
            "exact": self.query_one("#exact", Toggle).value and not elsewhere,
            "dry_run": dry_run,
            "wait": dry_run,
        }

    @work(exclusive=True, group="preview", exit_on_error=True)
    async def _ask(self) -> None:
        said, dashboard = self.query_one("#preview", Static), cast("Dashboard", self.app)
        try:
            answer = await dashboard.live.post("/restores", self._body(dry_run=True))
        except SyncdError as error:
            said.update(f"{show.safe(error.message)}\n{error.hint}")
            return
        said.update("\n".join(preview(answer)))

    @on(Toggle.Changed, "#there")
    def _where(self) -> None:
        elsewhere = self.query_one("#there", Toggle).value
        self.query_one("#target").display = elsewhere
        self.query_one("#place").display = not elsewhere
        self.query_one("#exact").display = not elsewhere and self._wanted.version is None
        if elsewhere:
            self.set_focus(self.query_one("#target"))
        self._ask()

    @on(Toggle.Changed, "#exact")
    def _exactly(self) -> None:
        self._ask()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#begin")
    def _press(self) -> None:
        self.action_begin()

    def action_exact(self) -> None:
        """Also remove what came since, or not."""
        if self.query_one("#exact").display:
            self.query_one("#exact", Toggle).action_change()

    def action_elsewhere(self) -> None:
        """Into another directory, or in its place."""
        self.query_one("#there", Toggle).action_change()

    def action_begin(self) -> None:
        """Begin; with the focus on the other button, do not."""
        if self.focused is not None and self.focused.id == "cancel":
            self.dismiss(False)
            return
        dashboard = cast("Dashboard", self.app)
        dashboard.run_worker(
            act(dashboard, "/restores", self._body(dry_run=False), f"Restoring {show.safe(self._wanted.what)}"),
            exit_on_error=True,
        )
        self.dismiss(True)


def preview(answer: dict[str, Any]) -> list[str]:
    """Return what a dry run says, in lines."""
    placed, removed, failed = answer["placed"], answer["removed"], answer["failed"]
    lines = [f"brought: {show.plural(len(placed), 'entry', 'entries')}, {show.size(answer['bytes'])}"]
    if answer["unchanged"]:
        lines.append(f"as wanted already: {show.number(answer['unchanged'])}")
    if removed:
        lines.append(f"removed: {show.plural(len(removed), 'entry', 'entries')}; their versions stay in the vault")
    renamed = [item["path"] for item in placed if " (restored " in item["path"]]
    lines += [f"its name is taken, so it is called: {show.safe(path)}" for path in renamed[:3]]
    lines += [f"not brought: {show.safe(item['path'])}: {item['reason']}" for item in failed[:5]]
    lines += ["", *(f"  {show.safe(item['path'])}" for item in placed[:6])]
    if len(placed) > 6:
        lines.append(f"  ... and {show.number(len(placed) - 6)} more")
    return lines
