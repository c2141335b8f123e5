"""`restore`: into the folder, or elsewhere."""

from __future__ import annotations

import base64
import os
import sys
import time
from typing import Any

import click

from syncd.api.client import Client
from syncd.cli.session import home_and_client, reading, working
from syncd.cli.show import (
    at_option,
    dry_run_option,
    echo_json,
    instant,
    json_option,
    path_text,
    size_text,
    talk,
    vault_path,
    version_option,
    yes_option,
)
from syncd.config.settings import load
from syncd.engine.picking import elsewhere, in_place
from syncd.engine.progress import Progress
from syncd.errors import AgentAbsent, UsageError
from syncd.model.counted import counted


@click.command()
@click.argument("paths", nargs=-1, required=True)
@at_option
@version_option
@click.option("--to", "target", metavar="DIR", help="Write below this directory instead of into the folder.")
@click.option("--exact", is_flag=True, help="Also remove what came since; its bytes stay in the vault.")
@dry_run_option
@yes_option
@json_option
def restore(
    paths: tuple[str, ...],
    at: str | None,
    version: str | None,
    target: str | None,
    exact: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Bring back files, directories or the whole folder (`.`), deleted ones too.

    In the folder an old version becomes the newest one and nothing is lost: what stands there is
    published first. Without --at or --version the newest version is meant.
    """
    if version is not None and (len(paths) != 1 or at is not None):
        raise UsageError("--version goes with one path and without --at")
    if target is not None:
        answer = _elsewhere(paths, instant(at), version, target, dry_run)
    else:
        if exact and not dry_run:
            _confirm_exact(paths, instant(at), version, yes)
        answer = _here(paths, instant(at), version, exact, dry_run)
    if as_json:
        echo_json(answer)
    else:
        _tell(answer, dry_run)
    return 3 if answer["failed"] else 0


def _elsewhere(
    paths: tuple[str, ...], at_ns: int | None, version: str | None, target: str, dry_run: bool
) -> dict[str, Any]:
    home, client = home_and_client()
    settings = load(home.config, home.state)
    wanted = [vault_path(settings, path) for path in paths]
    where = os.path.abspath(os.path.expanduser(target))
    try:
        return _ask_agent(client, wanted, {"at_ns": at_ns, "version": version, "to": where, "dry_run": dry_run})
    except AgentAbsent:
        with reading() as vault:
            progress = Progress(time.monotonic)
            return elsewhere(vault, wanted, where, progress, at_ns=at_ns, version=version, dry_run=dry_run)


def _here(paths: tuple[str, ...], at_ns: int | None, version: str | None, exact: bool, dry_run: bool) -> dict[str, Any]:
    home, client = home_and_client()
    settings = load(home.config, home.state)
    wanted = [vault_path(settings, path) for path in paths]
    try:
        how = {"at_ns": at_ns, "version": version, "exact": exact, "dry_run": dry_run}
        return _ask_agent(client, wanted, how)
    except AgentAbsent:
        with working() as vault:
            progress = Progress(time.monotonic)
            return in_place(vault, wanted, progress, at_ns=at_ns, version=version, exact=exact, dry_run=dry_run)


def _ask_agent(client: Client, wanted: list[bytes], how: dict[str, Any]) -> dict[str, Any]:
    body = {"paths_b64": [base64.b64encode(path).decode() for path in wanted], **how}
    answer: dict[str, Any] = client.call("POST", "/v1/restores", body, timeout=None)
    return answer


def _confirm_exact(paths: tuple[str, ...], at_ns: int | None, version: str | None, yes: bool) -> None:
    """Ask before anything is removed.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return
    preview = _here(paths, at_ns, version, True, True)
    if not preview["removed"]:
        return
    for item in preview["removed"][:20]:
        talk(f"would remove {path_text(item['path'].encode())}")
    if not sys.stdin.isatty():
        raise UsageError(
            f"--exact would remove {counted(len(preview['removed']), 'entry', 'entries')}",
            hint="Add --yes to allow it.",
        )
    click.confirm(
        f"Remove {counted(len(preview['removed']), 'entry', 'entries')}? Their versions stay in the vault",
        abort=True,
        err=True,
    )


def _tell(answer: dict[str, Any], dry_run: bool) -> None:
    verb = "Would restore" if dry_run else "Restored"
    if dry_run:
        for item in answer["placed"]:
            click.echo(path_text(item["path"].encode()))
        for item in answer["removed"]:
            click.echo(f"remove {path_text(item['path'].encode())}")
        talk(f"{verb} {counted(len(answer['placed']), 'entry', 'entries')}.")
    else:
        talk(
            f"{verb} {counted(answer['files'], 'file')}, {size_text(answer['bytes'])}; "
            f"{answer['unchanged']} were as wanted."
        )
    if not (answer["files"] or answer["unchanged"] or answer["placed"] or answer["failed"]):
        talk("Deleted files come back by their own name, or with --at WHEN; `syncd ls -R --deleted` lists them.")
    for item in answer["placed"]:
        if " (restored " in item["path"]:
            talk(f"its name is taken, so it is called: {path_text(item['path'].encode())}")
    if answer["removed"] and not dry_run:
        talk(f"Removed {counted(len(answer['removed']), 'entry', 'entries')}; their versions stay in the vault.")
    for item in answer["failed"]:
        talk(f"not restored: {path_text(item['path'].encode())}: {item['reason']}")
