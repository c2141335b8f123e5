"""Reading chunks back: locate, get, open, check.

Invariant: no byte is returned whose chunk id was not computed again from the plaintext. Ranges asked
of a store are multiples of 64 KiB or whole packs, so they show no chunk's extent (attack C3).
Memory is bounded by `CACHE` bytes of opened segments and the read-ahead.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import accumulate

from blake3 import blake3

from syncd.errors import Damaged
from syncd.model.location import DATA_CHUNK, LIST_CHUNK, Located, PackLocations, pack_name
from syncd.seal.envelope import DATA, HEADER_SIZE, Header, ObjectCipher, ObjectKind
from syncd.seal.keys import VaultKeys
from syncd.store.provider import Provider

ALIGN = 64 * 1024
CACHE = 24 * 1024 * 1024
AHEAD = 6  # segments opened before they are asked for: two cores' worth, and 6 MiB
LOOKAHEAD = 8192  # chunks located before they are asked for
_KIND_WORD = {DATA_CHUNK: "data", LIST_CHUNK: "list"}


class Hasher:
    """Computes chunk ids with the vault's chunk keys."""

    __slots__ = ("_keys",)

    def __init__(self, keys: VaultKeys) -> None:
        self._keys = {kind: keys.chunk_key(word) for kind, word in _KIND_WORD.items()}

    def data(self, chunk: bytes | memoryview) -> bytes:
        """Return the id of a data chunk."""
        return blake3(chunk, key=self._keys[DATA_CHUNK]).digest(16)

    def of(self, kind: int, chunk: bytes | memoryview) -> bytes:
        """Return the id of a chunk of this kind."""
        return blake3(chunk, key=self._keys[kind]).digest(16)


class _Pack:
    """One pack's cipher and layout."""

    __slots__ = ("cipher", "lengths", "name", "offsets", "size")

    def __init__(self, locations: PackLocations, keys: VaultKeys) -> None:
        header = Header(ObjectKind.PACK, locations.epoch, locations.salt, locations.algorithm)
        secret = keys.object_secret(header.epoch, ObjectKind.PACK.word)  # type: ignore[arg-type]
        self.cipher = ObjectCipher(header, secret, keys.vault)
        self.offsets = list(accumulate(locations.segments, initial=HEADER_SIZE))
        self.lengths = locations.segments
        self.size = locations.size
        self.name = pack_name(locations.pack)


