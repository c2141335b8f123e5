"""Which paths are not synced: the folder's `.syncdignore`, the settings' additions, and defaults.

Patterns are git's; the `pathspec` library reads them. Order: defaults, then `.syncdignore`, then
settings; a later pattern wins, and `!pattern` takes one back. Our own temporary files and marker are
never synced, whatever the patterns say.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import lru_cache

from blake3 import blake3

from syncd.model.path import join, shown

FILE = b".syncdignore"
OURS = re.compile(rb"\.syncd-(?:tmp-[0-9a-f]+|folder)\Z")

# What no person misses: what file managers, editors and systems leave behind while they work. A pattern
# that could be a person's own file has no place here (`*.swf` is Flash, `*.part` an archive's piece).
DEFAULTS = (
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    "~$*",
    ".~lock.*#",
    ".*.sw[a-p]",
    ".#*",
    "#*#",
    ".goutputstream-*",
    ".fuse_hidden*",
    ".nfs????????????????????????",
    "*.crdownload",
)


def patterns_of(text: bytes) -> list[str]:
    """Return the lines of an ignore file."""
    return text.decode("utf-8", "surrogateescape").splitlines()


def pattern_of(path: bytes) -> bytes | None:
    """Return the pattern that means just this path and all below; None where no line of a file can say it."""
    if not path or not _is_text(path):
        return None
    escaped = re.sub(rb"([*?\[\]\\])", rb"\\\1", path)
    return b"/" + escaped.rstrip(b" ") + b"\\ " * (len(escaped) - len(escaped.rstrip(b" ")))  # else they are cut off


def _is_text(path: bytes) -> bool:
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.splitlines() == [text] and text.rstrip(" ") == text.rstrip()


class Rules:
    """Compiled ignore rules. `digest` changes whenever a rule does."""

    def __init__(self, lines: Sequence[str]) -> None:
        simple = _compile_simple(lines)
        self.wrong: tuple[str, ...] = ()
        if simple is None:
            self.wrong = tuple(line for line in lines if not _readable(line))
        self.lines = tuple(line for line in lines if line not in self.wrong)
        self.digest = blake3("\n".join(self.lines).encode("utf-8", "surrogateescape")).digest(8)
        self._spec: object | None = None
        self._simple = simple

    def ignored(self, parent: bytes, name: bytes, is_directory: bool) -> bool:
        """Tell whether an entry of a directory is not synced; its parents are known not to be ignored."""
        if self._simple is not None:
            return self._simple.match(name) is not None
        return self.reason(join(parent, name), is_directory) is not None

    def reason(self, path: bytes, is_directory: bool) -> str | None:
        """Return the pattern that ignores a path, None when none does."""
        if OURS.match(path.rpartition(b"/")[2]):
            return "syncd's own"
        text = path.decode("utf-8", "surrogateescape") + "/" * is_directory
        from pathspec import GitIgnoreSpec

        if self._spec is None:
            self._spec = _compile(self.lines)
        assert isinstance(self._spec, GitIgnoreSpec)
        result = self._spec.check_file(text)
        return self.lines[result.index] if result.include and result.index is not None else None


@lru_cache(maxsize=8)
def compiled(lines: tuple[str, ...]) -> Rules:
    """Return the rules of some lines; they are asked for anew in each pass, and seldom are others."""
    return Rules(lines)


def _compile(lines: Sequence[str]) -> object:
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():  # of what a later Python may take a set for: that is nobody's who wrote a pattern
        warnings.simplefilter("ignore", FutureWarning)
        return GitIgnoreSpec.from_lines(lines)


def _readable(line: str) -> bool:
    try:
        _compile([line])
    except (ValueError, re.error):  # a range that runs backwards gets through to the expression
        return False
    return True


def _compile_simple(lines: Sequence[str]) -> re.Pattern[bytes] | None:
    """Return one expression over names when no pattern looks at directories or takes one back.

    Git's rules for a pattern without a slash depend on the name alone; one expression for all of
    them is 20 times faster than asking the library path by path.
    """
    parts = [OURS.pattern]
    for line in lines:
        text = line.rstrip()
        if not text or text.startswith("#"):
            continue
        if "/" in text or text.startswith("!") or "\\" in text or "**" in text or "[" in text.replace("[a-p]", ""):
            return None
        parts.append(_name_expression(text))
    return re.compile(b"(?:" + b"|".join(parts) + rb")\Z", re.DOTALL)


# One character as the library counts: a whole UTF-8 sequence, or a byte that belongs to none.
_ONE_CHARACTER = rb"(?>[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|.)"


def _name_expression(pattern: str) -> bytes:
    wild = {"*": b".*", "?": _ONE_CHARACTER, "[a-p]": b"[a-p]"}
    pieces = re.split(r"(\*|\?|\[a-p\])", pattern)
    return b"".join(wild.get(piece) or re.escape(piece.encode("utf-8", "surrogateescape")) for piece in pieces)


def ignored_by(rules: Rules, path: bytes, is_directory: bool) -> tuple[bytes, str] | None:
    """Return the topmost ignored path on the way to a path, and its pattern; None when none is."""
    parts = path.split(b"/")
    for end in range(1, len(parts) + 1):
        head = b"/".join(parts[:end])
        reason = rules.reason(head, is_directory or end < len(parts))
        if reason is not None:
            return head, reason
    return None


def explain(rules: Rules, path: bytes, is_directory: bool) -> str:
    """Return one line for a person: why a path is ignored, or that it is not."""
    found = ignored_by(rules, path, is_directory)
    if found is None:
        return f"{shown(path)} is synced"
    return f"{shown(found[0])} is ignored by the pattern {found[1]}"
