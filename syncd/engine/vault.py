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

from syncd.chunk.cuts import Secret
from syncd.chunk.params import Params
from syncd.config.home import Home
from syncd.config.settings import Settings, load
from syncd.engine.custody import device_keys
from syncd.engine.replacing import settle
from syncd.engine.standing import current
from syncd.engine.stores import in_use, open_replicas, used_here
from syncd.engine.storeset import store_set
from syncd.errors import Busy, Damaged, LetGo, NotUnlocked, ObjectMissing, StateDamaged, StoreForeign
from syncd.fs.disk import Disk
from syncd.fs.kernel import KERNEL, Kernel
from syncd.model.chunker import Chunker
from syncd.model.ids import DeviceId, SlotId, VaultId
from syncd.pack.reader import ChunkReader
from syncd.retention.fates import Fate
from syncd.seal.envelope import Header, ObjectKind, seal_object
from syncd.seal.epochs import EpochRoots, Genesis, open_epoch, open_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, Roots, VaultKeys, block_cipher
from syncd.state.db import State
from syncd.store.member import Surroundings
from syncd.store.replicas import Replicas
from syncd.store.threads import DaemonPool

MARK = "mark"  # the word of the folder that the state knows
PREDECESSOR = "predecessor"  # ids of the devices that this one was: the folder's marker may still name any of them


@dataclass(frozen=True, slots=True)
class Ambient:
    """What the world provides: time, randomness, processors, the folder's system. Tests bring their own."""

    now_ns: Callable[[], int] = time.time_ns
    elapsed_s: Callable[[], float] = time.monotonic
    entropy: Callable[[int], bytes] = secrets.token_bytes
    choice: random.Random = field(default_factory=random.SystemRandom)
    workers: int = max(2, os.cpu_count() or 2)
    executor: Callable[[int, str], Executor] = ThreadPoolExecutor  # of so many threads, with a name
    waiting: Callable[[int, str], Executor] = DaemonPool  # the same, of threads that wait for stores
    kernel: Kernel = KERNEL


@dataclass(eq=False)
class Vault:
    """An opened vault."""

    home: Home
    settings: Settings
    state: State
    store: Replicas
    device: DeviceKeys
    keys: VaultKeys
    genesis: Genesis
    ambient: Ambient
    named: list[tuple[str, str, bool]] = field(default_factory=list)  # the stores in use: name, URL, leaving
    lent: bool = False  # the stores are somebody else's, and stay open

    @cached_property
    def disk(self) -> Disk:
        """The folder."""
        return Disk(os.fsencode(self.settings.folder), self.ambient.kernel)

    def seal(self, kind: ObjectKind, payload: bytes) -> bytes:
        """Return an object that is sealed under the current epoch, with a salt of its own."""
        keys = self.keys
        header = Header(kind, keys.current, self.ambient.entropy(32), self.genesis.algorithm)
        return seal_object(header, keys.object_secret(keys.current, kind.word), keys.vault, payload)

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
    def cuts(self) -> Secret:
        """What decides where this vault cuts."""
        chunker = self.genesis.chunker
        table = self.keys.cut_table(chunker)
        if chunker == Chunker.GEAR64:
            return Secret(chunker, table)
        key = self.keys.cut_key()
        return Secret(chunker, table, key, block_cipher(key))

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
        chunks, packs = self.state.chunks.get, self.state.packs.get
        return ChunkReader(self.store, self.keys, chunks, packs, self.pool, self.store.mend, self._lost)

    def _lost(self, chunk: bytes) -> Damaged:
        """Return what a chunk is that lies nowhere: its place was said once, so it was let go, if anything was."""
        if self.state.packs.fated(Fate.GONE):
            return LetGo("the content of this version was let go, as the vault's policy says")
        return Damaged(f"no location is known for chunk {chunk.hex()}")

    def close(self) -> None:
        """Let go of threads and files."""
        for name in ("pool", "put_pool", "read_pool"):
            pool = self.__dict__.pop(name, None)
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        if not self.lent:
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


def open_vault(home: Home, *, write: bool, ambient: Ambient | None = None, stores: Replicas | None = None) -> Vault:
    """Open the vault of a home with the device's own key; `stores` are those that somebody has opened already.

    Raises:
        NoVault, ConfigDamaged: it was never set up, or its settings cannot be read.
        Locked: the device is locked, or its key is missing.
        StateDamaged: the database is broken or empty.
    """
    # A reader takes what is there: while a rebuild runs, that is its new state, and soon will be whole.
    settings = load(home.config, home.state)
    device = device_keys(home)
    if write:
        settle(home)
    state = State(home.state, write=write)
    ambient = ambient or Ambient()
    try:
        keys, genesis = _unlock(state, device)
        keys.current = current(state, keys) or keys.current
        store = stores or open_stores(home, settings, state, keys, ambient, write=write)
        named = [one.known_by for one in in_use(settings.stores, store_set(state), used_here(state))]
    except BaseException:
        state.close()
        raise
    return Vault(home, settings, state, store, device, keys, genesis, ambient, named, lent=stores is not None)


def open_stores(
    home: Home, settings: Settings, state: State, keys: VaultKeys, ambient: Ambient, *, write: bool
) -> Replicas:
    """Open the stores that the settings and the known records name.

    Raises:
        UsageError, Locked: there is only one, and its URL is wrong or a secret of it is missing.
    """
    around = Surroundings(ambient.elapsed_s, ambient.choice.random, ambient.waiting)
    genesis = state.kept_objects("genesis")["genesis"]
    devices = [device.id for device in state.devices.all()]
    return open_replicas(
        home, settings, store_set(state), keys, genesis, around, used_here(state), devices, write=write
    )


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


def write_private(path: os.PathLike[str], data: bytes) -> None:
    """Write a secret for this user alone, in one step; it is durable then, for another place may be emptied next."""
    temporary = f"{os.fspath(path)}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    directory = os.open(os.path.dirname(os.fspath(path)), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
