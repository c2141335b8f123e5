"""Locking this device: without the passphrase or the words, nothing on this disk opens the vault any more.

The device's secrets are sealed to the slots of passphrase and words, and the slots are kept beside; so nothing is asked
for when a device is locked, and unlocking needs no store. The folder is not touched, nor is what the local database
knows of it. Invariant: the secrets are somewhere whole at every instant; a place is emptied only after the other one
was read back.
"""

from __future__ import annotations

import contextlib
import logging

from syncd.config.home import Home
from syncd.config.secrets import forget_in_keyring, from_keyring, to_keyring
from syncd.engine.custody import FILE, IN_KEYRING, decoded, device_keys, encoded, place_of, unseen_words
from syncd.engine.standing import said
from syncd.engine.unlocking import open_any
from syncd.engine.vault import Vault, write_private
from syncd.errors import Damaged, Locked, NeedsAttention, NotUnlocked, UsageError
from syncd.journal.statements import StatementKind
from syncd.model import cbor
from syncd.model.ids import VaultId
from syncd.seal.keys import DeviceKeys, seal_to
from syncd.seal.slots import Unlock, type_of

log = logging.getLogger("syncd.engine")
SERVICE = "syncd-device"
_INFO = b"syncd/v1/locked-device"
_LOST = "`syncd rebuild --recovery-file FILE` makes this a new device of the vault."


def keep_in(home: Home, where: str) -> None:
    """Move the secrets into the system's keyring, or into a file.

    Raises:
        Locked: they cannot be read, or the keyring is not open.
        UsageError: they are there already.
    """
    device, before = device_keys(home), _entry(home)
    if place_of(home) == where:
        raise UsageError(f"the device's secrets are in the {where} already")
    if where == FILE:
        write_private(home.device_key, device.dump())
        forget_in_keyring(before)
        return
    entry = f"{SERVICE}/{device.id.hex()}"
    to_keyring(entry, encoded(device))
    if decoded(from_keyring(entry, "the keyring")) != device.dump():
        raise Locked("the keyring gives back other bytes than it was given")
    write_private(home.device_key, IN_KEYRING + entry.encode() + b"\n")


def _entry(home: Home) -> str:
    """Return the name of the secrets in the keyring; empty where they are not there."""
    raw = home.device_key.read_bytes()
    return raw.removeprefix(IN_KEYRING).decode().strip() if raw.startswith(IN_KEYRING) else ""


def lock(vault: Vault) -> None:
    """Seal the device's secrets, so that only the passphrase or the words open them here.

    Raises:
        NeedsAttention: nothing on the stores would open them again, or the recovery words lie beside them still.
        StoreError: the slots could not be read from a store.
    """
    if unseen_words(vault.home) is not None:
        raise NeedsAttention(
            "the recovery words are kept here, since nobody has said that they are written down",
            hint="Write them down: `syncd key words` shows them, `syncd key words --written-down` forgets them here.",
        )
    dropped = {bytes(one.fields["slot"]) for _, _, one in said(vault.state, StatementKind.SLOT_DROP)}
    publics = {
        bytes(one.fields["slot"]): one.fields["public"]
        for _, _, one in said(vault.state, StatementKind.SLOT_ADD)
        if bytes(one.fields["slot"]) not in dropped
    }
    slots = {}
    for listed in vault.store.list("slot/"):
        with contextlib.suppress(Damaged):
            data = vault.store.get(listed.name)
            type_of(data, listed.name)
            slots[listed.name] = data
    if not slots or not publics:
        raise NeedsAttention(
            "the stores show no passphrase and no words, so nothing would unlock this device again",
            hint="`syncd verify` tells what the stores lack.",
        )
    sealed = {slot: seal_to(public, vault.device.dump(), _INFO) for slot, public in publics.items()}
    home, before = vault.home, _entry(vault.home)
    write_private(home.locked_key, cbor.dumps({"vault": vault.keys.vault, "slots": slots, "sealed": sealed}))
    _read(home)
    home.device_key.unlink()
    if before:
        forget_in_keyring(before)
    log.info("this device is locked")


def _read(home: Home) -> tuple[VaultId, dict[str, bytes], dict[bytes, bytes]]:
    try:
        fields = cbor.loads(home.locked_key.read_bytes())
        return VaultId(fields["vault"]), dict(fields["slots"]), dict(fields["sealed"])
    except FileNotFoundError as error:
        raise UsageError("this device is not locked") from error
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{home.locked_key} cannot be read", hint=_LOST) from error


def unlock(home: Home, by: Unlock) -> None:
    """Open the device's secrets again, into a file.

    Raises:
        UsageError: it is not locked.
        NotUnlocked: that is not the passphrase, or are not the words, of the time when it was locked.
        Damaged: what was locked cannot be read.
    """
    vault, slots, sealed = _read(home)
    try:
        slot, private = open_any(vault, slots.items(), by)
    except NotUnlocked as error:
        hint = "It takes what opened the vault at that time."
        raise NotUnlocked("that does not open what was locked", hint=hint) from error
    if bytes(slot) not in sealed:
        raise Damaged(f"{home.locked_key} has a slot that nothing is sealed to", hint=_LOST)
    device = DeviceKeys.load(private.unseal(sealed[bytes(slot)], _INFO))
    write_private(home.device_key, device.dump())
    home.locked_key.unlink()
