"""Deterministic CBOR (RFC 8949, section 4.2.1): the one door to cbor2, whose errors have no common builtin parent."""

from __future__ import annotations

from typing import Any

import cbor2

# What taking a value apart raises where it has another shape than expected: whoever sealed it may have chosen any.
MISSHAPEN = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


def dumps(value: Any) -> bytes:
    """Return the deterministic encoding of a value."""
    return cbor2.dumps(value, canonical=True)


def loads(raw: bytes) -> Any:
    """Return the value of an encoding.

    Raises:
        ValueError: it is none, or there is something behind it.
    """
    try:
        return cbor2.loads(raw)
    except (cbor2.CBORError, EOFError, RecursionError, OverflowError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"not CBOR: {error}") from error
