"""Rotation and revocation: learning of epochs that others opened, opening one, leaving a device out, letting one in.

Invariants: nothing is sealed under an epoch that a revoked device can open, from the pass that learned of the
revocation on; an epoch is believed only if a device of this vault opened it, and it has the roots that are known here.
"""

from __future__ import annotations

import logging

from syncd.engine.frontier import has_told
from syncd.engine.outbox import Outbox
from syncd.engine.standing import current, find_device, live_slots, said, standing
from syncd.engine.vault import Vault
from syncd.errors import Damaged, NeedsAttention, ObjectMissing, UsageError
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.model.ids import OWN_DEVICE, DeviceId, EpochId, SlotId
from syncd.seal.epochs import EpochRoots, open_epoch, seal_epoch
from syncd.seal.keys import VaultKeys
from syncd.state.devices import Device

log = logging.getLogger("syncd.engine")


# -- learning ---------------------------------------------------------------------------------------


def learn(vault: Vault) -> dict[str, str]:
    """Take the roots of epochs that others opened; return what is wrong, by the object.

    Raises:
        StoreError: the store could not be asked.
    """
    state, keys = vault.state, vault.keys
    wrong: dict[str, str] = {}
    for author, _, one in list(said(state, StatementKind.EPOCH)):
        epoch = EpochId(one.fields["epoch"])
        if epoch in keys.roots.epochs:
            continue
        name = f"epoch/{epoch.hex()}"
        try:
            data = vault.store.get(name)
            roots = open_epoch(keys.vault, data, SlotId(vault.device.slot_id), vault.device.slot, name)
            if roots is None:
                continue  # it leaves this device out
            _check(roots, state.devices.get(author), keys, name)
        except ObjectMissing:
            continue  # it comes with a later look
        except Damaged as error:
            wrong[name] = error.message
            continue
        with state.transaction():
            state.keep_object(name, data)
        keys.roots.epochs.update({**roots.past, epoch: roots.root})
        log.info("learned of an epoch that %s opened", state.called(state.devices.get(author)))
    keys.current = current(state, keys) or keys.current
    return wrong


def unheard_epochs(vault: Vault) -> dict[EpochId, bytes] | None:
    """Return the roots of epochs that the store has and no known record names, None where there is none.

    They are for reading alone: nothing is sealed under an epoch before a record that counts has named it.

    Raises:
        StoreError: the store could not be asked.
    """
    keys = vault.keys
    names = [listed.name for listed in vault.store.list("epoch/")]
    names = [name for name in names if _epoch_of(name) not in keys.roots.epochs]
    if not names:
        return None
    found: dict[EpochId, bytes] = {}
    for name in names:
        try:
            slot = SlotId(vault.device.slot_id)
            roots = open_epoch(keys.vault, vault.store.get(name), slot, vault.device.slot, name)
        except (Damaged, ObjectMissing) as error:
            log.warning("%s cannot be used: %s", name, error)
            continue
        if roots is not None and roots.id_root == keys.roots.id_root:
            found[roots.epoch] = roots.root
    return found


def _epoch_of(name: str) -> EpochId | None:
    try:
        return EpochId(bytes.fromhex(name.rpartition("/")[2]))
    except ValueError:
        return None


def _check(roots: EpochRoots, author: Device, keys: VaultKeys, name: str) -> None:
    """See that an epoch is the one that its author says, with the roots that are known here.

    Raises:
        Damaged: it is not.
    """
    if roots.opened_by != author.id:
        raise Damaged(f"{name}: was not opened by the device that says so")
    if roots.id_root != keys.roots.id_root:
        raise Damaged(f"{name}: has another identity root than this vault")
    for epoch, root in roots.past.items():
        if keys.roots.epochs.get(epoch, root) != root:
            raise Damaged(f"{name}: has another root of an epoch that is known here")


# -- opening ----------------------------------------------------------------------------------------


def open_new(vault: Vault, outbox: Outbox) -> int:
    """Open an epoch and say so; return to how many slots it is sealed. The outbox holds nothing yet.

    The record that says it is sealed under the epoch from before, so that whoever may read that learns of this one.

    Raises:
        StoreError: the store did not take it; if the record had begun, the next pass says it (underway.py).
    """
    state, keys, entropy = vault.state, vault.keys, vault.ambient.entropy
    out = standing(state).revoked
    slots = live_slots(state, out)
    slots[SlotId(vault.device.slot_id)] = vault.device.slot.public()
    epoch, root = EpochId(entropy(16)), entropy(32)
    past = dict(keys.roots.epochs)
    roots = EpochRoots(epoch, root, keys.roots.id_root, past, DeviceId(vault.device.id))
    name, data = f"epoch/{epoch.hex()}", seal_epoch(keys.vault, roots, slots, vault.device, entropy(32), entropy(32))
    vault.store.put(name, data)
    with state.transaction():
        state.keep_object(name, data)
    outbox.say(
        statement(
            StatementKind.EPOCH,
            epoch=bytes(epoch),
            past=sorted(map(bytes, past)),
            slots=sorted(map(bytes, slots)),
            revoked=sorted(out),
        )
    )
    outbox.commit()
    keys.roots.epochs[epoch] = root
    keys.current = current(state, keys) or keys.current
    log.info("opened an epoch for %d slots", len(slots))
    return len(slots)


def settle(vault: Vault, outbox: Outbox) -> None:
    """Before anything is written: see that those who were revoked cannot read it, and leave if this device was.

    Raises:
        NeedsAttention: this device was revoked.
        StoreError: a store could not be asked.
    """
    state = vault.state
    if not state.devices.get(OWN_DEVICE).sequence:
        return
    out = standing(state).revoked
    if not out:
        return
    if vault.device.id in out:
        raise NeedsAttention(
            "this device was revoked: it takes part no more, and its files stay as they are",
            hint="Another device can tell why. To take part again, join anew: another SYNCD_HOME, another folder.",
        )
    devices = {bytes(device.id): device for device in state.devices.all()}
    for device, cut in out.items():
        known = devices.get(device)
        if known is not None and known.sequence > cut and not has_told(state, known):
            outbox.say(statement(StatementKind.BEAT))  # with what this device had believed before it knew
    if current(state, vault.keys) is None:
        open_new(vault, outbox)


# -- what a person decides --------------------------------------------------------------------------


def revoke(vault: Vault, outbox: Outbox, called: str) -> Device:
    """Say that a device takes part no more, and seal nothing to it from now on.

    What it said until now stays; what it says from now on nobody takes who has heard of this.

    Raises:
        UsageError: there is no such device, it is this one, or it is out already.
        StoreError: the store did not take it.
    """
    device = find_device(vault.state, called)
    if device.no == OWN_DEVICE:
        hint = "`syncd stop` ends syncing here; another device can revoke this one."
        raise UsageError("a device does not revoke itself", hint=hint)
    if device.id in standing(vault.state).revoked:
        raise UsageError(f"{called} was revoked already")
    outbox.say(statement(StatementKind.REVOKE, device=bytes(device.id), cut=device.sequence))
    outbox.commit()
    open_new(vault, outbox)
    return device


def approve(vault: Vault, outbox: Outbox, called: str) -> Device:
    """Let a device in that came with keys from before a revocation.

    Raises:
        UsageError: there is no such device, or it was revoked.
    """
    device = find_device(vault.state, called)
    if device.id in standing(vault.state).revoked:
        raise UsageError(f"{called} was revoked", hint="It has to join anew.")
    outbox.say(statement(StatementKind.APPROVE, device=bytes(device.id)))
    outbox.commit()
    return device
