"""`python -m tui`, which is what `syncd tui` becomes."""

from __future__ import annotations

import sys

from syncd.config.home import find_home
from tui.app import Dashboard


def main() -> int:
    """Run the dashboard; return the exit code."""
    return Dashboard(find_home().socket).run() or 0


if __name__ == "__main__":
    sys.exit(main())
