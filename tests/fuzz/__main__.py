"""`make fuzz`: every target under atheris, so many executions each; what is wrong is kept below `seeds`, as a test."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS


def run(name: str, runs: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    target = TARGETS[name]

    def one(data: bytes) -> None:
        try:
            target.decode(data)
        except target.raises:
            return

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        kept = Path(__file__).parent / "seeds" / name
        kept.mkdir(parents=True, exist_ok=True)
        bounds = ["-rss_limit_mb=1024", "-timeout=10", "-max_len=16384", f"-artifact_prefix={kept}/"]
        atheris.instrument_all()
        atheris.Setup([sys.argv[0], f"-runs={runs}", *bounds, corpus], one)
        atheris.Fuzz()


def main() -> int:
    """Run all targets, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000, help="executions of each target")
    asked = parser.parse_args()
    if asked.target:
        run(asked.target, asked.runs)
        return 0
    failed = []
    for name in TARGETS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", name, "--runs", str(asked.runs)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        last = [line for line in done.stderr.splitlines() if "DONE" in line or "stat::" in line or "Error" in line]
        print(f"{name:12} {'ok' if done.returncode == 0 else 'FAILED'}  {last[-1] if last else ''}", flush=True)
        failed += [] if done.returncode == 0 else [name]
        if done.returncode:
            print(done.stderr[-3000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
