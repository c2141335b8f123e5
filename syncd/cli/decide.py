"""What waits for a person: `conflict`, `review`, and the devices that share the folder: `device`."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from syncd.api.client import Client
from syncd.cli.session import home_and_client, reading, working
from syncd.cli.show import (
    dry_run_option,
    echo_json,
    json_option,
    name_text,
    path_text,
    size_text,
    talk,
    time_json,
    time_text,
    vault_path,
    yes_option,
)
from syncd.errors import AgentAbsent, UsageError
from syncd.model.entry import Kind
from syncd.model.path import path_bytes

MOST_SHOWN = 20


def decide(client: Client, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Have the agent do what a person decided, or do it here when none runs."""
    try:
        return client.call("POST", "/v1/decisions", {"what": what, **body}, timeout=None)
    except AgentAbsent:
        from syncd.engine.both import full_cycle
        from syncd.engine.deciding import decide as do
        from syncd.engine.outbox import Outbox
        from syncd.engine.progress import Progress

        with working() as vault:
            answer = do(vault, what, body)
            full_cycle(vault, Outbox(vault), Progress(time.monotonic))
            return answer


@click.group()
def conflict() -> None:
    """List, look at and resolve conflicts."""


@conflict.command("list")
@json_option
def conflict_list(as_json: bool) -> int:
    """List the conflicts: what stands at the name (a), and what is shown beside it (b)."""
    from syncd.api.views import conflict_list as list_conflicts

    with reading() as vault:
        found = list_conflicts(vault)
    if as_json:
        echo_json(found)
    for pair in () if as_json else found:
        click.echo(path_text(path_bytes(pair)))
        for letter, path in (("a", path_bytes(pair)), ("b", path_bytes(pair, "copy_path"))):
            side = pair[letter]
            said = f"{size_text(side['size']):>9}  {time_text(side['mtime_ns'])}  {name_text(side['device'])}"
            click.echo(f"  {letter}  {said}  {path_text(path)}")
    if not as_json:
        talk(f"{len(found)} conflicts." if found else "No conflicts.")
    return 11 if found else 0


@conflict.command("show")
@click.argument("path")
def conflict_show(path: str) -> int:
    """Print how the two sides of a conflict differ, where both are text."""
    import difflib

    from syncd.engine.conflicts import find_conflict
    from syncd.engine.restoring import read_version

    with reading() as vault:
        pair = find_conflict(vault.state, vault_path(vault.settings, path))
        if Kind.DIRECTORY in (pair.a.kind, pair.b.kind):
            for row, at in ((pair.a, pair.path), (pair.b, pair.copy_path)):
                click.echo(f"{Kind(row.kind).word}: {path_text(at)}")
            return 0
        reader = vault.reader()
        sides = [b"".join(read_version(reader, row)) for row in (pair.a, pair.b)]
    try:
        texts = [side.decode().splitlines(keepends=True) for side in sides]
    except UnicodeDecodeError:
        click.echo(f"both are binary: {size_text(pair.a.size)} and {size_text(pair.b.size)}")
        return 0
    for line in difflib.unified_diff(texts[0], texts[1], path_text(pair.path), path_text(pair.copy_path)):
        click.echo(path_text(line.rstrip("\n").encode()))
    return 0


@conflict.command("resolve")
@click.argument("path")
@click.option("--keep", type=click.Choice(["a", "b", "both"]), required=True, help="Which side stays.")
def conflict_resolve(path: str, keep: str) -> None:
    """Keep one side of a conflict, or both as files of their own. What goes stays in history."""
    import base64

    _, client = home_and_client()
    with reading() as vault:
        where = vault_path(vault.settings, path)
    answer = decide(client, "resolve", {"path_b64": base64.b64encode(where).decode(), "keep": keep})
    talk(f"Resolved: {answer['path']}.")


@click.group()
def review() -> None:
    """Say yes or no to deletions that wait because there are so many."""


@review.command("list")
@json_option
def review_list(as_json: bool) -> int:
    """List what waits, and why."""
    from syncd.api.views import hold_list

    with reading() as vault:
        found = hold_list(vault)
    if as_json:
        echo_json(found)
        return 11 if found else 0
    for hold in found:
        here = "are gone from this folder" if hold["way"] == "out" else "were deleted by other devices"
        click.echo(f"{hold['entries']} files and directories {here}:")
        for path in hold["paths"][:MOST_SHOWN]:
            click.echo(f"  {path_text(path_bytes(path))}")
        if len(hold["paths"]) > MOST_SHOWN:
            click.echo(f"  ... and {len(hold['paths']) - MOST_SHOWN} more (--json lists all)")
    hint = "`syncd review approve` deletes them everywhere, `syncd review deny` brings them back."
    talk(hint if found else "Nothing waits.")
    return 11 if found else 0


@review.command("approve")
@yes_option
@dry_run_option
def review_approve(yes: bool, dry_run: bool) -> int:
    """Delete what waits, everywhere. History keeps it."""
    return _review("approve", "deleted everywhere", yes, dry_run)


@review.command("deny")
@yes_option
@dry_run_option
def review_deny(yes: bool, dry_run: bool) -> int:
    """Bring back what waits to be deleted."""
    return _review("deny", "brought back", yes, dry_run)


def _review(answer: str, will_be: str, yes: bool, dry_run: bool) -> int:
    from syncd.engine.guards import holds

    _, client = home_and_client()
    with reading() as vault:
        found = holds(vault.state)
    entries = sum(hold.entries for hold in found)
    if not entries:
        talk("Nothing waits.")
        return 0
    if dry_run:
        talk(f"{entries} files and directories would be {will_be}.")
        return 0
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"{entries} files and directories would be {will_be}", hint="Add --yes to allow it.")
    if not yes and not click.confirm(f"{entries} files and directories will be {will_be}. Go on?", err=True):
        return 1
    decide(client, answer, {"seen": [hold.seal for hold in found]})
    talk(f"{entries} files and directories are {will_be}.")
    return 0


@click.group()
def device() -> None:
    """The devices that share the folder."""


@device.command("list")
@json_option
def device_list(as_json: bool) -> None:
    """List the devices, with what they said last and when by their own clocks."""
    from syncd.api.views import device_list as list_devices

    with reading() as vault:
        found = list_devices(vault)
    if as_json:
        for item in found:
            item["last_record_at"] = time_json(item["last_record_ns"]) if item["last_record_ns"] else None
        echo_json(found)
        return
    for item in found:
        when = time_text(item["last_record_ns"]) if item["last_record_ns"] else "never"
        mark = "*" if item["this"] else " "
        click.echo(f"{mark} {name_text(item['name']):20}  {item['records']:6} records  {when}")


@device.command("rename")
@click.argument("name")
def device_rename(name: str) -> None:
    """Give this device another name."""
    from syncd.engine.deciding import check_name

    check_name(name.strip())
    _, client = home_and_client()
    decide(client, "rename-device", {"name": name.strip()})
    talk(f"This device is called {name.strip()}.")


@device.command("show-code")
def device_show_code() -> None:
    """Print six words: devices that print the same have seen the same journals."""
    from syncd.engine.deciding import frontier_code

    with reading() as vault:
        click.echo(frontier_code(vault.state))
