"""Names of what two devices put in one place: the same on every device, without a word between them. Pure.

`stem (conflict DEVICE YYYY-MM-DD HHMM SHORTID).ext`. DEVICE and time are those of the record that made the
overruled version; they tell a person where to look and decide nothing.

`stem (case SHORTID).ext` is what a node is called on a disk that takes its name for another's. It comes from the
node alone, so a device without a state knows it again; nobody publishes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blake3 import blake3

LONGEST_NAME = 255  # bytes, on every file system that matters
LONGEST_EXTENSION = 64  # bytes; what is longer is no extension
LONGEST_DEVICE = 20
SHORT_ID, LONGEST_ID = 6, 32  # hexadecimal digits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG = re.compile(rb" \(conflict [A-Za-z0-9-]+ \d{4}-\d\d-\d\d \d{4} [0-9a-f]{6,32}\)(?:\.[^.]*)?\Z")
_CASE = re.compile(rb" \(case ([0-9a-f]{6,32})\)(?:\.[^.]*)?\Z")
_UNCLEAN = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose version it is: name of the device, claimed time in ns since 1970, and the version's global id."""

    device: str
    claimed_ns: int
    rank: tuple[bytes, int]


def conflict_name(name: bytes, stamp: Stamp, taken: Callable[[bytes], bool]) -> bytes:
    """Return the name for a version that lost its own.

    Args:
        name: the one that it lost.
        stamp: who made it, and when.
        taken: tells whether another entry of the directory has a name.
    """
    return _free(name, f"conflict {_device(stamp.device)} {_minute(stamp.claimed_ns)} ", stamp.rank, taken)


def case_name(name: bytes, rank: tuple[bytes, int], taken: Callable[[bytes], bool]) -> bytes:
    """Return the name for a node on a disk that takes its own for another's.

    Args:
        name: its own.
        rank: the node's global id.
        taken: tells whether another entry of the directory has a name.
    """
    return _free(name, "case ", rank, taken)


def is_case_name_of(shown: bytes, name: bytes, rank: tuple[bytes, int]) -> bool:
    """Tell whether a name is one that `case_name` makes for a node."""
    tag = _CASE.search(shown)
    if tag is None:
        return False
    digits = tag[1].decode()
    return _digits(rank).startswith(digits) and shown == with_tag(name, f" (case {digits})")


def has_case_tag(name: bytes) -> bool:
    """Tell whether a name has the shape of one that `case_name` makes."""
    return _CASE.search(name) is not None


def _free(name: bytes, words: str, rank: tuple[bytes, int], taken: Callable[[bytes], bool]) -> bytes:
    digits = _digits(rank)
    for length in range(SHORT_ID, LONGEST_ID + 1):
        found = with_tag(name, f" ({words}{digits[:length]})")
        if not taken(found):
            break
    return found


def _digits(rank: tuple[bytes, int]) -> str:
    device, counter = rank
    return blake3(device + counter.to_bytes(8, "little")).hexdigest()


def is_conflict_name(name: bytes) -> bool:
    """Tell whether a name has the shape of one that `conflict_name` makes."""
    return _TAG.search(name) is not None


def _device(name: str) -> str:
    return _UNCLEAN.sub("-", name).strip("-")[:LONGEST_DEVICE].strip("-") or "device"


def _minute(claimed_ns: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=claimed_ns // 1000)
    except OverflowError:  # a clock that claims the year 10,000
        moment = _EPOCH
    return moment.strftime("%Y-%m-%d %H%M") if moment.year >= 1000 else _EPOCH.strftime("%Y-%m-%d %H%M")


def with_tag(name: bytes, tag: str) -> bytes:
    """Put a tag between stem and extension, cutting the stem so that the whole has at most 255 bytes."""
    dot = name.rfind(b".", 1)
    stem, extension = (name[:dot], name[dot:]) if dot > 0 and len(name) - dot <= LONGEST_EXTENSION else (name, b"")
    room = LONGEST_NAME - len(tag.encode()) - len(extension)
    return cut(stem, room) + tag.encode() + extension


def cut(stem: bytes, length: int) -> bytes:
    """Return at most `length` bytes of a name, not ending within a UTF-8 character."""
    if len(stem) <= length:
        return stem
    end = length
    while end > max(0, length - 3) and stem[end] & 0xC0 == 0x80:
        end -= 1
    # Where no character begins within its longest length, the bytes are no UTF-8: cut anywhere.
    return stem[:end] if stem[end] & 0xC0 != 0x80 else stem[:length]
