"""Dropbox on a strict emulator: the suite of the port, tokens, refusals, and what the API does when it is in a mood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from syncd.errors import StoreDenied, StoreForeign, StoreFull, StoreGone, UsageError
from syncd.store.dropbox import content_hash
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers.asgi import serving_app
from tests.store.servers.dropbox import Account, error, too_many

NUMBERS = count()
LASTING = {"refresh_token": "refresh-word", "app_key": "app-key"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Account, str]]:
    account = Account()
    with serving_app(account.app()) as endpoint:
        yield account, endpoint


@pytest.fixture
def account(server: tuple[Account, str]) -> Iterator[Account]:
    yield server[0]
    server[0].faults.clear()


@pytest.fixture
def store(server: tuple[Account, str]) -> Iterator[Provider]:
    with closing(open_store(f"dropbox://Vaults/{next(NUMBERS)}?endpoint={server[1]}", LASTING.get)) as store:
        store.create()
        yield store


class TestDropbox(ProviderSuite):
    @pytest.fixture
    def store(self, server: tuple[Account, str]) -> Iterator[Provider]:
        with closing(open_store(f"dropbox://vaults/{next(NUMBERS)}?endpoint={server[1]}", LASTING.get)) as store:
            store.create()
            yield store


def test_a_folder_with_other_things_is_no_store(server: tuple[Account, str], account: Account) -> None:
    account.files["/letters/dear.txt"] = b"..."
    url = f"dropbox://letters?endpoint={server[1]}"
    with closing(open_store(url, LASTING.get)) as store, pytest.raises(StoreForeign):
        store.create()


def test_a_folder_that_is_gone(store: Provider, account: Account) -> None:
    account.files.clear()
    with pytest.raises(StoreGone):
        store.get(NAME)


def test_a_token_that_ran_out_is_renewed(store: Provider, account: Account) -> None:
    store.put(NAME, b"x")
    account.tokens.clear()
    assert store.get(NAME) == b"x"


def test_a_token_that_cannot_be_renewed(server: tuple[Account, str]) -> None:
    for secrets in ({"access_token": "withdrawn"}, {**LASTING, "refresh_token": "withdrawn"}):
        with closing(open_store(f"dropbox://x?endpoint={server[1]}", secrets.get)) as store:
            with pytest.raises(StoreDenied) as caught:
                store.create()
            assert caught.value.hint
            assert "withdrawn" not in caught.value.message
    with pytest.raises(UsageError, match="no token"):
        open_store("dropbox://x")


def test_who_asks_too_often_waits_as_long_as_it_says(store: Provider, account: Account) -> None:
    answers = [too_many(0.2), error("too_many_write_operations/", 409), None]
    account.faults.append(lambda path: answers.pop(0) if answers and "upload" in path else None)
    store.put(NAME, b"x")
    assert store.get(NAME) == b"x"


def test_an_account_that_is_full(store: Provider, account: Account) -> None:
    account.space = 0
    try:
        with pytest.raises(StoreFull):
            store.put(NAME, b"bytes")
    finally:
        account.space = 1 << 40
    store.put(NAME, b"bytes")


def test_a_listing_in_pages_whose_cursor_is_reset(store: Provider, account: Account) -> None:
    names = sorted(f"pack/{number:02x}/{number:064x}" for number in range(25))
    for name in names:
        store.put(name, b"x")
    account.page, account.resets = 10, 1
    try:
        assert [listed.name for listed in store.list()] == names
    finally:
        account.page = 2000


def test_the_hash_is_dropboxes_own() -> None:
    """The example of its documentation is a picture; these are the rule's edges."""
    import hashlib

    assert content_hash(b"") == hashlib.sha256(b"").hexdigest()
    assert content_hash(b"a") == hashlib.sha256(hashlib.sha256(b"a").digest()).hexdigest()
    two = b"x" * (4 * 1024 * 1024 + 1)
    parts = hashlib.sha256(two[:-1]).digest() + hashlib.sha256(b"x").digest()
    assert content_hash(two) == hashlib.sha256(parts).hexdigest()
