"""Looking at the past: `ls`, `find`, `history`, `cat`, `diff`, `activity`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from syncd.cli.looking import Looking, looking
from syncd.cli.show import (
    at_option,
    echo_json,
    instant,
    json_option,
    name_text,
    path_text,
    size_text,
    time_json,
    time_text,
    vault_path,
    version_option,
)
from syncd.errors import UsageError
from syncd.model.path import path_bytes

LONGEST_DIFF = 4_000_000  # bytes of a side that is compared line by line
_MARKS = {"directory": "/", "symlink": "@"}


def _print_entries(entries: Iterable[dict[str, Any]]) -> int:
    count = 0
    for entry in entries:
        count += 1
        note = "  (deleted)" if entry["state"] == "deleted" else ""
        mark = _MARKS.get(entry["kind"], "")
        said = f"{size_text(entry['size']):>10}  {time_text(entry['mtime_ns'])}"
        click.echo(f"{said}  {path_text(path_bytes(entry))}{mark}{note}")
    return count


@click.command()
@click.argument("path", default=".")
@at_option
@click.option("-R", "--recursive", is_flag=True, help="Everything below, too.")
@click.option("--deleted", is_flag=True, help="Deleted entries, too.")
@json_option
def ls(path: str, at: str | None, recursive: bool, deleted: bool, as_json: bool) -> None:
    """List a directory, now or at any time."""
    look = looking()
    wanted = vault_path(look.settings, path)
    found = look.tree(wanted, instant(at), recursive=recursive, deleted=deleted)
    if as_json:
        echo_json(list(found))
    else:
        _print_entries(found)


@click.command()
@click.argument("pattern")
@click.option("--deleted", is_flag=True, help="Deleted paths, too.")
@at_option
@json_option
def find(pattern: str, deleted: bool, at: str | None, as_json: bool) -> int:
    """Find paths by PATTERN: a glob over names, or over whole paths when it has a slash."""
    entries = looking().tree(b"", instant(at), recursive=True, deleted=deleted, pattern=pattern)
    if not as_json:
        return 0 if _print_entries(entries) else 1
    found = list(entries)
    echo_json(found)
    return 0 if found else 1


@click.command()
@click.argument("path")
@json_option
def history(path: str, as_json: bool) -> None:
    """List the versions of PATH, newest first; follows renames."""
    look = looking()
    wanted = vault_path(look.settings, path)
    if not wanted:
        raise UsageError("the folder itself has no versions", hint="See `syncd activity`, or ls --at.")
    found = look.versions(wanted)
    if as_json:
        for version in found:
            version["recorded_at"] = time_json(version.pop("recorded_ns"))
        echo_json(found)
        return
    for version in found:
        size = "" if version["change"] == "deleted" else size_text(version["size"])
        when = time_text(version["recorded_ns"])
        line = f"{version['version_id']:<14} {when}  {version['change']:<9}{size:>10}"
        where = f"{path_text(path_bytes(version))}{'  (now)' if version['current'] else ''}"
        click.echo(f"{line}  {name_text(version['device'])}  {where}")


@click.command()
@click.argument("path")
@at_option
@version_option
def cat(path: str, at: str | None, version: str | None) -> None:
    """Print a version of a file: the newest, the one --at an instant, or the one with an id."""
    look = looking()
    entry = _file(look, vault_path(look.settings, path), instant(at), version)
    for piece in look.content(entry["version_id"]):
        sys.stdout.buffer.write(piece)
    if entry["kind"] == "symlink":
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _file(look: Looking, path: bytes, at_ns: int | None, version: str | None) -> dict[str, Any]:
    entry = look.entry(path, at_ns, version)
    if entry["kind"] == "directory":
        raise UsageError(f"{path_text(path) or '.'} is a directory", hint="`syncd ls` lists it.")
    return entry


@click.command()
@click.argument("path")
@at_option
@version_option
@click.option("--against", metavar="ID", help="Another version, instead of the file in the folder.")
def diff(path: str, at: str | None, version: str | None, against: str | None) -> int:
    """Compare a version of PATH with the file in the folder, or with another version."""
    look = looking()
    wanted = vault_path(look.settings, path)
    entry = _file(look, wanted, instant(at), version)
    old = side(look, entry)
    if against is not None:
        new, new_name = side(look, _file(look, wanted, None, against)), against
    else:
        new, new_name = _on_disk(os.path.join(os.fsencode(look.settings.folder), wanted)), "folder"
    if old == new:
        return 0
    _print_diff(old, new, f"{path_text(wanted)} ({entry['version_id']})", new_name)
    return 1


def side(look: Looking, entry: dict[str, Any]) -> bytes:
    """Return the bytes of a file's version, or where a symlink leads, as a line."""
    found = b"".join(look.content(entry["version_id"]))
    return found + b"\n" if entry["kind"] == "symlink" else found


def _on_disk(path: bytes) -> bytes:
    if os.path.islink(path):
        return os.readlink(path) + b"\n"
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError):
        return b""


def _print_diff(old: bytes, new: bytes, old_name: str, new_name: str) -> None:
    import difflib

    binary = b"\0" in old[:8192] or b"\0" in new[:8192]
    if binary or max(len(old), len(new)) > LONGEST_DIFF:
        click.echo(f"{old_name} and {new_name} differ: {len(old):,} and {len(new):,} bytes")
        return
    a, b = (side.decode("utf-8", "replace").splitlines(keepends=True) for side in (old, new))
    for line in difflib.unified_diff(a, b, old_name, new_name):
        click.echo(line, nl=not line.endswith("\n"))


@click.command()
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(min=1), help="How many.")
@json_option
def activity(number: int, as_json: bool) -> None:
    """List the latest changes of all devices, newest first."""
    found = looking().changes(number)
    if as_json:
        for item in found:
            item["recorded_at"] = time_json(item["recorded_ns"])
        echo_json(found)
        return
    for item in found:
        who = name_text(item["device"])
        click.echo(f"{time_text(item['recorded_ns'])}  {who:<16} {item['change']:<9} {path_text(path_bytes(item))}")
