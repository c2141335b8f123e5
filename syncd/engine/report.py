"""The status of a vault as one value, from its state and, when there is one, its running loop."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from syncd.engine.conflicts import count_conflicts
from syncd.engine.guards import holds
from syncd.engine.status import FIRST, IDLE, SCANNING, Status
from syncd.engine.vault import Vault
from syncd.errors import StoreError
from syncd.model.path import path_fields
from syncd.store.folder import FolderStore


def report(vault: Vault, status: Status | None) -> dict[str, Any]:
    """Return the fields of `syncd status --json` (DESIGN section 7)."""
    files, size = vault.state.nodes.counts()
    stores = [store_fields(vault)]
    state = status.state if status else "stopped"
    problems = status.problems if status else vault.state.nodes.problems()
    progress = status.progress if status and state in (FIRST, SCANNING) else None
    pending_files = max(0, progress.total_files - progress.files) if progress else 0
    pending_bytes = max(0, progress.total_bytes - progress.bytes) if progress else 0
    if status and not progress:
        pending_files = status.pending
    alarms = [] if stores[0]["healthy"] else [f"the store {stores[0]['url']} does not answer"]
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
    }
    if progress:
        fields["progress"] = progress.fields()
    return fields


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat().replace("+00:00", "Z")


def _last_record_ns(vault: Vault) -> int:
    return max((row.claimed_ns for row in vault.state.devices.records()), default=0)


def store_fields(vault: Vault) -> dict[str, Any]:
    """Return how the store is: whether it answers, and what this device knows to be there."""
    setting = vault.settings.stores[0]
    records = vault.state.devices.records()
    packs = vault.state.packs.all()
    begun = time.perf_counter()
    try:
        if isinstance(vault.store, FolderStore):
            vault.store.check()
        healthy = vault.store.stat("genesis") is not None
    except StoreError:
        healthy = False
    verified = vault.state.get("verified-at")
    return {
        "name": setting.name,
        "url": vault.store.url,
        "healthy": healthy,
        "objects": len(records) + len(packs),
        "bytes": sum(row.size for row in records) + sum(pack.size for _, pack in packs),
        "latency_ms": round((time.perf_counter() - begun) * 1000, 3),
        "last_verified_at": float(verified) if verified else None,
    }
