"""The application: places, keys that are the same everywhere, and what happens when the agent says something.

Paints first and asks then. Invariant: no handler waits for the agent; what takes time is a worker, and what it brings
comes back as a new view.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.acting import act
from tui.actions import PLACES
from tui.commands import Actions
from tui.dialogs.jump import Jump
from tui.dialogs.keys import Keys
from tui.place import Place
from tui.plain import plainer
from tui.screens.activity import Activity
from tui.screens.conflicts import Conflicts
from tui.screens.devices import Devices
from tui.screens.facts import Folder, Log, Stores
from tui.screens.history import History
from tui.screens.home import Home
from tui.screens.locked import Locked
from tui.screens.review import Review
from tui.screens.setup import Setup
from tui.state import View
from tui.theme import THEMES

if TYPE_CHECKING:
    from syncd.api.live import Live
    from tui.asking import Ear

REPAINT_S = 0.1  # ten times a second at most, whatever comes
AGE_S = 1.0


class Dashboard(App[int]):
    """The dashboard of one agent.

    Args:
        socket: where the agent listens.
        config: the settings; where there are none, it begins with the first run. None to take them for given.
        locked: it begins with asking for the passphrase.
        plain: the terminal shows ASCII alone.
        now: the present, in the local time zone.
        run: runs a command of syncd's, with `given` on its stdin; returns its exit code, stdout and stderr.
    """

    TITLE = "syncd"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {}
    DEFAULT_MODE = "home"
    COMMANDS = App.COMMANDS | {Actions}
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (95, "-wide")]  # noqa: RUF012 (an instance variable to Textual)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", show=False, priority=True)]

    def __init__(
        self,
        socket: Path,
        *,
        config: Path | None = None,
        locked: bool = False,
        unseen: bool = False,
        plain: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        run: Callable[..., tuple[int, str, str]] | None = None,
    ) -> None:
        super().__init__()
        if plain:
            self.driver_class = plainer(self.driver_class)
        self.socket, self.now, self._config, self._locked = socket, now, config, locked
        self.unseen = unseen  # nobody is known to have the recovery words of the vault here
        self.run_syncd = run or _run_syncd
        self._live: Live | None = None
        self._ear: Ear | None = None
        self._changed: set[str] = set()
        self._painting = False
        self._trail: list[str] = []
        self.view = View()

    @property
    def live(self) -> Live:
        """The agent."""
        assert self._live is not None, "nothing is asked before the first paint"
        return self._live

    def on_mount(self) -> None:
        """Paint, then ask."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        if self._config is not None and (self.unseen or not self._config.exists()):
            self.switch_mode("setup")
        elif self._locked:
            self.switch_mode("locked")
        self.call_after_refresh(self._listen)
        self.set_interval(AGE_S, self._grow_old)

    def _listen(self) -> None:
        from syncd.api.live import Live  # not before the first paint: its HTTP library takes as long as that
        from tui.asking import Ear

        self._live = Live(self.socket)
        self._ear = Ear(self._live, self._hear)
        self.run_worker(self._ear.follow(), group="follow", exit_on_error=True)
        self.run_worker(self._ear.answer(), group="answer", exit_on_error=True)

    async def on_unmount(self) -> None:
        """Let go of the agent."""
        if self._live is not None:
            await self._live.close()

    # -- what is known --------------------------------------------------------------------------

    def _hear(self, view: View, parts: frozenset[str]) -> None:
        self.view = view
        self._changed |= parts
        if not self._painting:
            self._painting = True
            self.set_timer(REPAINT_S, self._paint)

    def _paint(self) -> None:
        self._painting = False
        parts, self._changed = frozenset(self._changed), set()
        screen = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)
        if screen is not None and screen.is_mounted:
            screen.heard(parts)

    def _grow_old(self) -> None:
        if not self.view.connected:
            self._hear(self.view, frozenset())

    def ask(self, *parts: str) -> None:
        """Ask the agent for parts of the view anew."""
        if self._ear is not None:
            self._ear.ask(*parts)

    # -- places ---------------------------------------------------------------------------------

    def go(self, place: str) -> None:
        """Go to a place; `back` leads to where one came from."""
        if self.current_mode != place:
            self._trail.append(self.current_mode)
            self.switch_mode(place)

    def do_back(self) -> None:
        """Go to where one came from; never out of the dashboard."""
        self.switch_mode(self._trail.pop() if self._trail else "home")

    def show_history(self, item: Mapping[str, Any], *, versions: bool) -> None:
        """Show the history of a path."""
        self.go("history")
        screen = self.screen
        if isinstance(screen, History):
            screen.when_there(lambda: screen.show_path(item, versions=versions))

    # -- the keys that are the same everywhere --------------------------------------------------

    def do_leave(self) -> None:
        """Leave; the agent goes on."""
        self.exit(0, message="The agent goes on; `syncd status` says how it is." if self.view.connected else None)

    def act(self, route: str, body: Any = None, *, done: str = "") -> None:
        """Ask the agent to do something; what it answers, if it is an error, is shown."""
        self.run_worker(act(self, route, body, done), exit_on_error=True)

    def do_find(self) -> None:
        """Go to History, and find there."""
        self.go("history")
        if isinstance(self.screen, History):
            self.screen.when_there(self.screen.do_find)

    def do_keys(self) -> None:
        """Show every key; what is chosen there is done."""
        screen = self.screen
        if isinstance(screen, Place):
            self.push_screen(Keys(screen.place), lambda name: screen.action_do(name) if name else None)

    def do_jump(self) -> None:
        """Show letters over the panes."""
        targets = [widget for widget in self.screen.focus_chain if widget.region.area]
        self.push_screen(Jump(targets), lambda widget: widget.focus() if widget is not None else None)

    def do_pause(self) -> None:
        """Pause the agent, or let it go on."""
        if self.view.state == "paused by you":
            self.act("/resume", done="The agent goes on.")
        else:
            self.act("/pause", done="Paused; p goes on.")

    def do_sync(self) -> None:
        """Look at the whole folder now."""
        self.act("/sync", done="The whole folder was looked at.")

    def do_start(self) -> None:
        """Start the agent."""
        self.run_worker(self._starting, thread=True, exit_on_error=True)

    def _starting(self) -> None:
        code, _, said = self.run_syncd("start")
        if code:
            told = partial(self.notify, said.strip(), title="The agent did not start", severity="error", markup=False)
            self.call_from_thread(told)


def _run_syncd(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run a command of syncd's."""
    command = [sys.executable, "-P", "-m", "syncd", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input=given, check=False)
    return done.returncode, done.stdout, done.stderr


def _go(place: str) -> Callable[[Dashboard], None]:
    return lambda dashboard: dashboard.go(place)


for _place in PLACES:
    setattr(Dashboard, f"do_go_{_place}", _go(_place))
Dashboard.MODES = {
    "home": Home,
    "history": History,
    "conflicts": Conflicts,
    "review": Review,
    "activity": Activity,
    "stores": Stores,
    "devices": Devices,
    "folder": Folder,
    "log": Log,
    "setup": Setup,
    "locked": Locked,
}
