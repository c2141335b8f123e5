"""Looking at what lies in a store: how much of each kind, or each object, and what no record names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.given import setting_of
from syncd.cli.session import home_and_client, reading
from syncd.cli.show import echo_json, json_option, size_text, talk
from syncd.model.counted import counted

if TYPE_CHECKING:
    from syncd.engine.vault import Vault


@click.command("browse")
@click.argument("name", required=False)
@click.argument("prefix", required=False, default="")
@click.option("--orphans", is_flag=True, help="Only what no record names: left by a put that did not come to its end.")
@json_option
def store_browse(name: str | None, prefix: str, orphans: bool, as_json: bool) -> None:
    """Show what lies in a store: how much of each kind, or with PREFIX or --orphans each object."""
    from syncd.engine.stores import open_setting

    home, _ = home_and_client()
    setting = setting_of(home, name)
    with reading() as vault:
        named = _named(vault)
    with closing(open_setting(home, setting)) as store:
        rows = (
            {"name": listed.name, "size": listed.size, "what": _what(listed.name, named)}
            for listed in store.list(prefix)
        )
        if prefix or orphans:
            _print_objects([row for row in rows if not orphans or row["what"] in _LEFT], as_json)
        else:
            _print_kinds(rows, as_json)


_LEFT = ("orphan", "unknown")


def _named(vault: Vault) -> set[str]:
    """Return the names of all packs and parts that this device knows to be in use."""
    from syncd.model.location import pack_name

    packs = {pack_name(pack) for _, pack, _ in vault.state.packs.listed()}
    return packs | {pack_name(pack.pack) for _, pack in vault.state.packs.intents()}


def _what(name: str, named: set[str]) -> str:
    from syncd.store.placement import KINDS

    if not name.startswith(KINDS):
        return "unknown"
    kind = name.partition("/")[0]
    return "orphan" if kind == "pack" and name not in named else kind


def _print_objects(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['what']:10}  {size_text(row['size']):>9}  {row['name']}")
    talk(f"{counted(len(rows), 'object')}, {size_text(sum(row['size'] for row in rows))}")


def _print_kinds(rows: Iterator[dict[str, Any]], as_json: bool) -> None:
    found: dict[str, list[int]] = {}
    for row in rows:
        total = found.setdefault(row["what"], [0, 0])
        total[0] += 1
        total[1] += row["size"]
    if as_json:
        echo_json([{"what": what, "objects": count, "bytes": size} for what, (count, size) in sorted(found.items())])
        return
    for what, (count, size) in sorted(found.items()):
        click.echo(f"{what:10}  {count:8,} objects  {size_text(size):>9}")
