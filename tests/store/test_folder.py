"""The folder store: the suite of the port, and what only a directory can do wrong."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from syncd.errors import StoreForeign, StoreFull, StoreGone, StoreReadOnly, UsageError
from syncd.store.folder import MARK, FolderStore
from syncd.store.memory import MemoryStore
from syncd.store.provider import Provider
from syncd.store.registry import open_store
from tests.conformance.provider import NAME, ProviderSuite


class TestMemory(ProviderSuite):
    @pytest.fixture
    def store(self) -> Provider:
        return MemoryStore()


class TestFolder(ProviderSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        store = FolderStore(tmp_path / "store")
        store.create()
        return store

    def test_the_root_may_exist_but_not_hold_other_things(self, tmp_path: Path) -> None:
        (tmp_path / "letters").mkdir()
        (tmp_path / "letters" / "dear.txt").write_text("...")
        with pytest.raises(StoreForeign):
            FolderStore(tmp_path / "letters").create()
        assert os.listdir(tmp_path / "letters") == ["dear.txt"]

    def test_a_store_that_goes_away_in_the_middle_is_not_made_anew(
        self, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is unmounted or moved between looking and writing leaves no piece of a store in its place."""
        away, checked = tmp_path / "away", store.check

        def check_and_go() -> None:
            checked()
            store.root.rename(away)

        monkeypatch.setattr(store, "check", check_and_go)
        with pytest.raises(StoreGone):
            store.put(NAME, b"x")
        assert not store.root.exists()
        away.rename(store.root)
        monkeypatch.setattr(store, "check", checked)
        store.put(NAME, b"x")
        assert store.get(NAME) == b"x"

    def test_creating_twice_changes_nothing(self, store: FolderStore) -> None:
        store.put(NAME, b"x")
        store.create()
        assert store.get(NAME) == b"x"

    def test_an_unmounted_disk_is_not_an_empty_store(self, store: FolderStore) -> None:
        store.put(NAME, b"x")
        store.root.rename(store.root.with_name("elsewhere"))
        store.root.mkdir()
        for ask in (
            lambda: store.get(NAME),
            lambda: store.stat(NAME),
            lambda: store.put(NAME, b"x"),
            lambda: list(store.list()),
            lambda: store.delete(NAME),
        ):
            with pytest.raises(StoreGone):
                ask()
        assert os.listdir(store.root) == []

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (errno.ENOSPC, StoreFull),
            (errno.EDQUOT, StoreFull),
            (errno.EROFS, StoreReadOnly),
            (errno.EACCES, StoreReadOnly),
        ],
    )
    def test_what_the_system_says_is_told(
        self, store: FolderStore, code: int, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> int:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(expected):
            store.put(NAME, b"x")
        monkeypatch.undo()
        assert store.stat(NAME) is None
        assert not [path for path in store.root.rglob("*") if path.is_file() and path.name != MARK]
        store.put(NAME, b"x")

    def test_bytes_are_synced_before_their_name_stands(
        self, store: FolderStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The order on disk: file bytes, then the name, then the directory."""
        order: list[str] = []
        fsync, link = os.fsync, os.link

        def noting_fsync(descriptor: int) -> None:
            order.append("sync directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")
            fsync(descriptor)

        def noting_link(source: str, target: str) -> None:
            order.append("name")
            link(source, target)

        store.put("pack/ab/first", b"so that the directories are there")
        monkeypatch.setattr(os, "fsync", noting_fsync)
        monkeypatch.setattr(os, "link", noting_link)
        store.put("pack/ab/second", b"x")
        assert order == ["sync file", "name", "sync directory"]

    def test_where_links_do_not_work_names_are_still_given_once(
        self, store: FolderStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_links(*_: object) -> None:
            raise OSError(errno.EPERM, "no links on FAT")

        monkeypatch.setattr(os, "link", no_links)
        self.test_a_name_is_not_given_to_other_bytes(store)
        store.put(NAME, b"first")
        assert store.get(NAME) == b"first"

    def test_leftovers_of_a_killed_process_are_swept_once_old(self, store: FolderStore) -> None:
        store.put(NAME, b"x")
        old, young = store.root / "pack/ab/.put-1", store.root / "pack/ab/.put-2"
        for path in (old, young):
            path.write_bytes(b"half")
        os.utime(old, (1, 1))
        assert [listed.name for listed in store.list()] == [NAME]
        assert store.sweep() == 1
        assert young.exists()
        assert not old.exists()

    def test_objects_are_for_this_user_alone(self, store: FolderStore) -> None:
        store.put(NAME, b"x")
        assert (store.root / NAME).stat().st_mode & 0o077 == 0


def test_urls(tmp_path: Path) -> None:
    for url in (str(tmp_path), tmp_path.as_uri(), f"file://localhost{tmp_path}"):
        store = open_store(url)
        assert isinstance(store, FolderStore)
        assert store.root == tmp_path
    assert open_store((tmp_path / "with space").as_uri()).root == tmp_path / "with space"  # type: ignore[attr-defined]
    for wrong in ("gopher://x/y", "file://other/x"):
        with pytest.raises(UsageError):
            open_store(wrong)
