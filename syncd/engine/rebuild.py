"""Making the local state anew from one store: with the device's own key, or on a bare machine with words.

The folder is not touched. The new state takes nothing for being there: what the next scan finds as the vault
has it, or once had it, is adopted; what it does not find is brought back, and so is never told as deleted
(promise P5); anything else is news.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from syncd.config.home import Home
from syncd.config.settings import Settings, StoreSetting, load, save
from syncd.engine.admitting import hear, lengths
from syncd.engine.asked import (
    NotAllAsked,
    check_all_asked,
    name_stores,
    note_stores,
    open_all,
    read_genesis,
)
from syncd.engine.batch import dump_statements
from syncd.engine.custody import device_keys
from syncd.engine.fold import NEXT_VERSION, fold
from syncd.engine.founding import check_place, fresh_folder
from syncd.engine.journals import Fetched, check_known, list_records, read_journal
from syncd.engine.loading import load_newest, trusted_epochs
from syncd.engine.packfates import settle_fates
from syncd.engine.replacing import WHOLE, drop_aside, put_back, set_aside, settle
from syncd.engine.standing import words_of
from syncd.engine.stores import keep_secrets, soundness
from syncd.engine.unlocking import open_with
from syncd.engine.vault import (
    MARK,
    PREDECESSOR,
    Ambient,
    Vault,
    keys_of,
    marker_of,
    open_vault,
    write_private,
)
from syncd.errors import Damaged, NotUnlocked, SyncdError, UsageError
from syncd.fs.disk import Disk
from syncd.journal.record import record_name
from syncd.journal.statements import Statement, StatementKind
from syncd.journal.statements import state as statement
from syncd.model.ids import OWN_DEVICE, DeviceId, SlotId, VaultId
from syncd.seal.epochs import EpochRoots, open_epoch, seal_epoch, vault_id_of
from syncd.seal.keys import DeviceKeys, SlotPrivate, VaultKeys
from syncd.seal.slots import Unlock
from syncd.state.db import State
from syncd.store.provider import Provider
from syncd.store.replicas import Replicas

log = logging.getLogger("syncd.engine")
PREDECESSORS = "predecessors"  # beside the device's key, which outlives a state: device ids laid end to end
SEALED = ".epoch"  # files beside the device's key: epochs sealed to it alone


@dataclass(slots=True)
class Rebuilt:
    """What was read back. `wrong` names what is missing or damaged on the store."""

    records: int = 0
    begun: int = 0  # of those, how many a checkpoint stood for
    devices: int = 0
    files: int = 0
    size: int = 0
    new_device: bool = False
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, repr=False)
class Bare:
    """What a person brings to a machine that has nothing: where the store and folder are, and a key."""

    folder: str
    stores: tuple[StoreSetting, ...]  # a name that begins with `?` is what syncd calls it until the vault says
    device: str
    unlock: Unlock


def join(home: Home, ambient: Ambient, bare: Bare) -> Rebuilt:
    """Make this computer a new device of a vault. The folder may hold files already; none is touched.

    Raises:
        UsageError: this home has a vault already, or the folder is one's already.
        NotUnlocked: the words or passphrase fit no slot.
        StoreForeign, StoreError: the store holds no vault, or cannot be read.
    """
    if home.config.exists():
        raise UsageError(f"{home.config} exists: this home has a vault already", hint="Set SYNCD_HOME for another.")
    places = [setting.url for setting in bare.stores]
    check_place(home, bare.folder, places)
    os.makedirs(bare.folder, exist_ok=True)
    fresh_folder(home, bare.folder, places)
    return rebuild(home, ambient, bare)


def succeed(vault: Vault) -> tuple[Vault, SyncdError | None]:
    """Let this computer go on as a new device, where another one continues its journal.

    So it is after a backup was restored or a disk cloned: two that sign with one key would fork the journal.

    Returns:
        The vault, opened as the new device, and nothing; or as it was, and why.
    """
    home, ambient = vault.home, vault.ambient
    vault.close()
    failed = None
    try:
        rebuild(home, ambient, None, anew=True)
    except SyncdError as error:
        failed = error
    return open_vault(home, write=True, ambient=ambient), failed


def rebuild(home: Home, ambient: Ambient, bare: Bare | None, *, anew: bool = False) -> Rebuilt:
    """Replace the local state by what the store says.

    Args:
        home: where the state goes; with settings and a device key unless `bare` is given.
        ambient: time and randomness.
        bare: for a machine without the device's key.
        anew: become a new device, which names the old one as its predecessor.

    Raises:
        Locked: neither a device key nor words are at hand.
        NotUnlocked: the words or passphrase fit no slot.
        StoreForeign, StoreError: the store holds no vault, or cannot be read.
    """
    home.make()
    if bare is not None:
        settings = Settings(folder=bare.folder, device=bare.device, stores=bare.stores)
    else:
        settings = load(home.config)
    store = open_all(home, settings.stores, ambient)
    # A store that cannot be asked may know of records of this device that the others lack: whoever does not know its
    # own journal to the end cannot go on with it.
    anew = anew or len(store.members) < len(settings.stores)
    with contextlib.closing(store):
        try:
            return _rebuild(home, ambient, bare, settings, store, anew=anew)
        except NotAllAsked as error:
            log.warning("%s", error)
            return _rebuild(home, ambient, bare, settings, store, anew=True)


def _rebuild(
    home: Home, ambient: Ambient, bare: Bare | None, settings: Settings, store: Replicas, *, anew: bool
) -> Rebuilt:
    genesis = read_genesis(store)
    vault = vault_id_of(genesis)
    device, opened, fresh = _device(home, store, vault, ambient, bare)
    keys, founder = keys_of(vault, genesis, opened)
    store.sound = soundness(keys)
    predecessor = None
    if not fresh and (anew or _is_hurt(store, keys, DeviceId(device.id))):
        # Nothing can be appended to a journal with a hole, or that somebody else continues.
        predecessor, fresh = DeviceId(device.id), True
        device = DeviceKeys.generate(ambient.entropy(16))
    mark = ambient.entropy(8).hex()
    settle(home)
    set_aside(home.state)
    try:
        founding = [enrolment(device, settings.device, predecessor)] if fresh else []
        before = _known_as(home) + (predecessor or b"")
        result = _fill(
            home, store, keys, device, genesis, opened, founding, settings.device, mark, founder.founder, before
        )
        if not fresh:
            check_all_asked(home, store)
        note_stores(home, store)
        settings = replace(settings, stores=name_stores(home, settings.stores))
    except BaseException:
        put_back(home.state)
        raise
    if predecessor is not None:
        write_private(home.keys / PREDECESSORS, before)
    if fresh:
        write_private(home.device_key, device.dump())  # from here on the new state counts, whatever happens
        home.locked_key.unlink(missing_ok=True)
        for roots in opened:
            write_private(home.keys / f"{roots.epoch.hex()}{SEALED}", _own_epoch(vault, roots, device))
    for setting in settings.stores:
        keep_secrets(home, setting)
    save(settings, home.config)
    Disk(os.fsencode(settings.folder)).write_marker(marker_of(vault, DeviceId(device.id), mark))
    drop_aside(home.state)
    return result


def _device(
    home: Home, store: Provider, vault: VaultId, ambient: Ambient, bare: Bare | None
) -> tuple[DeviceKeys, list[EpochRoots], bool]:
    """Return the device's keys, the epochs they open, and whether the device is new."""
    if bare is None:
        device = device_keys(home)
        return device, _open_epochs(home, store, vault, SlotId(device.slot_id), device.slot), False
    slot = open_with(store, vault, bare.unlock)
    return DeviceKeys.generate(ambient.entropy(16)), _open_epochs(home, store, vault, *slot), True


