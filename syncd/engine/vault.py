"""One opened vault: settings, state, keys, store and folder together; and how a vault is made.

This is the composition root of everything that works on a vault, the agent and the command line
alike. Only one process at a time opens a vault for writing (`exclusive`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from syncd.chunk.cuts import table_bytes
from syncd.chunk.params import PROFILES, Params
from syncd.config.home import Home
from syncd.config.settings import Settings, StoreSetting, load, save
from syncd.engine.batch import dump_statements
from syncd.engine.replacing import settle
from syncd.engine.stores import keep_secrets, open_setting
from syncd.errors import Busy, Failed, Locked, NotUnlocked, ObjectMissing, StateDamaged, StoreForeign, UsageError
from syncd.fs.disk import Disk
from syncd.fs.kernel import KERNEL, Kernel
from syncd.fs.looking import MARKER
from syncd.journal.statements import Statement, StatementKind
from syncd.journal.statements import state as statement
from syncd.model.ids import OWN_DEVICE, DeviceId, EpochId, SlotId, VaultId
from syncd.pack.reader import ChunkReader
from syncd.seal.envelope import Algorithm
from syncd.seal.epochs import EpochRoots, Genesis, open_epoch, open_genesis, seal_epoch, seal_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, Roots, SlotPrivate, VaultKeys
from syncd.seal.slots import Argon2, SlotType, Unlock, entropy_to_words, seal_slot
from syncd.state.db import State
from syncd.store.provider import Provider

MARK = "mark"  # the word of the folder that the state knows
PREDECESSOR = "predecessor"  # whose folder this was, while its marker may still say so


@dataclass(frozen=True, slots=True)
class Ambient:
    """What the world provides: time, randomness, processors, the folder's system. Tests bring their own."""

    now_ns: Callable[[], int] = time.time_ns
    elapsed_s: Callable[[], float] = time.monotonic
    entropy: Callable[[int], bytes] = secrets.token_bytes
    choice: random.Random = field(default_factory=random.SystemRandom)
    workers: int = max(2, os.cpu_count() or 2)
    executor: Callable[[int, str], Executor] = ThreadPoolExecutor  # of so many threads, with a name
    kernel: Kernel = KERNEL


@dataclass
class Vault:
    """An opened vault."""

    home: Home
    settings: Settings
    state: State
    store: Provider
    device: DeviceKeys
    keys: VaultKeys
    genesis: Genesis
    ambient: Ambient

    @cached_property
    def disk(self) -> Disk:
        """The folder."""
        return Disk(os.fsencode(self.settings.folder), self.ambient.kernel)

    @property
    def marker(self) -> bytes:
        """What stands in the folder's marker: whose folder it is."""
        return marker_of(self.keys.vault, self.device.id, (self.state.get(MARK) or b"").decode())

    def check_folder(self) -> None:
        """Tell the folder from an empty mount point or another folder in its place.

        Raises:
            NeedsAttention: the folder or its marker is gone, or is another's.
        """
        self.disk.check_marker(self.marker)

    @cached_property
    def gear(self) -> bytes:
        """The chunker's secret table."""
        return table_bytes(self.keys.gear())

    @cached_property
    def params(self) -> tuple[Params, ...]:
        """Chunk lengths by profile."""
        return tuple(Params(*profile) for profile in self.genesis.profiles)

    @cached_property
    def pool(self) -> Executor:
        """Threads for compressing, sealing, opening; those calls leave the interpreter free."""
        return self.ambient.executor(self.ambient.workers, "syncd-seal")

    @cached_property
    def read_pool(self) -> Executor:
        """One thread that reads files ahead."""
        return self.ambient.executor(1, "syncd-read")

    @cached_property
    def put_pool(self) -> Executor:
        """Threads that wait for stores."""
        return self.ambient.executor(2, "syncd-put")

    def check_store(self) -> None:
        """Tell this vault's store from another one in its place.

        Raises:
            StoreForeign: it holds another vault, or none.
            StoreGone, StoreError: it cannot be asked.
        """
        try:
            found = vault_id_of(self.store.get("genesis"))
        except ObjectMissing as error:
            raise StoreForeign(f"{self.store.url} holds no vault: its genesis is missing") from error
        if found != self.keys.vault:
            raise StoreForeign(f"{self.store.url} holds another vault than this one")

    def reader(self) -> ChunkReader:
        """Return a reader of chunks."""
        return ChunkReader(self.store, self.keys, self.state.chunks.get, self.state.packs.get, self.pool)

    def close(self) -> None:
        """Let go of threads and files."""
        for name in ("pool", "put_pool", "read_pool"):
            pool = self.__dict__.pop(name, None)
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        self.store.close()
        self.state.close()


@contextlib.contextmanager
def exclusive(home: Home) -> Iterator[None]:
    """Hold the home's lock: one process works on it at a time.

    Raises:
        Busy: another one does.
    """
    home.make()
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            raise Busy(f"another syncd process ({holder or 'unknown'}) works on this vault") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def open_vault(home: Home, *, write: bool, ambient: Ambient | None = None) -> Vault:
    """Open the vault of a home with the device's own key.

    Raises:
        NoVault, ConfigDamaged: it was never set up, or its settings cannot be read.
        Locked: the device key is missing.
        StateDamaged: the database is broken or empty.
    """
    # A reader takes what is there: while a rebuild runs, that is its new state, and soon will be whole.
    settings = load(home.config, home.state)
    try:
        device = DeviceKeys.load(home.device_key.read_bytes())
    except FileNotFoundError as error:
        raise Locked(f"the device key {home.device_key} is missing") from error
    if write:
        settle(home)
    state = State(home.state, write=write)
    try:
        keys, genesis = _unlock(state, device)
        store = open_setting(home, settings.stores[0])
    except BaseException:
        state.close()
        raise
    return Vault(home, settings, state, store, device, keys, genesis, ambient or Ambient())


def _unlock(state: State, device: DeviceKeys) -> tuple[VaultKeys, Genesis]:
    kept = state.kept_objects("genesis")
    if not kept:
        raise StateDamaged(f"{state.directory} has no vault in it")
    raw = kept["genesis"]
    vault = vault_id_of(raw)
    opened = []
    for name, data in state.kept_objects("epoch/").items():
        roots = open_epoch(vault, data, SlotId(device.slot_id), device.slot, name)
        if roots is not None:
            opened.append(roots)
    if not opened:
        raise NotUnlocked("no epoch is sealed to this device")
    return keys_of(vault, raw, opened)


def marker_of(vault: VaultId, device: DeviceId, mark: str) -> bytes:
    """Return what stands in the marker of a device's folder; `mark` is that folder's own word."""
    own = f"mark {mark}\n" if mark else ""
    return f"vault {vault.hex()}\ndevice {device.hex()}\n{own}".encode()


def keys_of(vault: VaultId, genesis: bytes, opened: list[EpochRoots]) -> tuple[VaultKeys, Genesis]:
    """Put the roots of opened epochs together and open genesis with them."""
    epochs = {epoch: root for roots in opened for epoch, root in roots.past.items()}
    epochs.update({roots.epoch: roots.root for roots in opened})
    newest = opened[-1]
    keys = VaultKeys(vault, Roots(newest.id_root, epochs), newest.epoch)
    return keys, open_genesis(genesis, newest.id_root)


@dataclass(frozen=True, slots=True, repr=False)
class Founding:
    """What a person decides when a vault is made."""

    folder: str
    store: str
    device: str
    passphrase: Unlock | None
    argon2: Argon2 = field(default_factory=Argon2)


def create_vault(home: Home, founding: Founding, ambient: Ambient) -> str:
    """Make a vault: keys, genesis, slots and first epoch on the store, settings and state here.

    The folder is marked last, so a failure on the way leaves a folder that nobody watches.

    Returns:
        The 24 recovery words.

    Raises:
        UsageError: this home has a vault already, or the folder is one's already or no directory.
        StoreForeign: the store holds something else.
    """
    if home.config.exists():
        raise UsageError(f"{home.config} exists: this home has a vault already", hint="Set SYNCD_HOME for another.")
    disk = fresh_folder(home, founding.folder, founding.store)
    home.make()
    setting = StoreSetting(name="main", url=founding.store)
    with contextlib.closing(open_setting(home, setting)) as store:
        store.create()
        if next(store.list(), None) is not None:
            raise StoreForeign(f"{founding.store} holds a vault already", hint="Use `syncd rebuild`, or another place.")
        entropy = ambient.entropy(32)
        device = DeviceKeys.generate(ambient.entropy(16))
        objects, statements, keys = _found(founding, device, entropy, ambient)
        for name, data in objects.items():
            store.put(name, data)
    write_private(home.device_key, device.dump())
    mark = ambient.entropy(8).hex()
    keep_vault(home, objects, statements, device.id, mark)
    settings = Settings(
        folder=founding.folder,
        device=founding.device,
        stores=(setting,),
    )
    keep_secrets(home, setting)
    save(settings, home.config)
    disk.write_marker(marker_of(keys.vault, DeviceId(device.id), mark))
    return entropy_to_words(entropy)


def fresh_folder(home: Home, folder: str, store: str) -> Disk:
    """Return a folder that belongs to no vault yet, and neither holds nor lies in anything of ours.

    Raises:
        UsageError: it does, or is no directory.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a directory", hint="Make it first, or check the spelling.")
    check_place(home, folder, store)
    return Disk(os.fsencode(folder))


def check_place(home: Home, folder: str, store: str) -> None:
    """Refuse a folder, there or not yet, in which a vault would meet itself.

    Raises:
        UsageError: it, or one above it, is a vault's; or it holds the store or syncd's own files, or lies in the store.
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
    place = store.removeprefix("file://")
    if "://" not in place:
        if _holds(here, place):
            raise UsageError(f"the store {store} lies inside the folder", hint="Put the store somewhere else.")
        if _holds(os.path.realpath(place), here):
            raise UsageError(f"the folder {folder} lies inside the store", hint="Choose a folder outside it.")
    for ours in (home.state, home.keys, home.config.parent):
        if _holds(here, str(ours)):
            raise UsageError(
                f"the folder {folder} holds syncd's own files ({ours})",
                hint="Choose a folder below it, or set SYNCD_HOME to a place outside.",
            )


def _holds(folder: str, other: str) -> bool:
    """Tell whether a path, resolved, is a folder or lies in it."""
    return os.path.commonpath([folder, os.path.realpath(other)]) == folder


def _found(
    founding: Founding, device: DeviceKeys, words: bytes, ambient: Ambient
) -> tuple[dict[str, bytes], list[Statement], VaultKeys]:
    """Return the founding objects by name, the first record's statements, and the keys."""
    epoch = EpochId(ambient.entropy(16))
    id_root, root = ambient.entropy(32), ambient.entropy(32)
    genesis = Genesis(
        ambient.entropy(32), ambient.now_ns(), Algorithm.AES_256_GCM, PROFILES, DeviceId(device.id), epoch
    )
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
        statement(StatementKind.STORE_SET, stores=[["main", founding.store]], copies=1, commit=1, limits={}),
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


def write_private(path: os.PathLike[str], data: bytes) -> None:
    """Write a secret for this user alone, in one step."""
    temporary = f"{os.fspath(path)}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
