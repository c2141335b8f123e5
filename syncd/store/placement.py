"""Which stores take an object: the rule of N copies, W of them before a change counts as safe.

Pure. Records, keys and checkpoints go to every store, so that any one of them can begin a rebuild; packs, which are the
bulk, go to N. Where N is less than all, each pack draws its stores by weighted rendezvous hashing (Schindelhauer and
Schomaker, Weighted Distributed Hash Tables, 2005): load follows the space that is free, what it costs and how fast a
store answers, and a store that comes or goes moves only its own share. What one device placed another finds by asking
all, so weights need not agree.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
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
    """What the choice of a store looks at.

    Attributes:
        name: of the store.
        free: bytes that it has left, None where nobody said a limit.
        takes: whether it is there and not full.
        cost: of keeping something there, in any unit that is the same for all; None where nobody said it.
        latency_s: how long it takes to answer.
    """

    name: str
    free: int | None = None
    takes: bool = True
    cost: int | None = None
    latency_s: float = 0.0


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
    return rank(name, rooms)[:wanted]


def rank(name: str, rooms: Sequence[Room]) -> list[str]:
    """Return the stores by their draw for an object, those that can take it now before the others."""
    free, cost = _mean(room.free for room in rooms), _mean(room.cost for room in rooms)
    ranked = sorted(rooms, key=lambda room: (not room.takes, -_score(name, room.name, _weight(room, free, cost))))
    return [room.name for room in ranked]


def _mean(values: Iterable[int | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 1.0


def _weight(room: Room, free: float, cost: float) -> float:
    """Return the share of a store: twice the room, half the price or half of (1 s + its latency) is twice the share."""
    room_free = max(1.0, free if room.free is None else room.free)
    price = max(1.0, cost if room.cost is None else room.cost)
    return room_free / price / (1.0 + max(0.0, room.latency_s))


def _score(name: str, store: str, weight: float) -> float:
    """Return a number that is greatest for a store as often as its weight says."""
    digest = hashlib.blake2b(f"{store}\0{name}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) >> 11) / _SCALE
    return -weight / math.log(max(uniform, 1 / _SCALE))
