"""Secrets of stores, and the system's keyring: where each is, and getting it when it is asked for.

The first that has it: what config.toml names; what was given when the store was set up (a file for this user alone,
beside the device's key); the environment. Invariant: no secret is in config.toml, in a log or in an error.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.config.settings import StoreSetting
from syncd.errors import ConfigDamaged, Locked

SUFFIX = ".store"
ANY_VARIABLE = "SYNCD_STORE_"  # and the name of the secret, for every kind of store
COMMAND_S = 60


def secret_of(
    store: StoreSetting, keys: Path, variables: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> Callable[[str], str | None]:
    """Return what knows the secrets of a store.

    Args:
        store: its setting.
        keys: the directory of this device's keys.
        variables: of the environment, by secret.
        environment: the environment itself.
    """
    environ = os.environ if environment is None else environment

    def secret(name: str) -> str | None:
        reference = store.secrets.get(name)
        if reference is not None:
            return resolve(reference, f"stores.{store.name}.secrets.{name}", environ)
        return kept(keys, store.name).get(name) or in_environment(name, variables.get(name, ""), environ)

    return secret


def in_environment(name: str, variable: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return a secret that the environment has, by its own variable or by the one that fits any store."""
    environ = os.environ if environment is None else environment
    return environ.get(variable) or environ.get(ANY_VARIABLE + name.upper())


def resolve(reference: str, where: str, environment: Mapping[str, str]) -> str:
    """Return what a reference names: `env:NAME`, `file:PATH`, `command:WORDS` or `keyring:SERVICE/USER`.

    Raises:
        ConfigDamaged: it is none of these.
        Locked: what it names is not there.
    """
    kind, _, rest = reference.partition(":")
    if kind == "env":
        if rest not in environment:
            raise Locked(f"{where}: the environment has no {rest}", hint="Set it where syncd is started.")
        return environment[rest]
    if kind == "file":
        try:
            return Path(rest).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise Locked(f"{where}: {rest}: {error.strerror}") from error
    if kind == "command":
        return _output(rest, where)
    if kind == "keyring":
        return from_keyring(rest, where)
    hint = "Write env:NAME, file:PATH, command:WORDS or keyring:SERVICE/USER."
    raise ConfigDamaged(f"{where}: it names no secret", hint=hint)


def _output(command: str, where: str) -> str:
    import shlex
    import subprocess

    try:
        done = subprocess.run(
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Locked(f"{where}: the command did not end within {COMMAND_S} s") from error
    except (OSError, ValueError) as error:
        raise Locked(f"{where}: {command}: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise Locked(f"{where}: the command ended with {done.returncode}: {said}")
    return done.stdout.decode("utf-8", "replace").rstrip("\r\n")


@contextlib.contextmanager
def _keyring(where: str) -> Iterator[Any]:
    """Give the keyring library, its errors as ours.

    Raises:
        Locked: there is none, or it is not open.
    """
    try:
        import keyring
    except ImportError as error:
        raise Locked(f"{where}: no keyring library is installed", hint="pip install keyring") from error
    try:
        yield keyring
    except keyring.errors.KeyringError as error:
        raise Locked(f"{where}: the keyring is not open: {error}") from error


def from_keyring(entry: str, where: str) -> str:
    """Return what the system's keyring has as SERVICE/USER.

    Raises:
        Locked: nothing, or it is not open.
    """
    service, _, user = entry.partition("/")
    with _keyring(where) as keyring:
        found = keyring.get_password(service, user)
    if found is None:
        raise Locked(f"{where}: the keyring has nothing for {entry}")
    return str(found)


def to_keyring(entry: str, secret: str) -> None:
    """Keep a secret in the system's keyring as SERVICE/USER.

    Raises:
        Locked: it is not open.
    """
    service, _, user = entry.partition("/")
    with _keyring("the keyring") as keyring:
        keyring.set_password(service, user, secret)


def forget_in_keyring(entry: str) -> None:
    """Take a secret out of the keyring; one that is not there any more is no trouble.

    Raises:
        Locked: it is not open.
    """
    service, _, user = entry.partition("/")
    with _keyring("the keyring") as keyring, contextlib.suppress(keyring.errors.PasswordDeleteError):
        keyring.delete_password(service, user)


def kept(keys: Path, name: str) -> dict[str, str]:
    """Return the secrets that were given for a store when it was set up."""
    try:
        found: dict[str, str] = json.loads((keys / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Locked(f"{keys / f'{name}{SUFFIX}'} cannot be read: {error}") from error
    return found


def keep(keys: Path, name: str, secrets: Mapping[str, str]) -> None:
    """Keep secrets of a store, for this user alone."""
    path = keys / f"{name}{SUFFIX}"
    if not secrets:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(secrets), file)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
