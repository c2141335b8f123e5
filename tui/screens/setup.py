"""First run: which folder, where the sealed copies go, the words that open them; then the agent starts.

The words are shown once. Two of them are asked for again: whoever cannot give them has not written them down. It does
what `syncd init` and `syncd start` do, by those commands.
"""

from __future__ import annotations

import os
import platform
import random

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.form import Form
from tui.place import bindings

ASKED_AGAIN = 2  # words: a guess is right once in four million times


def words_table(words: list[str]) -> str:
    """Return the words in four columns, each with its number."""
    rows = len(words) // 4
    cells = [f"{number:2} {word:<10}" for number, word in enumerate(words, 1)]
    return "\n".join("  ".join(cells[row + column * rows] for column in range(4)) for row in range(rows))


class Setup(Form):
    """Asks what is needed, one thing after another."""

    BINDINGS = bindings("setup")
    AUTO_FOCUS = "#folder"

    def __init__(self, choose: random.Random | None = None) -> None:
        super().__init__()
        self._choose = choose or random.SystemRandom()
        self._words: list[str] = []
        self._asked: list[int] = []

    def compose(self) -> ComposeResult:
        """Yield the steps; the second one shows when the first is done."""
        with Vertical(id="steps"):
            yield Static(
                "Keep a folder safe: every version, encrypted, on storage that can read none of it.", id="lead"
            )
            with Vertical(id="asking"):
                yield Static("1  The folder (it is made if it is not there)")
                yield Input(os.path.expanduser("~/Sync"), id="folder")
                yield Static("2  Where the sealed copies go: a disk, a mounted NAS; empty for a place of syncd's own")
                yield Input("", id="store")
                yield Static("3  What this device is called")
                yield Input(platform.node().split(".")[0][:64] or "this-computer", id="device")
            with Vertical(id="telling"):
                yield Static("4  These 24 words open the vault. Write them down; they are not shown again.")
                yield Static("", id="words", markup=False)
                yield Static("", id="again", markup=False)
                yield Input("", id="proof")
            yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Show the first step."""
        self.query_one("#telling").display = False
        if self.dashboard.unseen:  # whoever made this vault went away before they said what they wrote down
            self._ask_for_words()

    @on(Input.Submitted, "#folder")
    def _folder(self) -> None:
        self.set_focus(self.query_one("#store"))

    @on(Input.Submitted, "#store")
    def _store(self) -> None:
        self.set_focus(self.query_one("#device"))

    @on(Input.Submitted, "#device")
    def _device(self) -> None:
        self.say("making the vault")
        self._found()

    @work(exclusive=True, thread=True, exit_on_error=True)
    def _found(self) -> None:
        """Make the folder and the vault; show the words, or why not."""
        folder = os.path.abspath(os.path.expanduser(self.query_one("#folder", Input).value.strip() or "~/Sync"))
        store = self.query_one("#store", Input).value.strip()
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            self.app.call_from_thread(self.say, f"{folder}: {error.strerror}")
            return
        command = [
            "init",
            folder,
            "--no-passphrase",
            "--keep-words",
            "--device",
            self.query_one("#device", Input).value.strip(),
        ]
        if store:
            command += ["--store", store]
        code, out, said = self.dashboard.run_syncd(*command)
        if code:
            self.say_error(said)
        else:
            self.app.call_from_thread(self._tell, out.split())

    @work(exclusive=True, thread=True, exit_on_error=True)
    def _ask_for_words(self) -> None:
        code, out, said = self.dashboard.run_syncd("key", "words")
        if code:
            self.say_error(said)
        else:
            self.app.call_from_thread(self._tell, out.split())

    def _tell(self, words: list[str]) -> None:
        """Show the words, and ask for two of them."""
        self._words = words
        self._asked = sorted(self._choose.sample(range(len(words)), ASKED_AGAIN))
        self.query_one("#asking").display = False
        self.query_one("#telling").display = True
        self.query_one("#words", Static).update(words_table(words))
        numbers = " and ".join(str(number + 1) for number in self._asked)
        self.query_one("#again", Static).update(f"Type words {numbers}, with a space between:")
        self.say("")
        self.set_focus(self.query_one("#proof"))

    @on(Input.Submitted, "#proof")
    def _proof(self, event: Input.Submitted) -> None:
        if event.value.lower().split() != [self._words[number] for number in self._asked]:
            self.say("Those are others. Look at what you wrote down.")
            return
        self._words.clear()
        self.query_one("#words", Static).update("")
        self.say("starting the agent")
        self._begin()

    @work(exclusive=True, thread=True, exit_on_error=True)
    def _begin(self) -> None:
        """Forget the words, and start the agent."""
        code, _, said = self.dashboard.run_syncd("key", "words", "--written-down")
        if code:
            self.say_error(said)
        else:
            self.app.call_from_thread(self.start)
