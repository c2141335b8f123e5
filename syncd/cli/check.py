"""Proving and diagnosing: `verify`, `doctor`, `config`, `completion`."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sys
import time
from typing import Any

import click

from syncd.api.client import Client
from syncd.cli.session import home_and_client, reading, working
from syncd.cli.show import echo_json, json_option, path_text, read_data_option, size_text, talk
from syncd.config.home import find_home
from syncd.config.settings import dump, load
from syncd.errors import AgentAbsent, Busy, Failed
from syncd.model.counted import counted
from syncd.model.path import path_bytes

POLL_S = 0.1


@click.command()
@read_data_option(0.0, "Read this share of the packs whole and compute every chunk's id again.")
@json_option
def verify(read_data: float, as_json: bool) -> int:
    """Prove that everything in the vault can be had; names what is damaged and the paths it hurts."""
    _, client = home_and_client()
    try:
        found = _verified_there(client, read_data)
    except AgentAbsent:
        found = _verified_here(read_data)
    if as_json:
        echo_json(found)
    else:
        for item in found["objects"]:
            click.echo(f"damaged: {item['problem']}")
        for path in found["paths"]:
            click.echo(f"hurt: {path_text(path_bytes(path))}")
        read = f", {found['packs_read']} read ({size_text(found['bytes_read'])})" if read_data else ""
        talk(f"{counted(found['records'], 'record')}, {counted(found['packs'], 'pack')}{read}.")
        for name in found["idle"]:
            talk(f"{name} is damaged, and nothing needs it any more: `syncd prune` lets it go.")
        talk("Everything is there." if found["clean"] else f"Hurt: {counted(found['versions_hurt'], 'version')}.")
    return 0 if found["clean"] else 1


def _verified_there(client: Client, percent: float) -> dict[str, Any]:
    """Have the agent verify, and wait until it has.

    Raises:
        AgentAbsent: none runs.
        Failed: it could not.
    """
    operation = client.call("POST", "/v1/verify", {"read_percent": percent}, timeout=None)
    while operation["ended_ns"] is None:
        time.sleep(POLL_S)
        operation = client.call("GET", f"/v1/operations/{operation['id']}")
    if operation["result"] is None:
        raise Failed(operation["note"], hint=operation["hint"])
    found: dict[str, Any] = operation["result"]
    return found


def _verified_here(percent: float) -> dict[str, Any]:
    from syncd.engine.progress import Progress
    from syncd.engine.verify import Verifier, note_verified, verdict_fields

    with reading() as vault:
        verdict = Verifier(vault, Progress(time.monotonic)).run(percent, random.SystemRandom())
    if verdict.clean:
        with contextlib.suppress(Busy), working() as vault:  # an agent began meanwhile: the next time it is noted
            note_verified(vault)
    return verdict_fields(verdict)


@click.command()
@click.option("--bundle", metavar="FILE", help="Also write a ZIP file for whoever helps you.")
@json_option
def doctor(bundle: str | None, as_json: bool) -> int:
    """Look for what is wrong on this computer and say what to do."""
    from syncd.cli.examine import examine

    home = find_home()
    findings = examine(home)
    if bundle is not None:
        from syncd.cli.bundle import write_bundle

        write_bundle(home, findings, bundle)
        talk(f"Wrote {bundle}. Look into it before you give it away.")
    if as_json:
        echo_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.fine else 'BAD '} {finding.what}: {finding.said}")
            if finding.todo:
                click.echo(f"     {finding.todo}")
    return 0 if all(finding.fine for finding in findings) else 1


@click.group()
def config() -> None:
    """Check, show or locate the settings."""


@config.command()
def check() -> None:
    """Read config.toml and say whether it is right."""
    home = find_home()
    load(home.config)
    talk(f"{home.config} is right.")


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Print the settings in force."""
    settings = load(find_home().config)
    if as_json:
        echo_json(dataclasses.asdict(settings))
    else:
        click.echo(dump(settings), nl=False)


@config.command()
def path() -> None:
    """Print where config.toml is."""
    click.echo(str(find_home().config))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print shell completion: eval "$(syncd completion bash)"."""
    from click.shell_completion import get_completion_class

    from syncd.cli.main import cli

    maker = get_completion_class(shell)
    if maker is None:  # pragma: no cover - the choice above names only shells that click knows
        sys.exit(1)
    click.echo(maker(cli, {}, "syncd", "_SYNCD_COMPLETE").source())
