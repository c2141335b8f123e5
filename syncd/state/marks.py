"""Which entries of the chunk index are in use.

What is to be marked is gathered, and looked up in one walk over the index. Of many chunks it is sorted, and the walk
goes stretch by stretch, many entries at a time: so 10,000,000 take seconds, and the memory is a stretch, what was
gathered, and a byte for each entry. Of few (`FEW`) it is a set, and numpy, which takes longer to load than these to
look through, stays out of the process. Invariant: of several places of a chunk the same one is marked each time: one
outside the packs to avoid, then that in the newest pack; never one in a pack that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any, Protocol

FEW = 1 << 16  # entries, 2 MB: as long to look through one by one (0.05 s) as numpy is to load
STRETCH = 1 << 18  # entries looked at at once: 8 MB of them
GATHERED = 1 << 19  # ids looked up at once
_COLUMNS = [
    ("high", ">u8"), ("low", ">u8"),
    ("pack", "<u4"), ("segment", "<u2"), ("pad", "V2"), ("offset", "<u4"), ("length", "<u4"),
]  # fmt: skip
_LENGTHS = Struct("<16xI8xI")  # pack and length of an entry
_AVOIDED = 32  # the bit, above any pack's number, of a place that is not to be avoided

Entry = tuple[bytes, bytes]


class Table(Protocol):
    """Entries of 32 bytes, sorted by their ids."""

    count: int

    def prefixes(self) -> memoryview:
        """Return the first 8 bytes of each id as numbers."""

    def raw(self) -> memoryview:
        """Return the entries as they lie."""

    def release(self) -> None:
        """Let the system have back the memory of what was read."""


class Marks(Protocol):
    """Marks of one index."""

    def mark(self, ids: bytes) -> None:
        """Mark where chunks lie; their ids, 16 bytes each, laid end to end. One that lies nowhere is passed over."""

    def by_pack(self) -> dict[int, tuple[int, int]]:
        """Return of each pack the bytes of its chunks that are marked, and of all that the index knows there."""

    def in_packs(self, packs: Iterable[int]) -> dict[int, list[Entry]]:
        """Return the marked entries of some packs, in their order in each."""


def marks(tables: list[Table], gone: set[int], avoid: set[int]) -> Marks:
    """Return an empty set of marks.

    Args:
        tables: of the index.
        gone: packs that are there no more.
        avoid: packs in which a chunk is marked only if it lies nowhere else.
    """
    few = sum(table.count for table in tables) <= FEW
    return Few(tables, gone, avoid) if few else Many(tables, gone, avoid)


class Few:
    """Marks of an index that is looked through entry by entry."""

    def __init__(self, tables: list[Table], gone: set[int], avoid: set[int]) -> None:
        self._tables, self._gone, self._avoid = tables, gone, avoid
        self._wanted = set[bytes]()

    def mark(self, ids: bytes) -> None:
        """See `Marks`."""
        if len(ids) == 16:
            self._wanted.add(ids)
        else:
            self._wanted.update(ids[at : at + 16] for at in range(0, len(ids), 16))

    def by_pack(self) -> dict[int, tuple[int, int]]:
        """See `Marks`."""
        whole: dict[int, int] = {}
        for table in self._tables:
            for pack, length in _LENGTHS.iter_unpack(table.raw()):
                whole[pack] = whole.get(pack, 0) + length
        live = dict.fromkeys(whole, 0)
        for raw in self._marked().values():
            pack, length = _LENGTHS.unpack(raw)
            live[pack] += length
        return {pack: (live[pack], size) for pack, size in sorted(whole.items()) if pack not in self._gone and size}

    def in_packs(self, packs: Iterable[int]) -> dict[int, list[Entry]]:
        """See `Marks`."""
        found: dict[int, list[Entry]] = {pack: [] for pack in packs}
        for raw in self._marked().values():
            entries = found.get(_LENGTHS.unpack(raw)[0])
            if entries is not None:
                entries.append((raw[:16], raw[16:]))
        for entries in found.values():
            entries.sort(key=_order)
        return found

    def _marked(self) -> dict[bytes, bytes]:
        """Return the entry of each chunk that is marked."""
        best: dict[bytes, tuple[bool, int]] = {}
        marked: dict[bytes, bytes] = {}
        for table in self._tables:
            entries = bytes(table.raw())
            for at in range(0, len(entries), 32):
                chunk = entries[at : at + 16]
                if chunk not in self._wanted:
                    continue
                raw = entries[at : at + 32]
                pack = _LENGTHS.unpack(raw)[0]
                worth = pack not in self._avoid, pack
                if pack not in self._gone and (chunk not in best or worth > best[chunk]):
                    best[chunk], marked[chunk] = worth, raw
        return marked


class Many:
    """Marks of an index of any length: a byte for each entry, set many at a time."""

    def __init__(self, tables: list[Table], gone: set[int], avoid: set[int]) -> None:
        self._tables, self._gone, self._avoid = tables, gone, avoid
        self._bits = [bytearray(table.count) for table in tables]
        self._gathered: list[bytes] = []
        self._count = 0

    def mark(self, ids: bytes) -> None:
        """See `Marks`."""
        self._gathered.append(ids)
        self._count += len(ids) // 16
        if self._count >= GATHERED:
            self._settle()

    def by_pack(self) -> dict[int, tuple[int, int]]:
        """See `Marks`."""
        import numpy

        self._settle()
        live: Any = numpy.zeros(0)
        whole: Any = numpy.zeros(0)
        for table, bits in self._stretches():
            size = max(len(whole), int(table["pack"].max()) + 1)
            lengths = table["length"].astype("f8")
            live = numpy.bincount(table["pack"], lengths * bits, size) + numpy.pad(live, (0, size - len(live)))
            whole = numpy.bincount(table["pack"], lengths, size) + numpy.pad(whole, (0, size - len(whole)))
        there = numpy.flatnonzero(whole).tolist()
        return {pack: (int(live[pack]), int(whole[pack])) for pack in there if pack not in self._gone}

    def in_packs(self, packs: Iterable[int]) -> dict[int, list[Entry]]:
        """See `Marks`."""
        import numpy

        self._settle()
        found: dict[int, list[Entry]] = {pack: [] for pack in packs}
        for table, bits in self._stretches():
            for row in table[numpy.isin(table["pack"], list(found)) & (bits == 1)]:
                raw = row.tobytes()
                found[int(row["pack"])].append((raw[:16], raw[16:]))
        for entries in found.values():
            entries.sort(key=_order)
        return found

    def _stretches(self) -> Iterator[tuple[Any, Any]]:
        import numpy

        for table, bits in zip(self._tables, self._bits, strict=True):
            marked = numpy.frombuffer(bits, dtype="u1")
            for begin in range(0, table.count, STRETCH):
                end = min(begin + STRETCH, table.count)
                yield numpy.frombuffer(table.raw()[32 * begin : 32 * end], dtype=_COLUMNS), marked[begin:end]
                table.release()

    # -- looking up what was gathered -------------------------------------------------------------

    def _settle(self) -> None:
        import numpy

        if not self._gathered:
            return
        high, low = _distinct(b"".join(self._gathered))
        self._gathered, self._count = [], 0
        worth = numpy.full(len(high), -1, dtype="i8")
        place = numpy.zeros((len(high), 2), dtype="i8")
        for number, table in enumerate(self._tables):
            for begin in range(0, table.count, STRETCH):
                end = min(begin + STRETCH, table.count)
                for index, at, found in self._meet(table, begin, end, high, low):
                    better = found > worth[index]
                    worth[index[better]] = found[better]
                    place[index[better], 0], place[index[better], 1] = number, begin + at[better]
                table.release()
        known = worth >= 0
        for number, bits in enumerate(self._bits):
            numpy.frombuffer(bits, dtype="u1")[place[known & (place[:, 0] == number), 1]] = 1

    def _meet(self, table: Table, begin: int, end: int, high: Any, low: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Yield, of a stretch, (which wanted ones, where in it, how much a place is worth), each wanted one once."""
        import numpy

        prefixes = numpy.frombuffer(table.prefixes()[begin:end], dtype="u8")
        first = int(numpy.searchsorted(high, prefixes[0], "left"))
        last = int(numpy.searchsorted(high, prefixes[-1], "right"))
        if first == last:
            return
        left = numpy.searchsorted(prefixes, high[first:last], "left")
        right = numpy.searchsorted(prefixes, high[first:last], "right")
        entries = numpy.frombuffer(table.raw()[32 * begin : 32 * end], dtype=_COLUMNS)
        for step in range(int((right - left).max())):  # several places of one chunk lie side by side
            index = numpy.flatnonzero(left + step < right)
            at = left[index] + step
            same = entries["low"][at] == low[first + index]
            index, at = index[same], at[same]
            yield first + index, at, self._worth(entries["pack"][at].astype("i8"))

    def _worth(self, packs: Any) -> Any:
        import numpy

        worth = packs | numpy.where(numpy.isin(packs, list(self._avoid)), 0, 1 << _AVOIDED)
        worth[numpy.isin(packs, list(self._gone))] = -1
        return worth


def _distinct(raw: bytes) -> tuple[Any, Any]:
    """Return the upper and lower halves of ids, sorted, each id once."""
    import numpy

    halves = numpy.frombuffer(raw, dtype=">u8").astype("u8").reshape(-1, 2)
    order = numpy.lexsort((halves[:, 1], halves[:, 0]))
    high, low = halves[order, 0], halves[order, 1]
    new = numpy.ones(len(high), dtype=bool)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return high[new], low[new]


def _order(entry: Entry) -> tuple[int, int]:
    """Return where an entry stands in its pack: by segment, then by its offset there."""
    return int.from_bytes(entry[1][4:6], "little"), int.from_bytes(entry[1][8:12], "little")
