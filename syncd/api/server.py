"""Where the local API listens: a Unix socket that only this user can reach and, if asked for, a loopback port.

We bind the socket ourselves, with mode 0600 in a directory of mode 0700: uvicorn alone would leave it
open to everybody. A port is off unless the settings name one; whoever uses it has to show the token that lies beside
the device's key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from pathlib import Path

import uvicorn

from syncd.api.guard import Guard, PeerProtocol
from syncd.api.routes import Door, build_app
from syncd.errors import Busy, UsageError


def bind(path: Path) -> socket.socket:
    """Return a listening socket at `path`, for this user alone.

    Raises:
        Busy: somebody listens there.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                probe.connect(_short(path))
            except OSError:
                path.unlink()
            else:
                raise Busy(f"an agent already listens on {path}")
            finally:
                probe.close()
    before = os.umask(0o177)
    try:
        listener.bind(_short(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


def _short(path: Path) -> str:
    """Return an address for a socket: the kernel takes 107 bytes, so a longer path goes by its directory."""
    if len(os.fsencode(path)) <= 100:
        return str(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # kept open: the address names it
    return f"/proc/self/fd/{descriptor}/{path.name}"


class _Quiet(uvicorn.Server):
    """A server that sleeps until it is to end; uvicorn's own looks ten times a second, a third of what we use idle."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        if not self.should_exit:
            await self._ending.wait()

    def end(self) -> None:
        """End it; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)


def bind_port(port: int) -> socket.socket:
    """Return a listening socket on loopback.

    Raises:
        UsageError: the port is somebody else's, or may not be used.
    """
    # asyncio switches Nagle's delay off only for a socket that says it is TCP; with it an answer took 44 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"the API cannot listen on port {port}: {error.strerror}", hint="Choose another one."
        ) from error
    listener.listen(64)
    return listener


class Server:
    """Serves the API in a thread of its own.

    Args:
        door: the agent.
        path: of the socket.
        port: on loopback; None for none.
        token: what requests to the port must carry.
    """

    def __init__(self, door: Door, path: Path, port: int | None = None, token: str | None = None) -> None:
        self._door, self._path = door, path
        self._listeners = [bind(path)]
        if port is not None:
            self._listeners.append(bind_port(port))
        config = uvicorn.Config(
            Guard(build_app(door), token),
            http=PeerProtocol,
            log_config=None,
            lifespan="off",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Quiet(config)
        self._thread = threading.Thread(target=self._run, name="syncd-api", daemon=True)

    @property
    def port(self) -> int | None:
        """The port that it listens on, if any."""
        return self._listeners[1].getsockname()[1] if len(self._listeners) > 1 else None

    def _run(self) -> None:
        self._server.run(sockets=self._listeners)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the answers under way."""
        self._door.operations.events.close()
        self._server.end()
        self._thread.join(timeout=10)
        for listener in self._listeners:
            listener.close()
        self._path.unlink(missing_ok=True)