class ChunkReader:
    """Reads chunks of one vault.

    Args:
        store: where the packs are.
        keys: opens them.
        locate: returns where a chunk lies, or None.
        pack: returns the locations of a local pack number.
        pool: opens segments ahead of their use.
        lost: returns the error that a chunk is which lies nowhere.
        mend: told the name of a pack that is damaged; returns whether another store had it whole.
    """

    def __init__(
        self,
        store: Provider,
        keys: VaultKeys,
        locate: Callable[[bytes], Located | None],
        pack: Callable[[int], PackLocations],
        pool: Executor | None = None,
        mend: Callable[[str], bool] = lambda name: False,
        lost: Callable[[bytes], Exception] = lambda chunk: Damaged(f"no location is known for chunk {chunk.hex()}"),
    ) -> None:
        self._mend, self._lost = mend, lost
        self._store, self._keys, self._locate, self._pack_row, self._pool = store, keys, locate, pack, pool
        self.hasher = Hasher(keys)
        self._packs: OrderedDict[int, _Pack] = OrderedDict()
        self._segments: OrderedDict[tuple[int, int], Future[memoryview] | memoryview] = OrderedDict()
        self._cached = 0

    def locate(self, chunk: bytes) -> Located:
        """Return where a chunk lies.

        Raises:
            Damaged: no record says where, for its pack's record is missing; or what `lost` returns.
        """
        found = self._locate(chunk)
        if found is None:
            raise self._lost(chunk)
        return found

    def knows(self, chunk: bytes) -> bool:
        """Tell whether it is known where a chunk lies."""
        return self._locate(chunk) is not None

    def read(self, chunk: bytes, kind: int = DATA_CHUNK) -> bytes:
        """Return one chunk, checked.

        Raises:
            Damaged: its bytes are not what its id says.
            ObjectMissing, StoreError: its pack cannot be read.
        """
        return bytes(self.read_at(self.locate(chunk), chunk, kind))

    def read_at(self, at: Located, chunk: bytes, kind: int = DATA_CHUNK) -> memoryview:
        """Return the chunk at a known place, checked, as a view of its segment."""
        data = self.segment(at.pack, at.segment)[at.offset : at.offset + at.length]
        if self.hasher.of(kind, data) != chunk:
            raise Damaged(f"{self._pack(at.pack).name}: chunk {chunk.hex()} is not what its id says")
        return data

    def read_list(self, chunk: bytes) -> bytes:
        """Return a list chunk, checked."""
        return self.read(chunk, LIST_CHUNK)

    def stream(self, chunks: Iterable[bytes]) -> Iterator[memoryview]:
        """Yield data chunks in the order given, their segments opened ahead by other threads."""
        waiting: deque[tuple[bytes, Located]] = deque()
        ahead: deque[tuple[int, int]] = deque()  # segments of `waiting`, each run of one once
        source = iter(chunks)
        current = (-1, -1)
        while True:
            while len(ahead) <= AHEAD and len(waiting) < LOOKAHEAD:
                chunk = next(source, None)
                if chunk is None:
                    break
                at = self.locate(chunk)
                waiting.append((chunk, at))
                place = (at.pack, at.segment)
                if not ahead or ahead[-1] != place:
                    ahead.append(place)
                    self.prefetch(place)
            if not waiting:
                return
            chunk, at = waiting.popleft()
            if (at.pack, at.segment) != current:
                current = (at.pack, at.segment)
                while ahead and ahead[0] != current:
                    ahead.popleft()
            yield self.read_at(at, chunk)

    def prefetch(self, place: tuple[int, int]) -> None:
        """Begin to open a segment, (pack number, segment), that will be read soon."""
        if self._pool is not None and place not in self._segments:
            pack = self._pack(place[0])
            self._segments[place] = self._pool.submit(self._open_segment, pack, place[1])
            self._cached += pack.lengths[place[1]]

    def segment(self, pack_number: int, index: int) -> memoryview:
        """Return one opened segment, from memory if it was read lately."""
        place = (pack_number, index)
        found = self._segments.pop(place, None)
        if found is None:
            opened = self._open_segment(self._pack(pack_number), index)
            self._cached += len(opened)
        elif isinstance(found, memoryview):
            opened = found
        else:
            self._cached -= self._pack(pack_number).lengths[index]
            opened = found.result()
            self._cached += len(opened)
        self._segments[place] = opened
        self._trim()
        return opened

    def _trim(self) -> None:
        while self._cached > CACHE and len(self._segments) > 1:
            place, oldest = self._segments.popitem(last=False)
            if isinstance(oldest, memoryview):
                self._cached -= len(oldest)
            else:
                oldest.cancel()
                self._cached -= self._pack(place[0]).lengths[place[1]]

    def _pack(self, number: int) -> _Pack:
        pack = self._packs.get(number)
        if pack is None:
            pack = self._packs[number] = _Pack(self._pack_row(number), self._keys)
            while len(self._packs) > 64:  # a cipher and two tuples each
                self._packs.popitem(last=False)
        return pack

    def _open_segment(self, pack: _Pack, index: int) -> memoryview:
        try:
            return self._read_segment(pack, index)
        except Damaged:
            if not self._mend(pack.name):
                raise
        return self._read_segment(pack, index)

    def _read_segment(self, pack: _Pack, index: int) -> memoryview:
        start, length = pack.offsets[index], pack.lengths[index]
        low = start // ALIGN * ALIGN
        high = min(-(-(start + length) // ALIGN) * ALIGN, pack.size)
        data = self._store.get(pack.name, low, high - low)
        if len(data) != high - low:
            raise Damaged(f"{pack.name}: is cut short")
        sealed = memoryview(data)[start - low : start - low + length]
        return pack.cipher.open_frame(DATA, index, sealed, pack.name)
