"""WebDAV on three servers that differ in what they hold to: the suite of the port, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import count

import pytest

from syncd.errors import StoreDenied, StoreForeign, StoreGone
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers.dav import WORD, apache, nginx, wsgidav
from tests.store.servers.process import free_port

NUMBERS = count()
SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {"nginx": nginx, "apache": apache, "wsgidav": wsgidav}
SECRET = {"password": WORD}.get


@pytest.fixture(scope="module", params=SERVERS)
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    with SERVERS[request.param]() as found:
        yield found


class TestWebdav(ProviderSuite):
    @pytest.fixture
    def store(self, base: str) -> Iterator[Provider]:
        with closing(open_store(f"{base}/vaults of/{next(NUMBERS)}", SECRET)) as store:
            store.create()
            yield store

    def test_a_collection_with_other_things_is_no_store(self, store: Provider) -> None:
        store._put("letters/dear", b"...")  # type: ignore[attr-defined]
        with closing(open_store(f"{store.url}/letters", SECRET)) as other, pytest.raises(StoreForeign):
            other.create()

    def test_a_store_that_goes_away_is_not_made_anew(self, store: Provider) -> None:
        store.put(NAME, b"x")
        store._http.ask("DELETE", "/")  # type: ignore[attr-defined]
        for act in (lambda: store.put(NAME, b"y"), lambda: store.get(NAME), lambda: store.stat(NAME)):
            with pytest.raises(StoreGone):
                act()
        with pytest.raises(StoreGone):
            list(store.list())

    def test_nothing_but_objects_is_listed(self, store: Provider) -> None:
        store.put(NAME, b"x")
        assert [listed.name for listed in store.list()] == [NAME]
        store.delete(NAME)
        assert not list(store.list())

    def test_who_claimed_a_name_and_died_holds_up_nobody_for_ever(
        self, store: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from syncd.store import webdav

        monkeypatch.setattr(webdav, "OWNER_S", 0.1)
        store.put("pack/ab/other", b"x")
        store._make(webdav._claim(NAME))  # type: ignore[attr-defined]
        store.put(NAME, b"bytes")
        assert store.get(NAME) == b"bytes"


def test_a_wrong_password(base: str) -> None:
    with closing(open_store(f"{base}/x", {"password": "wrong"}.get)) as store, pytest.raises(StoreDenied) as caught:
        store.create()
    assert "store login" in caught.value.hint
    assert "wrong" not in caught.value.message


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.store import webdav

    monkeypatch.setattr(webdav, "FIRST_S", 0.5)
    with closing(open_store(f"webdav://127.0.0.1:{free_port()}/x")) as store, pytest.raises(StoreGone, match="refused"):
        store.create()
    with closing(open_store("webdav://no.such.host.invalid/x")) as store, pytest.raises(StoreGone) as caught:
        store.create()
    assert "resolved" in caught.value.hint
