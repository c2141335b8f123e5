"""The vault that is attacked: two devices, every kind of object, two epochs; and what a victim comes to know."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.engine.both import full_cycle
from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.deciding import decide
from syncd.engine.journals import open_record
from syncd.engine.outbox import Outbox
from syncd.engine.progress import Progress
from syncd.engine.restoring import Restorer
from syncd.engine.vault import Ambient, Vault, open_vault
from syncd.errors import SyncdError
from syncd.history.tree import Tree
from syncd.journal.checkpoint import (
    PartKind,
    decode_location_part,
    decode_manifest,
    decode_record_part,
    decode_statement_part,
    decode_versions,
)
from syncd.model.ids import DeviceId, EpochId, SlotId
from syncd.model.location import DATA_CHUNK
from syncd.pack.reader import ChunkReader
from syncd.seal.envelope import ObjectKind, OpenObject, read_clear
from syncd.seal.epochs import open_epoch, open_genesis
from syncd.seal.slots import Unlock, open_slot
from syncd.store.folder import FolderStore
from syncd.store.replicas import Replicas
from tests.attacks.evil import EvilStore, Policy
from tests.engine.devices import Device, devices, opened, settle
from tests.world import tree_of


@dataclass
class Victim:
    """What one device made of a store: what it raised, what it took for an alarm, what it wrote."""

    error: SyncdError | None = None
    alarms: dict[str, str] = field(default_factory=dict)
    problems: dict[bytes, str] = field(default_factory=dict)
    tree: dict[str, tuple[object, ...]] = field(default_factory=dict)
    asked: list[tuple[str, str, int, int | None]] = field(default_factory=list)

    @property
    def noticed(self) -> bool:
        return self.error is not None or bool(self.alarms) or bool(self.problems)


@dataclass
class Scene:
    """A vault below a directory, as it is before an attack."""

    root: Path
    found: list[Device]

    @property
    def store(self) -> Path:
        return self.found[0].store

    def copy(self, to: Path) -> Scene:
        """Return the same scene elsewhere, to be attacked."""
        shutil.copytree(self.root, to, symlinks=True)
        copied = []
        for device in self.found:
            other = replace(device, root=to, store=to / self.store.relative_to(self.root))
            text = other.home.config.read_text()
            other.home.config.write_text(text.replace(str(self.root), str(to)))
            copied.append(other)
        return Scene(to, copied)

    def names(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind."""
        if kind == "genesis":
            return ["genesis"]
        files = (path for path in (self.store / kind).rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.store)) for path in files)

    def get(self, name: str) -> bytes:
        return (self.store / name).read_bytes()

    def evil(self, policy: Policy | None = None) -> EvilStore:
        return EvilStore(FolderStore(self.store), policy or Policy())

    @contextmanager
    def opened(self, device: Device, store: EvilStore | None = None) -> Iterator[Vault]:
        stores = Replicas.alone(store) if store else None
        vault = open_vault(device.home, write=True, ambient=device.ambient, stores=stores)
        try:
            yield vault
        finally:
            vault.close()

    def sync(self, device: Device, policy: Policy) -> Victim:
        """Let a device sync with the enemy."""
        victim, evil = Victim(), self.evil(policy)
        with self.opened(device, evil) as vault:
            outbox = None
            try:
                outbox = Outbox(vault)
                both = full_cycle(vault, outbox, Progress(time.monotonic))
                victim.alarms, victim.problems = both.arrived.alarms, both.problems
            except SyncdError as error:
                victim.error = error
            finally:
                if outbox is not None:
                    outbox.abandon()
        victim.tree, victim.asked = device.tree(), evil.asked
        return victim

    def join(self, place: Path) -> Victim:
        """Let a new device join from the store as it stands, and bring everything here."""
        late = Device(place, "late", self.store)
        victim = Victim()
        try:
            late.join(self.found[0])
            both = late.sync()
            victim.alarms, victim.problems = both.arrived.alarms, both.problems
        except SyncdError as error:
            victim.error = error
        if late.folder.exists():
            victim.tree = late.tree()
        return victim

    def restored(self, device: Device, policy: Policy, target: Path) -> Victim:
        """Let a device restore everything elsewhere from the enemy."""
        victim, evil = Victim(), self.evil(policy)
        with self.opened(device, evil) as vault:
            worker = Restorer(vault, str(target), Progress(time.monotonic))
            tree = Tree(vault.state.nodes)
            try:
                worker.restore(tree, tree.find(b""), b"")
            except SyncdError as error:
                victim.error = error
            victim.problems = dict(worker.result.failed)
        victim.tree, victim.asked = tree_of(target) if target.exists() else {}, evil.asked
        return victim


