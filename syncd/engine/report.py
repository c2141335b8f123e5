"""The status of a vault as one value, from its state and, when there is one, its running loop."""

from __future__ import annotations

import json
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from syncd.engine.conflicts import count_conflicts
from syncd.engine.guards import holds
from syncd.engine.status import FIRST, IDLE, SCANNING, Status
from syncd.engine.stores import settings_of
from syncd.engine.storeset import store_set
from syncd.engine.vault import Vault
from syncd.errors import StoreError, StoreFull, StoreGone, StoreReadOnly
from syncd.model.counted import counted
from syncd.model.location import pack_name
from syncd.model.path import path_fields
from syncd.store import scrub
from syncd.store.member import Member
from syncd.store.owing import FILE, Owing

LOOK_S = 2.0  # that a person waits for a store before it is told as away


def report(vault: Vault, status: Status | None) -> dict[str, Any]:
    """Return the fields of `syncd status --json` (DESIGN section 7)."""
    files, size = vault.state.nodes.counts()
    stores = stores_fields(vault)
    state = status.state if status else "stopped"
    problems = status.problems if status else vault.state.nodes.problems()
    progress = status.progress if status and state in (FIRST, SCANNING) else None
    pending_files = max(0, progress.total_files - progress.files) if progress else 0
    pending_bytes = max(0, progress.total_bytes - progress.bytes) if progress else 0
    if status and not progress:
        pending_files = status.pending
    alarms = [_trouble(store) for store in stores if not store["healthy"]]
    alarms += [_damage(store) for store in stores if store["damaged_objects"]]
    alarms += sorted(status.alarms.values()) if status else []
    last_ns = status.last_safe_ns if status and status.last_safe_ns else _last_record_ns(vault)
    fields: dict[str, Any] = {
        "state": state,
        "safe": bool(status and state == IDLE and not pending_files),
        "pending_files": pending_files,
        "pending_bytes": pending_bytes,
        "conflicts": count_conflicts(vault.state),
        "holds": len(holds(vault.state)),
        "alarms": len(alarms),
        "alarm_reasons": alarms,
        "removals_wait": bool(status and status.alarms),
        "last_safe_at": _iso(last_ns) if last_ns else None,
        "folder": vault.settings.folder,
        "device": vault.settings.device,
        "vault_id": vault.keys.vault.hex(),
        "files": files,
        "bytes": size,
        "reason": status.reason if status else "",
        "hint": status.hint if status else "",
        "watching": bool(status and status.watching),
        "watch_trouble": status.watch_trouble if status else "",
        "skipped": [{**path_fields(path), "reason": reason} for path, reason in sorted(problems.items())],
        "stores": stores,
        "commit": store_set(vault.state).rule.commit,
        "commit_now": vault.store.commit,
    }
    if progress:
        fields["progress"] = progress.fields()
    return fields


def _trouble(store: dict[str, Any]) -> str:
    if store["state"] == SHUT:
        return f"the store {store['url']} takes nothing: {store['reason']}"
    return f"the store {store['url']} does not answer"


def _damage(store: dict[str, Any]) -> str:
    what = counted(store["damaged_objects"], "object")
    return f"the store {store['url']} holds {what} damaged: `syncd repair` mends what can be, and names the rest"


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat().replace("+00:00", "Z")


def _last_record_ns(vault: Vault) -> int:
    return max((row.claimed_ns for row in vault.state.devices.records()), default=0)


def stores_fields(vault: Vault) -> list[dict[str, Any]]:
    """Return how each store is: whether it answers, and what is known to be there; asked all at once."""
    members = vault.store.members
    looks = [member.look() for member in members]
    objects, size = _known(vault)
    said, rounds = store_set(vault.state), scrub.load(vault.home.state / scrub.FILE)
    found = [
        {
            **_store_fields(vault, member, objects, size, _comes(member, look)),
            **_round_fields(vault, rounds.get(member.name, scrub.Round())),
            "quota_bytes": said.quotas.get(member.name),
            "cost": said.costs.get(member.name),
        }
        for member, look in zip(members, looks, strict=True)
    ]
    named = {member.name for member in members}
    return found + [
        {**found[0], **_NOTHING, "name": setting.name, "url": setting.url, "state": DISABLED}
        for setting in settings_of(vault.settings.stores, said)
        if setting.name not in named
    ]


