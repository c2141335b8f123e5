"""Asking stores by HTTP: one client, what its answers and failures are here, and trying again. Only here is httpx used.

Invariant: what may pass (no connection, 429, 5xx) is asked again within a budget, and never sooner than the store says;
what does not pass (401, 403, a full quota, a wrong certificate) is an error at once that says what to do.
"""

from __future__ import annotations

import email.utils
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from syncd.errors import StoreDenied, StoreError, StoreFull
from syncd.store.again import BUDGET_S, Passing, again
from syncd.store.window import MOST, Window

CONNECT_S, ANSWER_S = 10.0, 60.0
LONGEST_WAIT_S = 120.0  # of what a store may ask for with Retry-After
AGENT = "syncd/1"

# Statuses that do not pass: what they are here, and what to do.
_FINAL: dict[int, tuple[type[StoreError], str]] = {
    401: (StoreDenied, "The name or password is wrong. Give them anew: `syncd store login`."),
    403: (StoreDenied, "The store knows this user, and allows it too little: read, write, list and delete are needed."),
    407: (StoreDenied, "A proxy on the way wants credentials of its own."),
    507: (StoreFull, ""),
}
_CROWDED = {429, 503}  # "asked too often"; S3 says it with 503 (SlowDown)
_PASSING = {408, 423, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524}


class Http:
    """Requests to one store.

    Args:
        url: of the store, for errors.
        base: what paths are appended to.
        headers: sent with each request.
        auth: name and password.
        socket: a Unix socket to ask by, instead of the network.
    """

    def __init__(
        self,
        url: str,
        base: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        socket: str | None = None,
    ) -> None:
        self.url, self.base, self._socket = url, base.rstrip("/"), socket
        self._headers, self._auth = {"User-Agent": AGENT, **(headers or {})}, auth
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self.window = Window()

    def ask(
        self,
        method: str,
        where: str,
        *,
        well: tuple[int, ...] = (),
        understood: Callable[[httpx.Response], bool] = lambda response: False,
        budget_s: float = BUDGET_S,
        before: Callable[[], None] = lambda: None,
        refusal: Callable[[httpx.Response], StoreError | None] = lambda response: None,
        **more: Any,
    ) -> httpx.Response:
        """Return the answer to a request.

        Args:
            method: of HTTP.
            where: a path below the base, or a whole URL.
            well: statuses of 300 and more that the caller understands.
            understood: tells of other answers whether the caller understands them.
            budget_s: how long to try.
            before: called before each try: where a limit of requests is kept.
            refusal: names the error of an answer that is no success, where the store has words of its own.
            more: as httpx takes it: headers, content, params, json.

        Raises:
            StoreError: it was refused, or failed to the end.
        """
        address = where if "://" in where else self.base + where

        def once() -> httpx.Response:
            before()
            response = self._send(method, address, more)
            if response.status_code < 300 or response.status_code in well or understood(response):
                return response
            raise refusal(response) or self.refused(response)

        return again(once, budget_s=budget_s, window=self.window)

    def close(self) -> None:
        """Let go of connections; the next request makes new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                limits = httpx.Limits(max_connections=MOST, max_keepalive_connections=MOST)
                timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
                transport = httpx.HTTPTransport(uds=self._socket, limits=limits) if self._socket else None
                self._client = httpx.Client(
                    headers=self._headers, auth=self._auth, timeout=timeout, limits=limits, transport=transport
                )
            return self._client

    def _send(self, method: str, address: str, more: Mapping[str, Any]) -> httpx.Response:
        client = self._connected()
        try:
            return client.request(method, address, **more)
        except httpx.ConnectError as error:
            if _has_cause(error, ssl.SSLError):
                hint = "Check the name in the store's URL, and this computer's clock."
                raise StoreDenied(f"the store {self.url} shows a certificate that is not valid", hint=hint) from error
            raise Passing(f"the store {self.url} cannot be reached: {_said(error)}", hint=_hint(error)) from error
        except httpx.TimeoutException as error:
            raise Passing(f"the store {self.url} does not answer in time") from error
        except httpx.TransportError as error:
            raise Passing(f"the store {self.url}: the connection broke: {error}") from error

    def refused(self, response: httpx.Response) -> StoreError:
        """Return the error that an answer is."""
        status = response.status_code
        what = f"the store {self.url} answers {status} {response.reason_phrase}".rstrip()
        if status in _PASSING:
            after_s = retry_after_s(response.headers, time.time())
            return Passing(what, after_s=after_s, crowded=status in _CROWDED)
        kind, hint = _FINAL.get(status, (StoreError, ""))
        return kind(what, hint=hint)


def ranged(start: int, length: int | None) -> dict[str, str]:
    """Return the header that asks for bytes from `start`, at most `length` (at least 1) of them; none for all."""
    if start == 0 and length is None:
        return {}
    end = "" if length is None else start + length - 1
    return {"Range": f"bytes={start}-{end}"}


def part(answer: httpx.Response, start: int, length: int | None) -> bytes:
    """Return the bytes that were asked for: a server may leave the range unheeded, or have none there (416)."""
    if answer.status_code == 416:
        return b""
    data = answer.content
    if answer.status_code == 200:
        data = data[start:]
    return data if length is None else data[:length]


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float:
    """Return how long a store asks to be left alone: seconds or a date (RFC 9110, section 10.2.3); 0 without."""
    raw = headers.get("Retry-After", "")
    try:
        wait = float(raw)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(raw).timestamp() - now_s
        except ValueError:
            return 0.0
    return min(max(wait, 0.0), LONGEST_WAIT_S)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _said(error: Exception) -> str:
    return str(error).partition("] ")[2] or str(error) or "no answer"


def _hint(error: Exception) -> str:
    unknown = any(word in str(error) for word in ("Name or service not known", "name resolution", "nodename nor"))
    return "The store's name cannot be resolved: check it, and the network." if unknown else ""
