"""Jump mode: a letter over each pane of the screen; pressing it goes there."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Label

LETTERS = "asdfghjklqwertyuiop"


class Jump(ModalScreen[Widget | None]):
    """Letters over widgets; the result is the one whose letter was pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+o", "dismiss(None)", "Cancel")]

    def __init__(self, targets: list[Widget]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        """Yield the letters, where their widgets are."""
        for letter, widget in self._targets.items():
            label = Label(f" {letter} ", classes="jump")
            label.styles.offset = Offset(widget.region.x + 2, widget.region.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """Go where a letter leads."""
        if event.key in self._targets:
            event.stop()
            self.dismiss(self._targets[event.key])
