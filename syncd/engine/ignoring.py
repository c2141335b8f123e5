"""Leaving a path out from now on: a line in the folder's `.syncdignore`, as a person would write it."""

from __future__ import annotations

import os

from syncd.engine.vault import Vault
from syncd.errors import UsageError
from syncd.model.path import path_fields
from syncd.scan.ignore import FILE, pattern_of


def ignore(vault: Vault, path: bytes) -> str:
    """Write the pattern of a path below the others; return it.

    Raises:
        UsageError: no pattern can name it.
        OSError: the file cannot be written.
    """
    pattern = pattern_of(path)
    if pattern is None:
        shown = path_fields(path)["path"]
        raise UsageError(f"no line of a file can name {shown!r}", hint="Give it another name, or ignore its directory.")
    target = vault.disk.full(FILE)
    try:
        with open(target, "rb") as file:
            before = file.read()
    except FileNotFoundError:
        before = b""
    lines = before.split(b"\n")
    if pattern not in lines:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "ab") as file:
            file.write((b"" if not before or before.endswith(b"\n") else b"\n") + pattern + b"\n")
    return os.fsdecode(pattern)
