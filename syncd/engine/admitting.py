"""Which records count, for who reads all journals at once in a vault where keys were rotated.

Devices that read record after record decide as they go (`inward`); this comes to the same from all of them together.
A record counts as far as its journal does: to the end where its device is in good standing; where it was revoked, to
the cut or as far as a record that counts has seen it. A device is welcome that founded the vault, that came with keys
which no revoked one has, that a person approved, or that a record which counts has seen. Pure but for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.engine.journals import Fetched, read_journal
from syncd.engine.standing import Word, word_of
from syncd.journal.statements import StatementKind
from syncd.model.ids import DeviceId
from syncd.seal.keys import VaultKeys
from syncd.state.devices import Device
from syncd.store.provider import Provider

ALL = 1 << 63  # of a journal


@dataclass(slots=True)
class Heard:
    """All of it.

    Attributes:
        words: revocations, approvals and epochs.
        seen: (author, sequence, device, how far): what a record has seen of others.
        came: device -> Lamport clock of its first record, and the epoch that this is sealed under.
    """

    words: list[Word] = field(default_factory=list)
    seen: list[tuple[bytes, int, bytes, int]] = field(default_factory=list)
    came: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    def take(self, item: Fetched) -> None:
        """Take a record."""
        head = item.record.head
        author = bytes(head.device)
        if head.sequence == 1:
            self.came[author] = head.lamport, item.epoch
        self.seen += [(author, head.sequence, bytes(seen.device), seen.sequence) for seen in head.frontier]
        for one in head.statements:
            word = word_of(author, head.sequence, one)
            if word is not None:
                self.words.append(word)


def hear(store: Provider, keys: VaultKeys, lasts: Mapping[DeviceId, int], tips: Mapping[bytes, Device]) -> Heard:
    """Read all journals from where `tips` end up to `lasts`; what is wrong with them is told by who folds them."""
    heard = Heard()
    for device, last in lasts.items():
        for item in read_journal(store, keys, device, last, lambda other: 0, [], tips.get(bytes(device))):
            heard.take(item)
    return heard


def lengths(heard: Heard, founder: bytes, known: Mapping[bytes, int], before: Iterable[Word] = ()) -> dict[bytes, int]:
    """Return how far each journal counts, by device; of one that is not there nothing does.

    Words are taken one by one, those of devices that came earlier first: so a device that was revoked cannot revoke,
    later on, whoever did that. What was taken counts, whatever is taken after it.

    Args:
        heard: what the records say.
        founder: of the vault.
        known: how far journals are believed already, by a checkpoint or a state.
        before: what those say of revocations, approvals and epochs.
    """
    devices = {*heard.came, *known, *(seen[2] for seen in heard.seen)}
    taken = list(before)
    if not any(word.kind == StatementKind.REVOKE for word in (*taken, *heard.words)):
        return dict.fromkeys(devices, ALL)
    waiting = sorted(heard.words, key=_seniority(heard, founder, known))
    while True:
        found = _within(heard, taken, founder, known, devices)
        following = next((word for word in waiting if word.sequence <= found.get(word.author, 0)), None)
        if following is None:
            return {device: length for device, length in found.items() if length}
        waiting.remove(following)
        taken.append(following)


def _seniority(heard: Heard, founder: bytes, known: Mapping[bytes, int]) -> Callable[[Word], tuple[Any, ...]]:
    """Return what puts words into the order in which they are taken.

    The founder's, then those of devices that somebody has seen whom nobody revokes, by the Lamport clocks of their
    first records, then the rest: a new device chooses its own clock.
    """
    suspects = {word.about for word in heard.words if word.kind == StatementKind.REVOKE}
    seen, more = {founder, *known}, True
    while more:
        named = {device for author, _, device, _ in heard.seen if author in seen - suspects}
        more = bool(named - seen)
        seen |= named

    def order(word: Word) -> tuple[Any, ...]:
        lamport, _ = heard.came.get(word.author, (0, b""))
        return word.author != founder, word.author not in seen, lamport, word.author, word.sequence

    return order


def _within(
    heard: Heard, words: list[Word], founder: bytes, known: Mapping[bytes, int], devices: set[bytes]
) -> dict[bytes, int]:
    """Return how far journals count, if these words do."""
    cuts: dict[bytes, int] = {}
    for word in words:
        if word.kind == StatementKind.REVOKE:
            cuts[word.about] = min(word.cut, cuts.get(word.about, word.cut))
    clean = {word.about for word in words if word.kind == StatementKind.EPOCH and not cuts.keys() - word.covers}
    approved = {word.about for word in words if word.kind == StatementKind.APPROVE}
    welcome = {founder, *approved, *known} | {who for who, (_, epoch) in heard.came.items() if epoch in clean}
    found = {device: known.get(device, 0) for device in devices}
    for device in welcome & devices:
        found[device] = max(found[device], cuts.get(device, ALL))
    for word in words:
        if word.author in found:
            found[word.author] = max(found[word.author], word.sequence)
    more = True
    while more:  # what a record that counts has seen counts
        more = False
        for author, sequence, device, upto in heard.seen:
            wanted = max(upto, cuts[device]) if device in cuts else ALL  # whoever was seen is welcome
            if sequence <= found.get(author, 0) and found[device] < wanted:
                found[device], more = wanted, True
    return found
