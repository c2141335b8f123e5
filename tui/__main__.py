"""`python -m tui`, which is what `syncd tui` becomes."""

from __future__ import annotations

import argparse
import sys

from syncd.config.home import find_home
from tui.app import Dashboard


def main() -> int:
    """Run the dashboard, here or in a browser; return the exit code."""
    parser = argparse.ArgumentParser(prog="syncd tui")
    parser.add_argument("--web", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ascii", action="store_true")
    asked = parser.parse_args()
    if not asked.web:
        home = find_home()
        locked = home.locked_key.exists() and not home.device_key.exists()
        unseen = home.words.exists()
        return Dashboard(home.socket, config=home.config, locked=locked, unseen=unseen, plain=asked.ascii).run() or 0
    try:
        from tui.web import serve
    except ImportError:
        print("syncd: the dashboard in a browser needs one more part", file=sys.stderr)
        print("       Install it beside syncd: pip install textual-serve", file=sys.stderr)
        return 1
    return serve(asked.port)


if __name__ == "__main__":
    sys.exit(main())
