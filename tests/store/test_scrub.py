"""What the stores hold is read again and again, and what is damaged is found and mended or told."""

from __future__ import annotations

from concurrent.futures import wait
from pathlib import Path

import pytest

from syncd.errors import StoreGone
from syncd.store.catchup import CatchUp
from syncd.store.placement import Rule
from syncd.store.scrub import DAY_S, STEPS, Round, Scrub, load
from tests.store.several import Stores, pack, record

DAYS = 90.0
EACH_S = DAYS * DAY_S / len(STEPS) * 1.0001  # a little more, so that no rounding makes a step late


def stores_with(count: int, packs: int) -> Stores:
    stores = Stores(count, Rule(0, count))
    for seed in range(packs):
        stores.all.put(*pack(seed))
    stores.all.put(*record(1))
    for member in stores.all.members:
        for future in [member._writers.submit(lambda: None) for _ in range(8)]:
            future.result(30)
        member.ask(lambda provider: None)  # from now on it is known for one of the vault's
    for door in stores.doors:
        door.calls.clear()
    return stores


def turn(scrub: Scrub) -> None:
    """Have a turn, and what it asked answered."""
    scrub.turn()
    wait([step.asked for step in scrub._steps.values() if step.asked is not None], 30)


def go_on(scrub: Scrub, stores: Stores, steps: int) -> None:
    """Let so many steps' time go by."""
    for _ in range(steps):
        stores.clock.now += EACH_S
        turn(scrub)
        while scrub._steps:
            turn(scrub)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scrub.json"


def test_a_round_reads_every_object_of_every_store_once(path: Path) -> None:
    stores = stores_with(2, 40)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    begun_s = stores.clock.now
    go_on(scrub, stores, len(STEPS))
    assert all(door.calls.count("get") == 42 for door in stores.doors)
    assert stores.clock.now - begun_s == pytest.approx(DAYS * DAY_S, rel=0.001)
    assert load(path)["a"] == Round(0, stores.clock.now, stores.clock.now, ended_s=stores.clock.now)
    go_on(scrub, stores, len(STEPS))
    assert all(door.calls.count("get") == 84 for door in stores.doors)


def test_nothing_is_read_before_its_time_nor_if_nobody_wants_it(path: Path) -> None:
    stores = stores_with(1, 4)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    for _ in range(10):
        turn(scrub)
    assert not stores.doors[0].calls
    never = Scrub(stores.all, path, 0, stores.clock)
    go_on(never, stores, len(STEPS))
    assert not stores.doors[0].calls


def test_a_restart_goes_on_where_it_was(path: Path) -> None:
    stores = stores_with(1, 40)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    for _ in range(len(STEPS)):
        go_on(scrub, stores, 1)
        scrub = Scrub(stores.all, path, DAYS, stores.clock)
    assert stores.doors[0].calls.count("get") == 42
    assert load(path)["a"].ended_s == stores.clock.now


def test_who_is_away_for_long_catches_up_at_twice_the_pace(path: Path) -> None:
    stores = stores_with(1, 4)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    stores.clock.now += 20 * EACH_S
    for _ in range(100):
        stores.clock.now += EACH_S / 4
        turn(scrub)
        while scrub._steps:
            turn(scrub)
    assert load(path)["a"].step == pytest.approx(20 + 100 / 4, abs=2)


def test_damage_is_mended_from_another_store(path: Path) -> None:
    stores = stores_with(2, 40)
    told: list[int] = []
    scrub = Scrub(stores.all, path, DAYS, stores.clock, told.append)
    turn(scrub)
    name, data = pack(7)
    stores.doors[1].damage(name, b"rotten")
    go_on(scrub, stores, len(STEPS))
    assert load(path)["b"].damaged == (name,)
    assert load(path)["a"].damaged == ()
    work = CatchUp(stores.all, stores.clock)
    while work.turn():
        pass
    assert stores.doors[1].objects()[name] == data
    turn(scrub)
    assert load(path)["b"].damaged == ()
    assert told[0] == told[-1] == 0
    assert max(told) == 1


def test_damage_of_the_only_store_is_told_until_it_is_sound_or_gone(path: Path) -> None:
    stores = stores_with(1, 40)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    rotten, gone = sorted(pack(seed)[0] for seed in range(2))
    for name in (rotten, gone):
        stores.doors[0].damage(name, b"rotten")
    go_on(scrub, stores, len(STEPS))
    assert load(path)["a"].damaged == (rotten, gone)
    by_name = dict(pack(seed) for seed in range(2))
    stores.doors[0].damage(rotten, by_name[rotten])
    stores.doors[0].delete(gone)
    go_on(scrub, stores, len(STEPS))
    assert load(path)["a"].damaged == ()


def test_a_store_that_fails_in_a_step_has_it_again(path: Path) -> None:
    stores = stores_with(1, 40)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    go_on(scrub, stores, 6)
    asked = stores.doors[0].calls.count("get")
    stores.doors[0].fault = lambda call, about: StoreGone("away") if call == "get" else None
    stores.clock.now += EACH_S
    turn(scrub)
    turn(scrub)
    turn(scrub)
    assert load(path)["a"].step == 6
    stores.doors[0].live()
    go_on(scrub, stores, 2)  # the first one hears of the failure
    assert load(path)["a"].step >= 7
    assert stores.doors[0].calls.count("get") > asked


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"step": 1}}', '{"a": {"damaged": [], "more": 1}}'])
def test_a_damaged_file_begins_anew(path: Path, text: str) -> None:
    path.write_text(text)
    stores = stores_with(1, 4)
    scrub = Scrub(stores.all, path, DAYS, stores.clock)
    turn(scrub)
    assert load(path)["a"].step == 0
