"""Two agents whose people work while a third lets old versions go, and all three die again and again: nothing is lost.

Their policy keeps the last version alone, so every edit leaves something to go. What has to be there is what stands:
after each peace all of it, byte for byte, from the vault, on every device. SYNCD_PRUNE_KILLS is how many die in all.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from syncd.engine.packfates import known_cases
from syncd.engine.progress import Progress
from syncd.engine.vault import open_vault
from syncd.engine.verify import Verifier
from syncd.retention.policy import Policy, Rule
from tests.agent.live import Live
from tests.agent.test_soak import PHASE_S, Soak
from tests.engine.devices import devices
from tests.engine.test_pruning import say

KILLS = int(os.environ.get("SYNCD_PRUNE_KILLS", "8"))
SEED = int(os.environ.get("SYNCD_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
LONGEST_S = 60 + KILLS * 12


class PruneSoak(Soak):
    """People work at all of them; the third prunes all the time, the others now and then."""

    gone = 0  # packs that were deleted, as the journals say

    def whole(self) -> None:
        """Find on every device all that stands, and nothing wrong in the vault."""
        for live in self.found:
            live.stop()
        for live in self.found:
            vault = open_vault(live.device.home, write=False)
            try:
                verdict = Verifier(vault, Progress(time.monotonic)).run(100, random.Random(1))
                assert verdict.clean, (live.device.name, verdict.objects, verdict.paths)
                self.gone = sum(len(case.deleted) for case in known_cases(vault.state).values())
            finally:
                vault.close()
        for live in self.found:
            live.start()


@pytest.mark.slow
@pytest.mark.timeout(LONGEST_S * 2)
def test_nothing_that_stands_is_lost(tmp_path: Path) -> None:
    print(f"\nSYNCD_SEED={SEED} repeats it")
    found = [
        Live(device, command=("-m", "tests.agent.pruner", often))
        for device, often in zip(devices(tmp_path, "alpha", "beta", "gamma"), ("5", "5", "0.3"), strict=True)
    ]
    say(found[0].device, Policy((Rule(b"", "last", 1),)))
    soak = PruneSoak(found, random.Random(SEED))
    begun = time.monotonic()
    try:
        for live in found:
            live.start()
        while soak.counts["kills"] < KILLS or not soak.gone:
            assert time.monotonic() - begun < LONGEST_S, soak.counts
            soak.work(PHASE_S)
            soak.peace()
            soak.whole()
    finally:
        for live in found:
            live.kill()
    print(f"{dict(soak.counts)}; {soak.gone} packs deleted; {time.monotonic() - begun:.0f} s")
