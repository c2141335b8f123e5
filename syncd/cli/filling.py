"""Waiting until a store has everything, saying now and then how much is still to come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.api.client import Client
from syncd.cli.show import size_text, talk
from syncd.config.home import Home
from syncd.errors import Failed
from syncd.model.counted import counted

if TYPE_CHECKING:
    from syncd.store.replicas import Replicas

_SAY_S = 5.0


def wait_for(home: Home, client: Client, name: str) -> None:
    """Return when a store has everything: the agent sees to it, or this process where none runs."""
    if client.running():
        until(lambda: _lacking_there(client, name))
    else:
        from syncd.cli.session import working
        from syncd.engine.keeping import catch_up

        with working() as vault, saying(vault.store, [name]) as beat:
            catch_up(vault, beat)
            lacking, _ = vault.store.owing.lacking(name)
            if lacking:
                raise Failed(f"{name} still lacks {counted(lacking, 'object')}", hint="`syncd store list` says why.")
    talk(f"{name} has everything.")


def _lacking_there(client: Client, name: str) -> tuple[int, int, str]:
    for store in client.call("GET", "/v1/status")["stores"]:
        if store["name"] == name:
            if not store["healthy"]:
                raise Failed(store["reason"], hint=store["hint"] or "It goes on when the store is back.")
            unknown = store["state"] != "complete"
            return store["lacking_objects"] + unknown, store["lacking_bytes"], store["state"]
    return 1, 0, "unknown"


def until(lacking: Callable[[], tuple[int, int, str]]) -> None:
    """Return when nothing is lacking any more: `lacking` tells objects, their bytes, and a word."""
    said = time.monotonic()
    while True:
        objects, size, _ = lacking()
        if not objects:
            return
        if time.monotonic() - said > _SAY_S:
            talk(f"{counted(objects, 'object')} to go, {size_text(size)}")
            said = time.monotonic()
        time.sleep(0.2)


@contextmanager
def saying(stores: Replicas, names: list[str]) -> Iterator[Callable[[], None]]:
    """Yield what is called between two objects, and now and then says how many are still to go."""
    said = time.monotonic()

    def beat() -> None:
        nonlocal said
        if time.monotonic() - said > _SAY_S:
            said = time.monotonic()
            found = [stores.owing.lacking(name) for name in names]
            talk(f"{counted(sum(n for n, _ in found), 'object')} to go, {size_text(sum(size for _, size in found))}")

    yield beat
