"""Two folders in sync, us and our peers: `make bench-sync`, or `python -m benchmarks.sync --with syncd,unison`.

Rows: how long until one written file has the right bytes on the other side; 10,000 small files to an empty other
side; 1,000 new files on each side at once; CPU in an idle minute; and, of ours, a directory of 100,000 files renamed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.pairs import PAIRS, Pair, Syncd

POLL_S = 0.001
LONGEST_S = 300.0


def wait(true: Callable[[], bool], poll_s: float = POLL_S) -> float:
    """Return the seconds until something is true."""
    begun = time.perf_counter()
    while not true():
        if time.perf_counter() - begun > LONGEST_S:
            raise RuntimeError("it never came")
        time.sleep(poll_s)
    return time.perf_counter() - begun


def has(path: Path, data: bytes) -> bool:
    """Tell whether a file has these bytes."""
    try:
        return path.read_bytes() == data
    except (FileNotFoundError, NotADirectoryError):
        return False


def make_tree(root: Path, count: int, seed: int) -> int:
    """Make small files, 2.6 kB on average; return how many bytes they have."""
    source, total = random.Random(seed), 0
    for number in range(count):
        directory = root / f"{number // 100:04d}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        data = source.randbytes(source.randrange(200, 1500)) + b"text " * source.randrange(10, 700)
        (directory / f"file-{number:05d}.txt").write_bytes(data)
        total += len(data)
    return total


def size_of(root: Path) -> int:
    """Return the bytes of all files below a directory."""
    total, stack = 0, [str(root)]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    elif not entry.name.startswith((".syncd-", ".syncthing.", ".unison")):
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total


def latency(pair: Pair, count: int) -> list[float]:
    """Write files, one after another; return how long each took to the other side."""
    took = []
    for number in range(count):
        time.sleep(0.3 + random.random() * 0.4)  # so that no timer is met in step
        data = f"{pair.name} {number}".encode() * 40
        name = f"latency-{number % 5}.txt"
        (pair.a / name).write_bytes(data)
        begun = time.perf_counter()
        if not pair.watches:
            pair.step()
        wait(lambda name=name, data=data: has(pair.b / name, data))
        took.append(time.perf_counter() - begun)
    return took


def load(pair: Pair, tree: Path, size: int) -> tuple[float, float]:
    """Move a tree into one side; return (seconds until it is on the other, CPU seconds)."""
    cpu = pair.cpu_s()
    begun = time.perf_counter()
    tree.rename(pair.a / "load")
    if not pair.watches:
        pair.step()
    wait(lambda: size_of(pair.b / "load") == size, 0.25)
    return time.perf_counter() - begun, pair.cpu_s() - cpu


def both_sides(pair: Pair, trees: list[Path], sizes: list[int]) -> float:
    """Move a tree into each side; return the seconds until both have both."""
    begun = time.perf_counter()
    trees[0].rename(pair.a / "from-a")
    trees[1].rename(pair.b / "from-b")
    if not pair.watches:
        pair.step()
        pair.step()
    wait(lambda: size_of(pair.b / "from-a") == sizes[0] and size_of(pair.a / "from-b") == sizes[1], 0.1)
    return time.perf_counter() - begun


def rename_of_many(pair: Syncd, count: int) -> str:
    """Rename a directory of many files; say how long it took, and what it put on the store."""
    many = pair.work / "many"
    many.mkdir()
    for number in range(count):
        if number % 1000 == 0:
            (many / f"{number // 1000:03d}").mkdir()
        (many / f"{number // 1000:03d}" / f"{number}").write_bytes(b"%d" % number)
    many.rename(pair.a / "many")
    last = pair.b / "many" / f"{(count - 1) // 1000:03d}" / f"{count - 1}"
    wait(last.exists, 0.2)
    quiet = -1.0
    while pair.cpu_s() - quiet > 0.2:  # until both have looked at what came
        quiet = pair.cpu_s()
        time.sleep(5)
    before, cpu = pair.objects(), pair.cpu_s()
    begun = time.perf_counter()
    (pair.a / "many").rename(pair.a / "renamed")
    wait(lambda: (pair.b / "renamed").exists() and not (pair.b / "many").exists())
    took = time.perf_counter() - begun
    time.sleep(5)
    after = pair.objects()
    new = {kind: after[kind] - before.get(kind, 0) for kind in after if after[kind] != before.get(kind, 0)}
    return f"{took:.2f} s, {pair.cpu_s() - cpu:.2f} CPU s of both, new on the store: {new}"


def measure(pair: Pair, given: argparse.Namespace) -> None:
    """Print a pair's rows."""

    def say(text: str) -> None:
        print(f"{pair.name:16} {text}", flush=True)

    trees = [pair.work / f"tree-{number}" for number in range(3)]
    sizes = [
        make_tree(tree, count, number) for number, (tree, count) in enumerate(zip(trees, given.files, strict=True))
    ]
    pair.start()
    try:
        seconds, cpu = load(pair, trees[0], sizes[0])
        say(f"{given.files[0]} files to an empty side: {seconds:.2f} s, {cpu:.1f} CPU s, {pair.peak_mb():.0f} MB")
        seconds = both_sides(pair, trees[1:], sizes[1:])
        say(f"{given.files[1]} + {given.files[2]} on both sides: {seconds:.2f} s")
        took = latency(pair, given.samples)
        took.sort()
        tenth = len(took) // 10
        say(f"one file: median {statistics.median(took):.3f} s, p10 {took[tenth]:.3f}, p90 {took[-1 - tenth]:.3f}")
        if pair.watches:
            time.sleep(12)  # as in the peers' figures: after the load
            for when in ("the minute after", "later"):
                cpu = pair.cpu_s()
                time.sleep(given.idle)
                say(f"idle, {when}: {(pair.cpu_s() - cpu) * 60 / given.idle:.2f} CPU s a minute, of both sides")
        if isinstance(pair, Syncd) and given.many:
            say(f"{given.many} files' directory renamed: {rename_of_many(pair, given.many)}")
    finally:
        pair.stop()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    parser.add_argument("--with", dest="names", default=",".join(PAIRS), help="which programs")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("/dev/shm/syncd-pairs" if Path("/dev/shm").is_dir() else "/var/tmp/syncd-pairs"),
    )
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--files", type=int, nargs=3, default=[10_000, 1_000, 1_000])
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument(
        "--many", type=int, default=100_000, help="files below the directory that is renamed; 0 for none"
    )
    given = parser.parse_args()
    for name in given.names.split(","):
        pair = PAIRS[name](given.work)
        if name == "syncthing":
            given.samples = min(given.samples, 5)  # ten seconds each
        measure(pair, given)
        shutil.rmtree(pair.work, ignore_errors=True)


if __name__ == "__main__":
    main()
