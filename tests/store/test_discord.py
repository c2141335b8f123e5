"""Discord on a strict emulator: the suite of the port, refusals, and how its limits are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.responses import Response

from syncd.errors import ObjectMissing, StoreDenied, StoreForeign, StoreFull, StoreGone, UsageError
from syncd.store.address import parse
from syncd.store.discord import PER_S, discord
from syncd.store.pacing import Pacing
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.clock import Clock
from tests.store.servers.asgi import serving_app
from tests.store.servers.discord import Channel, error

SECRET = {"bot_token": "bot-word"}.get


@pytest.fixture
def served() -> Iterator[tuple[Channel, str]]:
    channel = Channel(scale=200.0)
    with serving_app(channel.app()) as endpoint:
        yield channel, f"discord://{channel.number}?endpoint={endpoint}"


@pytest.fixture
def store(served: tuple[Channel, str]) -> Iterator[Provider]:
    with closing(open_store(served[1], SECRET)) as store:
        store.create()
        yield store


class TestDiscord(ProviderSuite):
    @pytest.fixture
    def store(self, served: tuple[Channel, str]) -> Iterator[Provider]:
        with closing(open_store(served[1], SECRET)) as store:
            store.create()
            yield store


def test_another_device_finds_all_by_reading_the_channel(store: Provider, served: tuple[Channel, str]) -> None:
    names = sorted(f"pack/{number:02x}/{number:064x}" for number in range(120))  # two pages
    for name in names:
        store.put(name, name.encode())
    with closing(open_store(served[1], SECRET)) as other:
        assert [listed.name for listed in other.list()] == names
        store.put("record/aa/1", b"new")
        assert other.get("record/aa/1") == b"new"
        store.delete(names[0])
        assert other.stat(names[0]) is None


def test_of_two_that_post_at_once_the_older_counts(store: Provider, served: tuple[Channel, str]) -> None:
    channel, _ = served
    newer = store._post(NAME, b"newer")  # type: ignore[attr-defined]
    channel.messages[newer - 1] = dict(channel.messages[newer], size=5)
    channel.files[newer - 1] = b"older"
    with closing(open_store(served[1], SECRET)) as other:
        assert other.get(NAME) == b"older"


def test_a_put_whose_answer_was_lost_is_made_once(store: Provider, served: tuple[Channel, str]) -> None:
    channel, _ = served
    lost = [True]

    def lose(method: str, path: str) -> Response | None:
        if method == "POST" and lost and len(channel.messages) > 1:
            lost.pop()
            return Response("bad gateway", 502)
        return None

    store.put("pack/aa/one", b"one")
    channel.faults.append(lose)
    number = store._post(NAME, b"bytes")  # type: ignore[attr-defined]
    assert store._post(NAME, b"bytes") == number  # type: ignore[attr-defined]
    store.put(NAME, b"bytes")
    assert [kept["content"] for kept in channel.messages.values()].count(NAME) == 1


def test_an_address_that_ran_out_is_asked_for_anew(store: Provider, served: tuple[Channel, str]) -> None:
    served[0].signed_s = -10.0
    store.put(NAME, b"bytes")
    served[0].signed_s = 3600.0
    assert store.get(NAME) == b"bytes"


def test_a_message_that_somebody_removed(store: Provider, served: tuple[Channel, str]) -> None:
    channel, _ = served
    store.put(NAME, b"bytes")
    number = next(number for number, kept in channel.messages.items() if kept["content"] == NAME)
    del channel.messages[number], channel.files[number]
    assert store.stat(NAME) is None
    with pytest.raises(ObjectMissing):
        store.get(NAME)


def _changed(channel: Channel, **facts: Any) -> None:
    for name, value in facts.items():
        setattr(channel, name, value)


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no history": ({"reads_history": False}, StoreDenied, "history"),
    "may not write": ({"may": {"attach"}}, StoreDenied, "send messages"),
    "may not attach": ({"may": {"send"}}, StoreDenied, "attach files"),
    "another token": ({"token": "new-word"}, StoreDenied, "store login"),
    "another channel": ({"number": 1}, StoreGone, "channel's number"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_do(served: tuple[Channel, str], case: str) -> None:
    changed, kind, hint = REFUSALS[case]
    _changed(served[0], **changed)
    with closing(open_store(served[1], SECRET)) as store:
        with pytest.raises(kind) as caught:
            store.create()
        assert hint in caught.value.hint  # type: ignore[attr-defined]
    invalid = sum(served[0].statuses[status] for status in (401, 403, 429))
    assert invalid <= 1, "a refusal is not asked for twice: ten thousand are a ban"


def test_a_server_that_takes_small_files_only(store: Provider, served: tuple[Channel, str]) -> None:
    served[0].faults.append(lambda method, path: error(413, 40005, "too large") if method == "POST" else None)
    with pytest.raises(StoreFull):
        store.put(NAME, b"bytes")


def test_a_channel_where_people_talk_is_no_store(served: tuple[Channel, str]) -> None:
    served[0].messages[5] = {"content": "hello", "name": "", "size": 0}
    served[0].files[5] = b""
    with closing(open_store(served[1], SECRET)) as store, pytest.raises(StoreForeign):
        store.create()


def test_a_channel_that_is_emptied(store: Provider, served: tuple[Channel, str]) -> None:
    served[0].messages.clear()
    with closing(open_store(served[1], SECRET)) as other, pytest.raises(StoreGone):
        other.stat(NAME)


def test_its_limits_are_used_and_never_run_into() -> None:
    """At least nine tenths of what it allows, and no refusal once an answer has told the limits."""
    clock = Clock()
    channel = Channel(clock=clock)
    channel.faults.append(lambda method, path: clock.sleep(0.1))  # that each answer takes
    with serving_app(channel.app()) as endpoint:
        address = parse(f"discord://{channel.number}?endpoint={endpoint}", ("endpoint",))
        with closing(discord(address, SECRET, Pacing(PER_S, clock, clock.sleep))) as store:
            store.create()
            begun = channel.now_s()
            for number in range(40):
                store.put(f"pack/00/{number:064x}", b"x")
            took = channel.now_s() - begun
    assert channel.statuses[429] == 0
    assert 40 / took >= 0.9 * 5 / 5.0, f"{40 / took:.2f} a second, of 1.00"


def test_what_is_no_channel() -> None:
    with pytest.raises(UsageError, match="no channel"):
        open_store("discord://general", SECRET)
    with pytest.raises(UsageError, match="bot_token"):
        open_store("discord://123")