def contents(tree: dict[str, tuple[object, ...]]) -> dict[str, object]:
    """Return the bytes of all files."""
    return {path: facts[3] for path, facts in tree.items() if facts[0] == "file"}


def made(root: Path) -> Scene:
    """Make the scene."""
    root.mkdir(parents=True)
    found = devices(root, "anna", "bert", ambient=Ambient())
    anna, bert = found
    dice = random.Random(7)
    for number in range(12):
        anna.write(f"d{number % 3}/file {number}", dice.randbytes(9_000).hex())
    settle(found)
    bert.write("bert's", "by bert")
    settle(found)
    with opened(anna) as vault:
        decide(vault, "rotate", {})
    for number in range(6):
        anna.write(f"later/{number}", dice.randbytes(5_000).hex())
        settle(found)
    with opened(anna) as vault:
        write_checkpoint(vault)
    settle(found)
    return Scene(root, found)


def opener(vault: Vault, words: str) -> Callable[[str, bytes], object]:
    """Return what opens an object of any kind wholly and says what is in it, as the program does where it is used."""
    keys, chunks = vault.keys, vault.state.chunks
    by_pack: dict[str, list[bytes]] = {}
    for number, pack in vault.state.packs.all():
        ids = [pack.ids[at : at + 16] for at in range(0, len(pack.ids), 16)]
        by_pack[f"pack/{pack.pack.hex()[:2]}/{pack.pack.hex()}"] = [
            chunk for chunk in ids if (at := chunks.get(chunk)) is not None and at.pack == number
        ]

    signing = {device.id.hex(): device.verifying for device in vault.state.devices.all()}

    def payload(kind: ObjectKind, name: str, data: bytes) -> bytes:
        epoch = EpochId(read_clear(data, kind, name).header.epoch)
        return OpenObject(data, kind, keys.object_secret(epoch, kind.word), keys.vault, name).payload()

    def number(device: DeviceId) -> int:
        return 0

    def opened(name: str, data: bytes) -> object:
        kind = ObjectKind[name.partition("/")[0].upper()]
        if kind == ObjectKind.GENESIS:
            return open_genesis(data, keys.roots.id_root)
        if kind == ObjectKind.SLOT:
            found = open_slot(keys.vault, data, Unlock.words(words), name)
            return found and (found[0], found[1].reveal())
        if kind == ObjectKind.EPOCH:
            roots = open_epoch(keys.vault, data, SlotId(vault.device.slot_id), vault.device.slot, name)
            return roots and (roots.epoch, roots.root, roots.id_root, roots.past)
        if kind == ObjectKind.RECORD:
            return open_record(data, keys, signing[name.split("/")[1]], number, name)
        if kind == ObjectKind.PACK:
            store = EvilStore(FolderStore(Path(vault.store.members[0].provider.root)), Policy(get=lambda _, __: data))  # type: ignore[attr-defined]
            reader = ChunkReader(store, keys, chunks.get, vault.state.packs.get)
            return [reader.read(chunk, DATA_CHUNK) for chunk in by_pack[name]]  # no file here is long
        if kind == ObjectKind.CHECKPOINT:
            return decode_manifest(payload(kind, name, data), keys.vault, vault.device.verifying, name)
        inside = payload(kind, name, data)
        return inside, _part(inside, number, name)

    return opened


_DECODERS: dict[PartKind, Callable[..., object]] = {
    PartKind.RECORDS: lambda data, number, name: decode_record_part(data, number, name),
    PartKind.VERSIONS: lambda data, number, name: decode_versions(data, number, name),
    PartKind.TREE: lambda data, number, name: decode_versions(data, number, name),
    PartKind.LOCATIONS: lambda data, number, name: decode_location_part(data, name),
    PartKind.STATEMENTS: lambda data, number, name: decode_statement_part(data, number, name),
}


def _part(inside: bytes, number: Callable[[DeviceId], int], name: str) -> list[object]:
    """Return what a part says by the one decoder that takes it."""
    found = []
    for decoder in _DECODERS.values():
        try:
            found.append(decoder(inside, number, name))
        except SyncdError:
            continue
    return found
