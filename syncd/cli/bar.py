"""The progress bar: files, bytes, rate, time left."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from syncd.api.client import Client


def watch_progress(client: Client) -> dict[str, Any]:
    """Show the agent's progress until it is safe or paused; return its last status."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[files]} files"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("Making safe", total=None, files="0")
        while True:
            fields: dict[str, Any] = client.call("GET", "/v1/status")
            if fields["safe"] or fields["state"] == "paused":
                return fields
            now = fields.get("progress")
            if now:
                total = now["total_bytes"] or None
                files = f"{now['files']:,}" + (f"/{now['total_files']:,}" if now["total_files"] else "")
                bar.update(task, completed=now["bytes"], total=total, files=files)
            time.sleep(0.15)
