"""Tables of fixed columns, the dense part of records and checkpoint parts (docs/format.md section 6).

Pure. Integers are stored byte-transposed and, where neighbours are alike, as differences: zstd then
finds what a row-wise encoding hides. Invariant: decode(encode(t)) == t, and no count or length is
believed before the bytes for it are there.
"""

from __future__ import annotations

import itertools
import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.errors import Damaged

_HEAD = struct.Struct("<BBBII")
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
OPTIONAL = 128  # columns from this code on may be ignored by a reader that does not know them


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is stored: width in bytes (0 = bytes), and whether as differences."""

    code: int
    width: int
    delta: bool = False


Values = Sequence[int] | bytes


def _transpose(raw: bytes, width: int) -> bytes:
    return raw if width == 1 else b"".join(raw[i::width] for i in range(width))


def _untranspose(data: bytes, width: int, count: int) -> bytes:
    if width == 1:
        return data
    raw = bytearray(len(data))
    for i in range(width):
        raw[i::width] = data[i * count : (i + 1) * count]
    return bytes(raw)


def _encode_numbers(values: Sequence[int], column: Column) -> bytes:
    mask = (1 << (8 * column.width)) - 1
    if column.delta and values:
        shifted = [values[0] & mask]
        shifted += [(b - a) & mask for a, b in itertools.pairwise(values)]
        numbers = array(_CODES[column.width], shifted)
    else:
        numbers = array(_CODES[column.width], [value & mask for value in values])
    if sys.byteorder == "big":
        numbers.byteswap()
    return _transpose(numbers.tobytes(), column.width)


def _decode_numbers(data: bytes, width: int, delta: bool, count: int) -> list[int]:
    numbers = array(_CODES[width])
    numbers.frombytes(_untranspose(data, width, count))
    if sys.byteorder == "big":
        numbers.byteswap()
    if not delta:
        return numbers.tolist()
    mask = (1 << (8 * width)) - 1
    total = 0
    return [total := (total + step) & mask for step in numbers]


def encode_table(columns: Sequence[Column], values: Mapping[int, Values]) -> bytes:
    """Return the bytes of a table; `values` by column code, in the columns' order."""
    parts = [struct.pack("<H", len(columns))]
    for column in columns:
        cells = values[column.code]
        data = bytes(cells) if column.width == 0 else _encode_numbers(cells, column)
        parts.append(_HEAD.pack(column.code, column.width, column.delta, len(cells), len(data)))
        parts.append(data)
    return b"".join(parts)


def decode_table(data: bytes, known: Sequence[Column], what: str) -> dict[int, Values]:
    """Return the values by column code; unknown optional columns are left out.

    Raises:
        Damaged: a length does not fit, or a column that must be understood is unknown.
    """
    columns = {column.code: column for column in known}
    values: dict[int, Values] = {}
    if len(data) < 2:
        raise Damaged(f"{what}: a table is cut short")
    at = 2
    for _ in range(struct.unpack_from("<H", data)[0]):
        if at + _HEAD.size > len(data):
            raise Damaged(f"{what}: a table is cut short")
        code, width, delta, count, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        cells = data[at : at + length]
        at += length
        fits = width in _CODES or width == 0
        if not fits or len(cells) != length or length != count * (width or 1) or code in values:
            raise Damaged(f"{what}: column {code} does not fit")
        if code not in columns:
            if code >= OPTIONAL:
                continue
            raise Damaged(f"{what}: column {code} is unknown", hint="Install a newer syncd.")
        if columns[code].width != width:
            raise Damaged(f"{what}: column {code} has width {width}")
        values[code] = bytes(cells) if width == 0 else _decode_numbers(cells, width, bool(delta), count)
    missing = [code for code in columns if code not in values]
    if at != len(data) or missing:
        raise Damaged(f"{what}: a table lacks columns {missing}" if missing else f"{what}: a table is too long")
    return values
