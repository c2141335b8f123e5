"""Where `syncd` begins: before anything is imported that takes its time, Ctrl-C is known."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code; 130 when a person broke it off."""
    try:
        from syncd.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("syncd: stopped", file=sys.stderr)
        sys.exit(130)
