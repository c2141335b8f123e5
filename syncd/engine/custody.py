"""Where secrets are on this disk: this device's own, in a file, in the keyring, or locked (locking.py).

And recovery words that were made here, until a person has them.
"""

from __future__ import annotations

import base64
import contextlib

from syncd.config.home import Home
from syncd.config.secrets import from_keyring
from syncd.errors import Damaged, Locked
from syncd.seal.keys import DeviceKeys

IN_KEYRING = b"syncd: this device's secrets are in the keyring, as "
FILE, KEYRING, LOCKED = "file", "keyring", "locked"


def device_keys(home: Home) -> DeviceKeys:
    """Return this device's secrets.

    Raises:
        Locked: they are locked, gone, or in a keyring that is not open.
        Damaged: they cannot be read.
    """
    try:
        raw = home.device_key.read_bytes()
    except FileNotFoundError as error:
        if home.locked_key.exists():
            raise Locked("this device is locked", hint="`syncd unlock` asks for what opens it.") from error
        raise Locked(f"the device key {home.device_key} is missing") from error
    if raw.startswith(IN_KEYRING):
        entry = raw.removeprefix(IN_KEYRING).decode("utf-8", "replace").strip()
        raw = decoded(from_keyring(entry, str(home.device_key)))
    return DeviceKeys.load(raw)


def encoded(device: DeviceKeys) -> str:
    """Return the secrets as a keyring keeps them."""
    return base64.b64encode(device.dump()).decode()


def decoded(text: str) -> bytes:
    """Return what `encoded` was given.

    Raises:
        Damaged: it is nothing of that kind.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Damaged("what the keyring has is no device key", hint="Run `syncd rebuild`.") from error


def place_of(home: Home) -> str:
    """Return where the secrets are: FILE, KEYRING or LOCKED; empty for nowhere."""
    with contextlib.suppress(FileNotFoundError):
        return KEYRING if home.device_key.read_bytes().startswith(IN_KEYRING) else FILE
    return LOCKED if home.locked_key.exists() else ""


def unseen_words(home: Home) -> str | None:
    """Return the recovery words that were made here, while nobody is known to have seen them."""
    try:
        return home.words.read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def forget_words(home: Home) -> None:
    """Keep the recovery words no longer: a person has them."""
    home.words.unlink(missing_ok=True)
