"""`python -m tests.simulation --seeds 0:2000`: run many schedules, say how many, stop at the first violation."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
import traceback

from tests.simulation.run import Counts, Simulation
from tests.simulation.schedule import make
from tests.simulation.shrink import as_test, shrink


def main() -> int:
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:2000", help="FROM:TO, or one")
    parser.add_argument("--story", action="store_true", help="tell what happens")
    parser.add_argument("--go-on", action="store_true", help="do not stop at a violation")
    parser.add_argument("--shrink", action="store_true", help="make a failing schedule small, as a test")
    given = parser.parse_args()
    first, _, last = given.seeds.partition(":")
    counts, began, failed = Counts(), time.monotonic(), 0
    for seed in range(int(first), int(last) if last else int(first) + 1):
        simulation = Simulation(make(seed), story=[] if given.story else None)
        try:
            simulation.run()
        except Exception as error:
            failed += 1
            print("\n".join(simulation.story or []))
            print(f"seed {seed}: {error if isinstance(error, AssertionError) else traceback.format_exc()}"[:3000])
            if given.shrink:
                small = shrink(make(seed))
                again = Simulation(small, story=[])
                with contextlib.suppress(Exception):
                    again.run()
                print(as_test(small, str(error).partition("\n")[0]), *again.story or [], sep="\n")
            if not given.go_on:
                return 1
        counts.add(simulation.counts)
        if given.story:
            print("\n".join(simulation.story or []), f"\ntrace {simulation.trace:08x}")
    print(f"{failed} violations, {counts}, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
