"""Pictures of every place at three sizes, in colour and without: looked at once, and compared from then on.

The scene is drawn from a fixed view of fixed data, since times and identities of a real vault differ from run to run;
that each key does what it says on a real agent is what `test_places` is for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tui.still import STILL
from tui.actions import PLACES
from tui.app import Dashboard

NOW = datetime(2026, 11, 26, 12, 41, 30, tzinfo=UTC)
SIZES = [(80, 24), (100, 30), (160, 50)]


class StillLife(Dashboard):
    """A dashboard that has heard everything already, and asks nobody."""

    def __init__(self, place: str) -> None:
        super().__init__(Path("/nonexistent"), now=lambda: NOW)
        self._first = place

    def _listen(self) -> None:
        self._live = STILL.live()  # type: ignore[assignment]
        self._hear(STILL.view, frozenset(("status", "changes", "conflicts", "holds", "devices", "operations")))
        if self._first != "home":
            self.go(self._first)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("place", list(PLACES))
def test_a_place_looks_as_it_did(place: str, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(StillLife(place), terminal_size=size, run_before=_settle)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("place", list(PLACES))
def test_a_place_without_colour(
    place: str, size: tuple[int, int], snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(StillLife(place), terminal_size=size, run_before=_settle)


async def _settle(pilot: Any) -> None:
    for _ in range(12):
        await pilot.pause(0.03)
