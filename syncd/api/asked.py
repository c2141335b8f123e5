"""The shapes of what is asked of the local API, as docs/openapi.json publishes them; `schema` has the answers.

Paths are bytes in base64, times ns since 1970, sizes in bytes. Unknown fields are refused, so that no typo passes
silently.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Ns = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]
Decision = Literal[
    "resolve",
    "approve",
    "deny",
    "rename-device",
    "stores",
    "retention",
    "revoke",
    "approve-device",
    "rotate",
    "mend",
    "ignore",
]
MOST_STORES = 32
MOST_PATHS = 10_000  # in one request; a restore of more names their directory


class Asked(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid")


class Restore(Asked):
    """What to bring back; in place, or below another directory."""

    paths_b64: Annotated[list[str], Field(min_length=1, max_length=MOST_PATHS)]
    at_ns: Ns | None = None
    version: str | None = None
    to: str | None = Field(None, description="A directory; null for the folder itself.")
    exact: bool = False
    dry_run: bool = False
    wait: bool = Field(True, description="Answer when it is done; else at once, with the operation.")


class RuleAsked(Asked):
    """One rule: what stands at or below a path is kept as `keep` and `count` say."""

    path_b64: Annotated[str, Field(max_length=8192)] = ""
    keep: Literal["within", "last", "hourly", "daily", "weekly", "monthly", "yearly"]
    count: Annotated[int, Field(ge=0, le=100_000)]


class Decide(Asked):
    """What a person decided.

    `path_b64` goes with `ignore` and, with `keep`, with `resolve`; `name` with what is about a device. `places` (URL
    by name, empty to take a store away), `lost` (those of them that cannot be read any more), `copies`, `commit`,
    `quotas` (bytes by name, 0 for none) and `costs` (by name, 0 for not known) go with `stores`; `rules` and
    `undeletable_days` with `retention`; `packs` with `mend`: hashes of packs that no store has whole. `seen` and
    `paths_b64` go with `approve` and `deny`: the seals of all that waited when the person looked, empty for whatever
    waits; and which of it is meant, each with all that lies in it, empty for all; with `dry_run` it is only counted.
    """

    what: Decision
    path_b64: str = ""
    keep: Literal["a", "b", "both", ""] = ""
    name: Annotated[str, Field(max_length=64)] = ""
    seen: Annotated[list[str], Field(max_length=2)] = []
    paths_b64: Annotated[list[str], Field(max_length=MOST_PATHS)] = []
    places: Annotated[dict[str, str], Field(max_length=MOST_STORES)] = {}
    lost: Annotated[list[str], Field(max_length=MOST_STORES)] = []
    copies: Annotated[int, Field(ge=0, le=MOST_STORES)] | None = None
    commit: Annotated[int, Field(ge=1, le=MOST_STORES)] | None = None
    quotas: Annotated[dict[str, Annotated[int, Field(ge=0, le=(1 << 63) - 1)]], Field(max_length=MOST_STORES)] = {}
    rules: Annotated[list[RuleAsked], Field(max_length=1000)] = []
    undeletable_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    dry_run: bool = False
    packs: Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(max_length=MOST_PATHS)] = []
    costs: Annotated[dict[str, Annotated[int, Field(ge=0, le=1 << 32)]], Field(max_length=MOST_STORES)] = {}


class Prune(Asked):
    """Whether only to say what would go."""

    dry_run: bool = False


class Verify(Asked):
    """How much of the store is read."""

    read_percent: Annotated[float, Field(ge=0, le=100)] = 0.0
