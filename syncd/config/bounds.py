"""Bounds of settings, said where a setting is.

pydantic reads them as what annotated-types calls grouped metadata, which is loaded only then: of a command that checks
nothing it would be a thirtieth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal


class _Marks:
    """What stands for the marks that it yields: pydantic knows it by this name."""

    __is_annotated_types_grouped_metadata__: ClassVar[Literal[True]] = True


@dataclass(frozen=True)
class Within(_Marks):
    """A number is at least `low`, and at most `high` where there is one."""

    low: float
    high: float | None = None

    def __iter__(self) -> Iterator[Any]:
        from annotated_types import Ge, Le

        yield Ge(self.low)
        if self.high is not None:
            yield Le(self.high)


@dataclass(frozen=True)
class Long(_Marks):
    """A text or a list has so many letters or items at least, and at most."""

    least: int
    most: int | None = None

    def __iter__(self) -> Iterator[Any]:
        from annotated_types import Len

        yield Len(self.least, self.most)
