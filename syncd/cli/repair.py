"""`repair`: what a store lacks or holds damaged comes from another store; what no store has, from the folder."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from syncd.cli.decide import decide
from syncd.cli.session import home_and_client, reading
from syncd.cli.show import echo_json, json_option, path_text, read_data_option, size_text, talk
from syncd.model.counted import counted

if TYPE_CHECKING:
    from syncd.engine.vault import Vault
    from syncd.engine.verify import Verdict
    from syncd.store.proving import Proven

PACK = "pack/"
MOST = 10_000  # packs that are asked for at once


@dataclass(frozen=True, slots=True)
class Mended:
    """What the stores came to: what was read, what each lacks still, and packs that none of them has whole."""

    proven: Proven
    lacking: dict[str, int]
    bad: frozenset[str]
    verdict: Verdict


@click.command()
@read_data_option(100.0, "Read this share of what each store holds; what it lacks is found without.")
@json_option
def repair(read_data: float, as_json: bool) -> int:
    """Bring what a store lacks, or holds damaged, from another store or the folder; says what nobody has."""
    from syncd.engine.verify import verdict_fields

    found = _from_stores(read_data)
    verdict, chunks = found.verdict, 0
    if found.bad and verdict.versions_hurt:
        chunks = _from_folder(found.bad)
        with reading() as vault:
            verdict = _verify(vault, found.bad)
    unsure = bool(found.proven.disputed or found.proven.failed or any(found.lacking.values()))
    whole = verdict.clean and not unsure
    if as_json:
        damaged = [{"store": store, "name": name} for store, name in found.proven.damaged]
        echo_json(
            {
                "read": found.proven.objects,
                "damaged": damaged,
                "lacking": found.lacking,
                "from_folder": chunks,
                "after": verdict_fields(verdict),
            }
        )
        return 0 if whole else 1
    for store, name in found.proven.damaged:
        click.echo(f"was damaged: {name} on the store {store}")
    for name in found.proven.disputed:
        click.echo(f"not mended: {name}: stores hold different bytes, and nothing tells which are right")
    for text in verdict.objects.values():
        click.echo(f"not mended: {text}")
    for path in verdict.paths:
        click.echo(f"hurt: {path_text(path)}")
    talk(
        f"Read {counted(found.proven.objects, 'object')} ({size_text(found.proven.size)}), "
        f"{len(found.proven.damaged)} damaged."
    )
    if chunks:
        talk(f"Stored {chunks} pieces anew, from files of this folder.")
    for text in verdict.idle.values():
        talk(f"{text}; nothing needs it any more, and `syncd prune` lets it go.")
    talk("Everything can be had." if whole else "Not all is mended.")
    return 0 if whole else 1


def _from_stores(percent: float) -> Mended:
    from syncd.engine.keeping import repair as mend
    from syncd.engine.vault import open_stores

    with reading() as vault:
        with closing(vault.store):
            vault.store = open_stores(vault.home, vault.settings, vault.state, vault.keys, vault.ambient, write=True)
        proven = mend(vault, percent, random.SystemRandom())
        stores = vault.store
        still = {name for store, name in proven.damaged if len(stores.members) == 1 or stores.owing.owes(store, name)}
        verdict = _verify(vault, frozenset(still))
        lacking = {member.name: stores.owing.lacking(member.name)[0] for member in stores.members}
        bad = frozenset(name for name in verdict.objects if name.startswith(PACK))
        return Mended(proven, lacking, bad, verdict)


def _verify(vault: Vault, damaged: frozenset[str]) -> Verdict:
    from syncd.engine.progress import Progress
    from syncd.engine.verify import Verifier

    return Verifier(vault, Progress(time.monotonic), damaged).run(0, random.SystemRandom())


def _from_folder(packs: frozenset[str]) -> int:
    """Have what lies in these packs stored anew from the folder; return how many pieces that were."""
    _, client = home_and_client()
    hashes = sorted(name.rpartition("/")[2] for name in packs)
    return sum(
        int(decide(client, "mend", {"packs": hashes[at : at + MOST]})["chunks"]) for at in range(0, len(hashes), MOST)
    )
