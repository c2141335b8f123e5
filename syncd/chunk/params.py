"""How finely a file is cut. The averages were chosen by measurement: docs/decisions/003-chunk-sizes.md.

Pure. A profile is an index into genesis' table, chosen at a node's first version and kept until the
node's size has changed sixteen-fold, so that a version finds the chunks of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
WINDOW = 64  # bytes that decide about a cut; the kernels in C know it, too


@dataclass(frozen=True, slots=True)
class Params:
    """Chunk lengths in bytes; a file of at most `minimum` bytes is one chunk."""

    minimum: int
    average: int
    maximum: int

    @property
    def strict(self) -> int:
        """The threshold below which the hash cuts while the chunk is shorter than average."""
        return (1 << 64) // (4 * self.average)

    @property
    def loose(self) -> int:
        """The threshold from the average length on."""
        return (4 << 64) // self.average


def _around(average: int) -> tuple[int, int, int]:
    return average // 4, average, average * 4


PROFILES = (_around(8 * KIB), _around(64 * KIB), _around(256 * KIB), _around(1024 * KIB))
FINE, NORMAL, COARSE, MEDIA = range(4)

# First bytes of what is edited in place, page by page.
_PAGED = (b"SQLite format 3\0", b"QFI\xfb", b"KDMV", b"<<< Oracle VM VirtualBox", b"vhdxfile", b"conectix")
# First bytes of media that are compressed and hardly ever edited. Archives are not among them:
# two releases of a package share members, and fine chunks find those.
_MEDIA = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"GIF8", b"RIFF")
_HUGE = 4 << 30
SIXTEEN_FOLD = 16


def choose_profile(head: bytes, size: int) -> int:
    """Return the profile for a new file, from its first 64 bytes and its size in bytes."""
    if head.startswith(_PAGED):
        return FINE if size < _HUGE else NORMAL
    if head.startswith(_MEDIA) or head[4:8] == b"ftyp":
        return MEDIA
    return NORMAL if size < _HUGE else COARSE


def keep_profile(profile: int, size_then: int, size_now: int) -> bool:
    """Tell whether a node's profile still fits its size."""
    low, high = sorted((max(size_then, 1), max(size_now, 1)))
    return high < low * SIXTEEN_FOLD
