"""The loop of one agent, turn by turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.engine import cycle as cycle_module
from syncd.engine.cycle import Cycle
from syncd.engine.vault import open_vault
from syncd.watch.observer import Watcher
from tests.engine.devices import Device, devices


class Blind(Watcher):
    """A watcher that runs, and sees nothing."""

    runs = False

    def start(self) -> bool:
        self.runs = True
        return True

    def stop(self) -> None:
        self.runs = False

    @property
    def alive(self) -> bool:
        return self.runs


def test_what_is_saved_while_nobody_watches_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While much is brought here the folder is not watched; a whole scan that ran meanwhile put off the next one."""
    (alpha,) = devices(tmp_path, "alpha")
    for number in range(12):
        alpha.write(f"directory/{number}", "bytes")
    alpha.sync()
    fresh = Device(tmp_path, "fresh", alpha.store)
    fresh.join(alpha)
    vault = open_vault(fresh.home, write=True)
    cycle = Cycle(vault, watch=Blind)
    watched: list[bool] = []
    bring_in = cycle_module.bring_in

    def slowly(*given: Any) -> None:
        bring_in(*given)
        if not watched:
            watched.append(cycle.status.watching)
            fresh.write("of a person", "saved meanwhile")

    monkeypatch.setattr(cycle_module, "MANY", 10)
    monkeypatch.setattr(cycle_module, "bring_in", slowly)
    try:
        cycle.turn()
        assert watched == [False], "much was brought here"
        cycle.turn()
    finally:
        vault.close()
    alpha.sync()
    assert alpha.read("of a person") == "saved meanwhile"
