"""What a killed run left behind under names of ours.

Invariant: what the vault does not hold is a person's, whatever its name, and is never removed.
"""

from __future__ import annotations

import contextlib

from syncd.engine.ingest import Ingest, Torn
from syncd.engine.vault import Vault
from syncd.fs.disk import Disk
from syncd.fs.exchanging import Changed
from syncd.model.entry import Kind
from syncd.pack.reader import Hasher


def sweep(vault: Vault, ingest: Ingest, hasher: Hasher, path: bytes) -> bool:
    """Remove what a killed run left; return False where its directory is to be looked at again.

    A process that dies between exchanging two files and looking at what came out leaves a person's file under
    our name. It gets a name to be seen by.
    """
    disk, chunks = vault.disk, vault.state.chunks
    try:
        stat = disk.stat(path)
        if stat is not None and stat.kind == Kind.FILE:
            ids, _ = ingest.file(path, stat, None, hasher.data)
            if any(chunks.get(ids[at : at + 16]) is None for at in range(0, len(ids), 16)):
                return give_name(disk, path)
        if stat is not None and stat.kind == Kind.DIRECTORY:  # we make none: it was to change places with something
            return give_name(disk, path)
        disk.discard(path)
    except (Torn, Changed, OSError):
        return False
    return True


def give_name(disk: Disk, path: bytes) -> bool:
    """Give what nobody knows a name to be seen by; return False, for its directory is to be looked at again."""
    with contextlib.suppress(Changed, OSError):
        disk.show(path)
    return False
