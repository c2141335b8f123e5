"""The ignore rules in force, and how much there is to take: what a pass asks before it begins."""

from __future__ import annotations

import logging
import os

from syncd.engine.guards import all_below
from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention
from syncd.model.entry import Kind
from syncd.model.path import join
from syncd.scan import ignore

log = logging.getLogger("syncd.engine")
LONGEST = 1024 * 1024  # bytes of an ignore file
_LINES = "ignored-by"


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


def rules_before(vault: Vault, now: ignore.Rules) -> ignore.Rules | None:
    """Return the rules of the last whole look, if they were others; None when they are still in force, or unknown."""
    raw = vault.state.get(_LINES)
    if raw is None:
        keep_rules(vault, now)
        return None
    lines = tuple(raw.decode("utf-8", "surrogateescape").split("\0"))
    return None if lines == now.lines else ignore.compiled(lines)


def keep_rules(vault: Vault, rules: ignore.Rules) -> None:
    """Remember under which rules the whole folder was looked at."""
    with vault.state.transaction():
        vault.state.set(_LINES, "\0".join(rules.lines).encode("utf-8", "surrogateescape"))


def bring_unselected(vault: Vault, before: ignore.Rules, missing: list[int]) -> list[int]:
    """Let what was not synced until now, and is not in the folder, be brought again; return what else is missing.

    Nobody looked at it while it was ignored: it is compared as in a folder that joins, where what is missing is
    no deletion (promise P5).
    """
    base = vault.state.base
    unselected = {node for node in missing if _was_ignored(vault, before, node)}
    if unselected:
        with vault.state.transaction():
            for node in list(all_below(base, unselected)):  # first all of them: what is lacked holds nothing
                base.lacks(node)
    return [node for node in missing if node not in unselected]


def _was_ignored(vault: Vault, before: ignore.Rules, node: int) -> bool:
    row = vault.state.base.get(node)
    is_directory = row is not None and row.kind == Kind.DIRECTORY
    return ignore.ignored_by(before, vault.state.base.path_of(node), is_directory) is not None
