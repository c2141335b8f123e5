"""From where a file may be cut to where it is: lengths and thresholds, for the kernels without a compiler.

Pure. Invariant: a chunk is at least `minimum` and at most `maximum` bytes, but for the last one of a file.
"""

from __future__ import annotations

from collections.abc import Iterable


def walk(
    candidates: Iterable[tuple[int, int]],
    size: int,
    minimum: int,
    average: int,
    maximum: int,
    strict: int,
    loose: int,
    length: int,
) -> tuple[list[int], int]:
    """Return (the ends of chunks in a region, bytes of the chunk that is open at its end).

    Args:
        candidates: (position, what the chunker says there), in order, wherever that is below `loose`.
        size: bytes of the region.
        minimum: of a chunk, in bytes; so are `average` and `maximum`.
        average: from this length on `loose` counts, below it `strict`.
        maximum: a chunk that is as long is cut whatever is said.
        strict: the threshold of a chunk that is short; `loose` is that of others.
        loose: see `strict`.
        length: bytes of the chunk that is open at the region's begin.
    """
    ends: list[int] = []
    start = -length  # where the open chunk begins, as an offset into the region
    for position, said in candidates:
        end = position + 1
        while end - start > maximum:
            start += maximum
            ends.append(start)
        n = end - start
        if n >= minimum and said < (strict if n < average else loose):
            ends.append(end)
            start = end
    while size - start >= maximum:
        start += maximum
        ends.append(start)
    return ends, size - start
