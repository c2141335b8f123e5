"""How quick the dashboard is on a large vault: `python -m benchmarks.dashboard`.

The folder is real: 200,000 small files, taken by the agent as any. Their 800,000 older versions are written into the
local state directly, as rows of the same shape, since making them by saving files would take an hour and measure the
same tables. The dashboard runs in a pseudo-terminal and is timed by what it writes there.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from syncd.api.client import Client
from syncd.config.home import find_home

FILES, VERSIONS, FANOUT = 200_000, 1_000_000, 500
SIZE = (30, 100)  # rows, columns
BARS = {"first paint": 0.5, "place": 0.3, "key": 0.05, "memory MB": 150}
PLACES = {"y": "Files · ", "c": "Conflicts", "v": "Waiting", "a": "All", "s": "if each were kept whole",
          "d": "The code", "f": "Skipped", "l": "agent", "h": "Recent"}  # fmt: skip


class Screen:
    """The dashboard in a pseudo-terminal."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.begun = time.perf_counter()
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvpe(sys.executable, [sys.executable, "-m", "tui"], {**environ, "TERM": "xterm-256color"})
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))

    def until(self, text: str, seconds: float = 30) -> float:
        """Return after how many seconds a text was written, or anything for an empty one."""
        begun, seen = time.perf_counter(), b""
        while time.perf_counter() - begun < seconds:
            if select.select([self.descriptor], [], [], 0.5)[0]:
                seen += os.read(self.descriptor, 65_536)
                if text.encode() in seen and (text or seen):
                    return time.perf_counter() - begun
        raise TimeoutError(f"{text!r} was not shown")

    def rest(self, quiet_s: float = 0.6) -> None:
        """Read on until nothing more comes."""
        while select.select([self.descriptor], [], [], quiet_s)[0]:
            os.read(self.descriptor, 65_536)

    def press(self, key: str) -> None:
        os.write(self.descriptor, key.encode())

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1000


def furnish(root: Path) -> dict[str, str]:
    """Make the vault, start its agent; return the environment."""
    folder, home = root / "folder", root / "home"
    for number in range(FILES // FANOUT):
        directory = folder / f"d{number:04}"
        directory.mkdir(parents=True)
        for inner in range(FANOUT):
            (directory / f"file {inner:03}.txt").write_text(f"{number} {inner}")
    environ = {**os.environ, "SYNCD_HOME": str(home), "HOME": str(root)}
    call = [sys.executable, "-m", "syncd"]
    subprocess.run([*call, "init", str(folder), "--no-passphrase"], env=environ, check=True, capture_output=True)
    subprocess.run([*call, "sync"], env=environ, check=True, capture_output=True)
    add_versions(home / "state" / "state.db")
    subprocess.run([*call, "start"], env=environ, check=True, capture_output=True)
    client = Client(find_home(environ).socket)
    while client.call("GET", "/v1/status")["state"] != "idle":
        time.sleep(0.2)
    return environ


def add_versions(path: Path) -> None:
    """Give every file older versions, as if it had been saved again and again."""
    db = sqlite3.connect(path)
    columns = [row[1] for row in db.execute("PRAGMA table_info(version)")]
    entry = [name for name in columns if name not in ("id", "node", "superseded_ns", "recorded_ns")]
    for turn in range(1, VERSIONS // FILES):
        names = ", ".join(entry)
        db.execute(
            f"INSERT INTO version (id, node, {names}, recorded_ns, superseded_ns) "
            f"SELECT version + (1 << 40) * {turn}, id, {names}, recorded_ns - {turn} * 86400000000000, "
            f"recorded_ns - {turn - 1} * 86400000000000 FROM node WHERE kind = 1"
        )
    db.commit()
    db.close()


def measure(environ: dict[str, str]) -> dict[str, float]:
    """Return the figures."""
    screen = Screen(environ)
    figures = {"first paint": screen.until("syncd")}
    screen.until("ALL SAFE")
    figures["all known"] = time.perf_counter() - screen.begun
    screen.rest()
    for key, text in PLACES.items():
        screen.press(key)
        figures[f"place {key}"] = screen.until(text)
        screen.rest()
    screen.press("y")
    screen.rest()
    screen.press("\r")
    screen.rest()
    times = []
    for _ in range(100):
        screen.press("j")
        times.append(screen.until(""))
        screen.rest(0.05)
    figures["key median"], figures["key worst"] = statistics.median(times), max(times)
    screen.press("/")
    screen.rest()
    screen.press("file 499")
    figures["find"] = screen.until("Found 200+")
    screen.rest()
    figures["memory MB"] = screen.memory_mb()
    screen.press("\x1b")
    screen.rest()
    screen.press("q")
    os.waitpid(screen.pid, 0)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-dashboard-") as root:
        environ = furnish(Path(root))
        try:
            figures = measure(environ)
        finally:
            subprocess.run([sys.executable, "-m", "syncd", "stop"], env=environ, check=False, capture_output=True)
    for name, figure in figures.items():
        bar = BARS.get(name, BARS.get(name.split()[0]))
        print(f"{name:14} {figure:8.3f}{'' if bar is None else f'   bar {bar}'}")


if __name__ == "__main__":
    main()
