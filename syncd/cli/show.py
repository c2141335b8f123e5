"""What the commands share: sizes and times for people, JSON for scripts, paths as they are typed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from syncd.config.settings import Settings
from syncd.errors import UsageError
from syncd.model.path import shown

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
at_option = click.option("--at", metavar="WHEN", help="An instant: 2026-11-21, '14:05', '3 days ago'.")
version_option = click.option("--version", "version", metavar="ID", help="A version id, as history lists it.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
dry_run_option = click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")


def read_data_option(default: float, about: str) -> Callable[[Any], Any]:
    """Return the option that says which share of what the stores hold is read, in percent."""

    def checked(_: click.Context, __: click.Parameter, value: float) -> float:
        if math.isnan(value):  # the range lets pass what is no number
            raise click.BadParameter("is not a number")
        return value

    return click.option(
        "--read-data",
        metavar="PERCENT",
        type=click.FloatRange(0, 100),
        default=default,
        show_default=bool(default),
        callback=checked,
        help=about,
    )


def echo_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def talk(text: str) -> None:
    """Say something to the person, on stderr, unless they asked for quiet."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if not (root and root.obj and root.obj.get("quiet")):
        click.echo(text, err=True)


def size_text(size: float) -> str:
    """Return a size for people: 1,234 B, 5.6 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def time_text(ns: int) -> str:
    """Return an instant for people, in the local time zone."""
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def time_json(ns: int) -> str:
    """Return an instant for scripts: RFC 3339, UTC, microseconds."""
    whole, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06d}Z"


def instant(at: str | None) -> int | None:
    """Return the instant that --at names, as ns since 1970."""
    if at is None:
        return None
    from syncd.history.instant import parse_instant

    return parse_instant(at, datetime.now().astimezone())


def vault_path(settings: Settings, typed: str) -> bytes:
    """Return the path in the vault that a person means.

    An absolute path is one in the folder; a relative one counts from the current directory when that
    is in the folder, else from the folder's root.

    Raises:
        UsageError: an absolute path outside the folder.
    """
    if not typed:
        raise UsageError("the path is empty", hint="Write . for the whole folder.")
    folder = os.path.abspath(settings.folder)
    here = os.getcwd()
    if os.path.isabs(typed):
        whole = os.path.normpath(typed)
        through_links = os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))
        if not _inside(whole, folder) and _inside(through_links, os.path.realpath(folder)):
            whole = os.path.join(folder, os.path.relpath(through_links, os.path.realpath(folder)))
    elif _inside(os.path.realpath(here), os.path.realpath(folder)):
        whole = os.path.normpath(os.path.join(folder, os.path.relpath(here, os.path.realpath(folder)), typed))
    else:
        whole = os.path.normpath(os.path.join(folder, typed))
    if not _inside(whole, folder):
        raise UsageError(f"{typed} is not in the folder {folder}", hint="Name a path inside it.")
    relative = os.path.relpath(whole, folder)
    return b"" if relative == "." else os.fsencode(relative)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def name_text(name: str) -> str:
    """Return a device's name for people; other devices chose it, so nothing in it may write on a terminal."""
    return path_text(name.encode("utf-8", "replace")) or "(unnamed)"


def path_text(path: bytes) -> str:
    """Return a path for people; control characters are made visible, so no name can write on a terminal."""
    text = shown(path)
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
