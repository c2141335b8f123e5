"""A recovery drill from every kind of store: `make bench-drills`.

Six releases of real packages are synced one after the other to a real server of each kind on loopback (two of the chats
and Dropbox are played by a server of our own). Then, in a home that knows nothing, the recovery words and the store
alone bring everything back to an empty directory, checked byte for byte by the drill and once more here.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks import data
from benchmarks.run import replace_tree
from tests.store.test_whole import STORES, Computer
from tests.world import tree_of


def drill(kind: str, root: Path, steps: list[Path]) -> str:
    """Return what a drill from one kind of store says."""
    (root / "server").mkdir()
    with STORES[kind](root / "server") as (url, secrets):
        laptop = Computer(root, "laptop", secrets)
        shutil.copytree(steps[0], laptop.folder, symlinks=True)
        words = root / "words"
        words.write_text(laptop("init", str(laptop.folder), "--store", url, "--no-passphrase").strip())
        begun = time.perf_counter()
        for number, step in enumerate(steps):
            if number:
                replace_tree(laptop.folder, step)
            laptop("sync")
        synced_s = time.perf_counter() - begun
        back = root / "back"
        begun = time.perf_counter()
        found = json.loads(laptop("drill", "--recovery-file", str(words), "--into", str(back), "--json"))
        drilled_s = time.perf_counter() - begun
        same = tree_of(back / "restored") == tree_of(laptop.folder)
        whole = "whole" if found["whole"] and same else f"NOT WHOLE: {found}"
        size = f"{found['files']:,} files, {found['bytes'] / 1e6:.0f} MB"
        return f"six syncs {synced_s:6.1f} s   drill {drilled_s:6.1f} s   {size}   {whole}"


def main() -> None:
    """Drill from each kind, or from some."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(STORES), metavar="KIND")
    steps = data.releases(data.CACHE)
    for kind in parser.parse_args().kinds:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
            print(f"{kind:10} {drill(kind, Path(directory), steps)}", flush=True)


if __name__ == "__main__":
    main()