def store_facts(vault: Vault, name: str) -> dict[str, Any]:
    """Return what is known of one store: how it is, what its kind can do, what it was found to do and when."""
    found = next(fields for fields in stores_fields(vault) if fields["name"] == name)
    member = vault.store.member(name)
    can = member.provider.capabilities if member else None
    path = vault.home.state / FILE
    said = ""
    if path.exists():
        with closing(Owing(path)) as owing:
            said = owing.probed(name)
    known = json.loads(said) if said else {"at": None, "found": []}
    return {
        **found,
        "can": [text for what, text in _CAN.items() if can is not None and getattr(can, what)],
        "tried_at": known["at"],
        "tried": known["found"],
    }


# What a kind of store can do, of syncd.store.provider.Capabilities -> in words.
_CAN = {
    "named": "finds an object by its name",
    "listable": "lists",
    "ranged": "gives parts of an object",
    "conditional": "gives a name once",
    "counts": "its word counts",
}


def _comes(member: Member, look: Future[None] | None) -> StoreError | None:
    """Return what is wrong with a store that was asked; one that has been waited for before is not again."""
    try:
        if look is not None:
            look.result(max(0.0, LOOK_S - member.looked_for_s))
    except StoreError as error:
        return error
    except TimeoutError:
        return StoreGone("it does not answer in time", hint="syncd goes on asking.")
    return None


def _known(vault: Vault) -> tuple[int, int]:
    """Return objects and bytes that records name, and records themselves."""
    records, record_bytes = vault.state.devices.volume()
    packs, pack_bytes = vault.state.packs.volume()
    return records + packs, record_bytes + pack_bytes


def _store_fields(vault: Vault, member: Member, objects: int, size: int, error: StoreError | None) -> dict[str, Any]:
    several = len(vault.store.members) > 1
    lacking = vault.store.owing.lacking(member.name)
    held = vault.store.owing.holdings(member.name)
    if several:
        objects, size = held.objects, held.size
    error = error or member.trouble
    verified = vault.state.get("verified-at")
    return {
        "name": member.name,
        "url": member.provider.url,
        "healthy": error is None,
        "state": _state_of(member, error, lacking[0]),
        "reason": error.message if error else "",
        "hint": error.hint if error else "",
        "objects": objects,
        "bytes": size,
        "lacking_objects": lacking[0],
        "lacking_bytes": lacking[1],
        "latency_ms": round((member.health.latency_s or 0.0) * 1000, 3),
        "last_verified_at": float(verified) if verified else None,
    }


_NOTHING = {
    "healthy": True,
    "reason": "",
    "hint": "",
    "objects": 0,
    "bytes": 0,
    "lacking_objects": 0,
    "lacking_bytes": 0,
    "latency_ms": 0.0,
    "read_percent": 0,
    "read_since": None,
    "read_whole_at": None,
    "damaged_objects": 0,
    "quota_bytes": None,
    "cost": None,
}


def _round_fields(vault: Vault, found: scrub.Round) -> dict[str, Any]:
    """Return how far a store was read since when, when it was last read whole, and what of it is damaged and needed."""
    return {
        "read_percent": found.percent,
        "read_since": found.began_s or None,
        "read_whole_at": found.ended_s or None,
        "damaged_objects": len(_needed(vault, found.damaged)),
    }


def _needed(vault: Vault, names: tuple[str, ...]) -> set[str]:
    """Return which of these objects have anything that lies nowhere else."""
    needed = {name for name in names if not name.startswith("pack/")}
    hashes = {bytes.fromhex(name.rpartition("/")[2]) for name in set(names) - needed}
    numbers = vault.state.packs.known(hashes) if hashes else {}
    if numbers:
        lying = vault.state.chunks.in_packs(set(numbers))
        needed |= {pack_name(numbers[number]) for number, chunks in lying.items() if chunks}
    return needed


AWAY, SHUT, BEHIND, COMPLETE, DISABLED = "away", "shut", "behind", "complete", "disabled"
LEAVING = "leaving"  # taken away, and read until the others have what it has


def _state_of(member: Member, error: StoreError | None, lacking: int) -> str:
    """Return how a store is, in one word: `shut` is one that can be read and takes nothing."""
    if error is not None:
        return SHUT if isinstance(error, (StoreFull, StoreReadOnly)) else AWAY
    if member.leaving:
        return LEAVING
    return BEHIND if lacking or not member.whole else COMPLETE
