"""A word on the desktop when something needs a person: a conflict, deletions that wait, an alarm, a store in trouble.

Each is said once, when it begins; nothing is said of what goes well. Where no desktop offers notifications, nothing is
done. Texts name no path, so that none shows on a locked screen.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from syncd.engine.events import Event, Events

log = logging.getLogger("syncd.agent")
Show = Callable[[str, str], None]


def shower(environment: Mapping[str, str], platform: str = sys.platform) -> Show | None:
    """Return what shows a title and a text on this desktop; None where there is none."""
    if platform == "darwin" and shutil.which("osascript"):
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
        return lambda title, text: _run("osascript", "-e", script, title, text)
    session = environment.get("DBUS_SESSION_BUS_ADDRESS") or environment.get("DISPLAY")
    if session and shutil.which("notify-send"):
        return lambda title, text: _run("notify-send", "--app-name=syncd", "--icon=dialog-information", title, text)
    return None


def _run(*command: str) -> None:
    try:
        quiet = subprocess.DEVNULL
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.info("the desktop was not told: %s", error)


def said_by(event: Event, before: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the title and text that an event is worth, None for most.

    Args:
        event: what happened.
        before: the fields of the last `attention` event.
    """
    data = event.data
    if event.kind == "attention":
        if data["conflicts"] > before.get("conflicts", 0):
            return "A conflict", f"Waiting: {data['conflicts']}. Nothing was lost: both sides are kept."
        if data["held"] > before.get("held", 0):
            return "Your yes is needed", f"Deletions that wait for it: {data['held']}."
        if data["damaged"] > before.get("damaged", 0):
            return "A store is damaged", "`syncd repair` mends what can be, and names the rest."
    if event.kind == "operation" and data["state"] == "running" and data["note"] + data["what"]:
        if data["kind"] == "alarm":
            return "An alarm", "A store shows what must not be. Nothing is removed until you have looked."
        if data["kind"] == "paused" and data["note"]:
            return "syncd is paused", "`syncd status` says why, and what to do."
    return None


class Desktop:
    """Follows the agent's events in a thread of its own."""

    def __init__(self, events: Events, show: Show) -> None:
        self._events, self._show = events, show
        self._wake = threading.Event()
        self._before: dict[str, Any] = {}
        self._said: set[tuple[str, int]] = set()
        self._last = events.last
        self._thread = threading.Thread(target=self._run, name="syncd-desktop", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._events.follow(self._wake.set)
        self._thread.start()

    def _run(self) -> None:
        while not self._events.closed:
            self._wake.wait()
            self._wake.clear()
            found, _ = self._events.since(self._last)
            for event in found:
                self._last = event.no
                self._take(event)

    def _take(self, event: Event) -> None:
        said = said_by(event, self._before)
        if event.kind == "attention":
            self._before = event.data
        once = (said[0], event.data.get("id", event.no)) if said else None
        if said and once and once not in self._said:
            self._said.add(once)
            self._show(*said)


def start(events: Events) -> None:
    """Tell the desktop from now on, if there is one."""
    show = shower(os.environ)
    if show is not None:
        Desktop(events, show).start()
