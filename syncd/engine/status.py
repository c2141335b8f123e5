"""What the loop does now, in one value that any thread may read."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.engine.progress import Progress

FIRST, SCANNING, IDLE, PAUSED, RESTING, STOPPING = "starting", "syncing", "idle", "paused", "paused by you", "stopping"


@dataclass(slots=True)
class Status:
    """What the loop does now; read from any thread."""

    state: str = FIRST
    reason: str = ""
    hint: str = ""
    watching: bool = False
    watch_trouble: str = ""
    last_safe_ns: int = 0
    problems: dict[bytes, str] = field(default_factory=dict)
    progress: Progress | None = None
    pending: int = 0
    alarms: dict[str, str] = field(default_factory=dict)
    damaged: int = 0  # objects that stores hold damaged, as reading them again found
