"""Clocks that are wrong: each moves what was said by it, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from syncd.engine.fold import effective_ns
from syncd.engine.vault import Ambient
from syncd.history.tree import Tree
from syncd.model.ids import ROOT
from tests.engine.devices import Device, devices, opened, settle

DAY_NS = 86_400 * 1_000_000_000
NOW = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    ("claimed", "past", "effective"),
    [
        (NOW, NOW - DAY_NS, NOW),
        (NOW, NOW, NOW),
        (NOW, NOW + 1, NOW + 1),
        (NOW, NOW + DAY_NS, NOW + DAY_NS),
        (NOW, NOW + DAY_NS + 1, NOW),
        (0, NOW, 0),
        (NOW, 0, NOW),
    ],
    ids=["later", "the same", "a moment behind", "a day behind", "the past is wrong", "it is wrong", "the first"],
)
def test_what_counts_of_a_claim_and_a_past(claimed: int, past: int, effective: int) -> None:
    assert effective_ns(claimed, past) == effective


class Clock:
    """A device's clock, so many seconds off."""

    def __init__(self) -> None:
        self.off_s = 0.0

    def __call__(self) -> int:
        return time.time_ns() + int(self.off_s * 1e9)


@pytest.fixture
def wrong() -> Clock:
    return Clock()


@pytest.fixture
def two(tmp_path: Path, wrong: Clock) -> list[Device]:
    """The second device's clock can be set."""
    found = devices(tmp_path, "right", "wrong")
    found[1].ambient = Ambient(now_ns=wrong)
    return found


def stood(device: Device, instant_ns: int) -> dict[bytes, int]:
    """Return the files at an instant, with their sizes."""
    with opened(device) as vault:
        return {row.name: row.size for row in Tree(vault.state.nodes, instant_ns).children(ROOT)}


@pytest.mark.parametrize("off_s", [9 * 366 * 86_400.0, -9 * 366 * 86_400.0], ids=["ahead", "behind"])
def test_a_clock_that_is_years_off_moves_only_what_was_said_by_it(
    two: list[Device], wrong: Clock, off_s: float
) -> None:
    right, other = two
    right.write("before", "1")
    settle(two)
    begun = time.time_ns()
    wrong.off_s = off_s
    other.write("said by it", "12")
    settle(two)
    wrong.off_s = 0.0
    right.write("after", "123")
    other.write("said by it", "1234")
    settle(two)
    tomorrow = time.time_ns() + DAY_NS
    for device in two:
        assert stood(device, tomorrow) == {b"before": 1, b"said by it": 4, b"after": 3}
        assert stood(device, begun)[b"before"] == 1


def test_a_clock_that_is_moments_behind_follows_what_it_has_seen(two: list[Device], wrong: Clock) -> None:
    right, other = two
    wrong.off_s = -3600.0
    right.write("note", "first")
    settle(two)
    between = time.time_ns()
    other.write("note", "the second")
    settle(two)
    for device in two:
        assert stood(device, between) == {b"note": len("the second")}, "an hour ago it claims, so then as at once"
        assert stood(device, time.time_ns()) == {b"note": len("the second")}
        with opened(device) as vault:
            times = [row.effective_ns for row in vault.state.devices.newest_records()]
            assert times == sorted(times, reverse=True)
