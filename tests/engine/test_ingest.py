"""Reading a large file: cut by another thread while its chunks are kept, and the same for that."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.chunk.cuts import Secret, cutter
from syncd.chunk.params import NORMAL, PROFILES, Params
from syncd.engine import ingest
from syncd.engine.ingest import Ingest, Torn
from syncd.fs.disk import Disk
from syncd.fs.kernel import Kernel
from syncd.model.chunker import Chunker
from syncd.model.entry import Stat
from syncd.seal.keys import block_cipher

KEY = bytes(16)
SECRET = Secret(Chunker.TOEPLITZ_AES, random.Random(1).randbytes(2048), KEY, block_cipher(KEY))
ALL = tuple(Params(*profile) for profile in PROFILES)


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "REGION", 300_000)
    monkeypatch.setattr(ingest, "WHOLE", 1000)


class Watched(Kernel):
    """A kernel that tells whether a file is read after it was closed."""

    def __init__(self) -> None:
        self.open_files, self.wrong = set[int](), False
        self.fails_after = 1 << 60
        self.lock = threading.Lock()

    def readv(self, descriptor: int, buffers: list[memoryview]) -> int:  # type: ignore[override]
        self.wrong |= descriptor in self.open_files
        self.fails_after -= 1
        if self.fails_after < 0:
            raise OSError(5, os.strerror(5))
        return os.readv(descriptor, buffers)

    def close(self, descriptor: int) -> None:  # type: ignore[override]
        self.open_files.add(descriptor)
        os.close(descriptor)


def large(root: Path, size: int) -> tuple[bytes, Stat, bytes]:
    data = random.Random(size).randbytes(size)
    (root / "large").write_bytes(data)
    stat = Disk(os.fsencode(root)).stat(b"large")
    assert stat is not None
    return data, stat, b"large"


@pytest.mark.parametrize("size", [300_000, 300_001, 1_000_000, 3_456_789])
@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "in turn"])
def test_the_chunks_are_those_of_the_whole(tmp_path: Path, pool: Executor, size: int, ahead: bool) -> None:
    data, stat, path = large(tmp_path, size)
    kept: list[bytes] = []
    read = Ingest(Disk(os.fsencode(tmp_path)), SECRET, ALL, pool=pool if ahead else None)
    read.file(path, stat, NORMAL, lambda chunk: kept.append(bytes(chunk)) or b"x" * 16)  # type: ignore[func-returns-value]
    ends = [*cutter(SECRET, ALL[NORMAL]).feed(data), size]
    assert [len(chunk) for chunk in kept] == [
        end - start for start, end in zip([0, *ends], ends, strict=False) if end > start
    ]
    assert b"".join(kept) == data


def test_a_file_that_grows_is_torn(tmp_path: Path, pool: Executor) -> None:
    _, stat, path = large(tmp_path, 1_000_000)

    def grow(chunk: bytes | memoryview) -> bytes:
        with (tmp_path / "large").open("ab") as file:
            file.write(bytes(400_000))
        return bytes(16)

    with pytest.raises(Torn):
        Ingest(Disk(os.fsencode(tmp_path)), SECRET, ALL, pool=pool).file(path, stat, NORMAL, grow)


def test_whoever_fails_closes_what_nobody_reads(tmp_path: Path, pool: Executor) -> None:
    _, stat, path = large(tmp_path, 3_000_000)
    kernel = Watched()
    read = Ingest(Disk(os.fsencode(tmp_path), kernel), SECRET, ALL, pool=pool)

    def full(chunk: bytes | memoryview) -> bytes:
        raise MemoryError

    with pytest.raises(MemoryError):
        read.file(path, stat, NORMAL, full)
    kernel.open_files.clear()
    kernel.fails_after = 2
    with pytest.raises(OSError, match="Input/output"):
        read.file(path, stat, NORMAL, lambda chunk: bytes(16))
    assert not kernel.wrong
