"""Long lists of chunk ids, themselves cut into list chunks (docs/format.md section 4).

Pure. Invariant: cutting depends on the ids alone, so two versions share every list chunk in which
they do not differ.
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.errors import Damaged
from syncd.model.entry import Content

ID = 16
LONGEST_INLINE = 256  # ids in a version before lists begin: 4 KiB
SHORTEST, LONGEST = 64, 1024  # ids in a list chunk but the last
DEEPEST = 4  # 256 * 1024^4 chunks: more than any file has


def cut_list(ids: bytes) -> list[bytes]:
    """Cut ids (16 bytes each, end to end) into list chunks."""
    lists: list[bytes] = []
    start = 0
    for end in range(ID, len(ids) + 1, ID):
        count = (end - start) // ID
        if (count >= SHORTEST and ids[end - ID] == 0) or count == LONGEST:
            lists.append(ids[start:end])
            start = end
    if start < len(ids):
        lists.append(ids[start:])
    return lists


def fold(ids: bytes, keep: Callable[[bytes], bytes]) -> Content:
    """Return the content for a file's data chunk ids; `keep` stores a list chunk and returns its id."""
    depth = 0
    while len(ids) > LONGEST_INLINE * ID:
        ids = b"".join(keep(piece) for piece in cut_list(ids))
        depth += 1
    return Content(depth, ids)


def unfold(content: Content, fetch: Callable[[bytes], bytes]) -> bytes:
    """Return the data chunk ids of a content; `fetch` returns a list chunk's bytes.

    Raises:
        Damaged: lists nest too deeply or are no lists.
    """
    if content.depth > DEEPEST:
        raise Damaged(f"a content nests {content.depth} lists deep")
    ids = content.ids
    for _ in range(content.depth):
        ids = b"".join(fetch(ids[i : i + ID]) for i in range(0, len(ids), ID))
        if len(ids) % ID:
            raise Damaged("a list chunk is not a list of ids")
    return ids
