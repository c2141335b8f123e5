"""Which stores take an object: the rule of N copies, W of them before a change counts as safe.

Pure. Records, keys and checkpoints go to every store, so that any one of them can begin a rebuild; packs, which are the
bulk, go to N. Where N is less than all, each pack draws its stores by weighted rendezvous hashing (Schindelhauer and
Schomaker, Weighted Distributed Hash Tables, 2005): load follows the space that is free, and a store that comes or goes
moves only its own share. What one device placed another finds by asking all, so weights need not agree.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

# What a store of a vault holds; whatever else lies there is somebody else's, and stays where it is.
KINDS = ("genesis", "slot/", "epoch/", "pack/", "record/", "volume/", "checkpoint/", "part/")
SPREAD = ("pack/",)  # what goes to N stores; everything else goes to all
_SCALE = float(1 << 53)


@dataclass(frozen=True, slots=True)
class Rule:
    """How many stores take an object.

    Attributes:
        copies: N, stores that shall have each pack; 0 for all.
        commit: W, stores that must have an object before what names it is said.
    """

    copies: int = 0
    commit: int = 1


@dataclass(frozen=True, slots=True)
class Room:
    """What the choice of a store looks at: its name, and the bytes that it has free as far as is known."""

    name: str
    free: int | None = None
    takes: bool = True  # it is there and not full


def copies_of(name: str, rule: Rule, stores: int) -> int:
    """Return on how many of so many stores an object shall be."""
    if not name.startswith(SPREAD) or rule.copies == 0:
        return stores
    return max(min(rule.copies, stores), min(rule.commit, stores))


def choose(name: str, rooms: Sequence[Room], rule: Rule) -> list[str]:
    """Return the stores that shall take an object, those that can take it now first.

    Of a pack that not all take, stores that cannot take it now are passed over while there are others.
    """
    wanted = copies_of(name, rule, len(rooms))
    if wanted >= len(rooms):
        return [room.name for room in sorted(rooms, key=lambda room: not room.takes)]
    known = [room.free for room in rooms if room.free is not None]
    usual = sum(known) / len(known) if known else 1.0
    ranked = sorted(rooms, key=lambda room: (not room.takes, -_score(name, room, usual)))
    return [room.name for room in ranked[:wanted]]


def _score(name: str, room: Room, usual: float) -> float:
    """Return a number that is greatest for a store as often as its free space says."""
    digest = hashlib.blake2b(f"{room.name}\0{name}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) >> 11) / _SCALE
    weight = usual if room.free is None else room.free
    return -max(1.0, weight) / math.log(max(uniform, 1 / _SCALE))
