"""Events: numbered, in order, once each, over restarts and gaps."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.api.stream import follow
from syncd.engine.events import Events
from syncd.engine.operations import KEPT, Operations
from syncd.errors import Failed


def clock(start: int = 10**18) -> Any:
    ticks = iter(range(start, start + 10**9))
    return lambda: next(ticks)


@given(kept=st.integers(1, 20), published=st.integers(0, 60), seen=st.integers(0, 70))
def test_who_reads_without_a_gap_has_seen_every_event_once(kept: int, published: int, seen: int) -> None:
    events = Events(clock(), kept)
    first = events.last
    for number in range(published):
        events.publish("x", {"number": number})
    found, gap = events.since(first + seen)
    numbers = [event.data["number"] for event in found]
    assert gap == (seen < published - kept or seen > published)
    if not gap:
        assert numbers == list(range(seen, published))


def test_numbers_grow_over_a_restart() -> None:
    before = Events(clock(10**18))
    for _ in range(1000):
        last = before.publish("x", {}).no
    after = Events(clock(10**18 + 2 * 10**9))
    assert after.last > last
    assert after.since(last)[1], "what was missed meanwhile is a gap"


def test_every_thread_s_events_are_numbered_apart() -> None:
    events = Events(clock(), 10_000)
    threads = [threading.Thread(target=lambda: [events.publish("x", {}) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [event.no for event in events.since(events.last - 4000)[0]]
    assert numbers == list(range(numbers[0], numbers[0] + 4000))


async def test_a_follower_gets_what_it_missed_and_then_what_comes() -> None:
    events = Events(clock())
    first = events.last
    events.publish("a", {"n": 1})
    stream = follow(events, first, lambda: {"state": "idle"})
    found = []
    async for text in stream:
        found.append(text)
        if "event: progress" in text:
            events.publish("b", {"n": 2})
        if "event: b" in text:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    kinds = [line for text in found for line in text.splitlines() if line.startswith("event")]
    assert kinds == ["event: a", "event: progress", "event: b"]
    assert not events.followed, "who left is not called any more"


async def test_a_gap_is_told_and_the_stream_goes_on_behind_it() -> None:
    events = Events(clock(), kept=3)
    first = events.last
    for _ in range(10):
        events.publish("a", {})
    stream = follow(events, first, dict)
    texts = [await anext(stream), await anext(stream)]  # type: ignore[arg-type]
    assert "event: gap" in texts[1]
    assert f"id: {events.last}" in texts[1]
    events.publish("b", {})
    while "event: b" not in texts[-1]:
        texts.append(await anext(stream))  # type: ignore[arg-type]
    assert not any("event: a" in text for text in texts)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_the_end_of_the_agent_ends_the_stream() -> None:
    events = Events(clock())
    stream = follow(events, None, dict)
    await anext(stream)  # type: ignore[arg-type]
    events.close()
    async with asyncio.timeout(5):
        assert [text async for text in stream] == []


def test_the_log_keeps_what_runs_and_forgets_the_oldest() -> None:
    operations = Operations(clock())
    running = operations.begin("restore", "a")
    for number in range(KEPT + 50):
        operations.end(operations.begin("pass", str(number)))
    assert operations.get(running.no) is running
    assert len(operations.newest(most=10 * KEPT)) == KEPT + 1
    assert operations.get(2) is None
    assert operations.counts()["running"] == 1
    page = operations.newest(most=10)
    assert [item.no for item in operations.newest(before=page[-1].no, most=2)] == [page[-1].no - 1, page[-1].no - 2]


def test_an_operation_ends_as_its_work_does() -> None:
    operations = Operations(clock())
    operation = operations.begin("restore", "a")
    try:
        with operations.doing(operation):
            raise Failed("no such thing", hint="look again")
    except Failed:
        pass
    assert (operation.state, operation.note, operation.hint) == ("error", "no such thing", "look again")


def test_what_is_skipped_stands_until_it_is_taken() -> None:
    operations = Operations(clock())
    operations.skipped({b"a": "unreadable", b"b": "in use"})
    operations.skipped({b"b": "in use", b"c": "a fifo"})
    found = {item.path: item.state for item in operations.newest()}
    assert found == {b"a": "done", b"b": "running", b"c": "running"}
    assert operations.counts()["waiting"] == 2
    last = operations.events.last
    operations.skipped({b"b": "in use", b"c": "a fifo"})
    assert operations.events.last == last


def test_an_alarm_is_told_once_and_ends() -> None:
    operations = Operations(clock())
    operations.alarms({"record/1": "it was there and is not any more"})
    operations.alarms({"record/1": "it was there and is not any more"})
    assert operations.counts()["errors"] == 1
    operations.alarms({})
    (alarm,) = operations.newest()
    assert alarm.state == "warning"
    assert "is not any more" in alarm.what
