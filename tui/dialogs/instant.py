"""Asks for an instant, in the words that the command line takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from syncd.errors import UsageError
from syncd.history.instant import parse_instant
from tui import format as show

if TYPE_CHECKING:
    from tui.app import Dashboard


class Instant(ModalScreen[int | None]):
    """Asks when; the result is in ns since 1970, None for never mind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        with Vertical(classes="dialog"):
            yield Static("The whole tree as it was…", classes="title")
            yield Input(placeholder="2026-11-21, 14:05, 2h, '3 days ago', yesterday", id="when")
            yield Static("", id="means", markup=False)

    def _parse(self, text: str) -> int:
        return parse_instant(text, cast("Dashboard", self.app).now())

    @on(Input.Changed, "#when")
    def _typed(self, event: Input.Changed) -> None:
        said = self.query_one("#means", Static)
        try:
            said.update(f"that is {show.full(self._parse(event.value), cast('Dashboard', self.app).now())}")
        except UsageError as error:
            said.update(error.hint if event.value.strip() else "")

    @on(Input.Submitted, "#when")
    def _given(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(self._parse(event.value))
        except UsageError as error:
            self.query_one("#means", Static).update(f"{error.message}. {error.hint}")
