"""A new device begins with a checkpoint and the records after it, and has what it would have of every record."""

from __future__ import annotations

import dataclasses
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.config.settings import load, save
from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.inward import Inward
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.rebuild import Rebuilt, fold_all
from syncd.engine.vault import open_vault
from syncd.model.ids import DeviceId
from syncd.state.db import State
from syncd.store.folder import FolderStore
from tests.engine.devices import Device, act, devices, settle
from tests.state.said import Said, said_by


def often(device: Device, records: int) -> None:
    """Let a device write checkpoints after so many records."""
    settings = load(device.home.config)
    upload = dataclasses.replace(settings.upload, checkpoint_records=records)
    save(dataclasses.replace(settings, upload=upload), device.home.config)


def checkpoints(device: Device) -> list[Path]:
    return sorted((device.store / "checkpoint").rglob("*")) if (device.store / "checkpoint").exists() else []


def parts(device: Device) -> set[Path]:
    return {path for path in (device.store / "part").rglob("*") if path.is_file()}


def filled(device: Device, root: Path) -> tuple[Said, Rebuilt]:
    """Return what a state says that is made of the store alone, and how."""
    vault = open_vault(device.home, write=False)
    state = State(root, write=True)
    result = Rebuilt()
    try:
        with state.transaction():
            state.devices.number(DeviceId(b"nobody's device."))
        fold_all(state, FolderStore(device.store), vault.keys, result, [], vault.genesis.founder)
        return said_by(state), result
    finally:
        state.close()
        vault.close()


@pytest.fixture
def lived(tmp_path: Path) -> list[Device]:
    """Three devices with a past full of conflicts, and a checkpoint in the middle of it."""
    found = devices(tmp_path, "alpha", "beta", "gamma")
    source = random.Random(7)
    for device in found:
        often(device, 6)
    for _ in range(60):
        act(source.choice(found), source)
        if source.random() < 0.4:
            source.choice(found).sync()
    settle(found)
    return found


def test_it_says_what_every_record_says(lived: list[Device], tmp_path: Path) -> None:
    assert checkpoints(lived[0])
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with_it, how = filled(lived[0], tmp_path / "one")
    assert how.begun
    assert not how.wrong
    for path in checkpoints(lived[0]):
        if path.is_file():
            path.unlink()
    without, how = filled(lived[0], tmp_path / "other")
    assert not how.begun
    assert with_it == without


def test_a_new_device_reads_only_what_came_after(lived: list[Device], tmp_path: Path) -> None:
    tree = lived[0].tree()
    vault = open_vault(lived[0].home, write=True)
    tips = {device.id: device.sequence for device in vault.state.devices.all()}
    write_checkpoint(vault)
    vault.close()
    for device, sequence in tips.items():  # what it stands for may be bundled, or lost, but for first and last ones
        for old in range(2, sequence):
            (lived[0].store / "record" / device.hex() / f"{old:016x}").unlink()
    fresh = Device(tmp_path, "fresh", lived[0].store)
    fresh.join(lived[0])
    fresh.sync()
    assert fresh.tree() == tree


def test_a_part_in_which_nothing_changed_is_not_written_again(lived: list[Device]) -> None:
    vault = open_vault(lived[0].home, write=True)
    write_checkpoint(vault)
    before = parts(lived[0])
    vault.close()
    lived[0].write("one more", "file")
    lived[0].sync()
    vault = open_vault(lived[0].home, write=True)
    manifest = write_checkpoint(vault)
    vault.close()
    fresh = parts(lived[0]) - before
    assert 0 < len(fresh) < len(manifest.parts)


