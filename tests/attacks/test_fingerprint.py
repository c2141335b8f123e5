"""What sizes tell about one file (row C2 of docs/attacks.md), in short; `tests.attacks.fingerprint` makes the long table."""

from __future__ import annotations

import pytest

from tests.attacks.fingerprint import EXPERIMENTS, Experiment, Told, run

VAULTS = 120
# Of 60 against 60 thrown coins one AUC in a hundred is above 0.62; the best of seventeen is above this one in a thousand.
CHANCE = 0.7


@pytest.fixture(scope="module")
def told() -> dict[str, Told]:
    return {one.name: run(one, VAULTS) for one in EXPERIMENTS if not one.texts}


@pytest.mark.slow
@pytest.mark.parametrize("one", [one for one in EXPERIMENTS if not one.texts], ids=lambda one: one.name)
def test_sizes_of_packs_tell_little(told: dict[str, Told], one: Experiment) -> None:
    assert told[one.name].best < CHANCE, told[one.name].by


@pytest.mark.slow
def test_the_control_tells_all(told: dict[str, Told]) -> None:
    assert all(told[one.name].control > 0.95 for one in EXPERIMENTS if one.knows_cuts and not one.texts)


@pytest.mark.slow
def test_without_the_secret_even_chunks_apart_tell_little(told: dict[str, Told]) -> None:
    assert all(told[one.name].control < CHANCE for one in EXPERIMENTS if not one.knows_cuts and not one.texts)
