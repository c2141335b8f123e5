"""One directory as it is against as it was. Pure: names and fingerprints in, findings out.

A fingerprint that differs in any field but the mode means that the content has to be read and
compared; one that was taken too close to the entry's own change is never believed (rsync loses such
edits; docs/decisions/005-fingerprints.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from blake3 import blake3

from syncd.model.entry import Kind, Stat, same_mtime
from syncd.model.listing import CELL, Listing
from syncd.model.version import Row

# A kernel stamps times from a clock that ticks every 1 to 10 ms; two writes within a tick look alike.
TICK_NS = 50_000_000
COARSE_NS = 2_100_000_000  # FAT keeps mtimes in steps of 2 s
_SECOND = 1_000_000_000


def digest(listing: Listing, rules: bytes) -> bytes:
    """Return a digest of a directory's entries with everything that tells of change, and the ignore rules."""
    # The directory's own cell is left out: it tells nothing that its entries do not.
    return blake3(b"\0".join([rules, *listing.names, listing.cells[CELL.size :]])).digest(16)


def too_fresh(mtime_ns: int, ctime_ns: int, now_ns: int) -> bool:
    """Tell whether an entry changed so lately that another change could leave the same fingerprint."""
    coarse = ctime_ns % _SECOND == 0 and mtime_ns % _SECOND == 0
    return max(mtime_ns, ctime_ns) > now_ns - (COARSE_NS if coarse else TICK_NS)


@dataclass(slots=True)
class Findings:
    """What differs in one directory. Names are as on disk."""

    new: list[tuple[bytes, Stat]] = field(default_factory=list)
    suspect: list[tuple[bytes, Stat, Row]] = field(default_factory=list)  # read and compare
    mode_only: list[tuple[bytes, Stat, Row]] = field(default_factory=list)
    replaced: list[tuple[bytes, Stat, Row]] = field(default_factory=list)  # another kind stands there
    gone: list[int] = field(default_factory=list)
    renumbered: list[tuple[int, Stat]] = field(default_factory=list)  # directories with another inode than known
    directories: list[tuple[bytes, int]] = field(default_factory=list)  # known ones, to go into


def compare(entries: Iterable[tuple[bytes, Stat]], known: dict[bytes, Row]) -> Findings:
    """Return what differs between a directory's entries and the base."""
    found = Findings()
    left = dict(known)
    for name, now in entries:
        was = left.pop(name, None)
        if was is None:
            found.new.append((name, now))
        elif was.kind != now.kind:
            found.replaced.append((name, now, was))
        elif now.kind == Kind.DIRECTORY:
            found.directories.append((name, was.node))
            if was.ino != now.ino:
                found.renumbered.append((was.node, now))
            if was.mode != now.mode:
                found.mode_only.append((name, now, was))
        elif not same(was, now):
            found.suspect.append((name, now, was))
    found.gone = [was.node for was in left.values()]
    return found


def same(was: Row, now: Stat) -> bool:
    """Tell whether a file or symlink is surely unchanged."""
    return (
        was.size == now.size
        and (was.mtime_ns == now.mtime_ns or same_mtime(was.mtime_ns, now.mtime_ns, now.ctime_ns))
        and was.ctime_ns == now.ctime_ns
        and was.ino == now.ino
        and was.mode == now.mode
    )
