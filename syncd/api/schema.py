"""The shapes of what the local API answers, as docs/openapi.json publishes them; `asked` has what is asked.

Paths are text in `path`; where a path is no UTF-8, `path_b64` has its bytes. Times are ns since 1970, sizes in bytes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Said(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="allow")


class Failure(Said):
    """Why something was not done: `code` is stable, `exit` is what the command line ends with."""

    code: str
    message: str
    hint: str
    exit: int


class InHand(Said):
    """A file that is read or brought just now."""

    path: str
    size: int
    done: int
    way: Literal["up", "down"]


class Progress(Said):
    """How far a piece of work is; totals are 0 while unknown, rates are bytes a second."""

    files: int
    bytes: int
    total_files: int
    total_bytes: int
    rate: float
    rate_up: float
    rate_down: float
    now: InHand | None


class Store(Said):
    """One store. `read_percent` of it was read again since `read_since`, and all of it until `read_whole_at`."""

    name: str
    url: str
    healthy: bool
    state: Literal["complete", "behind", "shut", "away", "disabled", "leaving"]
    reason: str
    hint: str
    objects: int
    bytes: int
    lacking_objects: int
    lacking_bytes: int
    quota_bytes: int | None
    cost: int | None
    latency_ms: float
    last_verified_at: float | None
    read_percent: int
    read_since: float | None
    read_whole_at: float | None
    damaged_objects: int


class Skipped(Said):
    """An entry that is not synced, and why."""

    path: str
    reason: str


class Status(Said):
    """How everything stands. A change is to be on `commit` stores before it is safe; it is on `commit_now`, no more.

    `removals_wait`: an alarm stands under which nothing is removed from the folder.
    """

    state: str
    safe: bool
    pending_files: int
    pending_bytes: int
    conflicts: int
    holds: int
    alarms: int
    alarm_reasons: list[str]
    removals_wait: bool
    last_safe_at: str | None
    folder: str
    device: str
    vault_id: str
    files: int
    bytes: int
    reason: str
    hint: str
    watching: bool
    watch_trouble: str
    skipped: list[Skipped]
    stores: list[Store]
    commit: int
    commit_now: int
    progress: Progress | None = None


class Entry(Said):
    """What stands, or stood, at a path. `state`: safe, deleted, or renamed."""

    path: str
    path_b64: str | None = None
    kind: str
    size: int
    mtime_ns: int
    mode: int
    version_id: str
    state: str
    versions: int | None = None


class Standing(Said):
    """How a path stands, in words: safe, deleted, not in the vault yet, changed, ignored by a pattern."""

    path: str
    path_b64: str | None = None
    kind: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    mode: int | None = None
    version_id: str | None = None
    state: str


class Entries(Said):
    """A page of a directory."""

    items: list[Entry]
    next: str | None = None
    total: int


class Found(Said):
    """What a search found; `more` says that there is more than was asked for."""

    items: list[Entry]
    more: bool


class Version(Said):
    """One version of a path."""

    version_id: str
    path: str
    path_b64: str | None = None
    kind: str
    size: int
    mtime_ns: int
    device: str
    recorded_ns: int
    change: str
    current: bool


class Versions(Said):
    """A page of versions, newest first."""

    items: list[Version]
    next: str | None = None
    total: int


class Change(Said):
    """One change that a device told; `here` says that it was this one."""

    path: str
    path_b64: str | None = None
    kind: str
    change: str
    device: str
    here: bool
    size: int
    recorded_ns: int
    version_id: str


class Changes(Said):
    """A page of changes, newest first."""

    items: list[Change]
    next: str | None = None


class Comparison(Said):
    """How two contents differ: `same`, `text` with the lines of a unified diff, `binary`, or `missing`."""

    what: Literal["same", "text", "binary", "missing"]
    old_size: int
    new_size: int | None
    lines: list[str]


class Side(Said):
    """One side of a conflict."""

    version_id: str
    kind: str
    size: int
    mode: int
    mtime_ns: int
    recorded_ns: int
    device: str


class Conflict(Said):
    """Two versions that knew nothing of one another: `a` stands at `path`, `b` at `copy_path`."""

    path: str
    copy_path: str
    a: Side
    b: Side
    base: str | None


class Going(Said):
    """What waits to be deleted, and how many entries go with it, itself among them."""

    path: str
    path_b64: str | None = None
    kind: str
    entries: int


class GoingPage(Said):
    """What lies in a directory that waits to be deleted."""

    items: list[Going]
    next: str | None = None
    total: int


class Held(Said):
    """Deletions that wait for a yes: made here (`out`) or told by others (`in`). `seal` names just these."""

    way: Literal["in", "out"]
    what: str
    entries: int
    seal: str
    paths: list[Going]


class Device(Said):
    """One device. `waits`: nothing that it says is taken before a person says that it is welcome.

    `since`: how many records others made after its last; it may have taken them. `stale`: silent for 90 days.
    """

    name: str
    device: str
    this: bool
    records: int
    last_record_ns: int | None
    since: int
    stale: bool
    revoked: bool
    waits: bool


class Operation(Said):
    """One line of the operation log. `state`: running, done, warning, error or cancelled."""

    id: int
    kind: str
    state: str
    what: str
    began_ns: int
    ended_ns: int | None
    note: str
    hint: str
    progress: Progress | None
    result: dict[str, Any] | None
    path: str | None = None


class OperationPage(Said):
    """A page of the operation log, newest first, with how many each view of it has."""

    items: list[Operation]
    next: int | None
    counts: dict[str, int]


class Ignored(Said):
    """Whether a path is synced, and the pattern that says no."""

    path: str
    ignored: bool
    pattern: str | None
    by: str | None
    exists: bool


class RuleSaid(Said):
    """One rule."""

    path: str
    path_b64: str | None = None
    keep: str
    count: int


class Retention(Said):
    """What the vault keeps."""

    rules: list[RuleSaid]
    undeletable_days: int


class KeptVersion(Said):
    """A version with what keeps it: a rule, that it stands or came lately; empty where it goes."""

    version_id: str
    size: int
    recorded_ns: int
    why: str


class Kept(Said):
    """The versions of a path, newest first."""

    items: list[KeptVersion]


class Code(Said):
    """Six words: devices that show the same have seen the same journals."""

    code: str


class Space(Said):
    """What the vault holds: all versions as if each were kept whole, and the objects that hold them."""

    versions: int
    logical_bytes: int
    stored_bytes: int
    packs: int
    chunks: int


class LogLines(Said):
    """The last lines of the agent's log."""

    path: str
    lines: list[str]


class Done(Said):
    """What was done; its fields depend on what was asked."""
