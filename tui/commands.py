"""The command palette: every action that the keys know, found by a part of its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import at, key_text
from tui.place import Place

if TYPE_CHECKING:
    from tui.actions import Action


class Actions(Provider):
    """The actions of the place in front."""

    def _actions(self) -> list[tuple[Action, Place]]:
        screen = self.screen
        if not isinstance(screen, Place):
            return []
        return [(action, screen) for action in at(screen.place) if not action.why_not(screen.view)]

    async def search(self, query: str) -> Hits:
        """Yield the actions that fit."""
        matcher = self.matcher(query)
        for action, screen in self._actions():
            score = matcher.match(f"{action.label} {action.text}")
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(f"{action.label}"),
                    partial(screen.action_do, action.name),
                    help=f"{key_text(action)}  {action.text}",
                )

    async def discover(self) -> Hits:
        """Yield all of them."""
        for action, screen in self._actions():
            yield DiscoveryHit(
                action.label, partial(screen.action_do, action.name), help=f"{key_text(action)}  {action.text}"
            )
