"""Taking a store away: drained first and read to its end, or given up for lost with what only it had."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from syncd.api.client import Client
from syncd.cli.decide import decide
from syncd.cli.filling import saying, until
from syncd.cli.given import setting_of, stores_of
from syncd.cli.session import home_and_client, reading
from syncd.cli.show import size_text, talk, yes_option
from syncd.config.home import Home
from syncd.config.settings import StoreSetting
from syncd.errors import Failed, UsageError

if TYPE_CHECKING:
    from syncd.engine.vault import Vault


@click.command("remove")
@click.argument("name")
@click.option("--lost", is_flag=True, help="It is gone for good: do not read it. What only it had is told first.")
@yes_option
def store_remove(name: str, lost: bool, yes: bool) -> None:
    """Take a store away, once the others have everything. What lies in it stays there, and is yours to delete."""
    home, client = home_and_client()
    settings, said = stores_of(home)
    leaves_already = name in said.removed - said.lost and name in said.left  # and may never come to its end
    setting = StoreSetting(name=name, url=said.left[name]) if lost and leaves_already else setting_of(home, name)
    if len([one for one in settings if one.enabled and one.name != name]) < max(1, said.rule.commit):
        raise UsageError(
            f"without {name} there are fewer stores than a change has to be on ({said.rule.commit})",
            hint="Add another one first, or `syncd store set --commit 1`.",
        )
    if not (setting.enabled or lost):
        raise UsageError(
            f"{name} is disabled on this device, so what only it has would not be brought to the others",
            hint=f"Enable it first: `syncd store enable {name}`; or, if it is gone for good, add --lost.",
        )
    if lost:
        _tell_lost(home, name)
    if not yes and not click.confirm(f"Take {name} ({setting.url}) away from all devices?", err=True):
        raise UsageError("nothing was changed")
    if not lost:
        with reading() as vault:
            _drain(vault, name)
    decide(client, "stores", {"places": {name: ""}, "lost": [name] if lost else []})
    if not lost:
        _wait_until_left(client, name)
    talk(f"{name} is no store of the vault any more. What lies there stays until you delete it.")


def _tell_lost(home: Home, name: str) -> None:
    """Say what is lost with a store.

    Raises:
        StoreError: another store cannot be asked.
    """
    from syncd.engine.keeping import only_on

    with reading() as vault:
        found = only_on(vault, name)
    if not found:
        talk(f"The other stores have all that this device put on {name}, or are known to have.")
        return
    size = sum(listed.size for listed in found)
    records = sum(listed.name.startswith("record/") for listed in found)
    talk(f"{len(found)} objects ({size_text(size)}) are on {name} alone, and are lost with it; {records} are records.")
    talk("`syncd verify` names the files that this hurts, and `syncd repair` what of them can be read here still.")


def _wait_until_left(client: Client, name: str) -> None:
    """Return when this device reads a store no more: what was put while it was emptied has been brought, too."""
    if client.running():
        until(lambda: _leaves_still(client, name))
        return
    from syncd.cli.session import working
    from syncd.engine.keeping import catch_up, use_stores

    with working() as vault:
        catch_up(vault)
        use_stores(vault)
        if vault.store.member(name) is not None:
            raise Failed(
                f"{name} is taken away, but the others do not have everything yet",
                hint="It is read until they do; `syncd store list` says what is wrong.",
            )


def _leaves_still(client: Client, name: str) -> tuple[int, int, str]:
    for store in client.call("GET", "/v1/status")["stores"]:
        if store["name"] == name:
            if not store["healthy"]:
                raise Failed(
                    f"{name} is taken away, but cannot be read to its end: {store['reason']}",
                    hint=f"It goes on when it is back. If that is never: `syncd store remove {name} --lost`.",
                )
            return 1, 0, store["state"]
    return 0, 0, ""


def _drain(vault: Vault, name: str) -> None:
    """Bring to the others all that only a store that goes has.

    Raises:
        Failed: they could not take it all.
    """
    from syncd.engine.vault import open_stores
    from syncd.store.catchup import CatchUp

    with closing(open_stores(vault.home, vault.settings, vault.state, vault.keys, vault.ambient, write=True)) as stores:
        member = stores.member(name)
        if member is None or len(stores.members) < 2:
            return
        member.leaving = True
        names = [one.name for one in stores.staying]
        with saying(stores, names) as beat:
            work = CatchUp(stores, time.time, beat)
            found = work.compare()
            if found.failed:
                store, error = next(iter(found.failed.items()))
                hint = f"If it is gone for good: `syncd store remove {name} --lost`." if store == name else error.hint
                raise Failed(f"{store} could not be listed: {error.message}", hint=hint)
            more = True
            while more:
                more = sum(work.fill(one, 64) for one in stores.staying) > 0
        lacking = {name: stores.owing.lacking(name)[0] for name in names}
    if any(lacking.values()):
        text = ", ".join(f"{name} {count}" for name, count in lacking.items() if count)
        raise Failed(f"the others do not have everything yet: {text} objects", hint="Nothing was removed; try again.")
