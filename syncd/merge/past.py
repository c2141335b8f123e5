"""What versions were made of. Pure; a version is known by its identity, and `parents` says what each builds upon.

| asked | answer |
|---|---|
| `past` | some versions and all that they were made of |
| `common` | what two sets of versions were both made of, less what others of that were made of |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Parents = Mapping[int, Sequence[int]]


def past(parents: Parents, heads: Iterable[int]) -> set[int]:
    """Return versions and all that they were made of, as far as that is known."""
    found, stack = set[int](), list(heads)
    while stack:
        version = stack.pop()
        if version not in found:
            found.add(version)
            stack += parents.get(version, ())
    return found


def common(parents: Parents, one: Iterable[int], other: Iterable[int]) -> tuple[int, ...]:
    """Return the newest versions that are in the past of both, in the order of their identities."""
    both = past(parents, one) & past(parents, other)
    older = {parent for version in both for parent in parents.get(version, ())}
    return tuple(sorted(both - older))
