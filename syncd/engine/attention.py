"""How much needs a person, told as an event whenever that changes: conflicts, held deletions, alarms, damage."""

from __future__ import annotations

from syncd.engine.conflicts import count_conflicts
from syncd.engine.events import Events
from syncd.engine.guards import holds
from syncd.engine.status import Status
from syncd.state.db import State


class Attention:
    """What was told last, and to whom."""

    def __init__(self, status: Status, events: Events) -> None:
        self._status, self._events = status, events
        self._told = {"conflicts": 0, "held": 0, "alarms": 0, "damaged": 0}

    def look(self, state: State) -> None:
        """Tell what waits, if that is news."""
        waits = {
            "conflicts": count_conflicts(state),
            "held": sum(hold.entries for hold in holds(state)),
            "alarms": len(self._status.alarms),
            "damaged": self._status.damaged,
        }
        if waits != self._told:
            self._told = waits
            self._events.publish("attention", dict(waits))
