"""What can stand at a path, and what is known of it. Frozen values.

Those made once per file are named tuples: a frozen dataclass takes five times as long to make, which
was a tenth of a first sync of 200,000 files.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """The kinds of the format; `word` is what people and JSON see."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    TOMBSTONE = 4

    @property
    def word(self) -> str:
        """The kind in the words of the command line."""
        return KIND_WORDS[self]


KIND_WORDS = {
    Kind.FILE: "file",
    Kind.DIRECTORY: "directory",
    Kind.SYMLINK: "symlink",
    Kind.TOMBSTONE: "deleted",
}

MODE_BITS = 0o7777

KIND_OF_FORMAT = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}


def kind_of_mode(st_mode: int) -> Kind | None:
    """Return the kind that st_mode names; None for fifos, sockets and devices, which are not synced."""
    return KIND_OF_FORMAT.get(stat.S_IFMT(st_mode))


def usual_mode(kind: int) -> int:
    """Return the permission bits of what comes from a file system that keeps none."""
    return 0o755 if kind == Kind.DIRECTORY else 0o644


# In which steps file systems keep times: NTFS, some network ones, exFAT, HFS+, FAT (ns).
_GRAINS = (100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000)


def same_mtime(wanted_ns: int, found_ns: int, ctime_ns: int) -> bool:
    """Tell whether an entry's mtime is a wanted one, or what its file system can keep of it."""
    if wanted_ns == found_ns:
        return True
    return any(
        found_ns == wanted_ns // grain * grain and ctime_ns % min(grain, 1_000_000_000) == 0 for grain in _GRAINS
    )


@dataclass(frozen=True, slots=True)
class Content:
    """Where bytes are named: `ids` are 16-byte chunk ids end to end, lists of lists at depth > 0."""

    depth: int = 0
    ids: bytes = b""

    def split(self) -> list[bytes]:
        """Return the ids one by one."""
        return [self.ids[i : i + 16] for i in range(0, len(self.ids), 16)]


EMPTY = Content()


class Change(NamedTuple):
    """One statement about a node: its whole state after the change.

    `node`, `parent` and `parents` are identities (model.ids.Key). `size` is in bytes; `inline`
    is the target of a symlink. A tombstone keeps parent and name, so it can be listed.
    """

    node: int
    parent: int
    name: bytes
    kind: int
    mode: int
    mtime_ns: int
    size: int
    depth: int
    profile: int
    ids: bytes
    inline: bytes
    parents: tuple[int, ...]


class Stat(NamedTuple):
    """The fingerprint of an entry on disk: differs whenever its bytes may differ."""

    kind: int
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    links: int = 1
