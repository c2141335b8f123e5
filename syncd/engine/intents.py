"""What a run that was cut off had done: asked of the disk, place by place, before anything else is learned.

`placing` and `way` note what is about to stand somewhere, `apply` what is about to go. Invariants: what our own hand
did is never told as a person's doing; what a person did on top of it is told as done to what stood there, and where
nobody knows what that was, as done to what both were made of.
"""

from __future__ import annotations

import contextlib
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from syncd.engine.vault import Vault
from syncd.fs.disk import Disk
from syncd.fs.exchanging import TEMPORARY, Changed
from syncd.merge.past import common
from syncd.model.entry import Kind, Stat
from syncd.model.ids import ROOT
from syncd.model.path import join, split
from syncd.model.version import UNTRUSTED, Row
from syncd.state.base import NOWHERE, Base

if TYPE_CHECKING:
    from syncd.engine.placing import Place


def settle_intents(vault: Vault, of: AbstractSet[int] | None = None) -> None:
    """Note what a run that was cut off, or did not see what it did, had put in place, moved or removed.

    It comes before anything else is learned or looked at. What cannot be looked at now is asked again later.

    Args:
        vault: opened for writing.
        of: the nodes that are asked about; all of them if not given.

    Raises:
        NeedsAttention: what it did cannot be made durable; nothing may be noted.
    """
    state, base = vault.state, vault.state.base
    found: list[Row] = []
    gone: list[int] = []
    doubted: list[tuple[int, tuple[int, ...]]] = []
    settled: list[Place] = []
    intended = base.intended()
    going = {place[0] for place in intended if place[1] == NOWHERE}
    for place in intended:
        if of is not None and place[0] not in of:
            continue
        try:
            row = None
            if place[1] == NOWHERE:
                gone += [place[0]] if _is_gone(vault.disk, base, place[0], going) else []
            else:
                row = _carried_out(vault, base, place) or _half_way(vault, base, place)
                upon = () if row is not None else _doubted(vault, base, place)
                doubted += [(place[0], upon)] if upon else []
        except OSError:
            continue
        settled.append(place)
        found += [row] if row is not None else []
    if not settled:
        return
    gone = _without_owing(base, gone)
    if found or gone:
        # The run may have ended before it had synced what it did: a power cut now would make a deletion of it.
        vault.disk.sync_all()
    with state.transaction():
        for row in found:
            base.put(row)
        for node in gone:
            base.drop(node)
        for node, heads in doubted:
            base.builds_upon(node, heads)
        base.carried_out(settled if len(settled) < len(intended) else None)


def _without_owing(base: Base, gone: list[int]) -> list[int]:
    """Leave out directories that held what we did not remove: that a person did, and it was not told yet."""
    left = set[int]()
    for node in sorted(gone, key=lambda node: base.path_of(node).count(b"/"), reverse=True):
        if all(child.node in left for child in base.children(node)):
            left.add(node)
    return [node for node in gone if node in left]


def _is_gone(disk: Disk, base: Base, node: int, going: AbstractSet[int]) -> bool:
    """Tell whether an entry was removed, as was intended, from a directory that stands where it stood or went, too.

    Raises:
        OSError: it cannot be looked at.
    """
    have = base.get(node)
    if have is None or not have.alive:
        return False
    if not _stands(disk, base, have.parent):
        return have.parent in going and _is_gone(disk, base, have.parent, going)
    return disk.exact(base.path_of(node)) is None


def _stands(disk: Disk, base: Base, directory: int) -> bool:
    """Tell whether a directory stands where it stood."""
    if directory == ROOT:
        return True
    row, there = base.get(directory), disk.exact(base.path_of(directory))
    return row is not None and there is not None and there.ino == row.ino


def _end_second_name(disk: Disk, old: bytes, new: bytes, stat: Stat) -> None:
    """Take the old name from a file that has the new one, too.

    Where no rename leaves alone what stands there, a file moves by a second name, and a run may end between the two.
    """
    if stat.kind != Kind.FILE or stat.links < 2 or old == new:
        return
    there = disk.exact(old)
    if there is not None and there.ino == stat.ino and disk.exact(new) is not None:
        with contextlib.suppress(Changed):
            disk.remove(old, there)


def _half_way(vault: Vault, base: Base, place: Place) -> Row | None:
    """Give an entry a name back that had one of ours when the run ended; return it as it stands then.

    Where two entries cannot change places in one step, one of them stands aside for a moment.

    Raises:
        OSError: it cannot be looked at.
    """
    node, parent, name, inode = place
    have, disk = base.get(node), vault.disk
    if have is None or have.ino != inode or (parent != ROOT and base.get(parent) is None):
        return None
    old = base.path_of(node)
    new = join(b"" if parent == ROOT else base.path_of(parent), name)
    there = disk.exact(old)
    if there is not None and there.ino == inode:
        return None
    for directory in dict.fromkeys((split(old)[0], split(new)[0])):
        aside = _aside(disk, directory, inode)
        if aside is None:
            continue
        with contextlib.suppress(Changed):
            disk.move(aside, old)
            return have._replace(ctime_ns=UNTRUSTED)  # it has to be durable before it is forgotten that it was away
        with contextlib.suppress(Changed):
            disk.move(aside, new)
            return have._replace(parent=parent, name=name, ctime_ns=UNTRUSTED)
    return None


def _doubted(vault: Vault, base: Base, place: Place) -> tuple[int, ...]:
    """Return what a change builds upon where nobody knows what stood there before it; nothing where it is known.

    A person saved or removed it, before or after the two changed places: so that overrules neither.

    Raises:
        OSError: it cannot be looked at.
    """
    node, parent, name, inode = place
    have, want = base.get(node), vault.state.nodes.get(node)
    if have is None or want is None or not want.alive or (have.parent, have.name) != (parent, name):
        return ()
    there = vault.disk.exact(base.path_of(node))
    if there is None:
        if not _stands(vault.disk, base, parent):  # it moved with its directory
            return ()
    elif there.kind != have.kind or there.ino in (have.ino, inode):
        return ()
    return common(vault.state.nodes.parents(node), base.heads(have), vault.state.nodes.heads(node) or (want.version,))


def _aside(disk: Disk, directory: bytes, inode: int) -> bytes | None:
    """Return the entry of a directory that has a name of ours and an inode."""
    try:
        listing = disk.entries(directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for name, _, stat, _ in listing.entries():
        if name.startswith(TEMPORARY) and stat is not None and stat.ino == inode:
            return join(directory, name)
    return None


def _carried_out(vault: Vault, base: Base, place: Place) -> Row | None:
    """Return what this disk has at an intended place, None when it was not carried out.

    Raises:
        OSError: it cannot be looked at.
    """
    node, parent, name, inode = place
    directory = b"" if parent == ROOT else base.path_of(parent)
    if parent != ROOT and base.get(parent) is None:
        return None
    stat = vault.disk.stat(join(directory, name))
    if stat is None or stat.ino != inode:
        return None
    have, want = base.get(node), vault.state.nodes.get(node)
    if have is not None and have.ino == inode:
        _end_second_name(vault.disk, base.path_of(node), join(directory, name), stat)
        return have._replace(parent=parent, name=name, ctime_ns=UNTRUSTED)
    if want is None or not want.alive or want.kind != stat.kind:
        return None
    return want._replace(parent=parent, name=name, ino=inode, ctime_ns=UNTRUSTED)
