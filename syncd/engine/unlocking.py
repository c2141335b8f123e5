"""What opens the vault without a device: passphrase and recovery words, tried, changed and made anew.

A slot is a key pair to which every epoch is sealed; its object on the stores is the private half, wrapped. So another
passphrase is another wrapping of a private half that somebody can open, and nothing else changes. Invariant: no slot is
taken away before the new one was read back from the stores and opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from syncd.engine.stores import settings_of
from syncd.engine.storeset import store_set
from syncd.engine.vault import Vault
from syncd.errors import Damaged, NeedsAttention, NotUnlocked, StoreError
from syncd.model.ids import SlotId, VaultId
from syncd.seal.epochs import open_epoch
from syncd.seal.keys import SlotPrivate
from syncd.seal.slots import Argon2, SlotType, Unlock, open_slot, seal_slot, type_of
from syncd.store.provider import Provider

log = logging.getLogger("syncd.engine")
Opened = tuple[SlotId, SlotPrivate]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a passphrase or words open: epochs, of all that there are."""

    epochs: int
    of: int


def open_with(store: Provider, vault: VaultId, unlock: Unlock) -> Opened:
    """Return the slot that a passphrase or words open; one that is damaged does not stand before others.

    Raises:
        NotUnlocked: none opens with it.
        Damaged: none does, and one cannot be read.
        StoreError: the stores could not be asked.
    """
    return open_any(vault, ((listed.name, store.get(listed.name)) for listed in store.list("slot/")), unlock)


def open_any(vault: VaultId, slots: Iterable[tuple[str, bytes]], unlock: Unlock) -> Opened:
    """Return the first of some slots, by their names, that a passphrase or words open.

    Raises:
        NotUnlocked: none opens with it.
        Damaged: none does, and one cannot be read.
    """
    hurt: Damaged | None = None
    for name, data in slots:
        try:
            found = open_slot(vault, data, unlock, name)
        except Damaged as error:
            log.warning("%s cannot be used: %s", name, error.message)
            hurt = error
            continue
        if found is not None:
            return found
    if hurt is not None:
        raise hurt
    raise NotUnlocked("no slot of this vault opens with that")


def try_unlock(vault: Vault, unlock: Unlock) -> Tried:
    """Return what a passphrase or words open, as a bare machine would find it on the stores.

    Raises:
        NotUnlocked, Damaged: nothing.
    """
    slot, private = open_with(vault.store, vault.keys.vault, unlock)
    names = [listed.name for listed in vault.store.list("epoch/")]
    opened = [open_epoch(vault.keys.vault, vault.store.get(name), slot, private, name) for name in names]
    found = sum(roots is not None for roots in opened)
    if not found:
        raise NotUnlocked("it opens a slot to which no epoch is sealed")
    return Tried(found, len(names))


def change(vault: Vault, old: Unlock, new: Unlock, cost: Argon2, opens: Callable[[], None] = lambda: None) -> int:
    """Let the vault be opened by something new, instead of whatever of that kind opened it; return how many went.

    Args:
        vault: opened, its stores for writing.
        old: anything that opens it now.
        new: a passphrase takes the place of all passphrases, recovery words of all words.
        cost: of a passphrase.
        opens: is called when the new one opens the vault, and the old one does still.

    Raises:
        NotUnlocked, Damaged: the old one opens nothing.
        NeedsAttention: a store is away: it would keep what opened the vault, and give it back to the others.
        StoreError: a store did not take it; what opened the vault before still does.
    """
    _check_all_there(vault)
    slot, private = open_with(vault.store, vault.keys.vault, old)
    name = f"slot/{vault.ambient.entropy(16).hex()}"
    sealed = seal_slot(vault.keys.vault, slot, private, new, vault.ambient.entropy(32), cost)
    vault.store.put(name, sealed)
    if open_slot(vault.keys.vault, vault.store.get(name), new, name) is None:
        raise Damaged(f"{name}: does not open with what was just put there")
    opens()
    others = [other for other in _of_type(vault.store, new.type) if other != name]
    for other in others:
        vault.store.delete(other)
    return len(others)


def _check_all_there(vault: Vault) -> None:
    """Refuse to change what opens the vault while a store is away or not used.

    Raises:
        NeedsAttention: one is.
    """
    used = {member.name for member in vault.store.members}
    away = [
        setting.name
        for setting in settings_of(vault.settings.stores, store_set(vault.state))
        if setting.name not in used
    ]
    for member in vault.store.members:
        try:
            member.ask(lambda provider: provider.stat("genesis"))
        except StoreError:
            away.append(member.name)
    if away:
        raise NeedsAttention(
            f"{', '.join(away)} cannot be asked now, and would keep what opened the vault until now",
            hint="`syncd store list` tells why; try again once all stores are there.",
        )


def _of_type(store: Provider, wanted: SlotType) -> Iterator[str]:
    for listed in list(store.list("slot/")):
        try:
            if type_of(store.get(listed.name), listed.name) == wanted:
                yield listed.name
        except Damaged as error:
            log.warning("%s is left as it is: %s", listed.name, error.message)
