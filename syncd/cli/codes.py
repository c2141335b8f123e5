"""From a status to an exit code: the table that scripts rely on. Imports nothing heavy."""

from __future__ import annotations

from typing import Any


def status_code(fields: dict[str, Any]) -> int:
    """Return the exit code that a status stands for: the first of these that holds."""
    rules = (
        (fields["state"] == "stopped", 4),
        (bool(fields["alarms"] or fields["conflicts"] or fields["holds"] or fields["state"] == "paused"), 11),
        (bool(fields["skipped"]), 3),
    )
    return next((code for holds, code in rules if holds), 0)
