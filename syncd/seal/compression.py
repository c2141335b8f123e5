"""zstd, from the standard library where it has it and from its backport elsewhere.

A frame is inflated only up to the length it claims, which the caller bounded: no bomb gets further.
"""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZstdError = zstd.ZstdError


def compress(raw: bytes | bytearray | memoryview, level: int) -> bytes:
    """Return a zstd frame."""
    packed: bytes = zstd.compress(raw, level)
    return packed


def decompress(payload: Any, length: int) -> bytes:
    """Inflate one zstd frame to at most `length` bytes and one more, which tells that it lied.

    Raises:
        ZstdError: not a zstd frame.
    """
    raw: bytes = zstd.ZstdDecompressor().decompress(payload, max_length=length + 1)
    return raw
