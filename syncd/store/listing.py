"""The listings of several stores side by side: each object once, with its size on every store that has it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from syncd.errors import StoreError
from syncd.store.member import Member
from syncd.store.provider import Listed


def side_by_side(members: Sequence[Member], failed: dict[str, StoreError]) -> Iterator[tuple[Listed, dict[str, int]]]:
    """Yield every object, in its greatest size, with its size on each store that has it; in memory, a page of each.

    Args:
        members: the stores.
        failed: takes those whose listing broke off; what was yielded of them before is right.
    """
    sources = [_listing(member, failed) for member in members]
    sizes: dict[str, int] = {}
    current = ""
    for name, store, size in heapq.merge(*sources):
        if name != current and sizes:
            yield Listed(current, max(sizes.values())), sizes
            sizes = {}
        current = name
        sizes[store] = size
    if sizes:
        yield Listed(current, max(sizes.values())), sizes


def _listing(member: Member, failed: dict[str, StoreError]) -> Iterator[tuple[str, str, int]]:
    try:
        for listed in member.pages(""):
            yield listed.name, member.name, listed.size
    except StoreError as error:
        failed[member.name] = error
