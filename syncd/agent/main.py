"""The agent: wires the loop, the API and the signals together, and is the only place that does.

One agent per home (the lock), one thread for the vault (the loop), one for the API. SIGTERM and
SIGINT end it after what was read is committed; SIGKILL at any time loses nothing.
"""

from __future__ import annotations

import base64
import logging
import logging.handlers
import os
import signal
import sys
import threading
from typing import Any

from syncd.api.server import DecideRequest, RestoreRequest, Server
from syncd.config.home import Home
from syncd.engine.cycle import Cycle
from syncd.engine.deciding import decide
from syncd.engine.picking import in_place
from syncd.engine.report import report
from syncd.engine.vault import Ambient, exclusive, open_vault
from syncd.errors import SyncdError
from syncd.store.folder import FolderStore

log = logging.getLogger("syncd.agent")
LOG_BYTES, LOG_FILES = 2_000_000, 5


class AgentDoor:
    """Answers the API by asking the loop."""

    def __init__(self, cycle: Cycle, home: Home) -> None:
        self._cycle, self._home = cycle, home
        self._local = threading.local()

    def status(self) -> dict[str, Any]:
        """Return the status, read beside the loop so that it never waits for it."""
        vault = open_vault(self._home, write=False)
        try:
            return report(vault, self._cycle.status)
        finally:
            vault.close()

    def sync(self) -> dict[str, Any]:
        """Run one full cycle and tell what it did."""
        outcome = self._cycle.ask(lambda cycle: cycle.sync()).result()
        return {
            "changes": outcome.changes,
            "records": outcome.records,
            "skipped": len(outcome.problems),
        }

    def restore(self, request: RestoreRequest) -> dict[str, Any]:
        """Restore in place."""
        paths = [base64.b64decode(path) for path in request.paths_b64]

        def work(cycle: Cycle) -> dict[str, Any]:
            return in_place(
                cycle.vault,
                paths,
                at_ns=request.at_ns,
                version=request.version,
                exact=request.exact,
                dry_run=request.dry_run,
            )

        answer: dict[str, Any] = self._cycle.ask(work).result()
        return answer

    def decide(self, request: DecideRequest) -> dict[str, Any]:
        """Do what a person decided, and bring the folder to it."""

        def work(cycle: Cycle) -> dict[str, Any]:
            answer = decide(cycle.vault, request.what, request.model_dump())
            cycle.sync()
            return answer

        answer: dict[str, Any] = self._cycle.ask(work).result()
        return answer

    def stop(self) -> None:
        """End the agent."""
        self._cycle.stop()


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
        server = Server(AgentDoor(cycle, home), home.socket)
        server.start()
        log.info("agent %d keeps %s", os.getpid(), vault.settings.folder)
        try:
            cycle.run()
        finally:
            server.stop()
            vault.close()
            log.info("agent %d ended", os.getpid())


def _sweep(store: FolderStore) -> None:
    try:
        store.sweep()
    except (OSError, SyncdError) as error:
        log.warning("old temporary files in the store were not removed: %s", error)
