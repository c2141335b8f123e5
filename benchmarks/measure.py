"""Runs one command and writes what it cost as JSON: `python -S -E measure.py OUT COMMAND...`.

A program of its own because a child inherits its parent's peak memory: this parent has 8 MB.
"""

import json
import os
import sys
import time

out, command = sys.argv[1], sys.argv[2:]
begun = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ)
_, status, used = os.wait4(pid, 0)
wall = time.perf_counter() - begun
with open(out, "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], file)
