"""Changes and locations as columns (docs/format.md section 6, the two tables of a record).

Pure. Chunk ids stand once per record: those located here come first in their packs' order, then
those that lie elsewhere; changes name them by index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

from syncd.errors import Damaged
from syncd.journal.columns import Column, Values, decode_table, encode_table
from syncd.model.entry import Change, Kind
from syncd.model.ids import COUNTER_MASK, NO_DEVICE, ROOT, counter_of, device_of, key
from syncd.model.location import PackLocations
from syncd.model.path import is_valid_name

CHANGE_COLUMNS = (
    Column(1, 2),
    Column(2, 8, True),
    Column(3, 2),
    Column(4, 8, True),
    Column(5, 2),
    Column(6, 0),
    Column(7, 1),
    Column(8, 2),
    Column(9, 8, True),
    Column(10, 8),
    Column(11, 1),
    Column(12, 1),
    Column(13, 4),
    Column(14, 4, True),
    Column(15, 2),
    Column(16, 0),
    Column(17, 1),
    Column(18, 2),
    Column(19, 8, True),
)
LOCATION_COLUMNS = (
    Column(32, 0),
    Column(33, 0),
    Column(34, 2),
    Column(35, 1),
    Column(36, 4),
    Column(37, 4),
    Column(38, 4),
    Column(39, 4),
    Column(40, 4),
    Column(41, 1),
    Column(42, 0),
)
ID = 16
_U64 = (1 << 64) - 1
_SIGN = 1 << 63


class DeviceTable:
    """Gives each local device number its index in one record; the author is 0."""

    def __init__(self, own: int) -> None:
        self.order = [own]
        self._index = {own: 0}

    def index(self, identity: int) -> int:
        """Return the index of an identity's device."""
        if identity == ROOT:
            return NO_DEVICE
        number = device_of(identity)
        found = self._index.get(number)
        if found is None:
            found = self._index[number] = len(self.order)
            self.order.append(number)
        return found


def _ids_of(blob: bytes) -> list[bytes]:
    return [blob[i : i + ID] for i in range(0, len(blob), ID)]


def _local_index(locations: Iterable[PackLocations]) -> dict[bytes, tuple[int, int]]:
    """Return id -> (index, length) of every chunk located here."""
    index: dict[bytes, tuple[int, int]] = {}
    at = 0
    for pack in locations:
        for chunk, length in zip(_ids_of(pack.ids), pack.lengths, strict=True):
            index.setdefault(chunk, (at, length))
            at += 1
    return index


def encode_changes(
    changes: Sequence[Change], locations: Sequence[PackLocations], devices: DeviceTable
) -> tuple[bytes, list[bytes]]:
    """Return the table of changes, and the ids they name that no location here holds, in order."""
    values, foreign = encode_change_values(changes, locations, devices)
    return encode_table(CHANGE_COLUMNS, values), foreign


