"""`syncd tui`: becomes the dashboard, a program of its own, so that nothing here has to know it."""

from __future__ import annotations

import os
import sys

import click

from syncd.config.home import find_home
from syncd.config.settings import load
from syncd.errors import UsageError


@click.command()
@click.option("--web", is_flag=True, help="In a browser on this computer, at an address that works once.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="The port for --web; default: a free one.")
@click.option("--ascii", "plain", is_flag=True, help="No other letters, for terminals that have none.")
def tui(web: bool, port: int, plain: bool) -> None:
    """Open the dashboard: how everything stands, history, conflicts. The agent goes on when you leave it."""
    if web:
        become_dashboard("--web", "--port", str(port))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the dashboard needs a terminal", hint="`syncd status` says how everything stands.")
    home = find_home()
    plain = plain or (home.config.exists() and load(home.config).ascii)
    become_dashboard(*(("--ascii",) if plain else ()))


def become_dashboard(*arguments: str) -> None:
    """Go on as the dashboard."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", *arguments])  # noqa: S606 (our own program, by its full path)