def _open_epochs(home: Home, store: Provider, vault: VaultId, slot: SlotId, private: SlotPrivate) -> list[EpochRoots]:
    """Open epochs from the store, and those that this device sealed to itself when it joined."""
    sealed = {listed.name: store.get(listed.name) for listed in store.list("epoch/")}
    for path in home.keys.glob(f"*{SEALED}"):
        name = f"epoch/{path.name.removesuffix(SEALED)}"
        if name in sealed and open_epoch(vault, sealed[name], slot, private, name) is None:
            sealed[name] = path.read_bytes()
    opened = [open_epoch(vault, data, slot, private, name) for name, data in sealed.items()]
    found = [roots for roots in opened if roots is not None]
    if not found:
        raise NotUnlocked("no epoch on the store is sealed to this device or slot")
    return found


def _is_hurt(store: Provider, keys: VaultKeys, device: DeviceId) -> bool:
    """Tell whether a device's journal on the store has a hole or a damaged record."""
    wrong: list[str] = []
    last = max(list_records(store).get(device, []), default=0)
    for _ in read_journal(store, keys, device, last, lambda other: 0, wrong):
        pass
    return bool(wrong)


def _fill(
    home: Home,
    store: Provider,
    keys: VaultKeys,
    device: DeviceKeys,
    genesis: bytes,
    opened: list[EpochRoots],
    founding: list[Statement],
    name: str,
    mark: str,
    founder: bytes,
    before: bytes,
) -> Rebuilt:
    """Make the new state.

    `founding` are the statements of a new device; `founder` is the vault's; `before` are the devices that this one was.
    """
    result = Rebuilt(new_device=bool(founding))
    state = State(home.state, write=True)
    try:
        with state.transaction():
            state.devices.number(device.id)
            state.keep_object("genesis", genesis)
            for roots in opened:
                state.keep_object(f"epoch/{roots.epoch.hex()}", _own_epoch(keys.vault, roots, device))
            state.set_comparing(True)
            state.set(MARK, mark.encode())
            if founding:
                state.set("statements", dump_statements(founding))
                state.set(PREDECESSOR, before)
        fold_all(state, store, keys, result, opened, founder)
        enrol_unheard(state, device, name)
        with state.transaction():
            state.set(WHOLE, b"1")
        result.files, result.size = state.nodes.counts()
    finally:
        state.close()
    return result


