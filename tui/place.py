"""What all places have: the bars, the keys of the table, and how they hear of what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.actions import EVERYWHERE, at, by_name
from tui.state import PARTS, View
from tui.widgets.bars import HeadlineBar, KeysBar, TitleBar

if TYPE_CHECKING:
    from tui.app import Dashboard


def bindings(place: str) -> list[BindingType]:
    """Return the keys of a place, from the table."""
    return [
        Binding(action.key, f"do('{action.name}')", action.label, show=False, tooltip=action.text)
        for action in at(place)
    ]


class Place(Screen[None]):
    """One place. `place` names it in the table of actions."""

    place: ClassVar[str] = EVERYWHERE
    AUTO_FOCUS = "VirtualList"

    def __init__(self) -> None:
        super().__init__()
        self._there = False
        self._then: list[Callable[[], None]] = []

    @property
    def dashboard(self) -> Dashboard:
        """The application."""
        return cast("Dashboard", self.app)

    @property
    def view(self) -> View:
        """What is known now."""
        return self.dashboard.view

    @property
    def now(self) -> datetime:
        """The present, in the local time zone."""
        return self.dashboard.now()

    def compose(self) -> ComposeResult:
        """Put the bars around the place's own widgets."""
        yield TitleBar(self.place)
        yield HeadlineBar()
        yield from self.body()
        yield KeysBar(self.place)

    def body(self) -> ComposeResult:
        """Yield the place's own widgets."""
        yield from ()

    def when_there(self, work: Callable[[], None]) -> None:
        """Do something, once the place is put together."""
        if self._there:
            work()
        else:
            self._then.append(work)

    def on_mount(self) -> None:
        """Show what is known."""
        self._there = True
        self.heard(PARTS)
        while self._then:
            self._then.pop(0)()

    def on_screen_resume(self) -> None:
        """Show what has come meanwhile."""
        if self._there:
            self.heard(PARTS)

    def heard(self, parts: Collection[str]) -> None:
        """Take note that parts of the view changed."""
        view = self.view
        self.changed(parts)
        self.query_one(TitleBar).tell(view, self.subject())
        self.query_one(HeadlineBar).tell(view)
        self.query_one(KeysBar).tell(view)
        self.set_class(not view.connected, "-gone")

    def subject(self) -> str:
        """Return what the title says this place shows, if that is not the folder."""
        return ""

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed; the place's own part of `heard`."""

    def action_do(self, name: str) -> None:
        """Do an action of the table, or say why not."""
        action = by_name(self.place, name)
        reason = action.why_not(self.view)
        if reason:
            self.notify(reason, severity="warning")
            return
        handler = getattr(self, f"do_{name}", None) or getattr(self.dashboard, f"do_{name}")
        handler()
