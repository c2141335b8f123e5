"""Telling the service manager how the agent is: ready, what it does, that it still lives, that it ends.

The protocol is systemd's sd_notify(3): datagrams of `KEY=value` lines to the socket that NOTIFY_SOCKET names. Where
nobody asked, nothing is said. Invariant: the watchdog is fed by the loop alone, so a loop that hangs is found out.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping


class Notify:
    """Speaks to the service manager that started this process, if one did.

    Args:
        environment: where the service manager says how to reach it.
        pid: of this process: the watchdog may be meant for another one.
        elapsed_s: a clock that only goes forward.
    """

    def __init__(self, environment: Mapping[str, str], pid: int, elapsed_s: Callable[[], float]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._elapsed = elapsed_s
        self._fed_s = 0.0
        self._said = ""
        usec = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and mine else 0.0

    def say(self, **fields: str) -> None:
        """Send some fields."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name.upper()}={value}" for name, value in fields.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            sock.send(text.encode())

    def ready(self) -> None:
        """Say that requests are answered."""
        self.say(ready="1", mainpid=str(os.getpid()))

    def status(self, text: str) -> None:
        """Say in a line what is done now, if that is news."""
        if text != self._said:
            self._said = text
            self.say(status=text)

    def alive(self) -> None:
        """Feed the watchdog, at twice the pace that it wants."""
        if self.watchdog_s and self._elapsed() - self._fed_s >= self.watchdog_s / 2:
            self._fed_s = self._elapsed()
            self.say(watchdog="1")

    def reloading(self) -> None:
        """Say that it begins anew, in the same process."""
        self.say(reloading="1", monotonic_usec=str(int(self._elapsed() * 1e6)))

    def stopping(self) -> None:
        """Say that it ends."""
        self.say(stopping="1")
