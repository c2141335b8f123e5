"""One simulated device: the real engine, its real loop, on a simulated system, with a state in memory."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from syncd.chunk.params import PROFILES
from syncd.config.home import find_home
from syncd.config.settings import Settings, StoreSetting, UploadSettings
from syncd.engine import copying, cycle
from syncd.engine.batch import dump_statements
from syncd.engine.cycle import Cycle
from syncd.engine.rebuild import Rebuilt, enrol_unheard, enrolment, fold_all
from syncd.engine.stores import belonging, soundness
from syncd.engine.vault import MARK, PREDECESSOR, Ambient, Vault
from syncd.errors import StoreError, SyncdError
from syncd.model.chunker import DEFAULT
from syncd.model.ids import DeviceId, EpochId, VaultId
from syncd.seal.envelope import Algorithm
from syncd.seal.epochs import Genesis, seal_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, Roots, VaultKeys
from syncd.state.db import State, connect
from syncd.state.migrations import migrate
from syncd.store.catchup import CatchUp
from syncd.store.member import Member, Surroundings
from syncd.store.owing import Owing
from syncd.store.placement import Rule
from syncd.store.replicas import Replicas
from syncd.watch.pending import Hint
from tests.simulation.store import Door, Shelf, Shelves
from tests.simulation.system import EVENT_CREATED, EVENT_MOVED, ROOT, Personality, System

copying.WORTH, cycle.MANY = 1, 4  # contents are small here, and few
START_NS = 1_700_000_000_000_000_000
NOWHERE = Path("/nonexistent/syncd")


class Killed(BaseException):
    """The process died here. No error that a program could catch."""


class Inline(Executor):
    """Does what it is given at once, in the caller's thread."""

    def __init__(self, workers: int = 1, name: str = "") -> None:
        self.workers = workers

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class SimState(State):
    """A state in memory whose transactions are points at which a process can die."""

    def __init__(self, db: sqlite3.Connection, point: Callable[[str, str], None]) -> None:
        self._point = point
        super().__init__(NOWHERE, write=True, db=db)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self._point("begin", "")
        with super().transaction():
            yield
            self._point("commit", "")
        self._point("committed", "")


@dataclass
class Eyes:
    """A watcher that is told by the simulated system."""

    note: Callable[[bytes, Hint], None]
    moved: Callable[[bytes, bytes], None]
    overflowed: Callable[[], None]
    alive: bool = False
    trouble: str = ""
    limited: bool = False

    def start(self) -> bool:
        self.alive = True
        return True

    def stop(self) -> None:
        self.alive = False


@cache
def template() -> bytes:
    db = connect(":memory:")
    migrate(db)
    return db.serialize()


@cache
def identity(number: int) -> DeviceKeys:
    """Return the keys of the n-th device of any simulation. Made once: key pairs are slow to make."""
    from syncd.seal.keys import SlotPrivate

    source = random.Random(f"identity {number}")
    return DeviceKeys(source.randbytes(32), SlotPrivate(source.randbytes(96)), source.randbytes(16))


@cache
def vault_of_all() -> tuple[VaultKeys, Genesis, bytes]:
    """Return the keys, parameters and genesis object of the vault that every simulation is about."""
    source = random.Random("vault")
    epoch, id_root, root = EpochId(source.randbytes(16)), source.randbytes(32), source.randbytes(32)
    founder = DeviceId(identity(0).id)
    genesis = Genesis(source.randbytes(32), START_NS, Algorithm.AES_256_GCM, PROFILES, founder, epoch, DEFAULT)
    raw = seal_genesis(genesis, id_root, source.randbytes(32))
    vault: VaultId = vault_id_of(raw)
    return VaultKeys(vault, Roots(id_root, {epoch: root}), epoch), genesis, raw


@dataclass
class Clock:
    """The one clock of a simulation; devices may read it wrongly."""

    ns: int = START_NS

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


Interrupt = Callable[["SimDevice", str, str], None]


