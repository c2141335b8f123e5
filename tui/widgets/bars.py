"""The bars of every place: title and device on top, the headline with rates below it, the keys at the bottom."""

from __future__ import annotations

import time

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tui import format as show
from tui.actions import PLACES, Action, at, key_text
from tui.headline import headline
from tui.state import View

COLOURS = {"good": "$success", "busy": "$primary", "wait": "$warning", "bad": "$error", "off": "$text-muted"}


class TitleBar(Widget):
    """Which place this is, of which folder on which device."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place
        self._where = self._more = ""

    def tell(self, view: View, more: str = "") -> None:
        """Take what is known now; `more` is what the place itself has to say."""
        status = view.status
        where = show.safe(f"{status.get('folder', '')} · {status.get('device', '')}") if status else ""
        if (where, more) != (self._where, self._more):
            self._where, self._more = where, more
            self.refresh()

    def render(self) -> Content:
        """Draw it."""
        left = f" syncd · {PLACES[self._place]}"
        right = f"{self._more or self._where} "
        room = self.size.width - cell_len(left) - 3
        right = show.fit(right, max(0, room))
        gap = max(1, self.size.width - cell_len(left) - cell_len(right))
        return Content.assemble((left, "bold"), " " * gap, (right, "dim"))


class HeadlineBar(Widget):
    """One sentence, how far the work is, and how fast it goes."""

    def __init__(self) -> None:
        super().__init__()
        self._view = View()

    def tell(self, view: View) -> None:
        """Take what is known now."""
        self._view = view
        self.refresh()

    def render(self) -> Content:
        """Draw it."""
        view = self._view
        said = headline(view, time.monotonic())
        right = self._rates(view) if view.connected and (any(view.up) or any(view.down)) else ""
        word = f" {said.glyph} {said.word}  "
        room = self.size.width - cell_len(word) - cell_len(right) - 1
        colour = COLOURS[said.level]
        first = Content.assemble(
            (word, f"bold {colour}"), show.column(said.sentence, max(0, room)), " ", (right, "dim" if right else "")
        )
        return Content("\n").join([first, self._second(view)])

    def _rates(self, view: View) -> str:
        """Return how fast it goes, with what it was in the last seconds where there is room."""
        text = ""
        for glyph, rates in (("▲", view.up), ("▼", view.down)):
            marks = f" {show.sparkline(rates, 12)}" if self.size.width >= 100 else ""
            text += f"{glyph} {show.size(rates[-1] if rates else 0)}/s{marks} "
        return text

    def _second(self, view: View) -> Content:
        """Draw the progress, or since when all is safe."""
        progress = view.progress
        if progress and progress["total_bytes"]:
            share = progress["bytes"] / progress["total_bytes"]
            width = max(10, min(40, self.size.width - 50))
            return Content.assemble(f"   {show.bar(share, width)} {share:4.0%}", self._in_hand(progress))
        if progress and progress["now"]:
            return Content.assemble("   ", self._in_hand(progress))
        since = view.status.get("last_safe_at")
        return Content.assemble(("   " + (f"safe at {since[:19].replace('T', ' ')} UTC" if since else ""), "dim"))

    def _in_hand(self, progress: object) -> Content:
        now = progress["now"]  # type: ignore[index]
        if not now:
            return Content("")
        way = {"up": "▲", "down": "▼"}[now["way"]]
        return Content.assemble((f"  {way} {show.fit(show.safe(now['path']), 40)}  {show.size(now['size'])}", "dim"))


class KeysBar(Widget):
    """The keys of a place; each can be clicked."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place
        self._view = View()

    def tell(self, view: View) -> None:
        """Take what is known now."""
        self._view = view
        self.refresh()

    def _shown(self) -> list[Action]:
        """Return what fits: the place's own keys first, then the common ones, and always the one that shows all."""
        actions = [action for action in at(self._place) if action.shown and action.name != f"go_{self._place}"]
        last = next(action for action in actions if action.name == "keys")
        room = self.size.width - len(self._text(last)) - 1
        kept = []
        for action in actions:
            if action is not last and len(self._text(action)) <= room:
                kept.append(action)
                room -= len(self._text(action))
        return [*kept, last]

    def _text(self, action: Action) -> str:
        count = action.count(self._view)
        return f" {key_text(action)} {action.label}{f' {show.number(count)}' if count else ''} "

    def render(self) -> Content:
        """Draw it."""
        parts: list[Content] = []
        for action in self._shown():
            key, _, label = self._text(action)[1:-1].partition(" ")
            look = "dim" if action.why_not(self._view) else "not dim"
            click = f"@click=screen.do('{action.name}')"
            markup = f" [{click}][bold $accent {look}]$key[/] [{look}]$label[/][/] "
            parts.append(Content.from_markup(markup, key=key, label=label))
        return Content("").join(parts)
