"""A fault at every step of the commit order: nothing is lost, nothing acknowledged is sent again."""

from __future__ import annotations

import builtins
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.config.settings import StoreSetting
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.vault import Vault
from syncd.errors import Failed, LocalDiskFull, StoreError, StoreFull, StoreGone, StoreReadOnly, SyncdError
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.store.folder import FolderStore
from syncd.store.provider import Capabilities, Listed
from syncd.store.replicas import Replicas
from tests.agent.live import pause
from tests.engine.devices import Device, devices, settle
from tests.engine.devices import opened as opened_device
from tests.world import World

STEPS = ["pack-sealed", "pack-intended", "pack-put", "record-intended", "record-put", "state-committed"]


Put = Callable[[str, bytes], None]


class Crash(Exception):
    """The process ends here."""


class Watched:
    """A store that counts puts and can fail them, before or after they are done."""

    def __init__(self, inner: FolderStore) -> None:
        self.inner = inner
        self.puts: Counter[str] = Counter()
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None

    @property
    def url(self) -> str:
        return self.inner.url

    def create(self) -> None:
        self.inner.create()

    def close(self) -> None:
        self.inner.close()

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def put(self, name: str, data: bytes) -> None:
        self.before(name)
        self.inner.put(name, data)
        self.puts[name] += 1
        self.after(name)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return self.inner.get(name, start, length)

    def stat(self, name: str) -> int | None:
        return self.inner.stat(name)

    def confirm(self, name: str) -> int | None:
        return self.inner.confirm(name)

    def delete(self, name: str) -> None:
        self.inner.delete(name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return self.inner.list(prefix)

    def directories(self, name: str) -> builtins.list[str]:
        return self.inner.directories(name)


def opened(world: World) -> tuple[Vault, Watched]:
    vault = world.open()
    store = vault.store.members[0].provider
    assert isinstance(store, FolderStore)
    watched = Watched(store)
    vault.store = Replicas.alone(watched)
    return vault, watched


def scan(vault: Vault, step: Callable[[str], None] = lambda name: None) -> Any:
    return Outward(vault, Outbox(vault, step), Progress(time.monotonic)).scan()


def fill(world: World, seed: int = 1) -> None:
    source = random.Random(seed)
    for i in range(12):
        world.write(f"d{i % 3}/f{i}", source.randbytes(1_500_000 if i < 9 else 900))


def expect_whole(world: World) -> None:
    """A scan by a fresh process finishes the work, and all of it verifies."""
    world.scan()
    assert world.cli("verify", "--read-data", "100").returncode == 0
    target = world.root / "out"
    assert world.cli("restore", ".", "--to", str(target)).returncode == 0
    from tests.world import tree_of

    assert tree_of(target) == world.tree()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_a_step(world: World, step: str, times: int) -> None:
    fill(world)
    vault, store = opened(world)
    left = times

    def crash(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                raise Crash

    with contextlib.suppress(Crash):
        scan(vault, crash)
    acknowledged = {name: count for name, count in store.puts.items() if name.startswith("pack/")}
    vault.close()
    vault, again = opened(world)
    scan(vault)
    vault.close()
    repeated = acknowledged.keys() & again.puts.keys()
    assert not repeated, "an acknowledged pack was sent again"
    stored = sum(path.stat().st_size for path in world.objects() if "pack" in path.parts)
    assert stored < 9 * 1_500_000 * 1.15 + (1_600_000 * 8 if step in ("pack-sealed", "pack-intended") else 0)
    expect_whole(world)


ERRORS = [StoreFull("full"), StoreReadOnly("read-only"), StoreGone("gone"), StoreError("reset"), LocalDiskFull("disk")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", ["pack/", "record/"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_put_that_fails_or_only_says_so(world: World, error: SyncdError, kind: str, when: str) -> None:
    """After: the object is there, but the store reported failure."""
    fill(world)
    vault, store = opened(world)

    def fail(name: str) -> None:
        if name.startswith(kind):
            raise error

    setattr(store, when, fail)
    with pytest.raises(type(error)):
        scan(vault)
    assert vault.state.nodes.find(b"d0/f0") is None, "the state is never ahead of the store"
    setattr(store, when, lambda name: None)
    scan(vault)  # the same process goes on, as the agent does
    vault.close()
    assert all(count == 1 for count in store.puts.values())
    expect_whole(world)


def test_a_record_that_the_state_refuses_is_not_published(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.engine import outbox

    fill(world)
    vault, store = opened(world)

    def full(*_: object, **__: object) -> None:
        raise LocalDiskFull("no space for the state")

    monkeypatch.setattr(outbox, "fold", full)
    with pytest.raises(LocalDiskFull):
        scan(vault)
    monkeypatch.undo()
    assert not [name for name in store.puts if name.startswith("record/")]
    scan(vault)
    vault.close()
    assert all(count == 1 for count in store.puts.values())
    expect_whole(world)


def test_packs_without_a_change_wait_for_the_next_record(world: World) -> None:
    """A file that was read but not published leaves its pack for whoever has these bytes next."""
    data = random.Random(3).randbytes(200_000)
    world.scan()  # the founding statements have their record
    vault, store = opened(world)
    box = Outbox(vault)
    box.chunk(data[:50_000])
    box.commit()
    assert len(store.puts) == 1
    world.write("later", data[:50_000])
    outcome = Outward(vault, box, Progress(time.monotonic)).scan()
    vault.close()
    assert outcome.changes == 1
    assert sum(name.startswith("pack/") for name in store.puts) <= 2
    expect_whole(world)


def test_what_a_merged_directory_holds_is_known_there_after_a_put_that_failed(tmp_path: Path) -> None:
    """The record says where an entry wants to stand; this disk has it in the directory that stands for that one."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for device in (alpha, beta):
        device.write("both/shared", device.name)
        device.write(f"both/{device.name}", "one")
        with opened_device(device) as vault:  # neither has heard of the other's
            Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
    settle([alpha, beta])
    merged = next(device for device in (alpha, beta) if _absorbed(device))
    merged.write(f"both/{merged.name}", "edited")
    fail_to_put(merged, lambda vault: vault.store.put)
    other = beta if merged is alpha else alpha
    other.write(f"both/{merged.name}", "edited by the other, too")
    other.write("both/more", "more")
    settle([alpha, beta])
    assert alpha.tree() == beta.tree()
    for device in (alpha, beta):
        with opened_device(device) as vault:
            assert not vault.state.nodes.problems()
            assert not vault.state.base.waiting


@pytest.mark.parametrize("count", [1, 2])
def test_a_record_that_somebody_saw_stands_though_its_store_lost_it(tmp_path: Path, count: int) -> None:
    """It counted as not put, and was read by another device before the one store that had it came back empty."""
    stores = tuple(StoreSetting(f"s{number}", str(tmp_path / f"s{number}")) for number in range(count))
    alpha, beta = devices(tmp_path, "alpha", "beta", stores=stores)
    settle([alpha, beta])
    alpha.write("a", "first")
    fail_to_put(alpha, lambda vault: vault.store.members[0].provider.put)
    beta.sync()
    assert beta.read("a") == "first"
    records = (path for path in (tmp_path / "s0" / "record").rglob("*") if path.is_file())
    newest = max(records, key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    alpha.write("a", "second")
    alpha.write("b", "more")
    both = [device.sync() for device in (alpha, beta, alpha, beta)][-2:]
    assert not any(one.arrived.alarms for one in both)
    assert alpha.tree() == beta.tree()
    assert beta.read("a") == "second"


def fail_to_put(device: Device, arriving: Callable[[Vault], Put] = lambda vault: lambda name, data: None) -> None:
    """Scan, while every put of a record fails; `arriving` returns what is done with one all the same."""
    with opened_device(device) as vault:
        put, arrive = vault.store.put, arriving(vault)

        def fail(name: str, data: bytes) -> None:
            if not name.startswith("record/"):
                put(name, data)
                return
            arrive(name, data)
            raise StoreGone("nobody knows whether it is there")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vault.store, "put", fail)
            outbox = Outbox(vault)
            with pytest.raises(StoreGone):
                Outward(vault, outbox, Progress(time.monotonic)).scan()
            outbox.say(statement(StatementKind.BEAT))
            with pytest.raises(Failed, match="put first"):
                outbox.commit()
            outbox.abandon()


def test_what_went_before_the_record_was_put_again_is_told(tmp_path: Path) -> None:
    """What the state remembers of a directory is of before the record; by now it may look like that again."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    alpha.write("d/keep", "keep")
    settle([alpha, beta])
    for _ in range(3):
        pause(0.1)
        alpha.sync()  # a directory is believed to be as it was seen once its time is old enough
    alpha.write("d/new", "x")
    fail_to_put(alpha)
    (alpha.folder / "d" / "new").unlink()
    settle([alpha, beta])
    assert alpha.names() == beta.names() == ["d", "d/keep"]


def _absorbed(device: Device) -> bool:
    """Tell whether a file that a device made wants to stand in a directory that another one stands for."""
    with opened_device(device) as vault:
        sql = "SELECT node.name FROM want JOIN node ON node.id = want.node JOIN hidden ON hidden.node = want.parent"
        return (device.name.encode(),) in vault.state.db.execute(sql).fetchall()
