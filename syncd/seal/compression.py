"""zstd frames.

A frame is inflated only if it says, before anything is reserved for it, that it has no more than the bytes that the
caller bounded: no bomb gets further.
"""

from __future__ import annotations

import threading

import zstandard
from zstandard import ZstdError

__all__ = ["ZstdError", "compress", "decompress"]

_ours = threading.local()  # a context serves one thread at a time


def compress(raw: bytes | bytearray | memoryview, level: int) -> bytes:
    """Return a zstd frame that says how long its content is."""
    # A context of its own each time: reused, those of all threads stay in memory, and a segment gains nothing by it.
    return zstandard.ZstdCompressor(level=level).compress(raw)


def decompress(payload: bytes | memoryview, length: int) -> bytes:
    """Inflate one zstd frame of at most `length` bytes.

    It is written where its result stays, in one call without the interpreter's lock: a reader that took several waited
    as often for the lock, and a restore took a tenth longer.

    Raises:
        ZstdError: not a zstd frame, or one that is longer.
    """
    claimed = zstandard.frame_content_size(payload)
    if claimed > length:
        raise ZstdError(f"the frame claims {claimed} bytes, not {length}")
    context = getattr(_ours, "context", None)
    if context is None:
        context = _ours.context = zstandard.ZstdDecompressor()
    inflated: bytes = context.decompress(payload, max_output_size=length)
    return inflated
