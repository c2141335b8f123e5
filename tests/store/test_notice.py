"""A folder store tells at once when a record comes; where it cannot, nobody believes that it does."""

from __future__ import annotations

import queue
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import notice
from syncd.store.folder import FolderStore
from syncd.store.notice import Notices, listen

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's"),
    pytest.mark.timeout(30),
]
ONE, OTHER = "1" * 32, "2" * 32


def record(device: str, number: int) -> str:
    return f"record/{device}/{number:016x}"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    found = FolderStore(tmp_path / "a store%20é")
    found.create()
    found.put(record(ONE, 1), b"first")
    return found


@pytest.fixture
def told() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


@pytest.fixture
def notices(store: FolderStore, told: queue.SimpleQueue[str]) -> Iterator[Notices]:
    found = Notices(told.put)
    found.keep([store.url])
    yield found
    found.stop()


def test_a_record_is_told_of(store: FolderStore, notices: Notices, told: queue.SimpleQueue[str]) -> None:
    assert notices.listened() == {store.url}
    for number in range(2, 5):
        store.put(record(ONE, number), b"more")
        assert told.get(timeout=10) == store.url


def test_a_device_that_is_new_is_told_of_and_what_it_says_from_then_on(
    store: FolderStore, notices: Notices, told: queue.SimpleQueue[str]
) -> None:
    store.put(record(OTHER, 1), b"hello")
    told.get(timeout=10)
    while not told.empty():
        told.get()
    store.put(record(OTHER, 2), b"more")
    told.get(timeout=10)


def test_packs_and_temporary_files_are_not_told_of(
    store: FolderStore, notices: Notices, told: queue.SimpleQueue[str]
) -> None:
    store.put(f"pack/ab/{'ab' * 32}", b"bytes")
    (store.root / "record" / ONE / ".put-1234").write_bytes(b"half")
    store.put(record(ONE, 2), b"whole")  # events come in order
    told.get(timeout=10)
    assert told.empty()


def test_a_store_that_goes_away_is_listened_to_no_more(
    store: FolderStore, notices: Notices, told: queue.SimpleQueue[str]
) -> None:
    store.root.rename(store.root.with_name("elsewhere"))
    (store.root.with_name("elsewhere") / "record").rename(store.root.with_name("lost"))
    (thread,) = [each._thread for each in notices._each.values()]
    thread.join(10)
    assert not notices.listened()
    notices.keep([store.url])
    assert not notices.listened(), "there is nothing to listen to"
    shutil.copytree(store.root.with_name("elsewhere"), store.root)
    store.put(record(ONE, 2), b"again")
    notices.keep([store.url])
    assert notices.listened() == {store.url}


def test_who_is_not_used_any_more_is_not_listened_to(store: FolderStore, notices: Notices) -> None:
    notices.keep([])
    assert not notices.listened()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p", "fuseblk"])
def test_what_others_write_makes_no_event_here(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    escaped = str(store.root).replace(" ", r"\040")
    mounts.write_text(
        f"21 1 8:1 / / rw - ext4 /dev/sda rw\n22 21 0:50 / {escaped} rw shared:1 - {kind} server:/export rw\n"
    )
    monkeypatch.setattr(notice, "_MOUNTS", mounts)
    assert listen(store.url, lambda url: None) is None


def test_only_directories_can_tell(store: FolderStore) -> None:
    assert listen("s3://bucket/prefix", lambda url: None) is None
    assert listen((store.root / "nothing").as_uri(), lambda url: None) is None
