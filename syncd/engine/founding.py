"""Making a vault: keys, genesis, slots and first epoch on its stores; settings, state and the folder's mark here.

Invariant: the folder is marked last, so a failure on the way leaves a folder that nobody watches.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from syncd.chunk.params import PROFILES
from syncd.config.home import Home
from syncd.config.settings import Settings, StoreSetting, save
from syncd.engine.batch import dump_statements
from syncd.engine.stores import keep_secrets, open_setting
from syncd.engine.storeset import StoreSet, say_stores
from syncd.engine.vault import MARK, Ambient, keys_of, marker_of, write_private
from syncd.errors import Failed, StoreForeign, UsageError
from syncd.fs.disk import Disk
from syncd.fs.looking import MARKER
from syncd.journal.statements import Statement, StatementKind
from syncd.journal.statements import state as statement
from syncd.model.chunker import DEFAULT, Chunker
from syncd.model.ids import OWN_DEVICE, DeviceId, EpochId, SlotId
from syncd.seal.envelope import Algorithm
from syncd.seal.epochs import EpochRoots, Genesis, seal_epoch, seal_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, SlotPrivate, VaultKeys
from syncd.seal.slots import Argon2, SlotType, Unlock, entropy_to_words, seal_slot
from syncd.state.db import State


@dataclass(frozen=True, slots=True, repr=False)
class Founding:
    """What a person decides when a vault is made."""

    folder: str
    stores: tuple[StoreSetting, ...]
    device: str
    passphrase: Unlock | None
    argon2: Argon2 = field(default_factory=Argon2)
    chunker: Chunker = DEFAULT


def create_vault(home: Home, founding: Founding, ambient: Ambient) -> str:
    """Make a vault: keys, genesis, slots and first epoch on each store, settings and state here.

    Returns:
        The 24 recovery words.

    Raises:
        UsageError: this home has a vault already, or the folder is one's already or no directory.
        StoreForeign: a store holds something else.
    """
    if home.config.exists():
        raise UsageError(f"{home.config} exists: this home has a vault already", hint="Set SYNCD_HOME for another.")
    disk = fresh_folder(home, founding.folder, [setting.url for setting in founding.stores])
    home.make()
    with contextlib.ExitStack() as opened:
        stores = [opened.enter_context(contextlib.closing(open_setting(home, setting))) for setting in founding.stores]
        for store in stores:
            store.create()
            if next(store.list(), None) is not None:
                raise StoreForeign(f"{store.url} holds a vault already", hint="Use `syncd rebuild`, or another place.")
        entropy = ambient.entropy(32)
        device = DeviceKeys.generate(ambient.entropy(16))
        objects, statements, keys = _found(founding, device, entropy, ambient)
        for name, data in objects.items():  # genesis comes last
            for store in stores:
                store.put(name, data)
    words = entropy_to_words(entropy)
    write_private(home.device_key, device.dump())
    write_private(home.words, words.encode())  # before the vault can be used: whoever is cut off has them still
    mark = ambient.entropy(8).hex()
    keep_vault(home, objects, statements, device.id, mark)
    settings = Settings(
        folder=founding.folder,
        device=founding.device,
        stores=founding.stores,
    )
    for setting in founding.stores:
        keep_secrets(home, setting)
    save(settings, home.config)
    disk.write_marker(marker_of(keys.vault, DeviceId(device.id), mark))
    return words


def fresh_folder(home: Home, folder: str, stores: Iterable[str]) -> Disk:
    """Return a folder that belongs to no vault yet, and neither holds nor lies in anything of ours.

    Raises:
        UsageError: it does, or is no directory.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a directory", hint="Make it first, or check the spelling.")
    check_place(home, folder, stores)
    return Disk(os.fsencode(folder))


