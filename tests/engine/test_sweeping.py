"""Old checkpoints go, a week after nobody begins with them; what somebody may begin with stays."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.config.settings import StoreSetting
from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.daily import tidy_if_due
from syncd.engine.operations import Operations
from syncd.engine.progress import Progress
from syncd.engine.sweeping import sweep
from syncd.engine.vault import Ambient
from syncd.errors import StoreError
from tests.engine.devices import Device, devices, opened, settle
from tests.engine.test_checkpoint import checkpoints, filled, parts
from tests.engine.test_pruning import Days


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def two(tmp_path: Path, days: Days) -> list[Device]:
    return devices(tmp_path, "laptop", "desktop", ambient=Ambient(now_ns=days))


def write(device: Device) -> None:
    with opened(device) as vault:
        write_checkpoint(vault)


def live(device: Device, days: Days, count: int) -> int:
    """Let days pass, with a look a day; return how many objects went."""
    gone = 0
    for _ in range(count):
        days.pass_by(1)
        with opened(device) as vault:
            with vault.state.transaction():
                vault.state.receipts.look(days())
            gone += sweep(vault)
    return gone


def changed(two: list[Device], number: int) -> None:
    two[0].write("letter", random.Random(number).randbytes(3000).hex())
    settle(two)


def test_an_older_one_goes_after_a_week_with_the_parts_that_it_alone_named(
    two: list[Device], days: Days, tmp_path: Path
) -> None:
    for number in range(3):
        changed(two, number)
        write(two[0])
    changed(two, 3)
    before, all_parts = checkpoints(two[0]), parts(two[0])
    assert live(two[1], days, 7) == 0
    assert live(two[1], days, 2) > 2
    assert checkpoints(two[0])[-1:] == before[-1:]
    assert len([path for path in checkpoints(two[0]) if path.is_file()]) == 1
    assert parts(two[0]) < all_parts
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    said, how = filled(two[0], tmp_path / "with")
    assert how.begun, "the newest is as good as before"
    for path in (two[0].store / "checkpoint").rglob("*"):
        path.is_file() and path.unlink()
    assert said == filled(two[0], tmp_path / "without")[0]


def test_what_another_device_wrote_last_stays(two: list[Device], days: Days) -> None:
    for device in two:
        changed(two, len(device.name))
        write(device)
    before = (checkpoints(two[0]), parts(two[0]))
    assert live(two[0], days, 9) == 0
    assert (checkpoints(two[0]), parts(two[0])) == before


def test_parts_that_were_put_and_never_named_go(two: list[Device], days: Days) -> None:
    changed(two, 1)
    write(two[0])
    stray = two[0].store / "part" / "ab" / ("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"whose author died")
    assert live(two[1], days, 9) == 1
    assert not stray.exists()


def test_what_is_about_to_be_named_stays(two: list[Device], days: Days) -> None:
    """A device that died after it had put its parts puts none of them again."""
    changed(two, 1)
    write(two[0])
    for path in (two[0].store / "checkpoint").rglob("*"):
        path.is_file() and path.unlink()
    before = parts(two[0])
    assert live(two[0], days, 9) == 0
    assert parts(two[0]) == before


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("hurt", [_damage, Path.unlink], ids=["damaged", "gone"])
def test_one_that_is_of_use_to_nobody_holds_nothing(
    two: list[Device], days: Days, hurt: Callable[[Path], None]
) -> None:
    for number in range(2):
        changed(two, number)
        write(two[0])
    newest = [path for path in checkpoints(two[0]) if path.is_file()][-1]
    changed(two, 5)
    write(two[1])
    hurt(newest)
    live(two[1], days, 9)
    with opened(two[1]) as vault:
        mine = {f"{name.hex()}" for name in vault.state.said.part_names()}
    assert mine <= {path.name for path in parts(two[1])}, "what the sound one names is there"


def test_nothing_goes_while_a_store_cannot_be_asked(tmp_path: Path, days: Days) -> None:
    second = tmp_path / "second"
    stores = (StoreSetting("main", str(tmp_path / "store")), StoreSetting("second", str(second)))
    two = devices(tmp_path, "laptop", "desktop", ambient=Ambient(now_ns=days), stores=stores)
    for number in range(3):
        changed(two, number)
        write(two[0])
    changed(two, 4)
    assert live(two[1], days, 7) == 0
    second.rename(tmp_path / "away")
    before = parts(two[1])
    days.pass_by(1)
    with opened(two[1]) as vault:
        with vault.state.transaction():
            vault.state.receipts.look(days())
        with suppress(StoreError):
            assert sweep(vault) == 0
    assert parts(two[1]) == before


def test_it_is_done_once_a_day(two: list[Device], days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr("syncd.engine.daily.sweep", lambda vault: done.append(1))
    changed(two, 1)
    for passed in (0, 0.1, 0.8, 0.2, 1):
        days.pass_by(passed)
        with opened(two[0]) as vault:
            tidy_if_due(vault, Operations(vault.ambient.now_ns), Progress(lambda: 0.0))
    assert len(done) == 3
