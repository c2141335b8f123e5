"""The device is locked: the passphrase or the words, and nothing else, until it goes on. By `syncd unlock`."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.form import Form
from tui.place import bindings

WORDS = 24


class Locked(Form):
    """Asks for what opens the vault."""

    BINDINGS = bindings("locked")
    AUTO_FOCUS = "#secret"

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(id="steps"):
            yield Static("This device is locked.", id="lead")
            yield Static("The passphrase, or the 24 words; the folder is as it was, and nothing is synced meanwhile.")
            yield Input(password=True, id="secret")
            yield Static("", id="said", markup=False)

    @on(Input.Submitted, "#secret")
    def _given(self, event: Input.Submitted) -> None:
        if event.value:
            self.say("unlocking")
            self._unlock(event.value)
            event.input.value = ""

    @work(exclusive=True, thread=True, exit_on_error=True)
    def _unlock(self, secret: str) -> None:
        what = "--recovery-file" if len(secret.split()) == WORDS else "--passphrase-file"
        code, _, said = self.dashboard.run_syncd("unlock", what, "/dev/stdin", given=secret)
        if code:
            self.say_error(said)
        else:
            self.app.call_from_thread(self.start)
