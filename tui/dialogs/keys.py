"""Every key, to be searched; from the same table as the footer and the palette. Enter does what the row says."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.actions import ACTIONS, EVERYWHERE, PLACES, Action, at, key_text
from tui.format import column
from tui.widgets.virtual_list import Span, VirtualList

MOVING = (("↑ ↓ j k", "Move"), ("pgup pgdn", "A page"), ("home end G", "First, last"), ("tab", "Next pane"),
          ("enter", "Choose"), ("ctrl+p", "Palette"))  # fmt: skip


def listed(place: str, text: str) -> list[tuple[str, str, str, str]]:
    """Return (key, label, what it is for, name) of the keys of a place, then those of others, that have a text."""
    here = at(place)
    rest = [action for action in ACTIONS if action not in here and action.place != EVERYWHERE]
    found = [(key_text(action), action.label, _said(action), action.name if action in here else "")
             for action in (*here, *rest)]  # fmt: skip
    found += [(key, label, "In every list.", "") for key, label in MOVING]
    return [row for row in found if text.lower() in " ".join(row).lower()]


def _said(action: Action) -> str:
    return action.text if action.place == EVERYWHERE else f"{PLACES[action.place]}: {action.text}"


class Keys(ModalScreen[str]):
    """The keys; the result is the name of an action that was chosen, or empty."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Close"),
        Binding("down", "focus_next", show=False),
    ]
    AUTO_FOCUS = "#search"

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        with Vertical(classes="dialog tall"):
            yield Input(placeholder="find a key", id="search")
            yield VirtualList(_draw, empty="no key does that", id="keys", key=lambda row: row[:2])

    def on_mount(self) -> None:
        """Show all."""
        self.query_one("#keys", VirtualList).show(listed(self._place, ""))

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        pane = self.query_one("#keys", VirtualList)
        pane.clear_cursor()
        pane.show(listed(self._place, event.value.strip()))

    @on(Input.Submitted, "#search")
    def _submitted(self) -> None:
        self.query_one("#keys").focus()

    @on(VirtualList.Chosen, "#keys")
    def _chosen(self, event: VirtualList.Chosen) -> None:
        self.dismiss(event.item[3])


def _draw(row: tuple[str, str, str, str], width: int) -> list[Span]:
    key, label, text, name = row
    return [(f" {column(key, 11)} ", "busy"), (column(label, 12), "strong" if name else "dim"), (f" {text}", "dim")]