@pytest.mark.parametrize("hurt", ["checkpoint", "part", "missing"])
def test_a_damaged_one_is_not_believed(lived: list[Device], tmp_path: Path, hurt: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    whole, how = filled(lived[0], tmp_path / "one")
    assert how.begun
    hit = [path for path in checkpoints(lived[0]) if path.is_file()] if hurt == "checkpoint" else parts(lived[0])
    for path in hit:
        if hurt == "missing":
            path.unlink()
        else:
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 1
            path.chmod(0o600)
            path.write_bytes(data)
    found, how = filled(lived[0], tmp_path / "other")
    assert found == whole
    assert not how.begun
    assert not how.wrong


def test_a_frontier_that_the_store_does_not_have_is_not_believed(lived: list[Device], tmp_path: Path) -> None:
    """Somebody put back older records: what the checkpoint says of the later ones is in nobody's journal."""
    vault = open_vault(lived[0].home, write=True)
    write_checkpoint(vault)
    last = [(device.id, device.sequence) for device in vault.state.devices.all()]
    vault.close()
    device, sequence = last[1]
    (lived[0].store / "record" / device.hex() / f"{sequence:016x}").unlink()
    (tmp_path / "one").mkdir()
    said, _ = filled(lived[0], tmp_path / "one")
    assert (device, sequence) not in {(row[0], row[3]) for row in said["device"]}


def publish(device: Device, *, slowly: Callable[[], None] | None = None) -> None:
    """Say what a device sees without asking first what others said; `slowly`, between its question and its look."""
    vault = open_vault(device.home, write=True)
    outbox = Outbox(vault)
    try:
        if slowly is not None:
            Inward(vault).fetch(discover=True)
            slowly()
        Outward(vault, outbox, Progress(time.monotonic)).scan()
        outbox.abandon()
    finally:
        vault.close()


def checkpoint(device: Device) -> None:
    vault = open_vault(device.home, write=True)
    write_checkpoint(vault)
    vault.close()


def begun_and_folded(device: Device, root: Path) -> tuple[Device, Device]:
    """Return two new devices: one that begins with a checkpoint, and one that folds every record."""
    checkpoint(device)
    one, other = Device(root, "begun", device.store), Device(root, "folded", device.store)
    one.join(device)
    one.sync()
    shutil.rmtree(device.store / "checkpoint")
    other.join(device)
    other.sync()
    return one, other


def test_a_cycle_that_leads_through_a_dead_directory(tmp_path: Path) -> None:
    """One moved A into B and deleted it; the other, not knowing, moved B into A."""
    alpha, beta = found = devices(tmp_path, "alpha", "beta")
    alpha.write("A/in A", "1")
    alpha.write("B/in B", "2")
    settle(found)
    (beta.folder / "B").rename(beta.folder / "A" / "B")
    (alpha.folder / "A").rename(alpha.folder / "B" / "A")
    alpha.sync()
    shutil.rmtree(alpha.folder / "B" / "A")
    alpha.sync()
    publish(beta)
    settle(found)
    begun, folded = begun_and_folded(alpha, tmp_path)
    assert begun.tree() == folded.tree() == alpha.tree() == beta.tree()


def test_a_directory_that_lived_again_and_was_renamed(tmp_path: Path) -> None:
    """It was deleted twice by those who did not know that a third wrote in it, and got another name in between."""
    alpha, beta, gamma = found = devices(tmp_path, "alpha", "beta", "gamma")
    alpha.write("D/old", "1")
    settle(found)
    shutil.rmtree(alpha.folder / "D")
    publish(alpha)
    beta.write("D/new", "by beta")
    publish(beta)
    shutil.rmtree(gamma.folder / "D")
    alpha.sync()
    alpha.sync()
    (alpha.folder / "D").rename(alpha.folder / "D2")
    publish(alpha)
    publish(gamma)
    settle(found)
    (beta.folder / "D2" / "new").unlink()
    settle(found)
    begun, folded = begun_and_folded(alpha, tmp_path)
    assert begun.tree() == folded.tree() == alpha.tree() == beta.tree() == gamma.tree()


def test_who_refers_to_records_before_a_checkpoint_is_no_fork(tmp_path: Path) -> None:
    """A slow device names records that one who began with a checkpoint has never read."""
    alpha, beta = found = devices(tmp_path, "alpha", "beta")
    alpha.write("x", "1")
    settle(found)
    alpha.write("x2", "1")
    alpha.sync()
    gamma = Device(tmp_path, "gamma", alpha.store)

    def meanwhile() -> None:
        for name in ("y", "z"):
            alpha.write(name, "1")
            alpha.sync()
        checkpoint(alpha)
        gamma.join(alpha)
        gamma.sync()

    beta.write("of beta", "hello")
    publish(beta, slowly=meanwhile)
    assert not gamma.sync().arrived.alarms
    settle([alpha, beta, gamma])
    assert gamma.tree() == alpha.tree()
