"""Changing which stores the vault has: add, remove, enable, disable, set.

What is said of the set is said to all devices. A new store is tried before anything is said of it; one that goes is
read until the others have everything, by every device that has used it.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.decide import decide
from syncd.cli.filling import wait_for
from syncd.cli.given import complete_secrets, given_stores, restart, setting_of, stores_of
from syncd.cli.session import home_and_client, reading
from syncd.cli.show import talk
from syncd.config.home import Home
from syncd.config.settings import STORE_NAME, StoreSetting, load, save
from syncd.errors import Failed, ObjectMissing, StoreForeign, UsageError

if TYPE_CHECKING:
    from syncd.store.probe import Check
    from syncd.store.provider import Provider

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?")
COST_HELP = "What a terabyte costs there, in any unit that is one for all stores: where not all take a pack."


def _size(text: str) -> int:
    """Return a size in bytes: `500GB`, `1.5T`; 0 for no limit."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text!r} is no size", hint="Write 500GB, or 0 for no limit.")
    return int(float(found[1]) * _UNITS[found[2]])


@click.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--quota", metavar="SIZE", help="Keep no more than this there: 500GB.")
@click.option("--cost", type=click.IntRange(min=0), metavar="PRICE", help=COST_HELP)
@click.option("--commit", type=int, metavar="W", help="A change is safe on so many stores.")
@click.option("--no-wait", is_flag=True, help="Return before the store has everything.")
def store_add(name: str, url: str, quota: str | None, cost: int | None, commit: int | None, no_wait: bool) -> None:
    """Add a store: it is tried, said to all devices, and filled with what it shall have.

    A name that the vault has already, and another place: where this device finds that store.
    """
    home, client = home_and_client()
    if not STORE_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a store", hint="Use letters, digits, dots and dashes.")
    (place,) = given_stores((f"{name}={url}",))
    _, said = stores_of(home)
    limits = {} if quota is None else {name: _size(quota)}
    _check_rule(len({*said.places, name}), commit)
    complete_secrets(home, place)
    found = _try(home, place, known=name in said.places)
    _write(home, place)
    _keep_secrets(home, place)
    is_new = name not in said.places
    _tell_of_quota(said.rule.copies, limits)
    places = {name: place.url} if is_new else {}
    costs = {} if cost is None else {name: cost}
    body: dict[str, Any] = {"places": places, "quotas": limits, "costs": costs, "commit": commit}
    decide(client, "stores", body)
    write_down(home, name, found)
    gets = "its share of new packs, and all else" if said.rule.copies else "all that the vault has"
    talk(f"Added {name}. It gets {gets}." if is_new else f"This device finds {name} at {place.url} now.")
    if not no_wait:
        wait_for(home, client, name)


def _check_rule(stores: int, commit: int | None) -> None:
    if commit is not None and not 1 <= commit <= stores:
        raise UsageError(f"a change cannot be on {commit} of {stores} stores")


def _try(home: Home, setting: StoreSetting, *, known: bool) -> list[dict[str, Any]]:
    """Make a place for a store and see whether it does what it says.

    Raises:
        UsageError: it lies in the folder, or a secret is missing.
        StoreForeign: it holds another vault.
        Failed: it does not keep a promise.
    """
    from syncd.engine.founding import check_store_place
    from syncd.engine.stores import missing_secrets, open_setting

    check_store_place(load(home.config).folder, setting.url)
    missing = missing_secrets(home, setting)
    if missing:
        wanted = ", ".join(missing)
        raise UsageError(f"{setting.url} needs {wanted}", hint="Run it on a terminal, or see docs/stores.md.")
    with closing(open_setting(home, setting)) as store:
        _check_vault(home, store, known=known)
        store.create()
        found = []
        for check in tried(home, setting, store):
            if not check.fine:
                raise Failed(
                    f"{store.url} cannot be a store: {check.what}: {check.said}",
                    hint="`syncd store test` tries it again. Nothing was added to the vault.",
                )
            found.append(asdict(check))
    return found


def tried(home: Home, setting: StoreSetting, store: Provider) -> Iterator[Check]:
    """Yield what a store is found to do."""
    from syncd.engine.stores import known_secrets
    from syncd.store.abort import aborting
    from syncd.store.probe import probe

    yield from probe(store, random.SystemRandom(), abort=aborting(setting.url, known_secrets(home, setting)))


