"""Who may ask: this user, over the socket; over TCP whoever has the token. And how much may be asked at once.

The socket's mode keeps others out; the peer's user is checked all the same, since a directory may be opened by mistake.
Over TCP a web page in a browser can send requests to a loopback port: without our token it is refused, and a host name
that is not loopback is refused, so that no rebound name gets by.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import struct
import sys
from asyncio import Transport
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_BODY = 4 * 1024 * 1024  # bytes: 10,000 paths of the longest kind that anybody has
_TOO_LONG = (413, "too-long", f"a request has at most {LONGEST_BODY} bytes")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class PeerProtocol(H11Protocol):
    """HTTP from those who run as the same user; a connection of anybody else is closed before it is read."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Look at who connects."""
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_UNIX and peer_uid(sock) not in (os.geteuid(), 0, None):
            transport.abort()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read, unless the connection was refused."""
        if self.transport is not None:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, if it ever was one."""
        if self.transport is not None:
            super().connection_lost(exc)


def peer_uid(sock: Any) -> int | None:
    """Return the user at the other end of a Unix socket; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(raw)[1])
    if sys.platform == "darwin":  # <sys/ucred.h>: level SOL_LOCAL, option LOCAL_PEERCRED, then version and user
        return int(struct.unpack_from("2I", sock.getsockopt(0, 1, 76))[1])
    return None  # the mode of the socket and of its directory keeps others out


class Guard:
    """The application behind its door.

    Args:
        app: what answers those who may ask.
        token: what requests over TCP must carry; None where there is no TCP.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if scope.get("client") is not None:
            refusal = self._refuses(headers)
            if refusal is not None:
                await _refuse(send, *refusal)
                return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            await _refuse(send, *_TOO_LONG)
            return
        await _Bounded(receive, send).answer(self._app, scope)

    def _refuses(self, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost", "[::1]"):
            return 421, "wrong-host", "this is no name of the listener; use 127.0.0.1"
        given = headers.get(b"authorization", b"").decode("latin-1")
        if self._token is None or not secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return 401, "no-token", "the token is missing or wrong"
        return None


class _TooLongError(Exception):
    """A body without a length turned out to be too long."""


class _Bounded:
    """A request whose body ends, at the latest, where it becomes too long.

    What reads the body may answer that it could not, in words of its own: such an answer is dropped for ours.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._taken, self._answered = 0, False

    async def answer(self, app: ASGIApp, scope: Scope) -> None:
        with suppress(_TooLongError):
            await app(scope, self._more, self._say)
        if self._too_long and not self._answered:
            await _refuse(self._send, *_TOO_LONG, close=True)  # or the connection would wait for the rest

    @property
    def _too_long(self) -> bool:
        return self._taken > LONGEST_BODY

    async def _more(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._too_long:
            raise _TooLongError
        return message

    async def _say(self, message: Message) -> None:
        if self._answered or not self._too_long:
            self._answered = True
            await self._send(message)


async def _refuse(send: Send, status: int, code: str, message: str, *, close: bool = False) -> None:
    body = json.dumps({"code": code, "message": message, "hint": "", "exit": 1}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
