"""`doctor --bundle`: one file for whoever helps to find a fault, with the names of places and devices masked.

It holds what `doctor` found, the settings and the end of the log. Keys and contents lie elsewhere and are never read.
"""

from __future__ import annotations

import json
import platform
import sys
import zipfile
from collections import deque
from pathlib import Path

from syncd import __version__
from syncd.cli.examine import Finding
from syncd.config.home import Home
from syncd.engine.vault import open_vault
from syncd.errors import SyncdError, UsageError

LOG_LINES = 2000


def write_bundle(home: Home, findings: list[Finding], target: str) -> None:
    """Write what helps to find a fault.

    Raises:
        UsageError: there is such a file already, or it cannot be written.
    """
    hidden = _hidden(home)
    parts = {
        "doctor.json": json.dumps([finding.as_json() for finding in findings], indent=1, ensure_ascii=False),
        "versions.txt": f"syncd {__version__}\npython {sys.version}\n{platform.platform()}\n",
        "config.toml": home.config.read_text() if home.config.exists() else "",
        "log.txt": "".join(_log_tail(home)),
    }
    try:
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as file:
            for name, text in parts.items():
                for secret, mask in hidden:
                    text = text.replace(secret, mask)
                file.writestr(name, text)
    except FileExistsError as error:
        raise UsageError(f"{target} exists already", hint="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}") from error


def _hidden(home: Home) -> list[tuple[str, str]]:
    """Return what is not to be told, the longest first, and what stands for it."""
    found = {str(Path.home()): "~", platform.node(): "HOST"}
    try:
        vault = open_vault(home, write=False)
    except SyncdError:
        return sorted(found.items(), key=lambda item: -len(item[0]))
    try:
        found[vault.settings.folder] = "FOLDER"
        found.update({store.url: f"STORE{number}" for number, store in enumerate(vault.settings.stores)})
        found.update({device.name: f"DEVICE{device.no}" for device in vault.state.devices.all() if device.name})
        problems = [path.decode("utf-8", "replace") for path in vault.state.nodes.problems()]
        found.update({path: f"PATH{number}" for number, path in enumerate(problems) if len(path) > 3})
    finally:
        vault.close()
    return sorted(found.items(), key=lambda item: -len(item[0]))


def _log_tail(home: Home) -> list[str]:
    try:
        with home.log.open(encoding="utf-8", errors="replace") as file:
            return list(deque(file, maxlen=LOG_LINES))
    except FileNotFoundError:
        return []
