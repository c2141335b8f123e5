"""A store in a directory of a local or mounted disk.

An object is written to a temporary file beside its place, synced, then linked to its name, which
fails if the name is taken: so creation is atomic and exclusive without a lock. The directory is
synced before `put` returns. A leftover temporary file is our own, and is swept once a day old.

A file `syncd-store` marks the root: when the mark is gone the disk is not mounted, and the store
says StoreGone instead of looking empty.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from syncd.errors import (
    ObjectExists,
    ObjectMissing,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreGone,
    StoreReadOnly,
)
from syncd.store.provider import MARK, MARK_TEXT, Capabilities, Listed

_TEMPORARY = ".put-"
_STALE_SECONDS = 24 * 3600
_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class FolderStore:
    """Keeps objects as files below `root`, an absolute path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[str] = set()  # directories seen or made by this process

    @property
    def url(self) -> str:
        """The file URL of the root."""
        return self.root.as_uri()

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=0.2)  # a question is one system call, and inotify sees nothing on a NAS

    def create(self) -> None:
        """Make the root and its mark; an existing store is left as it is.

        Raises:
            StoreForeign: the directory holds something else.
            StoreReadOnly, StoreFull, StoreError: it could not be made.
        """
        with self._errors("store"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (self.root / MARK).is_file():
                return
            if any(self.root.iterdir()):
                raise StoreForeign(f"{self.root} is not empty and is not a syncd store")
        self._write(self.root / MARK, MARK_TEXT.encode(), MARK)

    def check(self) -> None:
        """Tell a store from an empty mount point.

        Raises:
            StoreGone: the directory or its mark is not there.
        """
        if not os.path.exists(self.root / MARK):
            raise StoreGone(f"the store {self.root} is not there: not mounted, moved or removed")

    def close(self) -> None:
        """Nothing is held."""

    def put(self, name: str, data: bytes) -> None:
        """Create an object, durably."""
        self.check()
        with self._errors(name):
            try:
                self._write(self.root / name, data, name)
            except FileNotFoundError:
                self._known.clear()  # somebody removed a directory that we knew
                self.check()
                self._write(self.root / name, data, name)

    def _write(self, target: Path, data: bytes, name: str) -> None:
        parent = str(target.parent)
        self._make_directory(parent)
        temporary = f"{parent}/{_TEMPORARY}{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._link(temporary, str(target), data, name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_directory(parent)

    def _link(self, temporary: str, target: str, data: bytes, name: str) -> None:
        try:
            os.link(temporary, target)
        except FileExistsError:
            if Path(target).read_bytes() != data:
                raise ObjectExists(f"{name} stands for other bytes already in {self.root}") from None
        except OSError as error:
            # FAT, some FUSE and network file systems have no hard links.
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            self._claim(temporary, target, data, name)

    def _claim(self, temporary: str, target: str, data: bytes, name: str) -> None:
        if os.path.exists(target) and Path(target).read_bytes() != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self.root}")
        os.replace(temporary, target)

    def _make_directory(self, path: str) -> None:
        if path in self._known:
            return
        missing = []
        while not os.path.isdir(path):
            if path == str(self.root):  # it went away: one made in its place would be another store, or a mount point
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            missing.append(path)
            path = os.path.dirname(path)
        for child in reversed(missing):
            with contextlib.suppress(FileExistsError):
                os.mkdir(child, 0o700)
            _sync_directory(os.path.dirname(child))
        self._known.add(missing[0] if missing else path)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        with self._errors(name), open(self.root / name, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            wanted = max(0, min(size - start, size if length is None else length))
            file.seek(start)
            pieces: list[bytes] = []
            while wanted and (piece := file.read(wanted)):
                pieces.append(piece)
                wanted -= len(piece)
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        try:
            with self._errors(name):
                return os.stat(self.root / name).st_size
        except ObjectMissing:
            return None

    def confirm(self, name: str) -> int | None:
        """Return the size of an object whose name, too, is on the disk."""
        size = self.stat(name)
        if size is not None:
            with self._errors(name):
                _sync_directory(str((self.root / name).parent))
        return size

    def delete(self, name: str) -> None:
        """Remove an object."""
        self.check()
        with contextlib.suppress(ObjectMissing), self._errors(name):
            os.unlink(self.root / name)
            _sync_directory(str((self.root / name).parent))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        self.check()
        directory = prefix.rpartition("/")[0]
        with self._errors(prefix):
            yield from (found for found in self._walk(directory) if found.name.startswith(prefix))

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        self.check()
        try:
            with self._errors(name), os.scandir(self.root / name) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except ObjectMissing:
            return []

    def _walk(self, directory: str) -> Iterator[Listed]:
        try:
            entries = sorted(os.scandir(self.root / directory), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        # Sorted by whole name: a directory sorts as its name with the slash that follows it.
        for entry in sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir()):
            name = f"{directory}/{entry.name}" if directory else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(name)
            elif entry.name != MARK and not entry.name.startswith("."):
                yield Listed(name, entry.stat().st_size)

    def sweep(self) -> int:
        """Remove temporary files that a killed process left a day ago; return how many."""
        swept = 0
        for directory, _, files in os.walk(self.root):
            for file in files:
                path = os.path.join(directory, file)
                if file.startswith(_TEMPORARY) and time.time() - os.lstat(path).st_mtime > _STALE_SECONDS:
                    os.unlink(path)
                    swept += 1
        return swept

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Map what the operating system says to our errors."""
        try:
            yield
        except FileNotFoundError as error:
            self.check()
            raise ObjectMissing(f"the store {self.root} has no {name}") from error
        except OSError as error:
            where = f"the store {self.root}"
            if error.errno in _FULL:
                raise StoreFull(f"{where} is full") from error
            if error.errno in _READ_ONLY:
                raise StoreReadOnly(f"{where} refuses this: {error.strerror} ({name})") from error
            if not os.path.exists(self.root / MARK):
                raise StoreGone(f"{where} is not there: {error.strerror}") from error
            raise StoreError(f"{where}: {error.strerror} ({name})") from error


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems have no such call
            raise
    finally:
        os.close(descriptor)
