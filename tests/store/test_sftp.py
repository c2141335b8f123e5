"""SFTP on OpenSSH's server: the suite of the port, who is trusted, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import asyncssh
import pytest

from syncd.errors import StoreDenied, StoreForeign, StoreGone, StoreReadOnly
from syncd.store import sftp
from syncd.store.provider import MARK, Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers.process import free_port
from tests.store.servers.ssh import Sshd, openssh

NUMBERS = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with openssh(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "FIRST_S", 0.5)


class TestSftp(ProviderSuite):
    @pytest.fixture
    def store(self, server: Sshd) -> Iterator[Provider]:
        with closing(open_store(server.url(f"{next(NUMBERS)}"))) as store:
            store.create()
            yield store

    def test_a_directory_with_other_things_is_no_store(self, server: Sshd) -> None:
        (server.directory / "letters").mkdir()
        (server.directory / "letters" / "dear.txt").write_text("...")
        with closing(open_store(server.url("letters"))) as store, pytest.raises(StoreForeign):
            store.create()

    def test_a_store_that_goes_away_is_not_made_anew(self, server: Sshd) -> None:
        with closing(open_store(server.url("away"))) as store:
            store.create()
            store.put(NAME, b"x")
            (server.directory / "away").rename(server.directory / "gone")
            (server.directory / "away").mkdir()
            with pytest.raises(StoreGone):
                store.put(NAME, b"y")
            with pytest.raises(StoreGone):
                store.stat(NAME)
            with pytest.raises(StoreGone):
                list(store.list())
        assert not list((server.directory / "away").iterdir())

    def test_what_an_interrupted_put_left_is_not_listed(self, store: Provider, server: Sshd) -> None:
        store.put(NAME, b"x")
        directory = Path(store.url.partition("?")[0].partition(str(server.directory))[2].strip("/"))
        (server.directory / directory / "pack/ab/.put-0123").write_bytes(b"half")
        assert [listed.name for listed in store.list()] == [NAME]
        assert (server.directory / directory / MARK).exists()


def test_a_connection_is_closed_by_the_thread_that_serves_it(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed by another while something came in, it made a command fail that had done all it was to do."""
    threads: list[str] = []
    close = asyncssh.SSHClientConnection.close

    def noted(connection: asyncssh.SSHClientConnection) -> None:
        threads.append(threading.current_thread().name)
        close(connection)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "close", noted)
    with closing(open_store(server.url(f"{next(NUMBERS)}"))) as store:
        store.create()
    assert set(threads) == {"syncd-sftp"}


def test_a_server_with_another_key_is_not_trusted(server: Sshd) -> None:
    url = server.url("x").replace(server.fingerprint, "SHA256:" + "A" * 43)
    with closing(open_store(url)) as store, pytest.raises(StoreDenied) as caught:
        store.create()
    assert "hostkey" in caught.value.hint


def test_a_user_with_another_key_is_refused(server: Sshd, tmp_path: Path) -> None:
    import asyncssh

    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "other"))
    url = server.url("x").replace(str(server.key), str(tmp_path / "other"))
    with closing(open_store(url)) as store, pytest.raises(StoreDenied) as caught:
        store.create()
    assert "store login" in caught.value.hint


@pytest.mark.usefixtures("impatient")
def test_a_computer_that_does_not_answer(server: Sshd) -> None:
    url = server.url("x").replace(str(server.port), str(free_port()))
    with closing(open_store(url)) as store, pytest.raises(StoreGone) as caught:
        store.create()
    assert "refused" in caught.value.message.lower()


def test_a_directory_that_may_not_be_written(server: Sshd) -> None:
    url = server.url("x").replace(f"{server.directory}/x", "/sys/kernel/vault")  # not even root makes one there
    with closing(open_store(url)) as store, pytest.raises(StoreReadOnly):
        store.create()


def test_a_connection_that_breaks_is_made_anew(tmp_path: Path) -> None:
    """The server ends in the middle, and another one stands in its place."""
    with openssh(tmp_path) as server, closing(open_store(server.url("s"))) as store:
        store.create()
        store.put(NAME, b"before")
        store._connection.abort()  # type: ignore[attr-defined]
        assert store.get(NAME) == b"before"
