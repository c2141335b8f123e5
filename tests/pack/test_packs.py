"""Packs: every chunk comes back from where its location says, and from nowhere else."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Damaged, ObjectMissing
from syncd.model.ids import EpochId, VaultId
from syncd.model.location import DATA_CHUNK, LIST_CHUNK, Located, PackLocations, pack_name
from syncd.pack.reader import ALIGN, ChunkReader, Hasher
from syncd.pack.writer import SEGMENT, PackWriter
from syncd.seal.keys import Roots, VaultKeys
from syncd.seal.padding import LARGEST_OBJECT, padded
from syncd.store.memory import MemoryStore

EPOCH = EpochId(b"e" * 16)
KEYS = VaultKeys(VaultId(b"v" * 32), Roots(b"i" * 32, {EPOCH: b"r" * 32}), EPOCH)
HASHER = Hasher(KEYS)


class Recorder(MemoryStore):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int, int | None]] = []

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self.asked.append((name, start, length))
        return super().get(name, start, length)


class Shelf:
    """A writer, a store and a reader around one list of chunks."""

    def __init__(self, pool: ThreadPoolExecutor, seed: int = 1) -> None:
        self.store = Recorder()
        self.packs: list[PackLocations] = []
        self.places: dict[bytes, Located] = {}
        source = random.Random(seed)
        self.writer = PackWriter(KEYS, self.emit, source.randbytes, source, pool, level=1)
        self.reader = ChunkReader(self.store, KEYS, self.places.get, self.packs.__getitem__, pool)

    def emit(self, locations: PackLocations, data: bytes) -> None:
        self.store.put(pack_name(locations.pack), data)
        assert len(data) == locations.size == padded(len(data)) <= LARGEST_OBJECT
        number, at = len(self.packs), 0
        self.packs.append(locations)
        for segment, count in enumerate(locations.counts):
            offset = 0
            for k in range(at, at + count):
                chunk = locations.ids[16 * k : 16 * k + 16]
                assert chunk not in self.places, "a chunk was kept twice"
                self.places[chunk] = Located(number, segment, offset, locations.lengths[k])
                offset += locations.lengths[k]
            at += count

    def add(self, data: bytes, kind: int = DATA_CHUNK, group: int = 0) -> bytes:
        chunk = HASHER.of(kind, data)
        self.writer.add(chunk, data, kind, group)
        return chunk


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@given(seed=st.integers(0, 1 << 32), sizes=st.lists(st.integers(1, 200_000), max_size=40, unique=True))
def test_every_chunk_comes_back(pool: ThreadPoolExecutor, seed: int, sizes: list[int]) -> None:
    shelf, source = Shelf(pool, seed), random.Random(seed)
    chunks = {}
    for size in sizes:
        data = source.randbytes(size // 2) + bytes(size - size // 2)
        kind = source.choice([DATA_CHUNK, LIST_CHUNK])
        chunks[shelf.add(data, kind, source.randrange(3))] = (data, kind)
    shelf.writer.flush()
    assert shelf.places.keys() == chunks.keys()
    for chunk, (data, kind) in chunks.items():
        assert shelf.reader.read(chunk, kind) == data


def test_streams_keep_their_order_and_read_ahead(pool: ThreadPoolExecutor) -> None:
    shelf, source = Shelf(pool), random.Random(2)
    data = [source.randbytes(100_000) for _ in range(300)]
    chunks = [shelf.add(piece) for piece in data]
    shelf.writer.flush()
    assert len(shelf.packs) > 2
    assert list(shelf.reader.stream(chunks)) == data
    assert list(shelf.reader.stream(reversed(chunks))) == data[::-1]
    assert list(shelf.reader.stream([])) == []


def test_a_chunk_larger_than_a_segment_is_a_segment_of_its_own(pool: ThreadPoolExecutor) -> None:
    shelf = Shelf(pool)
    small, large = b"s" * 100, random.Random(3).randbytes(3 * SEGMENT)
    chunks = [shelf.add(small), shelf.add(large), shelf.add(b"t" * 100)]
    shelf.writer.flush()
    assert [shelf.reader.read(chunk) for chunk in chunks] == [small, large, b"t" * 100]
    assert sum(len(pack.segments) for pack in shelf.packs) == 3


def test_segments_are_shared_by_two_packs_at_random(pool: ThreadPoolExecutor) -> None:
    shelf, source = Shelf(pool), random.Random(4)
    chunks = [shelf.add(source.randbytes(SEGMENT - 1)) for _ in range(24)]
    shelf.writer.flush()
    order = [shelf.places[chunk].pack for chunk in chunks]
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > 4, "neighbours always share a pack, so a pack tells which files lie in it"


def test_a_small_edit_is_one_pack(pool: ThreadPoolExecutor) -> None:
    shelf = Shelf(pool)
    for group in range(3):
        shelf.add(bytes([group]) * 1000, group=group)
    shelf.writer.flush()
    assert len(shelf.packs) == 1


def test_ranges_show_no_chunks_extent(pool: ThreadPoolExecutor) -> None:
    shelf, source = Shelf(pool), random.Random(5)
    chunks = [shelf.add(source.randbytes(90_000)) for _ in range(60)]
    shelf.writer.flush()
    for chunk in source.sample(chunks, 20):
        shelf.reader.read(chunk)
    for name, start, length in shelf.store.asked:
        size = shelf.store.stat(name)
        assert size is not None
        assert length is not None
        assert start % ALIGN == 0
        assert (start + length) % ALIGN == 0 or start + length == size


@pytest.mark.parametrize("what", ["flip", "swap", "cut", "lose"])
def test_a_hostile_store_gives_an_error_and_no_bytes(pool: ThreadPoolExecutor, what: str) -> None:
    shelf, source = Shelf(pool), random.Random(6)
    chunks = [shelf.add(source.randbytes(60_000)) for _ in range(300)]
    shelf.writer.flush()
    first, second = (pack_name(pack.pack) for pack in shelf.packs[:2])
    data, other = shelf.store.get(first), shelf.store.get(second)
    evil = {
        "flip": bytes([data[0]]) + data[1:200] + bytes([data[200] ^ 1]) + data[201:],
        "swap": other,
        "cut": data[:5000],
    }
    shelf.store.delete(first)
    if what != "lose":
        shelf.store.put(first, evil[what])
    hurt = next(chunk for chunk in chunks if shelf.places[chunk].pack == 0 and shelf.places[chunk].segment == 0)
    with pytest.raises((Damaged, ObjectMissing)):
        shelf.reader.read(hurt)
    healthy = next(chunk for chunk in chunks if shelf.places[chunk].pack == 1)
    assert shelf.reader.read(healthy)


def test_a_location_that_lies_is_found_by_the_chunks_id(pool: ThreadPoolExecutor) -> None:
    shelf = Shelf(pool)
    chunk = shelf.add(b"a" * 1000)
    shelf.add(b"b" * 1000)
    shelf.writer.flush()
    place = shelf.places[chunk]
    for lie in (Located(0, 0, place.offset + 1, 1000), Located(0, 0, 1000, 1000), Located(0, 0, 0, 999)):
        shelf.places[chunk] = lie
        with pytest.raises(Damaged, match="not what its id says"):
            shelf.reader.read(chunk)


def test_equal_data_has_unlinkable_ids_in_two_vaults() -> None:
    other = VaultKeys(VaultId(b"w" * 32), Roots(b"i" * 32, {EPOCH: b"r" * 32}), EPOCH)
    assert Hasher(other).data(b"same") != HASHER.data(b"same")
    assert HASHER.of(DATA_CHUNK, b"same") != HASHER.of(LIST_CHUNK, b"same")