def _known_as(home: Home) -> bytes:
    """Return the ids of the devices that this computer was, of which the folder may still have the mark of any."""
    try:
        return (home.keys / PREDECESSORS).read_bytes()
    except FileNotFoundError:
        return b""


def _own_epoch(vault: VaultId, roots: EpochRoots, device: DeviceKeys) -> bytes:
    """Return a copy of an epoch sealed to this device alone, for its own state."""
    slots = {SlotId(device.slot_id): device.slot.public()}
    return seal_epoch(vault, roots, slots, device, secrets.token_bytes(32), secrets.token_bytes(32))


def enrolment(device: DeviceKeys, name: str, predecessor: DeviceId | None) -> Statement:
    """Return the first statement of a device."""
    past = {} if predecessor is None else {"predecessor": bytes(predecessor)}
    return statement(
        StatementKind.ENROL,
        signing=device.verifying,
        slot=device.slot_id,
        public=device.slot.public(),
        name=name,
        **past,
    )


def enrol_unheard(state: State, device: DeviceKeys, name: str) -> None:
    """Let a device that never published a record begin with its enrolment, as if it came anew."""
    if state.devices.get(OWN_DEVICE).sequence == 0 and not state.get("statements"):
        with state.transaction():
            state.set("statements", dump_statements([enrolment(device, name, None)]))


def fold_all(
    state: State, store: Provider, keys: VaultKeys, result: Rebuilt, opened: list[EpochRoots], founder: bytes
) -> None:
    """Fill an empty state from the newest checkpoint and all that was said since, in causal order."""
    checkpoint = load_newest(state, store, keys, trusted_epochs(opened))
    if checkpoint is not None:
        result.records = result.begun = sum(seen.sequence for seen in checkpoint.frontier)
        _count_on(state)
    listed = list_records(store)
    for device in listed:
        with state.transaction():
            state.devices.number(device)
    result.devices = len(listed)
    lasts = {device: max(sequences) for device, sequences in listed.items()}
    if len(opened) > 1:  # else nobody was ever revoked
        lasts = _that_count(state, store, keys, lasts, founder)
    following = [_journal(state, store, keys, device, last, result.wrong) for device, last in lasts.items()]
    left_out: set[int] = set()
    # A record's past has smaller Lamport clocks: the least of all next ones may be folded.
    for _, number, item in heapq.merge(*following, key=lambda entry: entry[:2]):
        name = record_name(item.record.head.device, item.record.head.sequence)
        try:
            if number in left_out:
                continue
            check_known(item.record, number, state.devices.last_version, name)
        except Damaged as error:
            result.wrong.append(error.message)
            left_out.add(number)  # what follows in that journal has no ground
            continue
        with state.transaction():
            fold(state, item.record, number, item.size, {}, elsewhere=True)
            if number == OWN_DEVICE:
                _count_on(state)
        result.records += 1
    with state.transaction():
        settle_fates(state)


def _that_count(
    state: State, store: Provider, keys: VaultKeys, lasts: dict[DeviceId, int], founder: bytes
) -> dict[DeviceId, int]:
    """Return how far each journal counts, of how far it goes; of one that does not, nothing is read."""
    tips = {bytes(device.id): device for device in state.devices.all() if device.sequence}
    heard = hear(store, keys, lasts, tips)
    known = {device: tip.sequence for device, tip in tips.items()}
    counted = lengths(heard, founder, known, words_of(state))
    return {device: min(last, counted[device]) for device, last in lasts.items() if counted.get(bytes(device))}


def _journal(
    state: State, store: Provider, keys: VaultKeys, device: DeviceId, last: int, wrong: list[str]
) -> Iterator[tuple[int, int, Fetched]]:
    """Yield (Lamport clock, local device number, record) of what a device said after what the state has."""

    def number(other: DeviceId) -> int:
        if state.db.in_transaction:
            return state.devices.number(other)
        with state.transaction():  # a device that this record names first
            return state.devices.number(other)

    tip = state.devices.get(state.devices.number(device))
    for item in read_journal(store, keys, device, last, number, wrong, tip):
        yield item.record.head.lamport, tip.no, item


def _count_on(state: State) -> None:
    """Let this device's next version follow the last one known of it."""
    following = state.devices.last_version(OWN_DEVICE) + 1
    with contextlib.nullcontext() if state.db.in_transaction else state.transaction():
        state.set(NEXT_VERSION, str(following).encode())
