"""The agent: wires the loop, the API and the signals together, and is the only place that does.

One agent per home (the lock), one thread for the vault (the loop), one for the API. SIGTERM and
SIGINT end it after what was read is committed; SIGKILL at any time loses nothing.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import secrets
import signal
import sys

from syncd.agent.door import AgentDoor
from syncd.api.server import Server
from syncd.config.home import Home
from syncd.engine.cycle import Cycle
from syncd.engine.vault import Ambient, exclusive, open_vault, write_private
from syncd.errors import SyncdError
from syncd.store.folder import FolderStore

log = logging.getLogger("syncd.agent")
LOG_BYTES, LOG_FILES = 2_000_000, 5


def set_up_log(home: Home, level: str, *, foreground: bool) -> None:
    """Log to the rotating file, and to stderr in the foreground."""
    handler = logging.handlers.RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    handlers: list[logging.Handler] = [handler]
    if foreground:
        handlers.append(logging.StreamHandler(sys.stderr))
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=handlers, force=True
    )
    logging.getLogger("watchdog").setLevel(logging.WARNING)


def run(home: Home, *, foreground: bool) -> None:
    """Run the agent until it is told to stop.

    Raises:
        Busy: one runs already.
        SyncdError: the vault cannot be opened.
    """
    with exclusive(home):
        vault = open_vault(home, write=True, ambient=Ambient())
        set_up_log(home, vault.settings.log_level, foreground=foreground)
        if isinstance(vault.store, FolderStore):
            _sweep(vault.store)
        cycle = Cycle(vault)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: cycle.stop())
        door = AgentDoor(cycle, home)
        port = vault.settings.api.port
        server = Server(door, home.socket, port or None, token(home) if port else None)
        server.start()
        log.info("agent %d keeps %s", os.getpid(), vault.settings.folder)
        try:
            cycle.run()
        finally:
            server.stop()
            door.close()
            cycle.vault.close()
            log.info("agent %d ended", os.getpid())


def token(home: Home) -> str:
    """Return the word that scripts show to the API's port, made when first asked for, for this user alone."""
    path = home.keys / "api.token"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
    return path.read_text().strip()


def _sweep(store: FolderStore) -> None:
    try:
        store.sweep()
    except (OSError, SyncdError) as error:
        log.warning("old temporary files in the store were not removed: %s", error)
