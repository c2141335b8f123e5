"""`python -m tests.simulation --seeds 0:2000`: run many schedules, say how many, name every violation."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import multiprocessing
import sys
import time
import traceback
from dataclasses import dataclass, field

from tests.simulation.bugs import BUGS, LASTING, PRUNING
from tests.simulation.run import Counts, Simulation
from tests.simulation.schedule import Schedule, live_long, make, of_seed
from tests.simulation.shrink import as_test, shrink, violation

BLOCK = 250  # schedules that one process takes at a time


@dataclass
class Result:
    """What became of a block of seeds."""

    counts: Counts = field(default_factory=Counts)
    failed: list[tuple[int, str]] = field(default_factory=list)


def run_block(seeds: range) -> Result:
    """Run schedules one after another."""
    logging.disable(logging.CRITICAL)
    gc.disable()  # nothing here lives long; collecting cycles took a tenth of the time
    result = Result()
    for seed in seeds:
        simulation = Simulation(of_seed(seed))
        try:
            simulation.run()
        except AssertionError as error:
            result.failed.append((seed, str(error)))
        except Exception:
            result.failed.append((seed, traceback.format_exc()))
        result.counts.add(simulation.counts)
        if seed % 50 == 0:
            gc.collect()
    return result


def run_all(seeds: range, jobs: int) -> int:
    """Run schedules in several processes; return the exit code."""
    began, total, failed = time.monotonic(), Counts(), 0
    blocks = [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]
    with multiprocessing.Pool(jobs, maxtasksperchild=20) as pool:
        for result in pool.imap_unordered(run_block, blocks):
            total.add(result.counts)
            failed += len(result.failed)
            for seed, said in result.failed:
                print(f"seed {seed}: {said[:2000]}", flush=True)
    print(f"{failed} violations; {total}; {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def tell(seed: int, *, small: bool) -> int:
    """Tell what happens in one schedule, made small if it fails; return the exit code."""
    schedule = of_seed(seed)
    simulation = Simulation(schedule, story=[])
    try:
        simulation.run()
    except Exception as error:
        print("\n".join(simulation.story or []), f"\nseed {seed}: {error}")
        if small:
            schedule = shrink(schedule)
            simulation = Simulation(schedule, story=[])
            with contextlib.suppress(Exception):
                simulation.run()
            print(as_test(schedule, str(error).partition("\n")[0]), *simulation.story or [], sep="\n")
        return 1
    print("\n".join(simulation.story or []), f"\ntrace {simulation.trace:08x}")
    return 0


def catch(name: str, seeds: range) -> int:
    """Say which seed catches a bug, or each of them."""
    for bug in BUGS if name == "all" else [name]:
        seed, said = first_to_catch(bug, seeds)
        print(f"    {bug!r}: {seed},  # {said}", flush=True)
    return 0


def first_to_catch(bug: str, seeds: range) -> tuple[int | None, str]:
    """Return the first seed that ends in a violation with a bug, and in which."""
    for seed in seeds:
        try:
            with BUGS[bug]():
                Simulation(_for(bug, seed)).run()
        except Exception as error:
            if violation(_for(bug, seed)) is not None:
                continue  # that is no bug of ours here
            return seed, str(error).partition("\n")[0][:60]
    return None, "not caught"


def _for(bug: str, seed: int) -> Schedule:
    return live_long(seed) if bug in LASTING else make(seed, prunes=bug in PRUNING)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:2000", help="FROM:TO, or one, whose story is told")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--shrink", action="store_true", help="make a failing schedule small, as a test")
    parser.add_argument("--bug", help="put in a bug, and say which seed catches it; or `all`")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    first, _, last = given.seeds.partition(":")
    if not last:
        return tell(int(first), small=given.shrink)
    seeds = range(int(first), int(last))
    return catch(given.bug, seeds) if given.bug else run_all(seeds, given.jobs)


if __name__ == "__main__":
    sys.exit(main())