def check_place(home: Home, folder: str, stores: Iterable[str]) -> None:
    """Refuse a folder, there or not yet, in which a vault would meet itself.

    Raises:
        UsageError: it, or one above it, is a vault's; or it holds the store or syncd's own files, or lies in a store.
    """
    here = os.path.realpath(folder)
    above = here
    while True:
        if os.path.lexists(os.path.join(os.fsencode(above), MARKER)):
            hint = "Run `syncd status`, or see `syncd rebuild`." if above == here else "Choose a folder outside it."
            raise UsageError(f"{above} belongs to a vault already", hint=hint)
        if above == os.path.dirname(above):
            break
        above = os.path.dirname(above)
    for store in stores:
        check_store_place(folder, store)
    for ours in (home.state, home.keys, home.config.parent):
        if _holds(here, str(ours)):
            raise UsageError(
                f"the folder {folder} holds syncd's own files ({ours})",
                hint="Choose a folder below it, or set SYNCD_HOME to a place outside.",
            )


def check_store_place(folder: str, store: str) -> None:
    """Refuse a store, by its URL, that lies in a folder, or in which the folder lies.

    Raises:
        UsageError: it does.
    """
    place = store.removeprefix("file://")
    if "://" in place:
        return
    if _holds(os.path.realpath(folder), place):
        raise UsageError(f"the store {store} lies inside the folder", hint="Put the store somewhere else.")
    if _holds(os.path.realpath(place), os.path.realpath(folder)):
        raise UsageError(f"the folder {folder} lies inside the store", hint="Choose a folder outside it.")


def _holds(folder: str, other: str) -> bool:
    """Tell whether a path, resolved, is a folder or lies in it."""
    return os.path.commonpath([folder, os.path.realpath(other)]) == folder


def _found(
    founding: Founding, device: DeviceKeys, words: bytes, ambient: Ambient
) -> tuple[dict[str, bytes], list[Statement], VaultKeys]:
    """Return the founding objects by name, the first record's statements, and the keys."""
    epoch = EpochId(ambient.entropy(16))
    id_root, root = ambient.entropy(32), ambient.entropy(32)
    nonce, now = ambient.entropy(32), ambient.now_ns()
    genesis = Genesis(nonce, now, Algorithm.AES_256_GCM, PROFILES, DeviceId(device.id), epoch, founding.chunker)
    raw_genesis = seal_genesis(genesis, id_root, ambient.entropy(32))
    vault = vault_id_of(raw_genesis)
    unlocks = [Unlock(SlotType.RECOVERY, words)] + ([founding.passphrase] if founding.passphrase else [])
    objects = {}
    slots = {SlotId(device.slot_id): device.slot.public()}
    types = {SlotId(device.slot_id): SlotType.DEVICE}
    for unlock in unlocks:
        slot, private = SlotId(ambient.entropy(16)), SlotPrivate.generate()
        objects[f"slot/{slot.hex()}"] = seal_slot(vault, slot, private, unlock, ambient.entropy(32), founding.argon2)
        slots[slot], types[slot] = private.public(), unlock.type
    roots = EpochRoots(epoch, root, id_root, {}, DeviceId(device.id))
    objects[f"epoch/{epoch.hex()}"] = seal_epoch(vault, roots, slots, device, ambient.entropy(32), ambient.entropy(32))
    objects["genesis"] = raw_genesis
    statements = [
        statement(
            StatementKind.ENROL,
            signing=device.verifying,
            slot=device.slot_id,
            public=device.slot.public(),
            name=founding.device,
        ),
        statement(StatementKind.EPOCH, epoch=epoch, past=[], slots=sorted(slots)),
        say_stores(StoreSet(), places={setting.name: setting.url for setting in founding.stores}),
    ]
    for slot, public in slots.items():
        if types[slot] != SlotType.DEVICE:
            statements.append(statement(StatementKind.SLOT_ADD, slot=slot, type=int(types[slot]), public=public))
    keys, _ = keys_of(vault, raw_genesis, [roots])
    return objects, statements, keys


def keep_vault(home: Home, objects: dict[str, bytes], statements: list[Statement], device: DeviceId, mark: str) -> None:
    """Begin the local state: this device's number, sealed copies of genesis and epochs, first statements."""
    state = State(home.state, write=True)
    try:
        with state.transaction():
            number = state.devices.number(device)
            if number != OWN_DEVICE:
                raise Failed(f"{home.state} already holds another device")
            for name, data in objects.items():
                if not name.startswith("slot/"):
                    state.keep_object(name, data)
            state.set("statements", dump_statements(statements))
            state.set(MARK, mark.encode())
    finally:
        state.close()
