"""Proving and diagnosing: `verify`, `doctor`, `config`, `completion`."""

from __future__ import annotations

import dataclasses
import random
import sys
import time

import click

from syncd.cli.session import reading
from syncd.cli.show import echo_json, json_option, path_text, size_text, talk
from syncd.config.home import find_home
from syncd.config.settings import dump, load


@click.command()
@click.option(
    "--read-data",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Read this share of the packs whole and compute every chunk's id again.",
)
@json_option
def verify(read_data: float, as_json: bool) -> int:
    """Prove that everything in the vault can be had; names what is damaged and the paths it hurts."""
    from syncd.engine.progress import Progress
    from syncd.engine.verify import Verifier, verdict_fields

    if read_data != read_data:  # the range lets pass what is no number
        raise click.BadParameter("is not a number", param_hint="--read-data")
    with reading() as vault:
        verdict = Verifier(vault, Progress(time.monotonic)).run(read_data, random.SystemRandom())
    if as_json:
        echo_json(verdict_fields(verdict))
    else:
        for text in verdict.objects.values():
            click.echo(f"damaged: {text}")
        for path in verdict.paths:
            click.echo(f"hurt: {path_text(path)}")
        read = f", {verdict.packs_read} read ({size_text(verdict.bytes_read)})" if read_data else ""
        talk(f"{verdict.records} records, {verdict.packs} packs{read}.")
        talk("Everything is there." if verdict.clean else f"{verdict.versions_hurt} versions are hurt.")
    return 0 if verdict.clean else 1


@click.command()
@click.option(
    "--read-data",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    default=100.0,
    show_default=True,
    help="Read this share of what each store holds; what it lacks is found without.",
)
@json_option
def repair(read_data: float, as_json: bool) -> int:
    """Bring what a store lacks, or holds damaged, from another store; says what no store has."""
    from contextlib import closing

    from syncd.engine.keeping import repair as mend
    from syncd.engine.progress import Progress
    from syncd.engine.vault import open_stores
    from syncd.engine.verify import Verifier, verdict_fields

    if read_data != read_data:
        raise click.BadParameter("is not a number", param_hint="--read-data")
    with reading() as vault:
        with closing(vault.store):
            vault.store = open_stores(vault.home, vault.settings, vault.state, vault.keys, vault.ambient, write=True)
        proven = mend(vault, read_data, random.SystemRandom())
        verdict = Verifier(vault, Progress(time.monotonic)).run(0, random.SystemRandom())
        lacking = {member.name: vault.store.owing.lacking(member.name)[0] for member in vault.store.members}
    whole = verdict.clean and not any(lacking.values()) and not proven.disputed and not proven.failed
    damaged = [{"store": store, "name": name} for store, name in proven.damaged]
    if as_json:
        echo_json({"read": proven.objects, "damaged": damaged, "lacking": lacking, "after": verdict_fields(verdict)})
    else:
        for item in damaged:
            click.echo(f"was damaged: {item['name']} on the store {item['store']}")
        for name in proven.disputed:
            click.echo(f"not mended: {name}: stores hold different bytes, and nothing tells which are right")
        for text in verdict.objects.values():
            click.echo(f"not mended: {text}")
        for path in verdict.paths:
            click.echo(f"hurt: {path_text(path)}")
        talk(f"Read {proven.objects} objects ({size_text(proven.size)}), {len(damaged)} of them damaged.")
        talk("Every store has everything." if whole else "Not all is mended.")
    return 0 if whole else 1


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
