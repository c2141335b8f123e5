"""A proxy before a real HTTP server where things go wrong as a seed says: what a bad network and a bad day of a store do.

One request a connection, so that every one of them can meet a fault. Bodies are carried as they are, signatures hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.agent.live import wait_for

REFUSALS = {
    "429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\n",
    "503": b"HTTP/1.1 503 Slow Down\r\n",
    "403": b"HTTP/1.1 403 Forbidden\r\n",
    "full": b"HTTP/1.1 507 Insufficient Storage\r\n",
}
KINDS = ("drop", "swallow", "delay", "delay", "truncate", "429", "500", "503")
DELAY_S = 1.5


@dataclass
class Faults:
    """What goes wrong before one store.

    Attributes:
        rate: the share of requests that meet a fault.
        dead: nobody answers.
        full: puts are refused.
        denied: everything is refused.
        counts: what went wrong, by kind.
    """

    source: random.Random
    rate: float = 0.0
    dead: bool = False
    full: bool = False
    denied: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.rate, self.dead, self.full, self.denied = 0.0, False, False, False

    def draw(self, head: bytes) -> str:
        """Return what becomes of a request."""
        kind = ""
        if self.dead:
            kind = "dead"
        elif self.denied:
            kind = "403"
        elif self.full and head.startswith(b"PUT "):
            kind = "full"
        elif self.source.random() < self.rate:
            kind = self.source.choice(KINDS)
        if kind:
            self.counts[kind] += 1
        return kind


class _Proxy:
    def __init__(self, target: int, faults: Faults) -> None:
        self._target, self._faults = target, faults
        self._serving = set[
            asyncio.Task[None] | None
        ]()  # the loop holds tasks weakly: they end here, not in a collection

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        kind = self._faults.draw(head)
        if kind in ("drop", "dead"):
            return
        body = await _body(head, reader)
        if kind in REFUSALS:
            writer.write(REFUSALS[kind] + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        if kind == "delay":
            await asyncio.sleep(self._faults.source.random() * DELAY_S)
        answer = await self._ask(head, body)
        if kind == "swallow":
            return
        writer.write(answer[: len(answer) // 2] if kind == "truncate" else answer)
        await writer.drain()

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return await reader.readexactly(int(value))
    return b""


@contextmanager
def before(target: int, faults: Faults) -> Iterator[int]:
    """Yield the port of a proxy before a server's port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    begun = threading.Event()

    async def run() -> None:
        server = await asyncio.start_server(_Proxy(target, faults).handle, sock=sock, limit=1 << 24)
        begun.set()
        async with server:
            await server.serve_forever()

    task = None

    def thread() -> None:
        nonlocal task
        asyncio.set_event_loop(loop)
        task = loop.create_task(run())
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        while others := asyncio.all_tasks(loop):  # one that ends may have let another begin
            for other in others:
                other.cancel()
            loop.run_until_complete(asyncio.gather(*others, return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0))  # connections that were closed let go of their sockets now
        loop.close()

    running = threading.Thread(target=thread)
    running.start()
    try:
        wait_for(begun.is_set)
        yield sock.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(lambda: task and task.cancel())
        running.join()
        sock.close()
