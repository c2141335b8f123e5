"""Google Cloud Storage: the suite of the port on a real server, and how a service account gets its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from syncd.errors import StoreDenied, StoreGone, UsageError
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers.google import Tokens, fake_gcs

NUMBERS = count()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as found:
        yield found


class TestGcs(ProviderSuite):
    @pytest.fixture
    def store(self, endpoint: str) -> Iterator[Provider]:
        with closing(open_store(f"gs://vault/test/{next(NUMBERS)}?endpoint={endpoint}")) as store:
            store.create()
            yield store


def test_a_bucket_that_is_not_there(endpoint: str) -> None:
    with closing(open_store(f"gs://nobodys/test?endpoint={endpoint}")) as store:
        with pytest.raises(StoreGone) as caught:
            store.create()
        assert "bucket" in caught.value.hint


def test_a_service_account_trades_a_signed_claim_for_a_token(endpoint: str) -> None:
    tokens = Tokens()
    with tokens.serving() as account:
        url = f"gs://vault/token?endpoint={endpoint}"
        with closing(open_store(url, {"service_account": account}.get)) as store:
            store.put(NAME, b"x")
            assert store.get(NAME) == b"x"
            assert tokens.given == ["token-0"], "one token serves for an hour"
            store._account.forget()  # type: ignore[attr-defined]
            assert store.stat(NAME) == 1
            assert len(tokens.given) == 2


def test_a_key_that_was_withdrawn(endpoint: str) -> None:
    tokens = Tokens()
    tokens.refuses = "Invalid JWT Signature."
    with tokens.serving() as account:
        url = f"gs://vault/token?endpoint={endpoint}"
        with closing(open_store(url, {"service_account": account}.get)) as store:
            with pytest.raises(StoreDenied, match="Invalid JWT Signature") as caught:
                store.create()
            assert "clock" in caught.value.hint


def test_google_itself_wants_an_account() -> None:
    with pytest.raises(UsageError, match="service_account is missing"):
        open_store("gs://vault/x")


def test_what_is_no_service_account(endpoint: str) -> None:
    with pytest.raises(StoreDenied, match="no service account"):
        open_store(f"gs://vault/x?endpoint={endpoint}", {"service_account": "hello"}.get)
