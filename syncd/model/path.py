"""Relative paths as bytes: what the file system has, unchanged, with `/` between names and no leading one.

Names are bytes because a name need not be UTF-8. For people and JSON, `shown` replaces what is not
UTF-8; `path_fields` adds the exact bytes as base64 where that lost something.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

SEPARATOR = b"/"


def join(parent: bytes, name: bytes) -> bytes:
    """Return parent/name; the root is the empty path."""
    return parent + SEPARATOR + name if parent else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return (parent, name)."""
    parent, _, name = path.rpartition(SEPARATOR)
    return parent, name


def names(path: bytes) -> list[bytes]:
    """Return the names from the root down; empty for the root itself."""
    return path.split(SEPARATOR) if path else []


def shown(path: bytes) -> str:
    """Return the path for people: undecodable bytes as U+FFFD."""
    return path.decode("utf-8", "replace")


def path_fields(path: bytes, key: str = "path") -> dict[str, Any]:
    """Return the JSON fields of a path: `path`, and `path_b64` where the text cannot say it."""
    try:
        return {key: path.decode("utf-8")}
    except UnicodeDecodeError:
        return {key: shown(path), f"{key}_b64": base64.b64encode(path).decode()}


def path_bytes(fields: Mapping[str, Any], key: str = "path") -> bytes:
    """Return the path that JSON fields say."""
    exact = fields.get(f"{key}_b64")
    return base64.b64decode(exact) if exact else str(fields[key]).encode("utf-8")


def is_valid_name(name: bytes) -> bool:
    """Tell whether a name can stand in a directory: not empty, no slash, no NUL, not `.` or `..`."""
    return bool(name) and name not in (b".", b"..") and SEPARATOR not in name and b"\0" not in name
