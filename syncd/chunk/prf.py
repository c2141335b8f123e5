"""The toeplitz-aes kernel without a compiler, or without the instructions: the same cuts by numpy and a given cipher.

Pure. `scan` has the contract of _prf.c. The hash of every position is built by log-doubling, as in `gear`, but in
GF(2)[x] / (x^64 + x^4 + x^3 + x + 1): a shift is a multiplication there, so what falls out at the top comes back below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from syncd.chunk.params import WINDOW
from syncd.chunk.walk import walk

BLOCK = 16 * 1024  # bytes hashed at once: what is made of them stays in the second-level cache
Hashes = npt.NDArray[np.uint64]
# AES-128 of each block of 16 bytes by itself, under the key of the cuts.
Encrypt = Callable[[bytes | memoryview], bytes]


class _Hashing:
    """Hashes blocks of one call; arrays made anew for each step would take most of the time."""

    def __init__(self, table: Hashes) -> None:
        self._table = table
        self._h, self._product, self._high, self._shifted = (
            np.empty(BLOCK + WINDOW, dtype=np.uint64) for _ in range(4)
        )

    def hashes(self, data: npt.NDArray[np.uint8]) -> Hashes:
        """Return H at each position of at most BLOCK + WINDOW bytes, with nothing before them; until the next call."""
        h = self._h[: len(data)]
        np.take(self._table, data, out=h)
        for power in (1, 2, 4, 8, 16, 32):
            if power < len(h):
                h[power:] ^= self._times(h[:-power], power)
        return h

    def _times(self, h: Hashes, power: int) -> Hashes:
        """Multiply by x^power, for a power up to 32: what falls out at the top is then whole below 2^64.

        It comes back times x^4 + x^3 + x + 1, which is (x + 1)(x^3 + 1).
        """
        product, high, shifted = self._product[: len(h)], self._high[: len(h)], self._shifted[: len(h)]
        np.right_shift(h, np.uint64(64 - power), out=high)
        np.left_shift(high, np.uint64(1), out=shifted)
        np.bitwise_xor(high, shifted, out=high)
        np.left_shift(high, np.uint64(3), out=shifted)
        np.bitwise_xor(high, shifted, out=high)
        np.left_shift(h, np.uint64(power), out=product)
        return np.bitwise_xor(product, high, out=product)


def _candidates(
    table: Hashes, encrypt: Encrypt, tail: bytes, data: npt.NDArray[np.uint8], loose: int
) -> Iterator[tuple[int, int]]:
    """Yield (position, what the cipher says there) wherever that is below `loose`."""
    whole = np.concatenate([np.frombuffer(tail, dtype=np.uint8), data]) if tail else data
    hashing, blocks = _Hashing(table), np.zeros((BLOCK, 2), dtype="<u8")
    for start in range(len(tail), len(whole), BLOCK):
        before = max(0, start - WINDOW + 1)
        h = hashing.hashes(whole[before : start + BLOCK])[start - before :]
        blocks[: len(h), 0] = h
        said = np.frombuffer(encrypt(blocks[: len(h)].data.cast("B")), dtype="<u8")[::2]
        for offset in np.flatnonzero(said < np.uint64(loose)).tolist():
            yield start - len(tail) + offset, int(said[offset])


def scan(
    table: bytes,
    encrypt: Encrypt,
    tail: bytes,
    data: bytes | bytearray | memoryview,
    minimum: int,
    average: int,
    maximum: int,
    strict: int,
    loose: int,
    length: int,
) -> tuple[list[int], int]:
    """Find the cuts in the next bytes of a file; see _prf.c for the contract. `encrypt` stands for the key."""
    fits = len(table) == 2048 and WINDOW < minimum < average < maximum and length < maximum
    if not fits or not min(length, WINDOW) <= len(tail) <= WINDOW:
        raise ValueError("scan: parameters out of range")
    entries = np.frombuffer(table, dtype="<u8").astype(np.uint64)
    view = np.frombuffer(data, dtype=np.uint8)
    candidates = _candidates(entries, encrypt, tail, view, loose)
    return walk(candidates, len(view), minimum, average, maximum, strict, loose, length)
