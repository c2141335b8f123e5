"""The dashboard in a browser: textual-serve on loopback, behind a token that works once.

The address that is printed holds the token; whoever opens it first gets a cookie, and the token is void. Everything
else wants the cookie. A page from elsewhere cannot ride on it: the cookie is strict, the host must be ours, and the
socket's origin, too. Invariant: nothing is served, and no process started, for whoever has not shown the token.
"""

from __future__ import annotations

import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

COOKIE = "syncd"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def free_port() -> int:
    """Return a port on loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Web(Server):
    """Serves the dashboard to one browser.

    Args:
        port: on loopback.
        command: what each page runs.
    """

    def __init__(self, port: int, command: str = f"{shlex.quote(sys.executable)} -P -m tui") -> None:
        super().__init__(command, host="127.0.0.1", port=port, title="syncd", public_url=f"http://127.0.0.1:{port}")
        self._token: str | None = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)

    @property
    def address(self) -> str:
        """Where to open it; works once."""
        return f"{self.public_url}/?token={self._token}"

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: it does not listen."""

    def serve(self, debug: bool = False) -> None:
        """Serve until Ctrl-C."""
        web.run_app(self._make_app(), host=self.host, port=self.port, access_log=None, print=self._tell)

    def _tell(self, *_: object) -> None:
        """Tell where it is, now that it listens."""
        print(f"Open {self.address}\nIt works once, for one browser on this computer. Ctrl-C ends it.", flush=True)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(self._keep_in)
        return app

    async def _keep_in(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the page ask nobody but us: it would fetch a font from a company's server."""
        here = f"'self' {self.public_url} ws://127.0.0.1:{self.port}"
        policy = f"default-src {here} data: blob: 'unsafe-inline' 'wasm-unsafe-eval'; frame-ancestors 'none'"
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has the cookie; give it to who has the token."""
        if request.host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            raise web.HTTPMisdirectedRequest(text="this is no name of the dashboard")
        if _same(request.cookies.get(COOKIE), self._cookie):
            if request.headers.get("Origin", self.public_url) != self.public_url:
                raise web.HTTPForbidden(text="this page is not the dashboard's own")
            return await handler(request)
        if request.path == "/" and self._token is not None and _same(request.query.get("token"), self._token):
            self._token = None
            found = web.HTTPFound("/")
            found.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")
            raise found
        raise web.HTTPUnauthorized(text="the token was used, or is wrong; start `syncd tui --web` again")


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), wanted.encode())


def serve(port: int) -> int:
    """Serve until Ctrl-C; return the exit code."""
    Web(port or free_port()).serve()
    return 0