def _check_vault(home: Home, store: Provider, *, known: bool) -> None:
    from syncd.errors import StoreGone
    from syncd.seal.epochs import vault_id_of

    try:
        there = vault_id_of(store.get("genesis"))
    except (ObjectMissing, StoreGone):
        return  # nothing is there yet; what cannot be reached says so when its place is made
    with reading() as vault:
        if there != vault.keys.vault:
            raise StoreForeign(f"{store.url} holds another vault", hint="Choose another place.")


def _keep_secrets(home: Home, setting: StoreSetting) -> None:
    from syncd.engine.stores import keep_secrets

    keep_secrets(home, setting)


def _write(home: Home, setting: StoreSetting) -> None:
    """Put a store into the settings, in the place of one of its name."""
    settings = load(home.config)
    stores = {one.name: one for one in settings.stores} | {setting.name: setting}
    save(replace(settings, stores=tuple(stores.values())), home.config)


def write_down(home: Home, name: str, found: list[dict[str, Any]]) -> None:
    """Keep what a store was found to do."""
    import json

    from syncd.store.owing import FILE, Owing

    with closing(Owing(home.state / FILE)) as owing:
        owing.write_down(name, json.dumps({"at": time.time(), "found": found}))


# -- using one here, or not -----------------------------------------------------------------------


@click.command("enable")
@click.argument("name")
def store_enable(name: str) -> None:
    """Use a store on this device again."""
    _use(name, True)


@click.command("disable")
@click.argument("name")
def store_disable(name: str) -> None:
    """Do not use a store on this device for now; it gets what it misses once it is enabled."""
    _use(name, False)


def _use(name: str, enabled: bool) -> None:
    home, client = home_and_client()
    setting = setting_of(home, name)
    settings, _ = stores_of(home)
    if not enabled and not [one for one in settings if one.enabled and one.name != name]:
        raise UsageError(f"{name} is the only store that this device uses")
    _write(home, replace(setting, enabled=enabled))
    restart(home, client)
    talk(f"{name} is {'used' if enabled else 'not used'} on this device.")


@click.command("set")
@click.option("--copies", type=int, metavar="N", help="Keep each pack on so many stores; 0 for all.")
@click.option("--commit", type=int, metavar="W", help="A change is safe on so many stores.")
@click.option("--quota", multiple=True, metavar="NAME=SIZE", help="Keep no more than this there; 0 for no limit.")
@click.option("--cost", multiple=True, metavar="NAME=PRICE", help=COST_HELP)
def store_set(copies: int | None, commit: int | None, quota: tuple[str, ...], cost: tuple[str, ...]) -> None:
    """Say how many stores take what, for all devices."""
    home, client = home_and_client()
    settings, said = stores_of(home)
    known = {one.name for one in settings}
    limits = {name: _size(size) for name, size in _by_store(quota, known)}
    costs = {name: _price(price) for name, price in _by_store(cost, known)}
    _check_rule(len(known), commit)
    if copies is not None and copies and not max(1, commit or said.rule.commit) <= copies <= len(known):
        raise UsageError(
            f"a pack cannot be on {copies} of {len(known)} stores, where changes have to be on "
            f"{commit or said.rule.commit}"
        )
    if copies is None and commit is None and not limits and not costs:
        raise UsageError("nothing to set", hint="See `syncd store set --help`.")
    decide(client, "stores", {"copies": copies, "commit": commit, "quotas": limits, "costs": costs})
    wanted = said.rule.copies if copies is None else copies
    _tell_of_quota(wanted, limits)
    where = f"{wanted} stores" if wanted else "all stores"
    talk(f"Each pack goes to {where}; a change is safe on {commit or said.rule.commit}.")


def _tell_of_quota(copies: int, limits: dict[str, int]) -> None:
    if any(limits.values()) and not copies:
        talk("Each store gets everything, so no limit counts. Let each pack go to fewer: `syncd store set --copies N`.")


def _by_store(given: tuple[str, ...], known: set[str]) -> Iterator[tuple[str, str]]:
    for text in given:
        name, _, value = text.partition("=")
        if name not in known:
            raise UsageError(f"there is no store {name}", hint=f"There is {', '.join(sorted(known))}.")
        yield name, value


def _price(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no price", hint="Write a whole number, or 0 where it is not known.")
    return int(text)
