"""Starting a server, waiting until it answers, and ending it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.live import pause

READY_S = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def program(name: str, package: str, *places: str) -> str:
    """Return where a program is. In CI it has to be there; elsewhere what needs it is left out.

    Args:
        name: of the program.
        package: which brings it, in words.
        places: more directories to look in.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), *places, os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        missing = f"{name} is not installed: it comes with {package}"
        if os.environ.get("SYNCD_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def listens(port: int) -> bool:
    """Tell whether somebody takes connections."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(
    command: Sequence[str], log: Path, ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command), stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment and dict(environment)
        )
    try:
        end = time.monotonic() + READY_S
        while not ready():
            assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < end, f"{command[0]} does not answer: {log.read_text()[-2000:]}"
            pause(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
