"""Putting an object in a process that is killed on the way, to see what a store makes of half a put.

`python -m syncd.store.abort` is that process: it reads where the store is, with its secrets, from its standard input,
says that it begins, and puts. A thread could not be stopped there, and a connection closed in order is no crash.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from syncd.errors import StoreGone
from syncd.store.registry import open_store

Abort = Callable[[str, int, int, float], None]


def made(seed: int, size: int) -> bytes:
    """Return the bytes that such a put is about."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - made again by who checks


def aborting(url: str, secrets: Mapping[str, str]) -> Abort:
    """Return what begins to put an object of `size` bytes `made` from a seed, and dies after so many seconds."""

    def abort(name: str, seed: int, size: int, after_s: float) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "syncd.store.abort"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            about = {"url": url, "secrets": dict(secrets), "name": name, "seed": seed, "size": size}
            process.stdin.write(json.dumps(about).encode() + b"\n")
            process.stdin.flush()
            if not process.stdout.readline():
                raise StoreGone(f"a second connection to {url} failed")
            time.sleep(after_s)
            process.kill()

    return abort


def main() -> None:
    """Put one object, and say before that it begins."""
    about = json.loads(sys.stdin.readline())
    store = open_store(about["url"], about["secrets"].get)
    store.stat(about["name"])  # the connection stands before the time counts
    data = made(about["seed"], about["size"])
    print("begins", flush=True)
    store.put(about["name"], data)


if __name__ == "__main__":
    main()
