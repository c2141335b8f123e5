"""The stores of the vault: list them, try what they promise, give their credentials (cli/storeset.py changes them)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Any

import click

from syncd.cli.browse import store_browse
from syncd.cli.given import ask_for_secrets, at_a_terminal, restart, setting_of
from syncd.cli.leaving import store_remove
from syncd.cli.looking import looking
from syncd.cli.session import home_and_client
from syncd.cli.show import echo_json, json_option, size_text, talk, time_text
from syncd.cli.storeset import (
    store_add,
    store_disable,
    store_enable,
    store_set,
    tried,
    write_down,
)
from syncd.config.secrets import keep, kept, secret_of
from syncd.errors import ObjectMissing, StoreForeign, UsageError
from syncd.model.counted import counted


@click.group()
def store() -> None:
    """Add, list, try and remove the vault's stores, and give their credentials."""


@store.command("list")
@json_option
def store_list(as_json: bool) -> int:
    """List the stores, and whether each answers."""
    found = looking().status()["stores"]
    if as_json:
        echo_json(found)
    for item in () if as_json else found:
        click.echo(f"{item['name']:12}  {item['url']}  {store_text(item)}")
    return 0 if all(item["healthy"] for item in found) else 1


def store_text(item: dict[str, Any]) -> str:
    """Return how a store is, for people."""
    if item["state"] == "disabled":
        return "disabled on this device"
    if item["state"] == "shut":
        return f"takes nothing: {item['reason']}"
    if not item["healthy"]:
        return f"does not answer: {item['reason']}"
    if item["state"] == "leaving":
        return "taken away; read until the others have everything"
    said = f"answers in {item['latency_ms']:.0f} ms"
    if item["lacking_objects"]:
        return f"{said}, lacks {counted(item['lacking_objects'], 'object')} ({size_text(item['lacking_bytes'])})"
    return f"{said}, not compared yet" if item["state"] == "behind" else said


@store.command("test")
@click.argument("name", required=False)
@json_option
def store_test(name: str | None, as_json: bool) -> int:
    """Try what a store promises: puts, gets, ranges, listings, a race, the largest object, half a put, deletions."""
    from syncd.engine.stores import open_setting
    from syncd.store.probe import Check

    home, _ = home_and_client()
    setting = setting_of(home, name)
    found: list[Check] = []
    with closing(open_setting(home, setting)) as opened:
        for check in tried(home, setting, opened):
            found.append(check)
            if not as_json:
                _print_check(check.fine, check.what, check.seconds, check.said)
    write_down(home, setting.name, [asdict(check) for check in found])
    if as_json:
        echo_json([asdict(check) for check in found])
    return 0 if all(check.fine for check in found) else 1


@store.command("show")
@click.argument("name", required=False)
@json_option
def store_show(name: str | None, as_json: bool) -> int:
    """Show what is known of a store: how it is, what its kind can do, and what it was found to do when it was tried."""
    from syncd.cli.session import reading
    from syncd.engine.report import store_facts

    home, _ = home_and_client()
    setting = setting_of(home, name)
    with reading() as vault:
        found = store_facts(vault, setting.name)
    if as_json:
        echo_json(found)
        return 0 if found["healthy"] else 1
    click.echo(f"{found['name']}  {found['url']}")
    click.echo(f"  {store_text(found)}; {counted(found['objects'], 'object')}, {size_text(found['bytes'])}")
    limits = [f"quota {size_text(found['quota_bytes'])}"] if found["quota_bytes"] else []
    limits += [f"costs {found['cost']} a terabyte"] if found["cost"] else []
    if limits:
        click.echo(f"  {', '.join(limits)}")
    if found["can"]:
        click.echo(f"  its kind: {', '.join(found['can'])}")
    if not found["tried"]:
        talk("It was not tried yet: `syncd store test`.")
        return 0 if found["healthy"] else 1
    click.echo(f"  tried {time_text(int(found['tried_at'] * 1e9))}:")
    for check in found["tried"]:
        _print_check(check["fine"], check["what"], check["seconds"], check["said"])
    return 0 if found["healthy"] else 1


def _print_check(fine: bool, what: str, seconds: float, said: str) -> None:
    click.echo(f"{'ok' if fine else 'FAILS':6} {what:15} {seconds * 1000:7.0f} ms  {said}")


@store.command("login")
@click.argument("name", required=False)
def store_login(name: str | None) -> None:
    """Give a store's credentials anew: asked for on a terminal, else taken from the environment."""
    from syncd.engine.stores import from_environment
    from syncd.store.registry import kind_of, open_store

    home, client = home_and_client()
    setting = setting_of(home, name)
    kind = kind_of(setting.url)
    if kind is None or not kind.secrets:
        raise UsageError(f"the store {setting.name} needs no credentials")
    given = ask_for_secrets(setting, kept(home.keys, setting.name)) if at_a_terminal() else from_environment(setting)
    if not given:
        raise UsageError("nothing was given", hint="Run it on a terminal, or set the variables of docs/stores.md.")
    known = secret_of(setting, home.keys, {})  # what config.toml names stays where it is
    with closing(open_store(setting.url, lambda name: given.get(name) or known(name))) as opened:
        try:
            opened.get("genesis")  # not `stat`: what refuses a question without a body says no reason
        except ObjectMissing as error:
            raise StoreForeign(f"{setting.url} holds no vault") from error
    keep(home.keys, setting.name, given)
    talk(f"The store {setting.name} takes them.")
    restart(home, client)


for command in (store_add, store_remove, store_enable, store_disable, store_set, store_browse):
    store.add_command(command)
