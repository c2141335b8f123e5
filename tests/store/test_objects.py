"""S3 and Azure on real servers: the suite of the port, and what each refusal says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from syncd.errors import StoreDenied, StoreError, StoreGone, UsageError
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers import azure, s3
from tests.store.servers.process import free_port

NUMBERS = count()
S3_KEYS = {"access_key_id": s3.KEY, "secret_access_key": s3.WORD}


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.seaweed(tmp_path_factory.mktemp("weed")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azure.azurite(tmp_path_factory.mktemp("azurite")) as endpoint:
        azure.make_container(endpoint, "vault")
        yield endpoint


class TestS3(ProviderSuite):
    @pytest.fixture
    def store(self, seaweed: str) -> Provider:
        return open_store(f"s3://vault/test/{next(NUMBERS)}?endpoint={seaweed}", S3_KEYS.get)


class TestAzure(ProviderSuite):
    @pytest.fixture
    def store(self, azurite: str) -> Provider:
        url = f"az://vault/test/{next(NUMBERS)}?account={azure.ACCOUNT}&endpoint={azurite}"
        return open_store(url, {"account_key": azure.KEY}.get)


REFUSALS = {
    "wrong secret": ({"secret_access_key": "wrong"}, StoreDenied, "secret key is wrong"),
    "unknown key": ({"access_key_id": "nobody"}, StoreDenied, "no such access key"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("act", ["put", "get", "list"])
def test_a_refusal_says_what_to_do(seaweed: str, case: str, act: str) -> None:
    changed, kind, hint = REFUSALS[case]
    store = open_store(f"s3://vault/test?endpoint={seaweed}", {**S3_KEYS, **changed}.get)
    with pytest.raises(kind) as caught:
        list(store.list()) if act == "list" else store.put(NAME, b"x") if act == "put" else store.get(NAME)
    assert not isinstance(caught.value, StoreGone)
    assert hint in caught.value.hint
    assert s3.WORD not in str(caught.value)


def test_a_bucket_that_is_not_there(seaweed: str) -> None:
    store = open_store(f"s3://nobodys-bucket/test?endpoint={seaweed}", S3_KEYS.get)
    with pytest.raises(StoreGone) as caught:
        store.get(NAME)
    assert "bucket" in caught.value.hint


def test_a_container_that_is_not_there(azurite: str) -> None:
    url = f"az://nobodys/test?account={azure.ACCOUNT}&endpoint={azurite}"
    with pytest.raises(StoreGone) as caught:
        open_store(url, {"account_key": azure.KEY}.get).put(NAME, b"x")
    assert "container" in caught.value.hint


def test_a_wrong_account_key(azurite: str) -> None:
    url = f"az://vault/test?account={azure.ACCOUNT}&endpoint={azurite}"
    with pytest.raises(StoreDenied):
        open_store(url, {"account_key": "d3Jvbmc="}.get).put(NAME, b"x")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "no.such.host.invalid"])
def test_a_store_that_cannot_be_reached(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.store import objects

    monkeypatch.setattr(objects, "RETRY_S", 1)
    store = open_store(f"s3://vault/test?endpoint=http://{host.format(port=free_port())}", S3_KEYS.get)
    with pytest.raises(StoreGone) as caught:
        store.get(NAME)
    assert isinstance(caught.value, StoreError)
    assert caught.value.hint


def test_what_is_missing_is_asked_for() -> None:
    with pytest.raises(UsageError, match="access_key_id and secret_access_key missing"):
        open_store("s3://vault/test")
    with pytest.raises(UsageError, match="account is missing"):
        open_store("az://vault/test")
    with pytest.raises(UsageError, match="nobody knows the option regoin"):
        open_store("s3://vault/test?regoin=x", S3_KEYS.get)


def test_no_password_stands_in_a_url() -> None:
    with pytest.raises(UsageError) as caught:
        open_store("s3://key:hidden@vault/test", S3_KEYS.get)
    assert "hidden" not in str(caught.value)
