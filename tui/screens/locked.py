"""The device is locked: the passphrase or the words, and nothing else, until it goes on. By `syncd unlock`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from tui import format as show
from tui.place import bindings

if TYPE_CHECKING:
    from tui.app import Dashboard

WORDS = 24


class Locked(Screen[None]):
    """Asks for what opens the vault."""

    BINDINGS = bindings("locked")
    AUTO_FOCUS = "#secret"

    @property
    def _dashboard(self) -> Dashboard:
        return cast("Dashboard", self.app)

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(id="steps"):
            yield Static("This device is locked.", id="lead")
            yield Static("The passphrase, or the 24 words; the folder is as it was, and nothing is synced meanwhile.")
            yield Input(password=True, id="secret")
            yield Static("", id="said", markup=False)

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(show.safe(text.replace("\n", " ")))

    @on(Input.Submitted, "#secret")
    def _given(self, event: Input.Submitted) -> None:
        if event.value:
            self._say("unlocking")
            self._unlock(event.value)
            event.input.value = ""

    @work(exclusive=True, thread=True, exit_on_error=True)
    def _unlock(self, secret: str) -> None:
        what = "--recovery-file" if len(secret.split()) == WORDS else "--passphrase-file"
        code, _, said = self._dashboard.run_syncd("unlock", what, "/dev/stdin", given=secret)
        if not code:
            code, _, said = self._dashboard.run_syncd("start")
        if code:
            self.app.call_from_thread(self._say, said.removeprefix("syncd: "))
        else:
            self.app.call_from_thread(self._dashboard.go, "home")

    def action_do(self, name: str) -> None:
        """Do what the keys of this place are for."""
        if name == "leave":
            self._dashboard.do_leave()
