"""`python -m tests.simulation --seeds 0:2000`: run many schedules, say how many, stop at the first violation."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.simulation.run import Counts, Simulation
from tests.simulation.schedule import make


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:2000", help="FROM:TO, or one")
    parser.add_argument("--story", action="store_true", help="tell what happens")
    parser.add_argument("--go-on", action="store_true", help="do not stop at a violation")
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
            if not given.go_on:
                return 1
        counts.add(simulation.counts)
        if given.story:
            print("\n".join(simulation.story or []), f"\ntrace {simulation.trace:08x}")
    print(f"{failed} violations, {counts}, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
