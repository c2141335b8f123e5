"""The agent: wires the loop, the API and the signals together, and is the only place that does.

One agent per home (the lock), one thread for the vault (the loop), one for the API. SIGTERM and
SIGINT end it after what was read is committed; SIGKILL at any time loses nothing. SIGHUP lets it begin anew with the
settings as they are now, or ends it where it lives in a terminal that is closed.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import secrets
import signal
import sys

from syncd.agent import desktop
from syncd.agent.door import AgentDoor
from syncd.agent.notify import Notify
from syncd.api.server import Server
from syncd.config.home import Home
from syncd.config.settings import load
from syncd.engine.cycle import Cycle
from syncd.engine.keeping import Tending
from syncd.engine.vault import Ambient, exclusive, open_vault, write_private
from syncd.errors import SyncdError
from syncd.store.folder import FolderStore
from syncd.store.replicas import Replicas
from syncd.store.scrub import FILE, Scrub

log = logging.getLogger("syncd.agent")
LOG_BYTES, LOG_FILES = 2_000_000, 5


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, where, what, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line."""
        fields = {
            "at_ns": int(record.created * 1e9),
            "level": record.levelname.lower(),
            "where": record.name,
            "what": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def set_up_log(home: Home, level: str, form: str = "text", *, foreground: bool) -> None:
    """Log to the rotating file, and to stderr in the foreground."""
    handler = logging.handlers.RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    handlers: list[logging.Handler] = [handler]
    if foreground:
        handlers.append(logging.StreamHandler(sys.stderr))
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=handlers, force=True
    )
    if form == "json":
        handler.setFormatter(JsonLines())
    for chatty in ("watchdog", "httpx", "httpcore", "asyncssh"):  # httpx tells addresses, which may hold a bot's token
        logging.getLogger(chatty).setLevel(logging.WARNING)


def run(home: Home, *, foreground: bool) -> bool:
    """Run the agent until it is told to stop; return whether it is to begin anew.

    Raises:
        Busy: one runs already.
        SyncdError: the vault cannot be opened.
    """
    with exclusive(home):
        vault = open_vault(home, write=True, ambient=Ambient())
        set_up_log(home, vault.settings.log_level, vault.settings.log_format, foreground=foreground)
        for member in vault.store.members:
            if isinstance(member.provider, FolderStore):
                _sweep(member.provider)
        cycle = Cycle(vault)
        tending = Tending(lambda: cycle.vault.store, vault.ambient.now_ns, lambda stores: _scrub(cycle, stores))
        anew = False

        def hung_up() -> None:
            nonlocal anew
            anew = not foreground and _settings_are_right(home)
            if anew or foreground:
                cycle.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: cycle.stop())
        signal.signal(signal.SIGHUP, lambda *_: hung_up())
        notify = Notify(os.environ, os.getpid(), vault.ambient.elapsed_s)
        cycle.heartbeat = lambda: _tell_manager(notify, cycle)
        door = AgentDoor(cycle, home)
        port = vault.settings.api.port
        server = Server(door, home.socket, port or None, token(home) if port else None)
        server.start()
        if vault.settings.notifications:
            desktop.start(cycle.operations.events)
        log.info("agent %d keeps %s", os.getpid(), vault.settings.folder)
        notify.ready()
        tending.start()
        try:
            cycle.run()
        finally:
            if anew:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the next one listens to it
                notify.reloading()
            else:
                notify.stopping()
            tending.stop()
            server.stop()
            door.close()
            cycle.vault.close()
            log.info("agent %d %s", os.getpid(), "begins anew" if anew else "ended")
        return anew


def _settings_are_right(home: Home) -> bool:
    """Tell whether the settings can be read; if not, say what is wrong with them."""
    try:
        load(home.config)
    except SyncdError as error:
        log.error("the settings are left as they were: %s", error.message)
        return False
    return True


def _scrub(cycle: Cycle, stores: Replicas) -> Scrub:
    """Return what reads these stores again and again."""
    vault, status = cycle.vault, cycle.status

    def told(count: int) -> None:
        status.damaged = count

    days, now_ns = vault.settings.scrub.days, vault.ambient.now_ns
    return Scrub(stores, vault.home.state / FILE, days, lambda: now_ns() / 1e9, told)


def _tell_manager(notify: Notify, cycle: Cycle) -> None:
    """Let the service manager know that the loop goes round, and what it does."""
    notify.alive()
    status = cycle.status
    notify.status(f"{status.state}: {status.reason}" if status.reason else status.state)


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
