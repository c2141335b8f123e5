"""Many schedules keep every promise; the same seed is the same story; and the tester catches what it is for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.simulation.__main__ import Result
from tests.simulation.bugs import ALONE, BUGS, CAUGHT, LASTING, PRUNING
from tests.simulation.run import Simulation
from tests.simulation.schedule import Schedule, live_long, make
from tests.simulation.shrink import as_test, shrink, violation

SCHEDULES = int(os.environ.get("SYNCD_SCHEDULES", "2000"))
FIRST = int(os.environ.get("SYNCD_FIRST_SEED", "1000000"))
BLOCK = 100
# Of 100 schedules, what at least has to happen in them: a tester that does nothing finds nothing.
FLOORS = {
    "operations": 700,
    "kills": 25,
    "cuts": 15,
    "faults": 22,
    "records": 450,
    "several": 20,
    "emptied": 1,
    "damaged": 1,
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEDULES, BLOCK))
def test_every_promise_is_kept(first: int, block: Callable[[int], Result]) -> None:
    result = block(first)
    for seed, said in result.failed:
        pytest.fail(f"{said}\nreproduce it: python -m tests.simulation --seeds {seed} --shrink")
    counts = result.counts
    few = {name: getattr(counts, name) for name, floor in FLOORS.items() if getattr(counts, name) < floor}
    assert not few, f"hardly anything happened: {counts}"


def traces(seeds: range) -> str:
    return " ".join(f"{Simulation(make(seed)).run().trace:08x}" for seed in seeds)


@pytest.mark.slow
def test_a_seed_is_one_story() -> None:
    """In another process, where hashes of text are others, the same calls are made in the same order."""
    seeds = range(12)
    code = f"from tests.simulation.test_simulation import traces; print(traces({seeds!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert traces(seeds) == traces(seeds) == other.stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", CAUGHT)
def test_the_tester_catches(bug: str) -> None:
    seed = CAUGHT[bug]
    made = make(seed, several=bug not in ALONE, prunes=bug in PRUNING)
    schedule = live_long(seed) if bug in LASTING else made
    assert violation(schedule) is None
    with BUGS[bug]():
        assert violation(schedule) is not None, f"nobody noticed: {bug}"


def test_every_bug_has_a_seed() -> None:
    assert CAUGHT.keys() == BUGS.keys()
    assert len(BUGS) >= 25


@pytest.mark.timeout(300)
def test_a_failing_schedule_gets_small_and_becomes_a_test() -> None:
    bug = "a deletion wins over an edit"
    schedule = make(CAUGHT[bug])
    with BUGS[bug]():
        kind = violation(schedule)
        small = shrink(schedule)
        assert violation(small) == kind
        code = as_test(small, kind)
        assert len(small.decisions) < len(schedule.decisions)
        names = _names(code)
        with pytest.raises(AssertionError):
            names[f"test_seed_{schedule.seed}"]()
    names[f"test_seed_{schedule.seed}"]()


def _names(code: str) -> dict[str, object]:
    from tests.simulation import schedule as words

    names: dict[str, object] = {**vars(words), "Simulation": Simulation, "Schedule": Schedule}
    exec(code, names)
    return names
