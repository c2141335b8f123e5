"""`syncd tui`: becomes the dashboard, a program of its own, so that nothing here has to know it."""

from __future__ import annotations

import os
import sys

import click

from syncd.errors import UsageError


@click.command()
def tui() -> None:
    """Open the dashboard: how everything stands, history, conflicts. The agent goes on when you leave it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the dashboard needs a terminal", hint="`syncd status` says how everything stands.")
    become_dashboard()


def become_dashboard() -> None:
    """Go on as the dashboard."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tui"])  # noqa: S606 (our own program, by its full path)
