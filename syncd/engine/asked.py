"""Which stores a rebuild reads, what they are called, and whether those were all that may know of this device.

Invariant: a journal is gone on with only by who has asked every store that may have a record of it.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace

from syncd.config.home import Home
from syncd.config.secrets import keep, kept
from syncd.config.settings import StoreSetting
from syncd.engine.stores import UNNAMED, is_same_place, note_used, open_setting
from syncd.engine.storeset import store_set
from syncd.engine.vault import Ambient
from syncd.errors import StoreError, StoreForeign, UsageError
from syncd.state.db import State
from syncd.store.member import Member, Surroundings
from syncd.store.owing import Owing
from syncd.store.placement import Rule
from syncd.store.provider import Provider
from syncd.store.replicas import Replicas

log = logging.getLogger("syncd.engine")


class NotAllAsked(Exception):
    """A store that may know more of this device's journal was not asked, or not to the end of its listing."""


def open_all(home: Home, settings: tuple[StoreSetting, ...], ambient: Ambient) -> Replicas:
    """Open the stores of a vault of which nothing is known yet.

    Raises:
        StoreForeign: none holds a vault, or they hold different ones.
        StoreError: none of them can be asked.
    """
    providers = {setting.name: open_setting(home, setting) for setting in settings if setting.enabled}
    if len(providers) == 1:
        ((name, provider),) = providers.items()
        return Replicas.alone(provider, name)
    found: dict[str, bytes] = {}
    errors: list[StoreError] = []
    for name, provider in providers.items():
        try:
            found[name] = read_genesis(provider)
        except StoreError as error:
            log.warning("the store %s is left out: %s", name, error.message)
            errors.append(error)
    if len(set(found.values())) > 1:
        raise StoreForeign(f"{' and '.join(providers[name].url for name in found)} hold different vaults")
    if not found:
        raise errors[0]
    around = Surroundings(ambient.elapsed_s, ambient.choice.random, ambient.waiting)
    genesis = next(iter(found.values()))
    return Replicas([Member(name, providers[name], around, genesis) for name in found], Rule(), Owing())


def check_all_asked(home: Home, store: Replicas) -> None:
    """See that every store that the vault is said to have was asked: other devices may have added one.

    Raises:
        NotAllAsked: one was not, or broke off.
    """
    with contextlib.closing(State(home.state, write=False)) as state:
        places = store_set(state).places
    left_out = sorted(places.keys() - {member.name for member in store.members})
    if left_out or not store.whole:
        which = ", ".join(left_out) or "one of the stores"
        raise NotAllAsked(f"{which} could not be asked for all that this device said: it goes on as a new device")


def note_stores(home: Home, store: Replicas) -> None:
    """Note in the new state which stores this device uses: what it put there it may have put there alone."""
    with contextlib.closing(State(home.state, write=True)) as state:
        note_used(state, (member.name for member in store.members if not member.name.startswith(UNNAMED)))


def name_stores(home: Home, given: tuple[StoreSetting, ...]) -> tuple[StoreSetting, ...]:
    """Return the stores that a person gave, called what the vault calls them.

    Raises:
        UsageError: the vault has several, and one that was given is none of them by its place.
    """
    if not any(setting.name.startswith(UNNAMED) for setting in given):
        return given
    with contextlib.closing(State(home.state, write=False)) as state:
        said = store_set(state)
    named = []
    for setting in given:
        if not setting.name.startswith(UNNAMED):
            named.append(setting)
            continue
        name = next((name for name, url in said.places.items() if is_same_place(url, setting.url)), None)
        if name is None and len(said.places) == 1:
            (name,) = said.places  # it is somewhere else for this computer
        if name is None and said.places:
            known = ", ".join(f"{name} ({url})" for name, url in said.places.items())
            raise UsageError(
                f"which store of the vault is {setting.url}? It has {known}",
                hint="Say its name: --store NAME=URL.",
            )
        keep(home.keys, name or "main", kept(home.keys, setting.name))
        named.append(replace(setting, name=name or "main"))
    return tuple(named)


def read_genesis(store: Provider) -> bytes:
    """Return a vault's first object.

    Raises:
        StoreForeign: there is none.
    """
    if store.stat("genesis") is None:
        raise StoreForeign(f"{store.url} holds no vault")
    return store.get("genesis")
