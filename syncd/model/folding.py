"""Names that some file systems take for one: those that differ in case, or in the form of their letters. Pure.

What a file system really takes for one, only it can tell; this says where to ask. Names are never changed.
"""

from __future__ import annotations

import unicodedata


def fold(name: bytes) -> bytes:
    """Return what is equal for names that differ in case or form only (NFC, full case folding)."""
    if name.isascii():
        return name.lower()
    text = name.decode("utf-8", "surrogateescape")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return folded.encode("utf-8", "surrogateescape")


def same_form(one: bytes, other: bytes) -> bool:
    """Tell whether two names have the same letters, composed or not."""
    if one == other:
        return True
    if one.isascii() or other.isascii():
        return False
    return _composed(one) == _composed(other)


def other_forms(name: bytes) -> list[bytes]:
    """Return names, in one order, that a file system which does not tell some names apart would take for a name."""
    text = name.decode("utf-8", "surrogateescape")
    forms = {text.swapcase(), unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}
    return sorted({form.encode("utf-8", "surrogateescape") for form in forms} - {name})


def _composed(name: bytes) -> str:
    return unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape"))
