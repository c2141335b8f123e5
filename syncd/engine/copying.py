"""Bytes that this disk has already: copied from where they stand, not fetched.

Invariant: a chunk read from the folder is believed only if its id is computed again from its bytes; what does not
fit, because somebody is writing there, is fetched instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from syncd.engine.vault import Vault
from syncd.fs.holes import Buffer
from syncd.model.version import Row
from syncd.pack.reader import ChunkReader

WORTH = 256 * 1024  # bytes wanted at once; below, looking through all nodes costs more than it saves

Contents = tuple[int, bytes]  # depth and ids


class Here:
    """Contents that stand somewhere on this disk."""

    def __init__(self, vault: Vault, reader: ChunkReader) -> None:
        self._disk, self._base, self._reader = vault.disk, vault.state.base, reader

    def find(self, wanted: Iterable[Row]) -> dict[Contents, int]:
        """Return which of some versions' contents this disk has, and a node that has it; none below `WORTH`."""
        rows = [row for row in wanted if row.content]
        if sum(row.size for row in rows) < WORTH:
            return {}
        return self._base.holders({(row.depth, row.content) for row in rows})

    def pieces(self, node: int, chunks: Callable[[], list[bytes]]) -> Iterator[Buffer]:
        """Yield a content's bytes, from a node's file for as long as that has them, then from the store.

        Args:
            node: one that `find` named.
            chunks: returns the content's chunk ids, in order; asked for when the first byte is.

        Raises:
            Damaged, ObjectMissing: neither has some of it.
            StoreError: the store could not be asked.
        """
        ids, copied = chunks(), 0
        for data in self._copied(node, ids):
            copied += 1
            yield data
        yield from self._reader.stream(ids[copied:])

    def _copied(self, node: int, ids: list[bytes]) -> Iterator[bytes]:
        kernel = self._disk.kernel
        try:
            descriptor = self._disk.open(self._base.path_of(node))
        except OSError:
            return
        try:
            for chunk in ids:
                length = self._reader.locate(chunk).length
                try:
                    data = kernel.read(descriptor, length)
                except OSError:
                    return
                if len(data) != length or self._reader.hasher.data(data) != chunk:
                    return
                yield data
        finally:
            kernel.close(descriptor)
