"""What people give about stores: places and names, secrets where they are asked; and an agent that takes them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from syncd.api.client import Client
from syncd.config.home import Home
from syncd.config.secrets import keep
from syncd.config.settings import STORE_NAME, StoreSetting, load
from syncd.errors import UsageError

if TYPE_CHECKING:
    from syncd.engine.storeset import StoreSet


def restart(home: Home, client: Client) -> None:
    """Let a running agent take what is new."""
    from syncd.cli.agent import start_agent, stop_agent

    if client.running():
        stop_agent(home, client)
        start_agent(home, client)


def at_a_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty()


def setting_of(home: Home, name: str | None) -> StoreSetting:
    """Return a store by its name; None for the first.

    Raises:
        UsageError: there is no such store.
    """
    settings, _ = stores_of(home)
    for setting in settings:
        if name in (None, setting.name):
            return setting
    known = ", ".join(setting.name for setting in settings)
    raise UsageError(f"there is no store {name}", hint=f"There is {known}.")


def stores_of(home: Home) -> tuple[tuple[StoreSetting, ...], StoreSet]:
    """Return the stores of the vault as this device finds them, and what all devices said of them."""
    from syncd.engine.stores import settings_of
    from syncd.engine.storeset import store_set
    from syncd.state.db import State

    settings = load(home.config)
    with contextlib.closing(State(home.state, write=False)) as state:
        said = store_set(state)
    return settings_of(settings.stores, said), said


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


def given_stores(given: tuple[str, ...]) -> tuple[StoreSetting, ...]:
    """Return the stores that a person gave, as URL or NAME=URL; those without a name are `?1`, `?2`, ...

    Raises:
        UsageError: a name is none, or two are one.
    """
    found = []
    for at, text in enumerate(given, 1):
        name, url = _parted(text)
        place = url if "://" in url else os.path.abspath(os.path.expanduser(url))
        found.append(StoreSetting(name=name or f"?{at}", url=place))
    if len({setting.name for setting in found}) < len(found):
        raise UsageError("two stores have one name")
    return tuple(found)


def _parted(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if equals and STORE_NAME.fullmatch(name) and not os.path.exists(text):
        return name, url
    return "", text


def complete_secrets(home: Home, setting: StoreSetting) -> None:
    """Ask for what a new store needs and nobody has said yet, where there is a person to ask."""
    from syncd.engine.stores import missing_secrets

    if at_a_terminal() and missing_secrets(home, setting):
        home.make()
        keep(home.keys, setting.name, ask_for_secrets(setting, {}))
