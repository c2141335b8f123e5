"""What the vault keeps, and why it keeps each version of a path; as the command line and the API say it."""

from __future__ import annotations

from typing import Any

from syncd.engine.marking import why_kept
from syncd.engine.policies import policy_of
from syncd.engine.vault import Vault
from syncd.history.tree import ever_at
from syncd.history.versions import version_id
from syncd.model.path import path_fields


def policy_fields(vault: Vault) -> dict[str, Any]:
    """Return the policy in force."""
    policy = policy_of(vault.state)
    return {
        "rules": [{**path_fields(rule.path), "keep": rule.kind, "count": rule.count} for rule in policy.rules],
        "undeletable_days": policy.undeletable_days,
    }


def kept_fields(vault: Vault, path: bytes) -> dict[str, Any]:
    """Return the versions of whatever stood at a path, newest first, each with what keeps it; empty for nothing.

    Raises:
        PathUnknown: nothing ever stood there.
    """
    devices = vault.state.devices.all()
    items = [
        {
            "version_id": version_id(row.version, devices),
            "size": row.size,
            "recorded_ns": row.recorded_ns,
            "why": why,
        }
        for node in ever_at(vault.state.nodes, path)
        for row, why in why_kept(vault, node)
        if row.content
    ]
    return {"items": items}
