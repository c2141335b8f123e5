"""The dashboard's ear: follows the agent's events, and asks anew for the parts of the view that went stale.

Invariant: one question of a kind at a time, and none that nobody has a use for; the screen never waits for either.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syncd.errors import AgentAbsent, SyncdError
from tui import state
from tui.state import PARTS, View

if TYPE_CHECKING:
    from syncd.api.live import Live

ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("/status", {}),
    "changes": ("/changes", {"limit": 200}),
    "conflicts": ("/conflicts", {}),
    "holds": ("/holds", {}),
    "devices": ("/devices", {}),
    "operations": ("/operations", {"limit": 200}),
}
CALM_S = 0.1  # between two rounds of questions: a burst of events is one round


class Ear:
    """Keeps a view up to date.

    Args:
        live: the agent.
        tell: takes each new view and the parts that changed.
    """

    def __init__(self, live: Live, tell: Callable[[View, frozenset[str]], None]) -> None:
        self._live, self._tell = live, tell
        self.view = View()
        self._stale: set[str] = set()
        self._wake = asyncio.Event()

    def _is(self, view: View, *parts: str) -> None:
        self.view = view
        self._tell(view, frozenset(parts))

    def ask(self, *parts: str) -> None:
        """Ask for parts anew."""
        self._stale.update(part for part in parts if part in ROUTES)
        self._wake.set()

    async def follow(self) -> None:
        """Follow what happens, for ever."""
        from syncd.api.live import Connected, Gone

        async for item in self._live.follow():
            if isinstance(item, Connected):
                self._is(state.connected(self.view), "status")
                self.ask(*PARTS)
            elif isinstance(item, Gone):
                self._is(state.lost(self.view, item.reason, item.retry_s, time.monotonic()), "status")
            else:
                view, stale = state.happened(self.view, item.kind, item.data)
                if view is not self.view:
                    self._is(view, "progress")
                self.ask(*stale)

    async def answer(self) -> None:
        """Ask for what is stale, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._stale:
                part = next(part for part in PARTS if part in self._stale)
                self._stale.discard(part)
                route, asked = ROUTES[part]
                try:
                    answer = await self._live.get(route, **asked)
                except AgentAbsent:
                    break  # when it is back, all is asked again
                except SyncdError:
                    continue  # what it has is shown on; the next event asks again
                self._is(state.answered(self.view, part, answer), part)
            await asyncio.sleep(CALM_S)
