"""Asking the agent to do something, and showing what it answers: path, cause, next step."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.errors import SyncdError
from tui import format as show
from tui.state import PARTS

if TYPE_CHECKING:
    from tui.app import Dashboard


async def act(dashboard: Dashboard, route: str, body: Any, done: str) -> Any:
    """Ask; say that it is done, or why not. Returns the answer, None for none."""
    try:
        answer = await dashboard.live.post(route, body)
    except SyncdError as error:
        tell(dashboard, error)
        return None
    if done:
        dashboard.notify(done, markup=False)
    dashboard.ask(*PARTS)
    return answer


def b64(item: Mapping[str, Any], key: str = "path") -> str:
    """Return the exact path of an item, as requests have it."""
    exact = item.get(f"{key}_b64")
    return str(exact) if exact else base64.b64encode(str(item[key]).encode()).decode()


def tell(dashboard: Dashboard, error: SyncdError) -> None:
    """Show an error: what happened, and what to do."""
    text = show.safe(error.message)
    if error.hint:
        text = f"{text}\n{show.safe(error.hint)}"
    dashboard.notify(text, severity="error", markup=False, timeout=8)
