"""The real agent in a life that passes fast: `python -m tests.agent.pruner SECONDS` prunes that often.

What waits for a day, or for a week, in a device's life waits for no time, or for a second. Nothing else is otherwise.
"""

from __future__ import annotations

import sys

from syncd.agent.main import run
from syncd.config.home import find_home
from syncd.engine import cycle, daily, pruning, sweeping

SECOND_NS = 1_000_000_000


def main() -> None:
    cycle.PRUNE_S = float(sys.argv[1])
    daily.DAY_NS = pruning.WAIT_NS = 0
    pruning.ORPHAN_NS = SECOND_NS
    sweeping.KEPT_NS = 5 * SECOND_NS
    run(find_home(), foreground=False)


if __name__ == "__main__":
    main()