def encode_change_values(
    changes: Sequence[Change], locations: Sequence[PackLocations], devices: DeviceTable
) -> tuple[dict[int, Values], list[bytes]]:
    """Return the columns of changes by code, and the foreign ids."""
    index = _local_index(locations)
    located = sum(len(pack.lengths) for pack in locations)
    foreign: list[bytes] = []
    refs: list[int] = []
    sizes: list[int] = []
    for change in changes:
        size, ids = change.size, change.ids
        for chunk in (ids,) if len(ids) == ID else _ids_of(ids):
            found = index.get(chunk)
            if found is None:
                found = index[chunk] = (located + len(foreign), 0)
                foreign.append(chunk)
            refs.append(found[0])
            if change.depth == 0:
                size -= found[1]
        sizes.append(size)
    parents = [parent for change in changes for parent in change.parents]
    values: dict[int, Values] = {
        1: [devices.index(change.node) for change in changes],
        2: [change.node & COUNTER_MASK for change in changes],
        3: [devices.index(change.parent) for change in changes],
        4: [change.parent & COUNTER_MASK for change in changes],
        5: [len(change.name) for change in changes],
        6: b"".join(change.name for change in changes),
        7: [change.kind for change in changes],
        8: [change.mode for change in changes],
        9: [change.mtime_ns for change in changes],
        10: sizes,
        11: [change.depth for change in changes],
        12: [change.profile for change in changes],
        13: [len(change.ids) // ID for change in changes],
        14: refs,
        15: [len(change.inline) for change in changes],
        16: b"".join(change.inline for change in changes),
        17: [len(change.parents) for change in changes],
        18: [devices.index(parent) for parent in parents],
        19: [counter_of(parent) for parent in parents],
    }
    return values, foreign


def identities(indexes: Sequence[int], counters: Sequence[int], numbers: Sequence[int]) -> list[int]:
    """Return identities with local device numbers.

    Raises:
        ValueError: a counter is larger than the format allows.
    """
    if counters and max(counters) > COUNTER_MASK:
        raise ValueError(f"the counter {max(counters)} is too large")
    return [
        ROOT if index == NO_DEVICE else key(numbers[index], counter)
        for index, counter in zip(indexes, counters, strict=True)
    ]


def cut(blob: bytes, lengths: Sequence[int]) -> list[bytes]:
    """Cut bytes into pieces of these lengths.

    Raises:
        ValueError: the lengths do not sum up.
    """
    ends = list(accumulate(lengths, initial=0))
    if ends[-1] != len(blob):
        raise ValueError("lengths do not sum up")
    return [blob[a:b] for a, b in pairwise(ends)]


def decode_changes(
    data: bytes, numbers: Sequence[int], locations: Sequence[PackLocations], ids: Sequence[bytes], what: str
) -> list[Change]:
    """Read the table of changes.

    Args:
        data: the table.
        numbers: local device numbers by index.
        locations: the record's own, for the lengths of its chunks.
        ids: all chunk ids of the record.
        what: for errors.

    Raises:
        Damaged, ValueError, IndexError: it is no such table; the caller names the record.
    """
    return changes_of_values(decode_table(data, CHANGE_COLUMNS, what), numbers, locations, ids, what)


def changes_of_values(
    v: Mapping[int, Values],
    numbers: Sequence[int],
    locations: Sequence[PackLocations],
    ids: Sequence[bytes],
    what: str,
) -> list[Change]:
    """Read changes from decoded columns; see `decode_changes`."""
    nodes = identities(v[1], v[2], numbers)
    parents = identities(v[3], v[4], numbers)
    names = cut(bytes(v[6]), v[5])
    inlines = cut(bytes(v[16]), v[15])
    heads = identities(v[18], v[19], numbers)
    lengths = [length for pack in locations for length in pack.lengths]
    lengths += [0] * (len(ids) - len(lengths))
    changes: list[Change] = []
    ref = head = 0
    refs = v[14]
    scalars = zip(nodes, parents, names, v[7], v[8], v[9], v[10], v[11], v[12], v[13], inlines, v[17], strict=True)
    for node, parent, name, kind, mode, mtime, size, depth, profile, count, inline, n_heads in scalars:
        used = refs[ref : ref + count]
        if len(used) != count or not is_valid_name(name):
            raise Damaged(f"{what}: a change names what is not there")
        if depth == 0:
            size = (size + sum(lengths[at] for at in used)) & _U64
        changes.append(
            Change(
                node,
                parent,
                name,
                Kind(kind),
                mode,
                mtime - (1 << 64) if mtime & _SIGN else mtime,
                size,
                depth,
                profile,
                b"".join([ids[at] for at in used]),
                inline,
                tuple(heads[head : head + n_heads]),
            )
        )
        ref += count
        head += n_heads
    if ref != len(refs) or head != len(heads):
        raise Damaged(f"{what}: its changes do not use up their columns")
    return changes


def encode_locations(locations: Sequence[PackLocations], epochs: Sequence[bytes], foreign: Sequence[bytes]) -> bytes:
    """Return the table of locations, with the ids that lie elsewhere at its end."""
    values: dict[int, Values] = {
        32: b"".join(pack.pack for pack in locations),
        33: b"".join(pack.salt for pack in locations),
        34: [epochs.index(pack.epoch) for pack in locations],
        35: [pack.algorithm for pack in locations],
        36: [pack.size for pack in locations],
        37: [len(pack.segments) for pack in locations],
        38: [length for pack in locations for length in pack.segments],
        39: [count for pack in locations for count in pack.counts],
        40: [length for pack in locations for length in pack.lengths],
        41: b"".join(pack.kinds for pack in locations),
        42: b"".join(pack.ids for pack in locations) + b"".join(foreign),
    }
    return encode_table(LOCATION_COLUMNS, values)


def decode_locations(data: bytes, epochs: Sequence[bytes], what: str) -> tuple[list[PackLocations], list[bytes]]:
    """Read the table of locations; return it with all chunk ids of the record.

    Raises:
        Damaged, ValueError, IndexError: it is no such table; the caller names the record.
    """
    v = decode_table(data, LOCATION_COLUMNS, what)
    packs, salts = (cut(bytes(v[code]), [32] * (len(v[code]) // 32)) for code in (32, 33))
    ids = bytes(v[42])
    if len(ids) % ID:
        raise Damaged(f"{what}: its chunk ids are cut short")
    found: list[PackLocations] = []
    segment = chunk = 0
    for row, (pack, salt) in enumerate(zip(packs, salts, strict=True)):
        segments = tuple(v[38][segment : segment + v[37][row]])
        counts = tuple(v[39][segment : segment + v[37][row]])
        total = sum(counts)
        lengths = tuple(v[40][chunk : chunk + total])
        kinds = bytes(v[41][chunk : chunk + total])
        if len(segments) != v[37][row] or len(counts) != v[37][row] or len(lengths) != total or len(kinds) != total:
            raise Damaged(f"{what}: locations are cut short")
        found.append(
            PackLocations(
                pack,
                v[36][row],
                epochs[v[34][row]],
                salt,
                segments,
                counts,
                ids[chunk * ID : (chunk + total) * ID],
                lengths,
                kinds,
                v[35][row],
            )
        )
        segment += v[37][row]
        chunk += total
    if chunk * ID > len(ids) or segment != len(v[38]) or chunk != len(v[40]):
        raise Damaged(f"{what}: its locations do not use up their columns")
    return found, _ids_of(ids)
