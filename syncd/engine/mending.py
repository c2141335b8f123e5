"""Storing anew, from the folder, what lies in packs that are damaged or gone, and that no other store has.

What stands in the folder is read once more; a chunk that comes to an id which such a pack had is put into a new pack,
and the newest place of a chunk is the one that counts. Invariant: nothing is believed but ids, so a file that was
changed meanwhile gives what it still has, and never anything wrong. The damaged object stays where it is: another copy
of it may turn up, and prune lets it go once nothing needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from syncd.chunk.lists import fold
from syncd.engine.ingest import Ingest, Torn
from syncd.engine.outbox import Outbox
from syncd.engine.vault import Vault
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from syncd.model.location import DATA_CHUNK, LIST_CHUNK
from syncd.model.path import join
from syncd.model.version import Row
from syncd.pack.reader import Hasher

log = logging.getLogger("syncd.engine")
ID = 16
REPAIR = 2  # why chunks got new places: docs/format.md


def mend_from_folder(vault: Vault, outbox: Outbox, packs: list[bytes]) -> int:
    """Store anew what the folder has of these packs; return how many chunks that are.

    Args:
        vault: opened for writing.
        outbox: an empty one.
        packs: hashes of packs that cannot be had whole.

    Raises:
        StoreError: no store took it.
    """
    numbers = vault.state.packs.known(packs)
    wanted = {chunk for entries in vault.state.chunks.in_packs(set(numbers)).values() for chunk, _ in entries}
    if not wanted:
        return 0
    mending = _Mending(vault, outbox, wanted, sorted(numbers.values()))
    for path, row in _files(vault):
        if not wanted:
            break
        mending.read(path, row)
    mending.say()
    if mending.stored:
        log.info("stored %d chunks anew, from the folder", mending.stored)
    return mending.stored


def _files(vault: Vault) -> Iterator[tuple[bytes, Row]]:
    """Yield the files that this disk has, with their paths."""
    stack: list[tuple[bytes, int]] = [(b"", ROOT)]
    while stack:
        path, directory = stack.pop()
        for row in vault.state.base.children(directory):
            below = join(path, row.name)
            if row.kind == Kind.DIRECTORY:
                stack.append((below, row.node))
            elif row.kind == Kind.FILE and row.content:
                yield below, row


class _Mending:
    def __init__(self, vault: Vault, outbox: Outbox, wanted: set[bytes], packs: list[bytes]) -> None:
        self._disk, self._outbox, self._wanted, self._packs = vault.disk, outbox, wanted, packs
        self._hasher = Hasher(vault.keys)
        self._ingest = Ingest(vault.disk, vault.cuts, vault.params)
        self.stored = self._unsaid = 0

    def say(self) -> None:
        """Say where the chunks are now that were stored since the last time."""
        if self._unsaid:
            self._outbox.say(statement(StatementKind.MOVED, packs=self._packs, reason=REPAIR))
            self._outbox.commit()
            self._unsaid = 0

    def read(self, path: bytes, row: Row) -> None:
        """Take what a file has of what is wanted."""
        ids = {row.content[at : at + ID] for at in range(0, len(row.content), ID)}
        if row.depth == 0 and not ids & self._wanted:
            return
        try:
            stat = self._disk.stat(path)
            if stat is None or stat.kind != Kind.FILE:
                return
            found, _ = self._ingest.file(path, stat, row.profile, lambda data: self._take(DATA_CHUNK, data))
        except (Torn, OSError) as error:
            log.info("%r gives nothing to mend with: %s", path, error)
            return
        fold(found, lambda piece: self._take(LIST_CHUNK, piece))

    def _take(self, kind: int, data: bytes | memoryview) -> bytes:
        chunk = self._hasher.of(kind, data)
        if chunk in self._wanted:
            self._wanted.discard(chunk)
            self._outbox.move(chunk, data, kind)
            self.stored += 1
            self._unsaid += 1
            if self._outbox.full:
                self.say()
        return chunk
