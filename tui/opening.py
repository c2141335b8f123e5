"""Writing a version to a file of its own, outside the folder, and opening it; and finding an editor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.errors import SyncdError
from tui import format as show
from tui.acting import tell

if TYPE_CHECKING:
    from tui.app import Dashboard

PART = 1024 * 1024  # bytes that are asked for at once


async def write_version(dashboard: Dashboard, version: Mapping[str, Any], target: Path) -> None:
    """Write the content of a version to a file of this user's alone.

    Raises:
        SyncdError: it cannot be had.
        OSError: it cannot be written.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        offset = 0
        while offset < version["size"]:
            data = await dashboard.live.content(version["version_id"], offset, PART)
            if not data:
                break
            file.write(data)
            offset += len(data)


async def open_copy(dashboard: Dashboard, version: Mapping[str, Any]) -> None:
    """Write a version beside, and open it; say where it is."""
    name = os.path.basename(version["path"]) or "version"
    directory = Path(tempfile.mkdtemp(prefix="syncd-"))
    target = directory / name
    try:
        await write_version(dashboard, version, target)
    except SyncdError as error:
        tell(dashboard, error)
        return
    except OSError as error:
        dashboard.notify(f"{target}: {error.strerror}", severity="error", markup=False)
        return
    _show(str(target))
    dashboard.notify(f"A copy is at {target}", markup=False, timeout=10)


def open_directory(dashboard: Dashboard, directory: str) -> None:
    """Open a directory with whatever the desktop has for it; where there is no desktop, say where it is."""
    _show(directory)
    dashboard.notify(f"It is in {show.safe(directory)}", markup=False, timeout=10)


def _show(path: str) -> None:
    opener = _opener()
    if opener is not None:
        quiet = subprocess.DEVNULL
        subprocess.Popen([opener, path], stdin=quiet, stdout=quiet, stderr=quiet)


def _opener() -> str | None:
    """Return the program that opens a file with whatever it is for; None where there is no desktop."""
    if sys.platform == "darwin":
        return "open"
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if desktop else None


def editor() -> list[str] | None:
    """Return the command of the person's editor, None where there is none."""
    for name in (os.environ.get("VISUAL"), os.environ.get("EDITOR"), "nano", "vi"):
        if name and shutil.which(name.split()[0]):
            return name.split()
    return None
