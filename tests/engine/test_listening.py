"""When the store is listed: seldom, once that takes long; and a device that is new is heard of all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.engine.listening import LIST_S, MEET_S, Listening
from syncd.engine.operations import Operations
from syncd.engine.status import Status
from syncd.engine.vault import Ambient
from syncd.store.folder import FolderStore
from syncd.store.provider import Listed
from tests.engine.devices import Device, devices, opened, settle

LISTING_S = 2.0  # how long a listing of a store takes that is years old


@dataclass
class Slow:
    """A clock by which only listings of all records take time; and when each began."""

    now_s: float = 0.0
    listings: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    found, listing = Slow(), FolderStore.list

    def slowly(self: FolderStore, prefix: str = "") -> Iterator[Listed]:
        if prefix == "record/":
            found.listings.append(found.now_s)
            found.now_s += LISTING_S
        yield from listing(self, prefix)

    monkeypatch.setattr(FolderStore, "list", slowly)
    return found


def test_a_listing_comes_as_seldom_as_it_takes_long_and_who_is_new_is_heard_of(tmp_path: Path, slow: Slow) -> None:
    ambient = Ambient(elapsed_s=slow)
    alpha, beta = devices(tmp_path, "alpha", "beta", ambient=ambient)
    settle([alpha, beta])
    with opened(alpha) as vault:
        listening = Listening(slow, Status(), Operations(lambda: 0))
        listening.fetch(vault, discover=True)
        before, began = len(slow.listings), slow.now_s
        while slow.now_s < began + LISTING_S * 500:
            slow.now_s += MEET_S
            assert listening.poll(vault) is None
        assert len(slow.listings) == before, "it would take more than a thousandth of the time"
    gamma = Device(tmp_path, "gamma", alpha.store, ambient)
    gamma.join(alpha)
    gamma.sync()
    with opened(alpha) as vault:
        before = len(slow.listings)
        slow.now_s += MEET_S
        arrived = listening.poll(vault)
        assert arrived is not None, "it is heard of at the next look"
        assert len(slow.listings) == before + 1
        assert {vault.state.called(device) for device in vault.state.devices.all()} == {"alpha", "beta", "gamma"}


def test_a_listing_comes_at_last(tmp_path: Path, slow: Slow) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta", ambient=Ambient(elapsed_s=slow))
    settle([alpha, beta])
    with opened(alpha) as vault:
        listening = Listening(slow, Status(), Operations(lambda: 0))
        listening.fetch(vault, discover=True)
        before = len(slow.listings)
        slow.now_s += LIST_S
        listening.poll(vault)
        assert len(slow.listings) == before + 1
