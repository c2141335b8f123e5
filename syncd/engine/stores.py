"""Opening the stores that the settings name, with the secrets that this device has for them."""

from __future__ import annotations

from collections.abc import Callable

from syncd.config.home import Home
from syncd.config.secrets import in_environment, keep, secret_of
from syncd.config.settings import StoreSetting
from syncd.store.provider import Provider
from syncd.store.registry import Wanted, kind_of, open_store


def open_setting(home: Home, setting: StoreSetting) -> Provider:
    """Return the provider of a store; nothing is contacted yet.

    Raises:
        UsageError: its URL is wrong, or a secret is missing.
        Locked: a secret is not where it should be.
    """
    return open_store(setting.url, _secret(home, setting))


def _secret(home: Home, setting: StoreSetting) -> Callable[[str], str | None]:
    return secret_of(setting, home.keys, _variables(setting))


def _wanted(setting: StoreSetting) -> tuple[Wanted, ...]:
    kind = kind_of(setting.url)
    return kind.secrets if kind else ()


def _variables(setting: StoreSetting) -> dict[str, str]:
    return {wanted.name: wanted.variable for wanted in _wanted(setting)}


def keep_secrets(home: Home, setting: StoreSetting) -> None:
    """Keep what the environment said of a store's secrets: the agent may be started by something that has none."""
    if not _wanted(setting):
        return
    secret = _secret(home, setting)
    found = {name: secret(name) for name in _variables(setting) if name not in setting.secrets}
    keep(home.keys, setting.name, {name: value for name, value in found.items() if value})


def from_environment(setting: StoreSetting) -> dict[str, str]:
    """Return what the environment says of a store's secrets."""
    found = {name: in_environment(name, variable) for name, variable in _variables(setting).items()}
    return {name: value for name, value in found.items() if value}


def missing_secrets(home: Home, setting: StoreSetting) -> list[str]:
    """Return the secrets that a store cannot do without and that nobody has said."""
    secret = _secret(home, setting)
    return [wanted.name for wanted in _wanted(setting) if wanted.needed and not secret(wanted.name)]
