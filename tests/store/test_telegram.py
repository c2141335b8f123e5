"""Telegram on a strict emulator: the suite of the port, refusals, its index in pinned documents, and how its limits are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from syncd.errors import ObjectMissing, StoreDenied, StoreError, StoreForeign, StoreGone, UsageError
from syncd.store import telegram as module
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers.asgi import serving_app
from tests.store.servers.telegram import PER_CHAT_S, Chat, refusal

SECRET = {"bot_token": "123456:bot-word"}.get
SCALE = 100.0  # a second is 10 ms: what a busy machine takes more between two requests is less than that


@pytest.fixture
def served() -> Iterator[tuple[Chat, str]]:
    chat = Chat(scale=SCALE)
    with serving_app(chat.app()) as endpoint:
        yield chat, f"telegram://{chat.number}?endpoint={endpoint}&gap={2 * PER_CHAT_S / SCALE}"


@pytest.fixture
def store(served: tuple[Chat, str]) -> Iterator[Provider]:
    with closing(open_store(served[1], SECRET)) as store:
        store.create()
        yield store


class TestTelegram(ProviderSuite):
    @pytest.fixture
    def store(self, served: tuple[Chat, str]) -> Iterator[Provider]:
        with closing(open_store(served[1], SECRET)) as store:
            store.create()
            yield store


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT", 8)
    monkeypatch.setattr(module, "FULL", 20)


def test_the_index_is_found_again(small: None, store: Provider, served: tuple[Chat, str]) -> None:
    names = sorted(f"pack/{number:02x}/{number:064x}" for number in range(70))
    for name in names:
        store.put(name, name.encode())
    for name in names[::7]:
        store.delete(name)
    left = [name for name in names if name not in names[::7]]
    with closing(open_store(served[1], SECRET)) as other:
        assert [listed.name for listed in other.list()] == left
        assert all(other.get(name) == name.encode() for name in left)
    chat, _ = served
    captions = [message["caption"] for message in chat.messages.values()]
    assert captions.count("syncd-head") == 1, "old heads go"
    assert captions.count("syncd-segment") <= 70 // 20 + 1
    assert sorted(caption for caption in captions if caption.startswith("pack/")) == left


def test_many_puts_at_once(small: None, store: Provider, served: tuple[Chat, str]) -> None:
    names = [f"pack/{number:02x}/{number:064x}" for number in range(40)]

    def put(some: list[str]) -> None:
        for name in some:
            store.put(name, name.encode())

    threads = [threading.Thread(target=put, args=(names[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(open_store(served[1], SECRET)) as other:
        assert [listed.name for listed in other.list()] == sorted(names)


def test_a_put_whose_head_was_not_pinned_did_not_happen(store: Provider, served: tuple[Chat, str]) -> None:
    chat, url = served
    chat.faults.append(lambda method: refusal(400, "Bad Request: no") if method == "pinChatMessage" else None)
    with pytest.raises(StoreError):
        store.put(NAME, b"bytes")
    chat.faults.clear()
    assert store.stat(NAME) is None
    store.put(NAME, b"bytes")
    with closing(open_store(url, SECRET)) as other:
        assert other.get(NAME) == b"bytes"


def test_another_process_of_the_device_is_seen(store: Provider, served: tuple[Chat, str]) -> None:
    with closing(open_store(served[1], SECRET)) as other:
        other.put(NAME, b"bytes")
    assert [listed.name for listed in store.list()] == [NAME]
    assert store.get(NAME) == b"bytes"


def test_a_link_that_ran_out_is_asked_for_anew(store: Provider, served: tuple[Chat, str]) -> None:
    chat, _ = served
    for number in range(3):  # the third is none of those that are kept in memory
        store.put(f"pack/{number}", b"bytes")
        assert store.get(f"pack/{number}") == b"bytes"
    chat._links.clear()
    assert store.get("pack/0") == b"bytes"


def test_a_document_that_somebody_removed(store: Provider, served: tuple[Chat, str]) -> None:
    chat, _ = served
    store.put(NAME, b"bytes")
    chat.forget(next(number for number, message in chat.messages.items() if message["caption"] == NAME))
    assert store.confirm(NAME) is None
    with pytest.raises(ObjectMissing):
        store.get(NAME)


def test_a_head_that_is_not_pinned_any_more(served: tuple[Chat, str], store: Provider) -> None:
    chat, url = served
    store.put(NAME, b"bytes")
    chat.pinned.clear()
    with closing(open_store(url, SECRET)) as other, pytest.raises(StoreGone) as caught:
        other.get(NAME)
    assert "Pin the newest message" in caught.value.hint


def test_a_chat_with_another_pinned_message_is_no_store(served: tuple[Chat, str]) -> None:
    chat, url = served
    chat.messages[1] = {"message_id": 1, "text": "Welcome", "date": 0.0}
    chat.pinned.append(1)
    with closing(open_store(url, SECRET)) as store, pytest.raises(StoreForeign):
        store.create()


REFUSALS = {
    "wrong token": (lambda chat: setattr(chat, "token", "other"), StoreDenied, "store login"),
    "another chat": (lambda chat: setattr(chat, "number", 5), StoreGone, "chat's number"),
    "may not send": (lambda chat: chat.may.discard("send"), StoreDenied, "send documents"),
    "may not pin": (lambda chat: chat.may.discard("pin"), StoreDenied, "administrator"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_do(served: tuple[Chat, str], case: str) -> None:
    chat, url = served
    change, kind, hint = REFUSALS[case]
    change(chat)
    with closing(open_store(url, SECRET)) as store, pytest.raises(kind) as caught:
        store.create()
    assert hint in caught.value.hint
    assert "bot-word" not in caught.value.message + caught.value.hint


def test_its_limits_are_never_run_into(store: Provider, served: tuple[Chat, str]) -> None:
    chat, _ = served
    began = chat.now_s()
    for number in range(40):
        store.put(f"pack/{number:02x}", b"bytes")
    assert chat.statuses[429] == 0
    used = len([message for message in chat.messages.values() if message["date"] > began])
    assert used >= 40


def test_the_gap_is_counted_from_when_a_message_has_come(store: Provider, served: tuple[Chat, str]) -> None:
    chat, _ = served

    def slowly(method: str) -> None:
        if method == "sendDocument":
            threading.Event().wait(0.1)
            chat.faults.clear()  # the next one comes at once

    chat.faults.append(slowly)
    for number in range(2):
        store.put(f"pack/{number:02x}", b"bytes")
    assert chat.statuses[429] == 0


def test_who_is_told_to_wait_waits(served: tuple[Chat, str]) -> None:
    chat, url = served
    with closing(open_store(url.partition("&gap")[0] + "&gap=0", SECRET)) as store:
        store.create()
        for number in range(5):
            store.put(f"pack/{number}", b"bytes")
        assert len(list(store.list())) == 5
    assert chat.statuses[429] > 0


@pytest.mark.parametrize("url", ["telegram://name", "telegram://-1?gap=soon", "telegram://-100"])
def test_what_is_no_chat(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url, {"bot_token": "x"}.get if url != "telegram://-100" else {}.get)
