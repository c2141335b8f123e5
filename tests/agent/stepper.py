"""The real agent, stopping at a named step of the commit order until it is killed.

Run as `python -m tests.agent.stepper STEP COUNT FILE`: writes each step it reaches to FILE and, at the
COUNT-th time of STEP, waits for its end. STEP `any` never waits.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter

from syncd.agent.main import run
from syncd.config.home import find_home
from syncd.engine import cycle
from syncd.engine.outbox import Outbox

STEPS = ("pack-sealed", "pack-intended", "pack-put", "record-intended", "record-put", "state-committed")


def main() -> None:
    wanted, count, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    seen: Counter[str] = Counter()

    lock, reached = threading.Lock(), threading.Event()

    def step(name: str) -> None:
        with lock:
            seen[name] += 1
            here = name == wanted and seen[name] == count
            if not reached.is_set():
                with open(file, "w") as out:
                    out.write(name + "!" * here)
            if here:
                reached.set()
        if here:
            threading.Event().wait()

    cycle.Outbox = lambda vault: Outbox(vault, step)  # type: ignore[misc, assignment]
    run(find_home(), foreground=False)


if __name__ == "__main__":
    main()
