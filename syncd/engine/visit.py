"""What a look at the folder goes to, and what it finds there: values that `survey` yields and `outward` takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.model.entry import Stat
from syncd.model.version import Row
from syncd.scan.diff import Findings

UNKNOWN_NODE = -1  # of a new directory, until its change was told


@dataclass(slots=True)
class Directory:
    """A directory on the way: its node is known once its change was told.

    `moved` is the base's row of a directory that stood elsewhere; `stat` is there for a new or moved one.
    """

    path: bytes
    node: int
    known: bool
    parent: Directory | None = None
    stat: Stat | None = None
    moved: Row | None = None
    mounted: bool = False  # another file system begins here
    wholly: bool = False  # all below it is looked at, too


@dataclass(slots=True)
class Visit:
    """What was found in one directory. `digest` is there when its entries may be remembered as seen."""

    directory: Directory
    findings: Findings
    children: list[Directory]
    digest: bytes | None
    met: bool = False  # something stands at a name that another node still has
    listed: bool = False  # its entries were compared: what was remembered of it holds no more
    problems: dict[bytes, str] = field(default_factory=dict)
    left_over: list[bytes] = field(default_factory=list)  # what we were writing when we were killed
    adopted: list[tuple[Row, Stat, bytes]] = field(default_factory=list)  # directories that the vault knows, by name
    called: list[tuple[int, bytes]] = field(default_factory=list)  # nodes that this disk calls otherwise than the tree
