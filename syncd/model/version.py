"""One version of one node, as the local state and history know it. A named tuple: one is made per file."""

from __future__ import annotations

from typing import NamedTuple

from syncd.model.entry import Kind, Stat

UNTRUSTED = 0  # a ctime that no entry has: compare the content


class Row(NamedTuple):
    """One version of one node. Times are ns since 1970, size is in bytes; see model.entry.Change."""

    node: int
    version: int
    parent: int
    name: bytes
    kind: int
    mode: int
    mtime_ns: int
    size: int
    depth: int
    profile: int
    content: bytes
    inline: bytes
    parents: bytes
    recorded_ns: int
    ino: int = 0
    ctime_ns: int = UNTRUSTED

    @property
    def alive(self) -> bool:
        """Whether something stands there."""
        return self.kind != Kind.TOMBSTONE

    @property
    def stat(self) -> Stat:
        """The fingerprint that its entry had when it was last seen to be this version."""
        return Stat(self.kind, self.mode, self.size, self.mtime_ns, self.ctime_ns, self.ino)
