"""A choice that is seen without colour: `[x]` or `[ ]` and what it means."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class Toggle(Widget, can_focus=True):
    """On or off; space and a click change it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "change", "Change", show=False)]

    class Changed(Message):
        """It was changed."""

        def __init__(self, toggle: Toggle) -> None:
            super().__init__()
            self.toggle = toggle

        @property
        def control(self) -> Toggle:
            """The toggle."""
            return self.toggle

    def __init__(self, text: str, *, id: str) -> None:
        super().__init__(id=id)
        self._text = text
        self.value = False

    def action_change(self) -> None:
        """Change it."""
        self.value = not self.value
        self.refresh()
        self.post_message(self.Changed(self))

    def on_click(self) -> None:
        """Change it."""
        self.action_change()

    def render(self) -> Content:
        """Draw it."""
        return Content(f"[{'x' if self.value else ' '}] {self._text}")
