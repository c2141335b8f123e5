"""What waits for a person: `conflict`, `review`, and the devices that share the folder: `device`."""

from __future__ import annotations

import base64
import sys
import time
from typing import Any

import click

from syncd.api.client import Client
from syncd.cli.looking import Looking, looking
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
from syncd.model.counted import counted
from syncd.model.path import path_bytes

MOST_SHOWN = 20


def decide(client: Client, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Have the agent do what a person decided, or do it here when none runs."""
    try:
        done: dict[str, Any] = client.call("POST", "/v1/decisions", {"what": what, **body}, timeout=None)
        return done
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
    found = looking().conflicts()
    if as_json:
        echo_json(found)
    for pair in () if as_json else found:
        click.echo(path_text(path_bytes(pair)))
        for letter, path in (("a", path_bytes(pair)), ("b", path_bytes(pair, "copy_path"))):
            side = pair[letter]
            said = f"{size_text(side['size']):>9}  {time_text(side['mtime_ns'])}  {name_text(side['device'])}"
            click.echo(f"  {letter}  {said}  {path_text(path)}")
    if not as_json:
        talk(f"{counted(len(found), 'conflict')}." if found else "No conflicts.")
    return 11 if found else 0


@conflict.command("show")
@click.argument("path")
def conflict_show(path: str) -> int:
    """Print how the two sides of a conflict differ, where both are text."""
    import difflib

    from syncd.cli.history import side

    look = looking()
    pair = _conflict(look, vault_path(look.settings, path))
    names = [path_text(path_bytes(pair, key)) for key in ("path", "copy_path")]
    both = [pair["a"], pair["b"]]
    if "directory" in (one["kind"] for one in both):
        for one, name in zip(both, names, strict=True):
            click.echo(f"{one['kind']}: {name}")
        return 0
    try:
        texts = [side(look, one).decode().splitlines(keepends=True) for one in both]
    except UnicodeDecodeError:
        click.echo(f"both are binary: {size_text(both[0]['size'])} and {size_text(both[1]['size'])}")
        return 0
    for line in difflib.unified_diff(texts[0], texts[1], names[0], names[1]):
        click.echo(path_text(line.rstrip("\n").encode()))
    return 0


def _conflict(look: Looking, path: bytes) -> dict[str, Any]:
    for pair in look.conflicts():
        if path in (path_bytes(pair), path_bytes(pair, "copy_path")):
            return pair
    raise UsageError(f"{path_text(path)} has no conflict", hint="`syncd conflict list` shows those that there are.")


@conflict.command("resolve")
@click.argument("path")
@click.option("--keep", type=click.Choice(["a", "b", "both"]), required=True, help="Which side stays.")
def conflict_resolve(path: str, keep: str) -> None:
    """Keep one side of a conflict, or both as files of their own. What goes stays in history."""
    import base64

    _, client = home_and_client()
    where = vault_path(looking().settings, path)
    answer = decide(client, "resolve", {"path_b64": base64.b64encode(where).decode(), "keep": keep})
    talk(f"Resolved: {answer['path']}.")


@click.group()
def review() -> None:
    """Say yes or no to deletions that wait because there are so many."""


@review.command("list")
@json_option
def review_list(as_json: bool) -> int:
    """List what waits, and why."""
    found = looking().holds()
    if as_json:
        echo_json(found)
        return 11 if found else 0
    for hold in found:
        here = "are gone from this folder" if hold["way"] == "out" else "were deleted by other devices"
        click.echo(f"{_entries(hold['entries'])} {here}:")
        for one in hold["paths"][:MOST_SHOWN]:
            more = f"  and {_entries(one['entries'] - 1)} in it" if one["entries"] > 1 else ""
            click.echo(f"  {path_text(path_bytes(one))}{more}")
        if len(hold["paths"]) > MOST_SHOWN:
            click.echo(f"  ... and {len(hold['paths']) - MOST_SHOWN} more (--json lists all)")
    hint = (
        "`syncd review approve` deletes them everywhere, `syncd review deny` brings them back; followed by paths, "
        "these alone."
    )
    talk(hint if found else "Nothing waits.")
    return 11 if found else 0


@review.command("approve")
@click.argument("paths", nargs=-1)
@yes_option
@dry_run_option
def review_approve(paths: tuple[str, ...], yes: bool, dry_run: bool) -> int:
    """Delete what waits, everywhere: all of it, or PATHS with what lies in them. History keeps it."""
    return _review("approve", "deleted everywhere", paths, yes, dry_run)


@review.command("deny")
@click.argument("paths", nargs=-1)
@yes_option
@dry_run_option
def review_deny(paths: tuple[str, ...], yes: bool, dry_run: bool) -> int:
    """Bring back what waits to be deleted: all of it, or PATHS with what lies in them."""
    return _review("deny", "brought back", paths, yes, dry_run)


def _review(answer: str, will_be: str, paths: tuple[str, ...], yes: bool, dry_run: bool) -> int:
    _, client = home_and_client()
    look = looking()
    meant = [vault_path(look.settings, path) for path in paths]
    seen = [hold["seal"] for hold in look.holds()]
    if not seen:
        talk("Nothing waits.")
        return 0
    asked = {"seen": seen, "paths_b64": [base64.b64encode(path).decode() for path in meant]}
    what = _entries(_count(client, answer, asked))
    if dry_run:
        talk(f"{what} would be {will_be}.")
        return 0
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"{what} would be {will_be}", hint="Add --yes to allow it.")
    if not yes and not click.confirm(f"{what} will be {will_be}. Go on?", err=True):
        return 1
    count = decide(client, answer, asked)["entries"]
    talk(f"{_entries(count)} {'is' if count == 1 else 'are'} {will_be}.")
    if answer == "approve":
        talk("Another device that has them asks there, too, where that is very much.")
    return 0


def _count(client: Client, answer: str, asked: dict[str, Any]) -> int:
    """Return of how many entries an answer speaks."""
    body = {"what": answer, **asked, "dry_run": True}
    try:
        return int(client.call("POST", "/v1/decisions", body)["entries"])
    except AgentAbsent:
        from syncd.engine.deciding import decide as do

        with reading() as vault:
            return int(do(vault, answer, body)["entries"])


def _entries(count: int) -> str:
    return counted(count, "file or directory", "files and directories")


@click.group()
def device() -> None:
    """The devices that share the folder."""


@device.command("list")
@json_option
def device_list(as_json: bool) -> None:
    """List the devices, with what they said last and when by their own clocks."""
    found = looking().devices()
    if as_json:
        for item in found:
            item["last_record_at"] = time_json(item["last_record_ns"]) if item["last_record_ns"] else None
        echo_json(found)
        return
    for item in found:
        when = time_text(item["last_record_ns"]) if item["last_record_ns"] else "never"
        mark = "*" if item["this"] else " "
        out = "  revoked" if item["revoked"] else "  stale" if item["stale"] else ""
        if item["since"] and not out:
            out = f"  {item['since']} by others since"
        if item["waits"]:
            out = f"  waits: `syncd device approve {item['device'][:8]}` lets it in"
        click.echo(f"{mark} {name_text(item['name']):20}  {item['records']:6} records  {when}{out}")


@device.command("rename")
@click.argument("name")
def device_rename(name: str) -> None:
    """Give this device another name."""
    from syncd.engine.deciding import check_name

    check_name(name.strip())
    _, client = home_and_client()
    decide(client, "rename-device", {"name": name.strip()})
    talk(f"This device is called {name.strip()}.")


@device.command("revoke")
@click.argument("name")
@yes_option
def device_revoke(name: str, yes: bool) -> None:
    """Leave a device out from now on: it can read nothing new, and nothing that it says is taken any more.

    NAME is its name, or the beginning of its id. What it has read, and what it said until now, stays.
    """
    _, client = home_and_client()
    if not yes and not click.confirm(f"Revoke {name}, on all devices and for good?", err=True):
        raise UsageError("nothing was changed")
    answer = decide(client, "revoke", {"name": name})
    talk(f"{name_text(answer['device'])} is revoked: what is stored from now on is sealed to the others alone.")
    talk("It keeps what it has read, and the store's credentials: change those where it had them.")
    talk("If it knew the passphrase or the words: `syncd key change-passphrase`, `syncd key recovery`.")


@device.command("approve")
@click.argument("name")
def device_approve(name: str) -> None:
    """Let a device in that joined with keys from before a revocation: look first whether you know it."""
    _, client = home_and_client()
    answer = decide(client, "approve-device", {"name": name})
    talk(f"{name_text(answer['device'])} takes part.")


@device.command("show-code")
def device_show_code() -> None:
    """Print six words: devices that print the same have seen the same journals."""
    click.echo(looking().code())
