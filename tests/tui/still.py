"""A fixed scene for pictures: what an agent would answer, at one instant, of an invented vault."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tui.state import View

NOW_NS = int(datetime(2026, 11, 26, 12, 41, 10, tzinfo=UTC).timestamp() * 1e9)
MINUTE, DAY = 60 * 10**9, 86_400 * 10**9


def entry(path: str, kind: str = "file", size: int = 0, versions: int = 1, state: str = "safe") -> dict[str, Any]:
    return {"path": path, "kind": kind, "size": size, "mtime_ns": NOW_NS, "mode": 0o644, "version_id": f"5dcf0fe3-{size}",
            "state": state, "versions": versions}  # fmt: skip


def change(back: int, path: str, word: str, device: str = "laptop", size: int = 2100) -> dict[str, Any]:
    return {"path": path, "kind": "file", "change": word, "device": device, "here": device == "laptop", "size": size,
            "recorded_ns": NOW_NS - back, "version_id": f"5dcf0fe3-{back}"}  # fmt: skip


def version(
    back: int, word: str, size: int, device: str = "laptop", path: str = "Documents/tax/2025.ods"
) -> dict[str, Any]:
    return {**change(back, path, word, device, size), "mtime_ns": NOW_NS - back, "current": back == 0}


def side(device: str, back: int, size: int) -> dict[str, Any]:
    return {"version_id": f"{device}-1", "kind": "file", "size": size, "mtime_ns": NOW_NS - back,
            "recorded_ns": NOW_NS - back, "device": device}  # fmt: skip


def store(
    name: str,
    url: str,
    state: str,
    *,
    latency_ms: float = 0.0,
    lacking: tuple[int, int] = (0, 0),
    reason: str = "",
    hint: str = "",
) -> dict[str, Any]:
    return {
        "name": name,
        "url": url,
        "healthy": state not in ("away", "shut"),
        "state": state,
        "reason": reason,
        "hint": hint,
        "objects": 812 - lacking[0],
        "bytes": 3_100_000_000 - lacking[1],
        "lacking_objects": lacking[0],
        "lacking_bytes": lacking[1],
        "quota_bytes": None,
        "cost": None,
        "latency_ms": latency_ms,
        "last_verified_at": NOW_NS / 1e9 - 36_000,
        "read_percent": 8,
        "read_since": NOW_NS / 1e9 - 7 * 86_400,
        "read_whole_at": None,
        "damaged_objects": 0,
    }


STATUS: dict[str, Any] = {
    "state": "syncing",
    "safe": False,
    "pending_files": 1518,
    "pending_bytes": 3_100_000_000,
    "conflicts": 2,
    "holds": 1,
    "alarms": 0,
    "alarm_reasons": [],
    "removals_wait": False,
    "last_safe_at": "2026-11-26T12:38:02Z",
    "folder": "/home/you/Sync",
    "device": "laptop",
    "vault_id": "00" * 32,
    "files": 20_621,
    "bytes": 9_100_000_000,
    "reason": "",
    "hint": "",
    "watching": True,
    "watch_trouble": "",
    "skipped": [{"path": "Documents/budget.xlsx", "reason": "cannot be read: Permission denied"}],
    "stores": [
        store("nas", "file:///mnt/nas/syncd", "complete", latency_ms=6.1),
        store("bucket", "s3://vault/syncd", "behind", latency_ms=48.2, lacking=(17, 118_000_000)),
        store(
            "attic", "sftp://me@attic/srv/syncd", "away", reason="attic does not answer", hint="syncd goes on asking."
        ),
    ],
}
PROGRESS: dict[str, Any] = {"files": 412, "bytes": 1_400_000_000, "total_files": 1930, "total_bytes": 4_500_000_000,
                            "rate": 1_200_000.0, "rate_up": 1_200_000.0, "rate_down": 0.0,
                            "now": {"path": "Photos/raw/IMG_2231.CR3", "size": 22_800_000, "done": 14_100_000,
                                    "way": "up"}}  # fmt: skip
CHANGES = [
    change(0, "Documents/tax/2025.ods", "edited"),
    change(2 * MINUTE, "notes/a.txt", "moved", "desktop"),
    change(11 * MINUTE, "notes/new.txt", "added", "desktop"),
    change(43 * MINUTE, "Documents/plan.md", "edited", "desktop"),
    change(99 * MINUTE, "Documents/old-plan.txt", "deleted"),
    change(2 * DAY, "Documents/tax/draft.ods", "renamed"),
    change(40 * DAY, "Photos/cover.jpg", "restored", "nas"),
]
CONFLICTS = [
    {"path": "Documents/plan.md", "copy_path": "Documents/plan (conflict desktop 2026-11-26 1140 6ae60e).md",
     "a": side("laptop", 43 * MINUTE, 4100), "b": side("desktop", 61 * MINUTE, 3900), "base": "5dcf0fe3-1"},
    {"path": "Photos/cover.jpg", "copy_path": "Photos/cover (conflict nas 2026-11-25 0902 0a0b0c).jpg",
     "a": side("desktop", DAY, 812_000), "b": side("nas", DAY + MINUTE, 799_000), "base": None},
]  # fmt: skip
HOLDS = [{"way": "in", "what": "deleted by others", "entries": 1204,
          "paths": [{"path": "Photos/2019", "kind": "directory", "entries": 1174},
                    *({"path": f"Photos/raw/IMG_{number}.CR3", "kind": "file", "entries": 1}
                      for number in range(2200, 2230))]}]  # fmt: skip
NO = {"revoked": False, "waits": False, "since": 0, "stale": False}
DEVICES = [
    {"name": "laptop", "device": "aa" * 16, "this": True, "records": 8812, "last_record_ns": NOW_NS, **NO},
    {"name": "desktop", "device": "bb" * 16, "this": False, "records": 8809, "last_record_ns": NOW_NS - MINUTE, **NO,
     "since": 3},
    {"name": "nas", "device": "cc" * 16, "this": False, "records": 7120, "last_record_ns": NOW_NS - 99 * DAY, **NO,
     "since": 1689, "stale": True},
    {"name": "old-phone", "device": "dd" * 16, "this": False, "records": 41, "last_record_ns": NOW_NS - 400 * DAY,
     "revoked": True, "waits": False, "since": 8771, "stale": True},
]  # fmt: skip


def operation(number: int, kind: str, state: str, what: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "kind": kind, "state": state, "what": what, "began_ns": NOW_NS - number * MINUTE,
            "ended_ns": None if state == "running" else NOW_NS, "note": "", "hint": "", "progress": None, "result": None,
            **more}  # fmt: skip


OPERATIONS = [
    operation(9, "pass", "running", "sync", progress=PROGRESS),
    operation(
        8, "skipped", "running", "skipped", path="Documents/budget.xlsx", note="cannot be read: Permission denied"
    ),
    operation(
        7, "restore", "done", "Photos/cover.jpg", progress={**PROGRESS, "files": 1, "bytes": 812_000, "rate": 0.0}
    ),
    operation(
        6, "verify", "done", "all stores", progress={**PROGRESS, "files": 812, "bytes": 155_000_000, "rate": 0.0}
    ),
    operation(5, "paused", "warning", "paused", note="the store /mnt/nas/syncd is full", hint="Make room there."),
]
ENTRIES = [
    entry("Documents/tax", "directory"),
    entry("Documents/2024.ods", size=199_000),
    entry("Documents/2025.ods", size=212_000, versions=14),
    entry("Documents/old-plan.txt", size=900, state="deleted"),
    entry("Documents/日本語の名前.txt", size=4100, versions=3),
    entry("Documents/plan.md", size=4100, versions=6),
]
VERSIONS = [
    version(0, "edited", 212_000),
    version(219 * MINUTE, "edited", 208_000, "desktop"),
    version(3 * DAY, "renamed", 207_000, path="Documents/tax/draft.ods"),
    version(296 * DAY, "added", 18_000),
]
DIFF = ["--- a", "+++ b", "@@ -1,3 +1,3 @@", " # Budget", "-total: 48,110", "+total: 48,911", " end"]
ANSWERS: dict[str, Any] = {
    "/entries": {"items": ENTRIES, "next": None, "total": len(ENTRIES)},
    "/versions": {"items": VERSIONS, "next": None, "total": len(VERSIONS)},
    "/compare": {"what": "text", "lines": DIFF, "old_size": 208_000, "new_size": 212_000},
    "/operations": {"items": OPERATIONS, "next": None,
                    "counts": {"all": 5, "running": 1, "waiting": 1, "warnings": 2, "errors": 0}},
    "/space": {"versions": 61_204, "logical_bytes": 31_000_000_000, "stored_bytes": 3_100_000_000, "packs": 400,
               "chunks": 180_000},
    "/code": {"code": "embark absent offer trouble forum waste"},
    "/log": {"path": "/home/you/.local/state/syncd/log/syncd.log", "lines": [
        "2026-11-26 12:38:02,108 INFO syncd.engine published 3 changes in 1 records",
        "2026-11-26 12:39:11,900 WARNING syncd.engine paused: the store /mnt/nas/syncd is full",
        "2026-11-26 12:40:42,001 INFO syncd.engine applied 1 changes of other devices"]},
}  # fmt: skip


class StillAgent:
    """Answers with what stands above."""

    async def get(self, route: str, **asked: Any) -> Any:
        return ANSWERS[route]

    async def close(self) -> None:
        return None


@dataclass(frozen=True)
class Still:
    """The scene."""

    view: View = field(
        default_factory=lambda: View(
            connected=True,
            status=STATUS,
            progress=PROGRESS,
            changes=tuple(CHANGES),
            conflicts=tuple(CONFLICTS),
            holds=tuple(HOLDS),
            devices=tuple(DEVICES),
            operations=tuple(OPERATIONS),
            counts=ANSWERS["/operations"]["counts"],
            up=(0.2e6, 0.6e6, 1.2e6, 1.0e6, 1.2e6),
            down=(0.0,) * 5,
        )
    )

    @staticmethod
    def live() -> StillAgent:
        return StillAgent()


STILL = Still()
