"""How a command reaches the vault: reading beside a running agent, or working when none runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.api.client import Client
from syncd.config.home import Home, find_home

if TYPE_CHECKING:
    from syncd.engine.vault import Vault


def home_and_client() -> tuple[Home, Client]:
    """Return this user's home and the way to its agent."""
    home = find_home()
    return home, Client(home.socket)


@contextlib.contextmanager
def reading() -> Iterator[Vault]:
    """Open the vault for reading, whether or not an agent runs."""
    from syncd.engine.vault import open_vault

    vault = open_vault(find_home(), write=False)
    try:
        yield vault
    finally:
        vault.close()


@contextlib.contextmanager
def working() -> Iterator[Vault]:
    """Open the vault for writing.

    Raises:
        Busy: an agent or another command works on it.
    """
    from syncd.engine.vault import exclusive, open_vault

    home = find_home()
    with exclusive(home):
        vault = open_vault(home, write=True)
        try:
            yield vault
        finally:
            vault.close()
