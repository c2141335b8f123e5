"""What the vault keeps, and letting go of the rest: `retention`, `prune`."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import click

from syncd.cli.decide import decide
from syncd.cli.looking import looking
from syncd.cli.session import home_and_client
from syncd.cli.show import (
    dry_run_option,
    echo_json,
    json_option,
    path_text,
    size_text,
    talk,
    time_json,
    time_text,
    vault_path,
)
from syncd.errors import AgentAbsent, UsageError
from syncd.model.counted import counted
from syncd.model.path import path_bytes, path_fields
from syncd.retention.policy import KINDS, MOST

_SAYS = {
    "within": "Whatever stood in the last N days.",
    "last": "The N newest old versions of each file.",
    "hourly": "What stood as each of the last N hours began.",
    "daily": "What stood as each of the last N days began.",
    "weekly": "The same for weeks, which begin on Mondays.",
    "monthly": "The same for months.",
    "yearly": "The same for years.",
}


@click.group()
def retention() -> None:
    """Say which old versions are kept; without a rule all are, for ever."""


@retention.command("show")
@json_option
def retention_show(as_json: bool) -> None:
    """Show the rules in force."""
    policy = looking().policy()
    if as_json:
        echo_json(policy)
    else:
        _print_policy(policy)


def _print_policy(policy: dict[str, Any]) -> None:
    if not policy["rules"]:
        click.echo("Everything is kept, for ever.")
    for path in dict.fromkeys(map(path_bytes, policy["rules"])):
        rules = [f"{rule['keep']} {rule['count']}" for rule in policy["rules"] if path_bytes(rule) == path]
        click.echo(f"{path_text(path) or '.'}: {', '.join(rules)}")
    if policy["undeletable_days"]:
        click.echo(f"Nothing goes within {policy['undeletable_days']} days after it came, whatever the rules say.")


def _rule_options(command: Callable[..., None]) -> Callable[..., None]:
    for kind in reversed(KINDS):
        command = click.option(f"--{kind}", type=click.IntRange(0, MOST), metavar="N", help=_SAYS[kind])(command)
    return command


@retention.command("set")
@click.option("--path", metavar="PATH", default=".", show_default=True, help="For what stands at or below PATH.")
@_rule_options
@click.option("--undeletable", type=click.IntRange(0, 36_500), metavar="DAYS", help="Let nothing younger go.")
def retention_set(path: str, undeletable: int | None, **counts: int | None) -> None:
    """Keep, of old versions at or below PATH, those that any of these rules names; what stands now is always kept.

    It replaces the rules of PATH, for all devices. Nothing is deleted before `syncd prune`, or the agent, looks.
    """
    look = looking()
    wanted = vault_path(look.settings, path)
    rules = [(kind, count) for kind, count in counts.items() if count is not None]
    if not rules and undeletable is None:
        raise UsageError("nothing to set", hint="As: syncd retention set --within 30 --weekly 52")
    policy = look.policy()
    if rules:
        policy = _with(policy, wanted, rules)
    if undeletable is not None:
        policy["undeletable_days"] = undeletable
    _say(policy)


def _with(policy: dict[str, Any], path: bytes, rules: list[tuple[str, int]]) -> dict[str, Any]:
    """Return a policy with other rules for one path."""
    others = [rule for rule in policy["rules"] if path_bytes(rule) != path]
    return {**policy, "rules": [*others, *({**path_fields(path), "keep": kind, "count": n} for kind, n in rules)]}


def _say(policy: dict[str, Any]) -> None:
    _, client = home_and_client()
    rules = [
        {
            "path_b64": base64.b64encode(path_bytes(rule)).decode(),
            "keep": rule["keep"],
            "count": rule["count"],
        }
        for rule in policy["rules"]
    ]
    decide(client, "retention", {"rules": rules, "undeletable_days": policy["undeletable_days"]})
    _print_policy(policy)


@retention.command("clear")
@click.option("--path", metavar="PATH", default=".", show_default=True, help="Of what stands at or below PATH.")
def retention_clear(path: str) -> None:
    """Take back the rules of PATH: where no other rule reaches, everything is kept from now on."""
    look = looking()
    wanted = vault_path(look.settings, path)
    policy = look.policy()
    if wanted not in map(path_bytes, policy["rules"]):
        raise UsageError(f"{path_text(wanted) or '.'} has no rules", hint="`syncd retention show` lists them.")
    _say(_with(policy, wanted, []))


@retention.command("test")
@click.argument("path")
@json_option
def retention_test(path: str, as_json: bool) -> None:
    """Show for each version of PATH which rule keeps it, or that it would go."""
    look = looking()
    found = look.kept(vault_path(look.settings, path))
    if as_json:
        for version in found:
            version["recorded_at"] = time_json(version.pop("recorded_ns"))
        echo_json(found)
        return
    for version in found:
        when = time_text(version["recorded_ns"])
        click.echo(f"{version['version_id']:<14} {when}  {size_text(version['size']):>10}  {version['why'] or 'GOES'}")


@click.command()
@dry_run_option
@json_option
def prune(dry_run: bool, as_json: bool) -> int:
    """Let go of the versions that no rule keeps, and give back their space.

    What is to go is condemned first; it is deleted once every device has let it go, and a day has passed.
    """
    _, client = home_and_client()
    try:
        found = client.call("POST", "/v1/prune", {"dry_run": dry_run}, timeout=None)
    except AgentAbsent:
        found = _prune_here(dry_run)
    if as_json:
        echo_json(found)
        return 0
    dropped, size = found["dropped_versions"], size_text(found["dropped_bytes"])
    click.echo(f"Of old versions {sum(found['kept'].values()):,} stay and {dropped:,} go ({size}).")
    verb = "Would condemn" if dry_run else "Condemned"
    if found["orphans"]:
        talk(f"{counted(found['orphans'], 'pack')} that nothing names: to go, too.")
    if found["condemned_packs"] or found["repacked_packs"]:
        packs = f"{counted(found['condemned_packs'], 'pack')}, and {found['repacked_packs']:,} that are stored anew"
        click.echo(f"{verb} {packs}: {size_text(found['will_free_bytes'])} to come free.")
    if found["deleted_packs"]:
        click.echo(f"Deleted {counted(found['deleted_packs'], 'pack')}, {size_text(found['deleted_bytes'])}.")
    for case in found["waiting"]:
        whom = ", ".join(case["for"]) or "a day to pass"
        talk(f"{case['packs']:,} condemned packs wait for {whom}.")
    if found["held_by"]:
        names = ", ".join(found["held_by"])
        talk(f"Nothing is deleted while a store is disabled on this device: {names}. `syncd store enable NAME`.")
    return 0


def _prune_here(dry_run: bool) -> dict[str, Any]:
    from syncd.cli.session import reading, working
    from syncd.engine.progress import Progress
    from syncd.engine.pruning import prune as do
    from syncd.engine.pruning import would_prune

    if dry_run:
        with reading() as vault:
            return would_prune(vault, Progress(time.monotonic)).fields()
    with working() as vault:
        return do(vault, Progress(time.monotonic)).fields()
