"""Agents of several devices on one machine, with real inotify, while people edit, agents die and the store goes away.

Phases of work, each followed by peace: then all trees are one, and every content that stood there can be had from
the vault ever after. SYNCD_SOAK_S is how long people work in all, SYNCD_SEED repeats what they do (not when).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.api.client import Client
from syncd.engine.vault import open_vault
from syncd.errors import SyncdError
from syncd.pack.reader import Hasher
from tests.agent.live import Live, living, pause, same_tree
from tests.engine.devices import act

SECONDS = float(os.environ.get("SYNCD_SOAK_S", "50"))
SEED = int(os.environ.get("SYNCD_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
PHASE_S = 8.0
FLOOR = {"acts": 4, "kills": 0.15, "faults": 0.05}  # a second, at least


class Soak:
    """What happens to some devices."""

    def __init__(self, found: list[Live], source: random.Random) -> None:
        self.found, self.source = found, source
        self.store = found[0].device.store
        self.counts: Counter[str] = Counter()
        self.known: set[bytes] = set()

    def work(self, seconds: float) -> None:
        """Let people work while things go wrong."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            draw = self.source.random()
            live = self.source.choice(self.found)
            if draw < 0.06:
                live.kill()
                self.counts["kills"] += 1
            elif draw < 0.10:
                self.fault()
            for other in self.found:
                if other.agent is None and self.source.random() < 0.5:
                    other.start()
            try:
                self.counts[act(live.device, self.source)] += 1
                self.counts["acts"] += 1
            except OSError:
                self.counts["met an agent"] += 1  # which had just moved or removed what the person meant
            pause(self.source.choice([0.0, 0.01, 0.05, 0.3]))
        for live in self.found:
            live.start()

    def fault(self) -> None:
        """Take the store away for a moment, as a disk or a network that comes back."""
        away = self.store.with_name("store-away")
        self.store.rename(away)
        try:
            pause(self.source.choice([0.05, 0.4]))
        finally:
            away.rename(self.store)
        self.counts["faults"] += 1

    def peace(self) -> None:
        """Wait for one tree; remember what stands in it, and see that all of before can still be had."""
        same_tree(self.found, 120, self.answer)
        self.known |= {bytes(facts[3]) for facts in self.found[0].device.tree().values() if facts[0] == "file"}

    def answer(self) -> bool:
        """Say yes to what waits for a yes: people here remove directories that hold more than half of all."""
        waited = False
        for live in self.found:
            client = Client(live.device.home.socket)
            with suppress(SyncdError):  # the agent begins, or what waits is more by now: asked again
                seals = [hold["seal"] for hold in client.call("GET", "/v1/holds")]
                if seals:
                    waited = True
                    client.call("POST", "/v1/decisions", {"what": "approve", "seen": seals})
                    self.counts["approved"] += 1
        return not waited

    def account(self) -> None:
        """Have every content that stood there in a peace."""
        for live in self.found:
            live.stop()
        for live in self.found:
            vault = open_vault(live.device.home, write=False)
            hasher, reader = Hasher(vault.keys), vault.reader()
            try:
                for content in self.known:
                    assert not content or bytes(reader.read(hasher.data(content))) == content
            finally:
                vault.close()


@pytest.mark.timeout(max(300, SECONDS * 4))
@pytest.mark.parametrize("names", [("alpha", "beta"), ("alpha", "beta", "gamma")], ids=len)
def test_all_that_stood_there_can_be_had(tmp_path: Path, names: tuple[str, ...]) -> None:
    print(f"\nSYNCD_SEED={SEED} repeats it")
    soak = Soak(living(tmp_path, *names), random.Random(SEED))
    try:
        begun = time.monotonic()
        while time.monotonic() - begun < SECONDS / 2:
            soak.work(PHASE_S)
            soak.peace()
        soak.account()
    finally:
        for live in soak.found:
            live.kill()
    print(f"{dict(soak.counts)}; {len(soak.known)} contents stood in a peace")
    worked = SECONDS / 2
    few = {name for name, rate in FLOOR.items() if soak.counts[name] < rate * min(worked, PHASE_S)}
    assert not few, f"hardly anything happened: {soak.counts}"
