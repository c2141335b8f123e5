"""Asking the agent, and following what happens, from a program with an event loop: what the dashboard uses.

Invariant: `follow` never ends by itself; a lost agent is told as `Gone`, and where it was lost is where it goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from syncd.api.client import LONGEST_ADDRESS, AnsweredError
from syncd.errors import AgentAbsent, Failed

ASK_S = 60.0  # for an answer; restores and syncs are asked without waiting
RETRY_FIRST_S, RETRY_LONGEST_S = 0.25, 3.0
SILENT_S = 40.0  # the agent says something at least every 15 s


@dataclass(frozen=True, slots=True)
class Connected:
    """The agent answers. `anew`: what it said before may have been missed, so all is to be asked again."""

    anew: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The agent does not answer, and is asked again in so many seconds."""

    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class Happened:
    """An event: docs/api.md says which fields each kind has."""

    kind: str
    data: dict[str, Any]


class Live:
    """The agent at a socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = -1
        self._http: httpx.AsyncClient | None = None

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            transport = httpx.AsyncHTTPTransport(uds=self._address(), limits=httpx.Limits(max_connections=16))
            self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost/v1", timeout=ASK_S)
        return self._http

    def _address(self) -> str:
        """Return where the socket is; one that is too long for the kernel goes by its directory, kept open."""
        if len(os.fsencode(self._path)) <= LONGEST_ADDRESS:
            return str(self._path)
        if self._directory < 0:
            self._directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._directory}/{self._path.name}"

    async def close(self) -> None:
        """Let go of the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    async def get(self, route: str, **asked: Any) -> Any:
        """Return what a reading route answers; None among what is asked is left out.

        Raises:
            AgentAbsent: nobody answers.
            SyncdError: what the agent answered.
        """
        params = {name: value for name, value in asked.items() if value is not None}
        return (await self._ask("GET", route, params=params)).json()

    async def post(self, route: str, body: Any = None) -> Any:
        """Return what an acting route answers; raises as `get` does."""
        return (await self._ask("POST", route, json=body)).json()

    async def content(self, version: str, offset: int, length: int) -> bytes:
        """Return bytes of a version."""
        asked = {"version_id": version, "offset": offset, "length": length}
        return (await self._ask("GET", "/content", params=asked)).content

    async def _ask(self, method: str, route: str, **more: Any) -> httpx.Response:
        try:
            response = await self._client().request(method, route, **more)
        except httpx.TimeoutException as error:
            raise Failed(f"the agent did not answer within {ASK_S:.0f} s") from error
        except (httpx.HTTPError, OSError) as error:
            raise AgentAbsent("the agent does not answer", hint="`syncd start` starts it.") from error
        if response.status_code >= 400:
            raise AnsweredError(_failure(response))
        return response

    async def follow(self) -> AsyncIterator[Connected | Gone | Happened]:
        """Yield what happens, for ever; a lost connection is made again, and what was missed is asked for."""
        last: int | None = None
        retry_s = RETRY_FIRST_S
        while True:
            reason = "the agent ended"
            try:
                timeout = httpx.Timeout(ASK_S, read=SILENT_S)
                params = {} if last is None else {"since": last}
                async with self._client().stream("GET", "/events", params=params, timeout=timeout) as response:
                    response.raise_for_status()
                    yield Connected(anew=last is None)
                    retry_s = RETRY_FIRST_S
                    async for number, kind, data in _messages(response):
                        last = number if number is not None else last
                        yield Connected(anew=True) if kind == "gap" else Happened(kind, data)
            except (httpx.HTTPError, OSError) as error:
                reason = "the agent does not run" if isinstance(error, httpx.ConnectError) else str(error) or reason
            yield Gone(reason, retry_s)
            await asyncio.sleep(retry_s)
            retry_s = min(RETRY_LONGEST_S, retry_s * 2)


def _failure(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = {}
    return body if "message" in body else {"message": f"the agent failed ({response.status_code})"}


async def _messages(response: httpx.Response) -> AsyncIterator[tuple[int | None, str, dict[str, Any]]]:
    """Yield (number, kind, data) of server-sent events."""
    number: int | None = None
    kind, data = "", ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "id":
            number = int(value)
        elif field == "event":
            kind = value
        elif field == "data":
            data = value
        elif not line and kind:
            yield number, kind, json.loads(data)
            number, kind, data = None, "", ""
        elif line.startswith(": ") and value.isdigit() and number is None:
            yield int(value), "here", {}
