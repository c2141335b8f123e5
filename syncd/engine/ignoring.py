"""Leaving a path out from now on: a line in the folder's `.syncdignore`, as a person would write it."""

from __future__ import annotations

import os

from syncd.engine.vault import Vault
from syncd.errors import Failed, UsageError
from syncd.model.path import path_fields
from syncd.scan.ignore import FILE, pattern_of


def ignore(vault: Vault, path: bytes) -> str:
    """Write the pattern of a path below the others; return it.

    Raises:
        UsageError: no pattern can name it.
        Failed: the file cannot be read or written.
    """
    pattern = pattern_of(path)
    if pattern is None:
        shown = path_fields(path)["path"]
        raise UsageError(f"no line of a file can name {shown!r}", hint="Give it another name, or ignore its directory.")
    try:
        with open(vault.disk.full(FILE), "a+b") as file:
            file.seek(0)
            before = file.read()
            if pattern not in before.split(b"\n"):
                file.write((b"" if not before or before.endswith(b"\n") else b"\n") + pattern + b"\n")
    except OSError as error:
        shown = os.fsdecode(vault.disk.full(FILE))
        raise Failed(f"{shown} cannot be written: {error.strerror}", hint="Look at what stands there.") from error
    return pattern.decode()
