"""Looking at the past: `ls`, `find`, `history`, `cat`, `diff`, `activity`."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from syncd.api.views import changes, entry_fields
from syncd.cli.session import reading
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
from syncd.engine.picking import pick
from syncd.engine.rules import read_rules
from syncd.engine.vault import Vault
from syncd.errors import PathUnknown, UsageError
from syncd.history.tree import Placed, Tree, find_gone
from syncd.history.versions import history as versions_of
from syncd.history.versions import version_id
from syncd.model.entry import Kind
from syncd.model.path import join, path_bytes, path_fields
from syncd.model.version import Row
from syncd.scan.ignore import ignored_by

LONGEST_DIFF = 4_000_000  # bytes of a side that is compared line by line


def describe(vault: Vault, path: bytes) -> dict[str, Any]:
    """Return the fields of one path with how it stands: safe, changed, not in the vault, deleted."""
    row = vault.state.nodes.find(path)
    stat = vault.disk.stat(path)
    ignored = ignored_by(read_rules(vault), path, stat is not None and stat.kind == Kind.DIRECTORY)
    if ignored is not None and (row is not None or stat is not None):
        return {**path_fields(path), "state": f"ignored by the pattern {ignored[1]}"}
    if row is None and stat is not None and path:
        return {**path_fields(path), "state": "not in the vault yet"}
    if row is None:
        gone = find_gone(vault.state.nodes, path)
        return {**path_fields(path), "state": "safe" if gone.row is None else "deleted"}
    state = "safe"
    if stat is None:
        state = "missing in the folder"
    elif row.kind == Kind.FILE and (stat.size, stat.mtime_ns) != (row.size, row.mtime_ns):
        state = "changed, not taken yet"
    return entry_fields(vault.state.devices.all(), path, row, state)


def _print_entries(entries: Iterable[tuple[bytes, Row, str]]) -> None:
    for path, row, state in entries:
        mark = {Kind.DIRECTORY: "/", Kind.SYMLINK: "@"}.get(Kind(row.kind), "")
        note = "  (deleted)" if state == "deleted" else ""
        click.echo(f"{size_text(row.size):>10}  {time_text(row.mtime_ns)}  {path_text(path)}{mark}{note}")


@click.command()
@click.argument("path", default=".")
@at_option
@click.option("-R", "--recursive", is_flag=True, help="Everything below, too.")
@click.option("--deleted", is_flag=True, help="Deleted entries, too.")
@json_option
def ls(path: str, at: str | None, recursive: bool, deleted: bool, as_json: bool) -> None:
    """List a directory, now or at any time."""
    with reading() as vault:
        found = list(_listing(vault, vault_path(vault.settings, path), instant(at), recursive, deleted))
        if as_json:
            devices = vault.state.devices.all()
            echo_json([entry_fields(devices, *entry) for entry in found])
        else:
            _print_entries(found)


def _listing(
    vault: Vault, path: bytes, at_ns: int | None, recursive: bool, deleted: bool
) -> Iterator[tuple[bytes, Row, str]]:
    tree = Tree(vault.state.nodes, at_ns)
    try:
        placed = tree.find(path)
    except PathUnknown:
        if not deleted or at_ns is not None:
            raise
        placed = find_gone(vault.state.nodes, path)
    if placed.row is not None and not placed.is_directory and placed.row.alive:
        yield path, placed.row, "safe"
        return
    if recursive:
        for below in tree.below(placed):
            assert below.row is not None
            yield below.path, below.row, "safe"
    else:
        for row in tree.children(placed.node):
            yield join(path, row.name), row, "safe"
    if deleted:
        yield from _gone_below(vault, placed, recursive)


def _gone_below(vault: Vault, placed: Placed, recursive: bool) -> Iterator[tuple[bytes, Row, str]]:
    nodes = vault.state.nodes
    stack = [(placed.path, placed.node)]
    while stack:
        path, node = stack.pop()
        for row in nodes.gone_children(node):
            yield join(path, row.name), nodes.last_alive(row.node) or row, "deleted"
            if recursive:
                stack.append((join(path, row.name), row.node))
        if recursive:
            stack += [(join(path, row.name), row.node) for row in nodes.children(node) if row.kind == Kind.DIRECTORY]


@click.command()
@click.argument("pattern")
@click.option("--deleted", is_flag=True, help="Deleted paths, too.")
@at_option
@json_option
def find(pattern: str, deleted: bool, at: str | None, as_json: bool) -> int:
    """Find paths by PATTERN: a glob over names, or over whole paths when it has a slash."""
    with reading() as vault:
        everything = _listing(vault, b"", instant(at), True, deleted)
        found = [entry for entry in everything if _matches(entry[0], pattern)]
        if as_json:
            devices = vault.state.devices.all()
            echo_json([entry_fields(devices, *entry) for entry in found])
        else:
            _print_entries(found)
    return 0 if found else 1


def _matches(path: bytes, pattern: str) -> bool:
    text = path.decode("utf-8", "surrogateescape")
    subject = text if "/" in pattern else text.rpartition("/")[2]
    return fnmatch.fnmatchcase(subject, pattern.lstrip("/"))


@click.command()
@click.argument("path")
@json_option
def history(path: str, as_json: bool) -> None:
    """List the versions of PATH, newest first; follows renames."""
    with reading() as vault:
        wanted = vault_path(vault.settings, path)
        if not wanted:
            raise UsageError("the folder itself has no versions", hint="See `syncd activity`, or ls --at.")
        found = versions_of(vault.state.nodes, vault.state.devices.all(), wanted)
    if as_json:
        echo_json(
            [
                {
                    "version_id": version.version_id,
                    **path_fields(version.path),
                    "kind": Kind(version.row.kind).word,
                    "size": version.row.size,
                    "mtime_ns": version.row.mtime_ns,
                    "device": version.device,
                    "recorded_at": time_json(version.row.recorded_ns),
                    "change": version.change,
                    "current": version.current,
                }
                for version in found
            ]
        )
        return
    for version in found:
        row = version.row
        size = "" if row.kind == Kind.TOMBSTONE else size_text(row.size)
        line = f"{version.version_id:<14} {time_text(row.recorded_ns)}  {version.change:<9}{size:>10}"
        click.echo(
            f"{line}  {name_text(version.device)}  {path_text(version.path)}{'  (now)' if version.current else ''}"
        )


@click.command()
@click.argument("path")
@at_option
@version_option
def cat(path: str, at: str | None, version: str | None) -> None:
    """Print a version of a file: the newest, the one --at an instant, or the one with an id."""
    from syncd.engine.restoring import read_version

    with reading() as vault:
        _, placed = pick(vault, vault_path(vault.settings, path), instant(at), version)
        row = _file_row(placed)
        if row.kind == Kind.SYMLINK:
            sys.stdout.buffer.write(row.inline + b"\n")
            return
        for piece in read_version(vault.reader(), row):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _file_row(placed: Placed) -> Row:
    if placed.row is None or placed.row.kind == Kind.DIRECTORY:
        raise UsageError(f"{path_text(placed.path) or '.'} is a directory", hint="`syncd ls` lists it.")
    return placed.row


@click.command()
@click.argument("path")
@at_option
@version_option
@click.option("--against", metavar="ID", help="Another version, instead of the file in the folder.")
def diff(path: str, at: str | None, version: str | None, against: str | None) -> int:
    """Compare a version of PATH with the file in the folder, or with another version."""
    from syncd.engine.restoring import read_version

    with reading() as vault:
        wanted = vault_path(vault.settings, path)
        _, placed = pick(vault, wanted, instant(at), version)
        reader = vault.reader()
        row = _file_row(placed)
        old = b"".join(read_version(reader, row)) if row.kind == Kind.FILE else row.inline + b"\n"
        if against is not None:
            other = _file_row(pick(vault, wanted, None, against)[1])
            new, new_name = b"".join(read_version(reader, other)), against
        else:
            new, new_name = _on_disk(vault, wanted), "folder"
    if old == new:
        return 0
    _print_diff(old, new, f"{path_text(wanted)} ({version_id(row.version, _devices())})", new_name)
    return 1


def _devices() -> Any:
    with reading() as vault:
        return vault.state.devices.all()


def _on_disk(vault: Vault, path: bytes) -> bytes:
    stat = vault.disk.stat(path)
    if stat is None:
        return b""
    if stat.kind == Kind.SYMLINK:
        return vault.disk.readlink(path) + b"\n"
    with open(vault.disk.full(path), "rb") as file:
        return file.read()


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
@click.option("-n", "--number", default=20, show_default=True, help="How many.")
@json_option
def activity(number: int, as_json: bool) -> None:
    """List the latest changes of all devices, newest first."""
    with reading() as vault:
        found = changes(vault, None, number)["items"]
    if as_json:
        for item in found:
            item["recorded_at"] = time_json(item["recorded_ns"])
        echo_json(found)
        return
    for item in found:
        who = name_text(item["device"])
        click.echo(f"{time_text(item['recorded_ns'])}  {who:<16} {item['change']:<9} {path_text(path_bytes(item))}")
