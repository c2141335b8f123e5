"""Numbered server-sent events: what is new since a number, then whatever comes, until one side leaves.

While anybody follows, how far the work is comes four times a second, and only if it changed: nobody pays for it else.
Invariant: a follower who gives the last number that it saw misses nothing without being told of a gap.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from syncd.engine.events import Event, Events

TICK_S = 0.25
QUIET_S = 15.0  # between two comments that keep a silent connection alive


def as_text(event: Event) -> str:
    """Return an event in the wire form of server-sent events."""
    data = json.dumps({"at_ns": event.at_ns, **event.data}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.no}\nevent: {event.kind}\ndata: {data}\n\n"


async def follow(events: Events, since: int | None, now: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """Yield events, and how far the work is.

    Args:
        events: the ring.
        since: the number of the last event that the follower has; None to begin with what comes.
        now: returns how far the work is, at once.
    """
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(news.set)

    events.follow(wake)
    last = events.last if since is None else since
    shown: dict[str, Any] | None = None
    silent_s = 0.0
    try:
        yield f": {events.last}\n\n"
        while not events.closed:
            news.clear()
            found, gap = events.since(last)
            if gap:
                since, last = last, found[-1].no if found else events.last  # what comes from here on is told
                yield f"id: {last}\nevent: gap\ndata: {json.dumps({'since': since, 'last': last})}\n\n"
                continue
            for event in found:
                yield as_text(event)
                last = event.no
            progress = now()
            if progress != shown:
                shown = progress
                yield f"event: progress\ndata: {json.dumps(progress, ensure_ascii=False)}\n\n"
                silent_s = 0.0
            elif silent_s >= QUIET_S:
                yield ": still here\n\n"
                silent_s = 0.0
            silent_s += TICK_S
            try:
                async with asyncio.timeout(TICK_S):
                    await news.wait()
            except TimeoutError:
                continue
    finally:
        events.leave(wake)
