"""What the dashboard knows, as one value, and how each thing that happens changes it. Pure: no terminal, no agent.

Screens draw from a `View` and are told which parts of it changed; what a part holds is asked of the agent by the
application, never here. Invariant: what is shown while the agent is gone is what was last known, with its age.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

RATES = 60  # samples of the sparklines: a quarter of a minute
# Which parts are asked for anew after an event of a kind.
STALE: dict[str, tuple[str, ...]] = {
    "changed": ("status", "changes", "conflicts", "holds", "devices"),
    "attention": ("status", "conflicts", "holds", "devices"),
    "state": ("status",),
    "operation": ("operations",),
    "progress": (),
    "here": (),
}
PARTS = ("status", "changes", "conflicts", "holds", "devices", "operations")


@dataclass(frozen=True, slots=True)
class View:
    """All that screens draw from. `lost_s` is when the agent went away, on the dashboard's own clock."""

    connected: bool = False
    lost_s: float | None = None
    reason: str = "asking the agent"
    retry_s: float = 0.0
    status: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] | None = None
    changes: tuple[Mapping[str, Any], ...] = ()
    conflicts: tuple[Mapping[str, Any], ...] = ()
    holds: tuple[Mapping[str, Any], ...] = ()
    devices: tuple[Mapping[str, Any], ...] = ()
    operations: tuple[Mapping[str, Any], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    up: tuple[float, ...] = ()
    down: tuple[float, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the agent has ever said how everything stands."""
        return bool(self.status)

    @property
    def state(self) -> str:
        """What the agent does."""
        return str(self.status.get("state", ""))

    @property
    def conflict_count(self) -> int:
        """How many conflicts wait."""
        return int(self.status.get("conflicts", 0))

    @property
    def held(self) -> int:
        """How many entries wait for a yes."""
        return sum(int(hold["entries"]) for hold in self.holds)

    @property
    def waiting(self) -> int:
        """How many things wait for a person in Review."""
        return len(self.holds) + len(self.alarms)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What stands as an alarm."""
        return tuple(self.status.get("alarm_reasons", ()))


def connected(view: View) -> View:
    """Return the view with the agent there."""
    return replace(view, connected=True, lost_s=None, reason="", retry_s=0.0)


def lost(view: View, reason: str, retry_s: float, now_s: float) -> View:
    """Return the view with the agent gone."""
    since = view.lost_s if view.lost_s is not None else now_s
    return replace(view, connected=False, lost_s=since, reason=reason, retry_s=retry_s, progress=None)


def happened(view: View, kind: str, data: Mapping[str, Any]) -> tuple[View, frozenset[str]]:
    """Return the view after an event, and which parts are to be asked for anew. Unknown kinds change nothing."""
    if kind == "progress":
        progress = data.get("progress")
        up = float(progress["rate_up"]) if progress else 0.0
        down = float(progress["rate_down"]) if progress else 0.0
        status = dict(view.status)
        if status:
            status.update(state=data["state"], reason=data["reason"], hint=data["hint"])
            if data["state"] == "idle" and not data["pending"]:
                status.update(pending_files=0, pending_bytes=0, safe=True)
            elif data["state"] != "idle":
                status.update(safe=False)
        view = replace(
            view,
            status=status,
            progress=progress,
            up=(*view.up, up)[-RATES:],
            down=(*view.down, down)[-RATES:],
        )
    return view, frozenset(STALE.get(kind, ()))


def answered(view: View, part: str, answer: Any) -> View:
    """Return the view with what the agent answered about a part."""
    if part == "status":
        return replace(view, status=answer, progress=answer.get("progress"))
    if part == "operations":
        return replace(view, operations=tuple(answer["items"]), counts=answer["counts"])
    if part == "changes":
        return replace(view, changes=tuple(answer["items"]))
    if part == "conflicts":
        return replace(view, conflicts=tuple(answer))
    if part == "holds":
        return replace(view, holds=tuple(answer))
    return replace(view, devices=tuple(answer))
