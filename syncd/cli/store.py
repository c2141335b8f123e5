"""The stores of the vault: list them, try what they promise, give their credentials."""

from __future__ import annotations

import random
import sys
from contextlib import closing
from dataclasses import asdict

import click

from syncd.api.client import Client
from syncd.cli.session import home_and_client
from syncd.cli.show import echo_json, json_option, talk
from syncd.config.home import Home
from syncd.config.secrets import keep, kept, secret_of
from syncd.config.settings import StoreSetting, load
from syncd.errors import ObjectMissing, StoreForeign, UsageError


@click.group()
def store() -> None:
    """List stores, try what they promise, give their credentials."""


@store.command("list")
@json_option
def store_list(as_json: bool) -> int:
    """List the stores, and whether each answers."""
    from syncd.cli.session import reading
    from syncd.engine.report import store_fields

    with reading() as vault:
        found = [store_fields(vault)]
    if as_json:
        echo_json(found)
    for item in () if as_json else found:
        said = f"answers in {item['latency_ms']:.0f} ms" if item["healthy"] else "does not answer"
        click.echo(f"{item['name']:12}  {item['url']}  {said}")
    return 0 if all(item["healthy"] for item in found) else 1


@store.command("test")
@click.argument("name", required=False)
@json_option
def store_test(name: str | None, as_json: bool) -> int:
    """Try what a store promises: puts, gets, ranges, listings, a race of sixteen, the largest object, deletions."""
    from syncd.engine.stores import open_setting
    from syncd.store.probe import Check, probe

    home, _ = home_and_client()
    setting = _setting(home, name)
    found: list[Check] = []
    with closing(open_setting(home, setting)) as opened:
        for check in probe(opened, random.SystemRandom()):
            found.append(check)
            if not as_json:
                mark = "ok" if check.fine else "FAILS"
                click.echo(f"{mark:6} {check.what:15} {check.seconds * 1000:7.0f} ms  {check.said}")
    if as_json:
        echo_json([asdict(check) for check in found])
    return 0 if all(check.fine for check in found) else 1


@store.command("login")
@click.argument("name", required=False)
def store_login(name: str | None) -> None:
    """Give a store's credentials anew: asked for on a terminal, else taken from the environment."""
    from syncd.engine.stores import from_environment
    from syncd.store.registry import kind_of, open_store

    home, client = home_and_client()
    setting = _setting(home, name)
    kind = kind_of(setting.url)
    if kind is None or not kind.secrets:
        raise UsageError(f"the store {setting.name} needs no credentials")
    given = ask_for_secrets(setting, kept(home.keys, setting.name)) if _at_a_terminal() else from_environment(setting)
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
    _restart(home, client)


def _restart(home: Home, client: Client) -> None:
    """Let a running agent take what is new."""
    from syncd.cli.agent import start_agent, stop_agent

    if client.running():
        stop_agent(home, client)
        start_agent(home, client)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _setting(home: Home, name: str | None) -> StoreSetting:
    settings = load(home.config)
    for setting in settings.stores:
        if name in (None, setting.name):
            return setting
    known = ", ".join(setting.name for setting in settings.stores)
    raise UsageError(f"there is no store {name}", hint=f"There is {known}.")


def ask_for_secrets(setting: StoreSetting, known: dict[str, str]) -> dict[str, str]:
    """Ask a person for the secrets of a store; an empty answer leaves one as it is, or away."""
    from syncd.store.registry import kind_of

    kind = kind_of(setting.url)
    found = {}
    for wanted in kind.secrets if kind else ():
        if wanted.name in setting.secrets:
            continue
        more = "" if wanted.needed else ", if it has one"
        said = click.prompt(f"{wanted.says}{more}", hide_input=True, default="", show_default=False, err=True)
        value = said or known.get(wanted.name, "")
        if value:
            found[wanted.name] = value
    return found


def complete_secrets(home: Home, url: str) -> None:
    """Ask for what a new store needs and nobody has said yet, where there is a person to ask."""
    from syncd.engine.stores import missing_secrets

    setting = StoreSetting(name="main", url=url)
    if _at_a_terminal() and missing_secrets(home, setting):
        home.make()
        keep(home.keys, setting.name, ask_for_secrets(setting, {}))
