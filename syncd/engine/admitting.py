"""Which records count, for who reads all journals at once in a vault where keys were rotated.

Devices that read record after record decide as they go (`inward`); this comes to the same from all of them together.
A record counts as far as its journal does: to the end where its device is in good standing; where it was revoked, to
the cut or as far as a record that counts has seen it. A device is welcome that founded the vault, that came with keys
which no revoked one has, that a person approved, or that a record which counts has seen. Pure but for reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
        came_with: device -> the epoch that its first record is sealed under.
    """

    words: list[Word] = field(default_factory=list)
    seen: list[tuple[bytes, int, bytes, int]] = field(default_factory=list)
    came_with: dict[bytes, bytes] = field(default_factory=dict)

    def take(self, item: Fetched) -> None:
        """Take a record."""
        head = item.record.head
        author = bytes(head.device)
        if head.sequence == 1:
            self.came_with[author] = item.epoch
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

    Args:
        heard: what the records say.
        founder: of the vault.
        known: how far journals are believed already, by a checkpoint.
        before: what that says of revocations, approvals and epochs.
    """
    devices = {*heard.came_with, *known, *(seen[2] for seen in heard.seen), *(word.author for word in heard.words)}
    counted = dict.fromkeys(devices, ALL)
    for _ in range(len(heard.words) + 2):  # each round settles one more word at least
        words = [*before, *(word for word in heard.words if word.sequence <= counted.get(word.author, 0))]
        now = _within(heard, words, founder, known, devices)
        if now == counted:
            break
        counted = now
    return {device: length for device, length in counted.items() if length}


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
    welcome = {founder, *approved, *known} | {who for who, epoch in heard.came_with.items() if epoch in clean}
    if not cuts:
        welcome |= devices
    found = {device: known.get(device, 0) for device in devices}
    for device in welcome & devices:
        found[device] = max(found[device], cuts.get(device, ALL))
    more = True
    while more:  # what a record that counts has seen counts
        more = False
        for author, sequence, device, upto in heard.seen:
            wanted = upto if device in cuts else ALL
            if sequence <= found[author] and found[device] < wanted:
                found[device], more = wanted, True
    return found
