"""Content that comes back from history: it must be had still, and is stored anew where its packs are condemned.

Whoever acknowledged a condemnation builds upon its packs no more; so what a new version holds may lie in none of them.
Invariant: nobody says a version whose content lies nowhere, for then every device owes its folder what none can have.
"""

from __future__ import annotations

from collections.abc import Iterator

from syncd.engine.vault import Vault
from syncd.model.entry import Content
from syncd.model.location import DATA_CHUNK, LIST_CHUNK


def condemned_chunks(
    vault: Vault, depth: int, content: bytes, condemned: set[int], fresh: set[bytes]
) -> Iterator[tuple[bytes, int]]:
    """Yield bytes and kind of the chunks of a content that lie in condemned packs and nowhere else.

    Args:
        vault: opened.
        depth: of the content's lists.
        content: ids, as a version has them.
        condemned: packs that are to go, by their local numbers.
        fresh: chunks that are on their way to a store just now.

    Raises:
        Damaged, ObjectMissing: one of them cannot be had any more.
        StoreError: the store cannot be asked.
    """
    reader = vault.reader()
    level = Content(ids=content).split()
    for _ in range(depth):
        below = []
        for chunk in level:
            if chunk in fresh:
                continue  # made just now, of chunks that were looked at then
            data = reader.read_list(chunk)
            if _lies_in(vault, chunk, condemned):
                yield data, LIST_CHUNK
            below += Content(ids=data).split()
        level = below
    for chunk in level:
        if chunk not in fresh and _lies_in(vault, chunk, condemned):
            yield reader.read(chunk, DATA_CHUNK), DATA_CHUNK


def check_held(vault: Vault, depth: int, content: bytes) -> None:
    """See that every chunk of a content lies somewhere.

    Raises:
        Damaged: one lies nowhere; as `LetGo` where that is what the policy wanted.
        StoreError: a list of a long file cannot be read.
    """
    reader = vault.reader()
    level = Content(ids=content).split()
    for _ in range(depth):
        level = [chunk for above in level for chunk in Content(ids=reader.read_list(above)).split()]
    for chunk in level:
        reader.locate(chunk)


def _lies_in(vault: Vault, chunk: bytes, condemned: set[int]) -> bool:
    at = vault.state.chunks.get(chunk)
    return at is not None and at.pack in condemned
