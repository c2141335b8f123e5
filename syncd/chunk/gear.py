"""The gear64 kernel without a compiler: the same cuts by numpy, at 0.15 to 0.3 GB/s.

Pure. `scan` has the contract of _gear.c. The hash of every position is built by log-doubling
(H over 2k bytes is H over k bytes, plus H of the k bytes before shifted by k); positions under
the looser threshold are candidates, and a walk over those few applies lengths and thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from syncd.chunk.params import WINDOW
from syncd.chunk.walk import walk

BLOCK = 64 * 1024  # bytes hashed at once: its 512 KiB of hashes stay in the second-level cache
_MASK = (1 << 64) - 1
Hashes = npt.NDArray[np.uint64]


def _hashes(gear: Hashes, data: npt.NDArray[np.uint8]) -> Hashes:
    """Return H at each position of data, with nothing before it."""
    h = gear[data]
    for shift in (1, 2, 4, 8, 16, 32):
        if shift < len(h):
            h[shift:] += h[:-shift] << np.uint64(shift)
    return h


def _candidates(gear: Hashes, data: npt.NDArray[np.uint8], hash_: int, loose: int) -> Iterator[tuple[int, int]]:
    """Yield (position, H) wherever H < loose. `hash_` is the hash just before data[0]."""
    for start in range(0, len(data), BLOCK):
        before = max(0, start - WINDOW + 1)
        h = _hashes(gear, data[before : start + BLOCK])[start - before :]
        if start == 0 and hash_:
            reach = min(WINDOW - 1, len(h))
            carried = [(hash_ << (i + 1)) & _MASK for i in range(reach)]
            h[:reach] += np.array(carried, dtype=np.uint64)
        for offset in np.flatnonzero(h < np.uint64(loose)).tolist():
            yield start + offset, int(h[offset])


def _final_hash(gear: Hashes, data: npt.NDArray[np.uint8], warm: int, hash_: int, carried: bool) -> int:
    """Return the rolling hash after data, of which the last `warm` bytes were hashed."""
    h = hash_ if carried else 0
    tail = data[len(data) - min(warm, len(data), WINDOW) :]
    for byte in tail.tolist():
        h = ((h << 1) + int(gear[byte])) & _MASK
    return h


def scan(
    table: bytes,
    data: bytes | bytearray | memoryview,
    minimum: int,
    average: int,
    maximum: int,
    strict: int,
    loose: int,
    length: int,
    hash_: int,
) -> tuple[list[int], int, int]:
    """Find the cuts in the next bytes of a file; see _gear.c for the contract."""
    if len(table) != 2048 or minimum < WINDOW or not minimum < average < maximum or length >= maximum:
        raise ValueError("scan: parameters out of range")
    gear = np.frombuffer(table, dtype="<u8").astype(np.uint64)
    view = np.frombuffer(data, dtype=np.uint8)
    candidates = _candidates(gear, view, hash_, loose)
    ends, n = walk(candidates, len(view), minimum, average, maximum, strict, loose, length)
    warm = n - (minimum - WINDOW)
    if warm <= 0:
        return ends, n, 0
    carried = not ends and warm > len(view)
    return ends, n, _final_hash(gear, view, warm, hash_, carried)
