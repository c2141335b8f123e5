"""Opening the stores that the settings name, with the secrets that this device has for them."""

from __future__ import annotations

from syncd.config.home import Home
from syncd.config.secrets import keep, secret_of
from syncd.config.settings import StoreSetting
from syncd.store.provider import Provider
from syncd.store.registry import kind_of, open_store


def open_setting(home: Home, setting: StoreSetting) -> Provider:
    """Return the provider of a store; nothing is contacted yet.

    Raises:
        UsageError: its URL is wrong, or a secret is missing.
        Locked: a secret is not where it should be.
    """
    kind = kind_of(setting.url)
    variables = {wanted.name: wanted.variable for wanted in kind.secrets} if kind else {}
    return open_store(setting.url, secret_of(setting, home.keys, variables))


def keep_secrets(home: Home, setting: StoreSetting) -> None:
    """Keep what the environment said of a store's secrets: the agent may be started by something that has none."""
    kind = kind_of(setting.url)
    if kind is None:
        return
    variables = {wanted.name: wanted.variable for wanted in kind.secrets}
    secret = secret_of(setting, home.keys, variables)
    found = {wanted.name: secret(wanted.name) for wanted in kind.secrets if wanted.name not in setting.secrets}
    keep(home.keys, setting.name, {name: value for name, value in found.items() if value})
