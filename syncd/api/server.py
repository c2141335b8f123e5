"""The local API: HTTP/1.1 with JSON under /v1, on a Unix socket that only this user can reach.

We bind the socket ourselves, with mode 0600 in a directory of mode 0700: uvicorn alone would leave it
open to everybody. Handlers hand work to the loop's thread and wait; none touches the vault itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from syncd import __version__
from syncd.errors import Busy, SyncdError


class RestoreRequest(BaseModel):
    """What to bring back into the folder; paths are base64 of their bytes."""

    model_config = ConfigDict(extra="forbid")
    paths_b64: list[str]
    at_ns: int | None = None
    version: str | None = None
    exact: bool = False
    dry_run: bool = False


class DecideRequest(BaseModel):
    """What a person decided; which fields belong to which decision is told by `syncd.engine.deciding`."""

    model_config = ConfigDict(extra="forbid")
    what: str
    path_b64: str = ""
    keep: str = ""
    name: str = ""


class Door(Protocol):
    """What the agent does for those who ask; each call blocks until it is done."""

    def status(self) -> dict[str, Any]:
        """Return the status."""

    def sync(self) -> dict[str, Any]:
        """Run one full cycle."""

    def restore(self, request: RestoreRequest) -> dict[str, Any]:
        """Restore in place."""

    def decide(self, request: DecideRequest) -> dict[str, Any]:
        """Do what a person decided."""

    def stop(self) -> None:
        """End the agent."""


def build_app(door: Door) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="syncd", version=__version__, docs_url=None, redoc_url=None)

    @app.exception_handler(SyncdError)
    async def failed(request: Request, error: SyncdError) -> JSONResponse:
        body = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit}
        return JSONResponse(body, status_code=409 if error.exit in (10, 11, 12) else 422)

    @app.get("/v1/status")
    async def status() -> dict[str, Any]:
        return await asyncio.to_thread(door.status)

    @app.post("/v1/sync")
    async def sync() -> dict[str, Any]:
        return await asyncio.to_thread(door.sync)

    @app.post("/v1/restore")
    async def restore(request: RestoreRequest) -> dict[str, Any]:
        return await asyncio.to_thread(door.restore, request)

    @app.post("/v1/decide")
    async def decide(request: DecideRequest) -> dict[str, Any]:
        return await asyncio.to_thread(door.decide, request)

    @app.post("/v1/stop", status_code=202)
    async def stop() -> dict[str, Any]:
        door.stop()
        return {"stopping": True}

    return app


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


class Server:
    """Serves the API in a thread of its own."""

    def __init__(self, door: Door, path: Path) -> None:
        self._path = path
        self._listener = bind(path)
        config = uvicorn.Config(build_app(door), log_config=None, lifespan="off", access_log=False)
        self._server = _Quiet(config)
        self._thread = threading.Thread(target=self._run, name="syncd-api", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the answers under way."""
        self._server.end()
        self._thread.join(timeout=10)
        self._listener.close()
        self._path.unlink(missing_ok=True)