@dataclass
class SimDevice:
    """One device. `point` is where the schedule reaches into it."""

    number: int
    name: str
    clock: Clock
    shelf: Shelf | Shelves
    personality: Personality
    seed: str
    interrupt: Interrupt
    next_identity: Callable[[], int]
    skew_ns: int = 0
    checkpoints: int = 500  # records between two of them
    commit: int = 1
    was: bytes = b""  # the ids of the devices that it was, as they lie beside its key
    dead: bool = False
    busy: bool = False  # its process is in the middle of something
    keeps_snapshots: bool = False
    deaf: bool = False  # events are lost
    counted: int = 0
    keys: DeviceKeys = field(init=False)
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = identity(self.number)
        self._entropy = random.Random(f"{self.seed} entropy {self.name}")
        self.system = System(self.personality, self.now_ns, self._point_of_system, self._event)
        self.doors = [Door(shelf, self.point) for shelf in self.shelf.all()]
        self.owing = Owing()
        self.ambient = Ambient(
            now_ns=self.now_ns,
            elapsed_s=lambda: self.clock.ns / 1e9,
            entropy=self._entropy.randbytes,
            choice=self._entropy,
            workers=1,
            executor=Inline,
            kernel=self.system,
        )
        self._eyes: Eyes | None = None
        self.db = connect(":memory:")
        self.db.deserialize(template())

    def now_ns(self) -> int:
        return self.clock.ns + self.skew_ns

    # -- where the schedule reaches in ----------------------------------------------------------

    def point(self, call: str, about: str) -> None:
        if self.dead:
            raise Killed
        self.counted += 1
        self.interrupt(self, call, about)

    def _point_of_system(self, call: str, path: bytes) -> None:
        if not self.system.person:
            self.point(call, path.decode("utf-8", "replace"))

    def _event(self, kind: str, path: bytes, target: bytes) -> None:
        eyes = self._eyes
        if eyes is None or not eyes.alive or self.dead or self.deaf:
            return
        ours = path.rpartition(b"/")[2].startswith((b".syncd-tmp-", b".syncd-folder"))
        there = target.rpartition(b"/")[2].startswith((b".syncd-tmp-", b".syncd-folder"))
        hint = Hint.CHANGING if kind == EVENT_CREATED else Hint.SETTLED
        if kind == EVENT_MOVED and not ours and not there:
            eyes.moved(path, target)
        if not ours:
            eyes.note(path, hint)
        if target and not there:
            eyes.note(target, hint)

    # -- its life -------------------------------------------------------------------------------

    def found(self) -> None:
        """Become a device of the vault, with nothing known of it."""
        _, _, genesis = vault_of_all()
        for shelf in self.shelf.all():
            if not shelf.away:
                shelf.objects.setdefault("genesis", genesis)
        self.start()
        with self.state.transaction():
            self.state.devices.number(DeviceId(self.keys.id))
            self.state.keep_object("genesis", genesis)
            self.state.set_comparing(True)
            self.state.set(MARK, self._entropy.randbytes(8).hex().encode())
            self.state.set("statements", dump_statements([enrolment(self.keys, self.name, None)]))
        self.vault.disk.write_marker(self.vault.marker)
        self.system.commit()
        self.start()

    def start(self) -> None:
        """Start the process, whatever became of the last one."""
        self.dead = False
        self.system.forget_opened()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        keys, genesis, genesis_object = vault_of_all()
        self.state = SimState(self.db, self.point)
        settings = Settings(
            folder=ROOT.decode(),
            device=self.name,
            stores=tuple(StoreSetting(name=shelf.name, url=shelf.name) for shelf in self.shelf.all()),
            upload=UploadSettings(checkpoint_records=self.checkpoints),
        )
        home = find_home({"SYNCD_HOME": str(NOWHERE)})
        store = self._stores(keys, genesis_object)
        named = [(setting.name, setting.url, False) for setting in settings.stores]
        self.tending = CatchUp(store, lambda: self.clock.ns / 1e9)
        self.vault = Vault(home, settings, self.state, store, self.keys, keys, genesis, self.ambient, named)
        if not self.busy:
            self.cycle = Cycle(self.vault, self._watch, self._become_another)

    def _stores(self, keys: VaultKeys, genesis: bytes) -> Replicas:
        if len(self.doors) == 1:
            return Replicas.alone(self.doors[0])
        around = Surroundings(self.ambient.elapsed_s, lambda: 0.5, Inline)
        sound = soundness(keys)
        ours = belonging(sound, [device.id for device in self.state.devices.all()])
        members = [Member(door.shelf.name, door, around, genesis, ours) for door in self.doors]
        for member in members:
            member.returned = True  # as the agent has it when it starts: what was put while it did not run is not known
        return Replicas(members, Rule(0, self.commit), self.owing, sound)

    def _watch(self, root: bytes, note: Any, moved: Any, overflowed: Any) -> Any:
        self._eyes = Eyes(note, moved, overflowed)
        return self._eyes

    def turn(self) -> None:
        """Let the loop do what is due; a process that dies of it is started again."""
        self._working(self.cycle.turn)

    def look_everywhere(self) -> bool:
        """Let the loop look at everything, as when a person asks; return whether it came through."""
        before = self.cycle.status.state
        self.cycle._overflowed()  # as a watcher that lost events makes it do
        self._working(self.cycle.turn)
        if self.keeps_snapshots and not self.db.in_transaction:
            self.snapshots.append(self.db.serialize())
        return self.cycle.status.state == "idle" and before != "stopping"

    def tend(self) -> None:
        """Bring to each store what it lacks, as the thread beside the loop does."""
        if len(self.doors) < 2:
            return

        def work() -> None:
            for _ in range(20):
                try:
                    if not self.tending.turn():
                        return
                except SyncdError:
                    return

        self._working(work)

    def _working(self, work: Callable[[], None]) -> None:
        self.busy = True
        try:
            work()
        except Killed:
            self.busy = False
            self.start()
        finally:
            self.busy = False

    def _become_another(self, vault: Vault) -> tuple[Vault, SyncdError | None]:
        predecessor, before = self.keys, self.db.serialize()
        self.keys = identity(self.next_identity())
        self.snapshots.clear()  # the folder is the new device's now
        try:
            self.wipe(DeviceId(predecessor.id))
        except BaseException as error:  # the state that was there is put back, as `rebuild` does
            self.keys = predecessor
            self.db.close()
            self.db = connect(":memory:")
            self.db.deserialize(before)
            if not isinstance(error, SyncdError):
                raise
            self.start()
            return self.vault, error
        return self.vault, None

    def wipe_as_another(self) -> None:
        """Lose the state while not every store can be asked: who knows less than its own journal is a new device."""
        predecessor, before = self.keys, self.db.serialize()
        self.keys = identity(self.next_identity())
        try:
            self.wipe(DeviceId(predecessor.id))
        except StoreError:  # what is needed lies on the store that is away: the state stays, a person tries again
            self.keys = predecessor
            self.db.close()
            self.db = connect(":memory:")
            self.db.deserialize(before)
            self.start()

    def restore(self, number: int) -> None:
        """Have the state as it was once, as after a backup was brought back."""
        if self.snapshots:
            self.db.close()
            self.db = connect(":memory:")
            self.db.deserialize(self.snapshots[number % len(self.snapshots)])
            self.start()

    def wipe(self, predecessor: DeviceId | None = None) -> None:
        """Lose the state, and rebuild it from the store with the device's own key, or as a new device."""
        before = self.was + (predecessor or b"")
        self.db.close()
        self.db = connect(":memory:")
        self.db.deserialize(template())
        self.start()
        keys, beginning, genesis = vault_of_all()
        with self.state.transaction():
            self.state.devices.number(DeviceId(self.keys.id))
            self.state.keep_object("genesis", genesis)
            self.state.set_comparing(True)
            self.state.set(MARK, self._entropy.randbytes(8).hex().encode())
            if predecessor is not None:
                self.state.set("statements", dump_statements([enrolment(self.keys, self.name, predecessor)]))
                self.state.set(PREDECESSOR, before)
        fold_all(self.state, self.vault.store, keys, Rebuilt(), [], beginning.founder)
        enrol_unheard(self.state, self.keys, self.name)
        self.was = before
        self.system.person = True  # as `rebuild` does, at its end; if that fails a person does it again
        self.vault.disk.write_marker(self.vault.marker)
        self.system.person = False
        self.start()
