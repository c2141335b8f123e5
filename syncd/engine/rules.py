"""The ignore rules in force, and how much there is to take: what a pass asks before it begins."""

from __future__ import annotations

import logging
import os

from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention
from syncd.model.entry import Kind
from syncd.model.path import join
from syncd.scan import ignore

log = logging.getLogger("syncd.engine")
LONGEST = 1024 * 1024  # bytes of an ignore file


def count_files(vault: Vault) -> tuple[int, int]:
    """Return (files, their bytes) below the folder: what a first pass will read, for its progress bar."""
    rules, disk = read_rules(vault), vault.disk
    files = size = 0
    stack = [b""]
    while stack:
        path = stack.pop()
        try:
            listing = disk.entries(path)
        except OSError:
            continue  # the pass itself names it
        for name, kind, stat, _ in listing.entries():
            if rules.ignored(path, name, kind == Kind.DIRECTORY):
                continue
            if kind == Kind.DIRECTORY:
                stack.append(join(path, name))
            elif stat is not None and kind == Kind.FILE:
                files += 1
                size += stat.size
    return files, size


def read_rules(vault: Vault) -> ignore.Rules:
    """Return the ignore rules in force: defaults, the folder's own, the settings' additions.

    Raises:
        NeedsAttention: the folder's own cannot be read; without them what is ignored would be published.
    """
    lines = list(ignore.DEFAULTS)
    try:
        stat = vault.disk.stat(ignore.FILE)
        if stat is not None and stat.kind == Kind.FILE:
            lines += ignore.patterns_of(vault.disk.read(ignore.FILE, LONGEST))
    except FileNotFoundError:
        log.debug("the ignore file went away while it was opened")
    except OSError as error:
        shown = os.fsdecode(vault.disk.full(ignore.FILE))
        raise NeedsAttention(f"{shown} cannot be read: {error.strerror}", hint="Make it readable.") from error
    return ignore.compiled((*lines, *vault.settings.ignore))
