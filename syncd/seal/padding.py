"""Padmé: the padded size of an object tells little of its true size (docs/format.md section 2).

Pure. Invariant: padded(n) >= n, costs at most 12 % (3 % above 64 KiB), and padded(padded(n)) == padded(n).
Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019.
"""

from __future__ import annotations

FLOOR = 1024  # small edits all look alike
LARGEST_OBJECT = 8 * 1024 * 1024 - 64 * 1024  # the smallest store's limit, for every vault
LARGEST_PADDED = 63 * 131072  # the greatest Padmé size that is no larger than LARGEST_OBJECT


def padded(size: int) -> int:
    """Return the Padmé size, in bytes, of an object of `size` bytes."""
    if size <= FLOOR:
        return FLOOR
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask
