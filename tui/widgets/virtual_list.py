"""A list of any length that costs what is on the screen: rows are drawn when they are looked at, and fetched by pages.

Textual's own tables and lists keep a widget or a cell for each row: with 100,000 they take seconds to fill and half a
minute until a key is answered. A row is drawn by a function from its item to spans of text, each with a level that the
style sheet colours. Invariant: no row is drawn that is not on the screen, and none is fetched twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import format as show

Span = tuple[str, str]
Draw = Callable[[Any, int], Sequence[Span]]
LEVELS = ("good", "busy", "wait", "bad", "off", "dim", "strong")
PAGE = 200  # rows that are fetched at once


class VirtualList(ScrollView, can_focus=True):
    """Rows of items, with a cursor and marks.

    Args:
        draw: returns the spans of an item's row, for a width in cells.
        empty: what is said when there are none.
        key: returns what tells an item from others, so that the cursor stays with it.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor", "list--blurred", *(f"list--{level}" for level in LEVELS)}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home", "jump(0)", "First", show=False),
        Binding("end,G", "jump(-1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, sender: VirtualList, item: Any) -> None:
            super().__init__()
            self.list, self.item = sender, item

        @property
        def control(self) -> VirtualList:
            """The list."""
            return self.list

    class Chosen(Moved):
        """A row was chosen, by enter or a double click."""

    class Wanted(Message):
        """Rows from a place on are looked at and not here."""

        def __init__(self, sender: VirtualList, start: int) -> None:
            super().__init__()
            self.list, self.start = sender, start

        @property
        def control(self) -> VirtualList:
            """The list."""
            return self.list

    def __init__(
        self,
        draw: Draw,
        *,
        empty: str = "nothing",
        key: Callable[[Any], Any] = lambda item: item,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw, self._empty, self._key = draw, empty, key
        self._items: dict[int, Any] = {}
        self._asked: set[int] = set()
        self._total = 0
        self.cursor = 0
        self._styles: dict[tuple[str, str], RichStyle] = {}

    # -- what is in it --------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._total

    @property
    def item(self) -> Any:
        """The item under the cursor, None where there is none or it is not here yet."""
        return self._items.get(self.cursor)

    @property
    def items(self) -> list[Any]:
        """The items that are here, in order."""
        return [self._items[place] for place in sorted(self._items)]

    def show(self, items: Sequence[Any], total: int | None = None) -> None:
        """Show other items, the first ones of `total`; the cursor stays with what it is on, if that is among them."""
        was = self.item
        self._items = dict(enumerate(items))
        self._asked = {0}
        self._total = len(items) if total is None else total
        if was is not None and self._items.get(self.cursor) != was:
            wanted = self._key(was)
            found = (place for place, item in self._items.items() if self._key(item) == wanted)
            self.cursor = next(found, self.cursor)
        self.cursor = max(0, min(self.cursor, self._total - 1))
        self.virtual_size = Size(1, max(1, self._total))
        self.refresh()
        self._tell()

    def add(self, start: int, items: Sequence[Any], total: int | None = None) -> None:
        """Take a page that was wanted."""
        had = self.item
        self._items.update(enumerate(items, start))
        if total is not None:
            self._total = total
            self.virtual_size = Size(1, max(1, total))
        self.refresh()
        if had is None and self.item is not None:
            self._tell()

    def forget(self, start: int) -> None:
        """Take note that a page that was wanted did not come; it is wanted again when it is looked at."""
        self._asked.discard(start)

    def clear_cursor(self) -> None:
        """Go to the first row."""
        self.cursor = 0
        self.scroll_to(y=0, animate=False)

    def _tell(self) -> None:
        self.post_message(self.Moved(self, self.item))

    def go_to(self, place: int) -> None:
        """Put the cursor on a row, and have it on the screen."""
        place = max(0, min(place, self._total - 1))
        if place != self.cursor:
            self.cursor = place
            self.refresh()
            self._tell()
        height = self.scrollable_content_region.height or 1
        if place < self.scroll_offset.y or place >= self.scroll_offset.y + height:
            top = place if place < self.scroll_offset.y else place - height + 1
            self.scroll_to(y=top, animate=False, force=True)

    def go_to_key(self, key: Any) -> bool:
        """Put the cursor on the item with a key; tell whether there is one."""
        for place, item in self._items.items():
            if self._key(item) == key:
                self.go_to(place)
                return True
        return False

    # -- keys and mouse -------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.go_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what is on the screen."""
        self.go_to(self.cursor + by * max(1, self.scrollable_content_region.height - 1))

    def action_jump(self, place: int) -> None:
        """Go to the first row, or the last."""
        self.go_to(self._total - 1 if place < 0 else place)

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self.item is not None:
            self.post_message(self.Chosen(self, self.item))

    async def _on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y - self.content_region.y + self.region.y
        if 0 <= place < self._total:
            self.go_to(place)
            if event.chain == 2:
                self.action_choose()

    # -- drawing --------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self.virtual_size = Size(1, max(1, self._total))
        if self._total:
            self.call_after_refresh(self.go_to, self.cursor)

    def notify_style_update(self) -> None:
        """Forget styles of another theme."""
        self._styles.clear()
        super().notify_style_update()

    def watch_has_focus(self, focused: bool) -> None:
        """Show the cursor otherwise."""
        super().watch_has_focus(focused)
        self.refresh()

    def _style(self, level: str, over: str = "") -> RichStyle:
        """Return how text of a level looks, under a cursor of a kind; colours that let others through are mixed."""
        found = self._styles.get((level, over))
        if found is None:
            style = self.visual_style
            for name in (level, over):
                if name:
                    style += self.get_visual_style(f"list--{name}", partial=True)
            found = self._styles[level, over] = style.rich_style
        return found

    def render_line(self, y: int) -> Strip:
        """Return one line of what is on the screen."""
        width, place = self.scrollable_content_region.width, y + int(self.scroll_offset.y)
        if place >= self._total:
            text = self._empty if place == 0 and not self._total else ""
            return Strip([Segment(show.column(f" {text}", width), self._style("dim"))], width)
        item = self._items.get(place)
        if item is None:
            self._want(place)
            return Strip([Segment(show.column(" …", width), self._style("dim"))], width)
        over = ("cursor" if self.has_focus else "blurred") if place == self.cursor else ""
        spans = [Segment(text, self._style(level, over)) for text, level in self._draw(item, width)]
        return Strip(spans).adjust_cell_length(width, self._style("", over))

    def _want(self, place: int) -> None:
        start = place - place % PAGE
        if start not in self._asked:
            self._asked.add(start)
            self.post_message(self.Wanted(self, start))
