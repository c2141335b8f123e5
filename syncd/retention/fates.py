"""What becomes of packs that somebody condemned: a pure function of what all devices said of it.

    condemn  ->  each device: rescue what it needs, acknowledge  ->  wait  ->  delete, say so

A condemnation is one record of one device. Who acknowledges one says: nothing that I keep needs any of its packs but
those that I rescue, and I build upon none of them from now on. So a pack may go when every device has said that, and
none rescued it; no clock and no lock has a part in it. Invariant: what stands here does not depend on the order of
statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Fate(IntEnum):
    """What stands to become of a pack. A greater one is nearer to its end."""

    STAYS = 0
    CONDEMNED = 1
    GONE = 2


class Judgment(NamedTuple):
    """A condemnation by its record: the device and its sequence number."""

    device: bytes
    sequence: int


@dataclass(slots=True)
class Case:
    """A condemnation and what was said of it.

    Attributes:
        packs: that are condemned.
        rescued: of them, those that somebody needs.
        acknowledged: devices that let the rest go.
        deleted: of the packs, those that its author has deleted.
    """

    packs: frozenset[bytes] = frozenset()
    rescued: set[bytes] = field(default_factory=set)
    acknowledged: set[bytes] = field(default_factory=set)
    deleted: set[bytes] = field(default_factory=set)

    @property
    def going(self) -> frozenset[bytes]:
        """The packs that nobody rescued and that are not deleted yet."""
        return self.packs - self.rescued - self.deleted


class Said(NamedTuple):
    """One statement about packs: who said it in which record, its kind as a word, and what it names."""

    device: bytes
    sequence: int
    kind: str  # condemn, rescue, acknowledge, deleted
    packs: frozenset[bytes] = frozenset()
    about: tuple[Judgment, ...] = ()


def cases(said: Iterable[Said]) -> dict[Judgment, Case]:
    """Return all condemnations with what was said of each, in whatever order it comes."""
    everything = list(said)
    found: dict[Judgment, Case] = {}
    for one in everything:
        if one.kind == "condemn":
            case = found.setdefault(Judgment(one.device, one.sequence), Case())
            case.packs |= one.packs
    for one in everything:
        if one.kind == "deleted":
            for judgment, case in found.items():
                if judgment.device == one.device:  # only who condemned deletes
                    case.deleted |= one.packs & case.packs
            continue
        for judgment in one.about:
            case = found.get(judgment, Case())
            if one.kind == "rescue":
                case.rescued |= one.packs & case.packs
            elif one.kind == "acknowledge":
                case.acknowledged.add(one.device)
    return found


def fates(all_cases: Mapping[Judgment, Case], own: bytes, born: Mapping[bytes, int]) -> dict[bytes, Fate]:
    """Return what stands to become of each pack that was condemned, as far as this device is bound by it.

    A pack is condemned for a device as soon as it knows, so that it builds upon it no more. It is gone only if this
    device had let it go itself, or came later: nobody else's word makes one's own history unreadable.

    Args:
        all_cases: all condemnations.
        own: this device.
        born: how far each journal had come when this device began.
    """
    found: dict[bytes, Fate] = {}
    for judgment, case in all_cases.items():
        came_later = judgment.sequence <= born.get(judgment.device, 0)
        let_go = own in case.acknowledged or judgment.device == own or came_later
        for pack in case.packs - case.rescued:
            fate = Fate.GONE if pack in case.deleted and let_go else Fate.CONDEMNED
            found[pack] = max(found.get(pack, Fate.STAYS), fate)
    return found


def open_for(all_cases: Mapping[Judgment, Case], own: bytes) -> list[Judgment]:
    """Return the condemnations of others that a device has to say something of, in one order for all."""
    return sorted(
        judgment
        for judgment, case in all_cases.items()
        if judgment.device != own and own not in case.acknowledged and case.going
    )


def awaited(case: Case, author: bytes, devices: Iterable[bytes]) -> set[bytes]:
    """Return the devices whose word about a condemnation is still to come."""
    return set(devices) - case.acknowledged - {author}
