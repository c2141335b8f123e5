"""A screen of fields, for what comes before the agent runs: what a person gives goes to a command of syncd's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import work
from textual.screen import Screen
from textual.widgets import Static

from tui import format as show

if TYPE_CHECKING:
    from tui.app import Dashboard


class Form(Screen[None]):
    """Fields above a line, `#said`, that tells how it goes."""

    @property
    def dashboard(self) -> Dashboard:
        """The application."""
        return cast("Dashboard", self.app)

    def say(self, text: str) -> None:
        """Tell how it goes."""
        self.query_one("#said", Static).update(show.safe(" ".join(text.split())))

    def say_error(self, said: str) -> None:
        """Tell from a thread what a command wrote to stderr."""
        self.app.call_from_thread(self.say, said.removeprefix("syncd: "))

    @work(exclusive=True, thread=True, exit_on_error=True)
    def start(self) -> None:
        """Start the agent and go home; tell why not."""
        code, _, said = self.dashboard.run_syncd("start")
        if code:
            self.say_error(said)
        else:
            self.app.call_from_thread(self.dashboard.go, "home")

    def action_do(self, name: str) -> None:
        """Do what the keys of this place are for."""
        if name == "leave":
            self.dashboard.do_leave()
