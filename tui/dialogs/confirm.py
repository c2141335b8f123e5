"""Asks once more before what is hard to take back, or for a name typed out; and asks for a line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static


class Confirm(ModalScreen[bool]):
    """A question with two answers; the harmless one has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "dismiss(False)", "No"),
        Binding("y", "dismiss(True)", "Yes"),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, text: str, yes: str) -> None:
        super().__init__()
        self._text, self._yes = text, yes

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        with Vertical(classes="dialog"):
            yield Static(self._text, classes="title", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("No (esc)", id="no")
                yield Button(f"{self._yes} (y)", id="yes", variant="warning")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class Line(ModalScreen[str]):
    """Asks for a line of text; the result is empty for never mind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Cancel")]

    def __init__(self, title: str, value: str) -> None:
        super().__init__()
        self._title, self._value = title, value

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="title", markup=False)
            yield Input(self._value, id="line")

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class Typed(ModalScreen[bool]):
    """Asks for a name to be typed out before what cannot be taken back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Cancel")]

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self._text, self._name = text, name

    def compose(self) -> ComposeResult:
        """Yield the dialog."""
        with Vertical(classes="dialog"):
            yield Static(self._text, classes="title", markup=False)
            yield Input(placeholder=f"type {self._name}, then enter; esc for never mind", id="typed")
            yield Static("", id="wrong", markup=False)

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._name:
            self.dismiss(True)
        else:
            self.query_one("#wrong", Static).update(f"That is not {self._name}; nothing was done.")
