"""Recognising what stands on this disk as what the tree has already: it is not news, and is not told.

So after a state of long ago was restored, when the disk is ahead of it, and where a folder with files in it joins.
Invariant: no node is recognised as two entries.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from syncd.engine.outbox import Outbox
from syncd.engine.published import Published, says
from syncd.engine.survey import Survey
from syncd.engine.vault import Vault
from syncd.engine.visit import Directory
from syncd.merge.copies import is_conflict_name
from syncd.merge.past import past
from syncd.model.entry import Content, Stat
from syncd.model.ids import OWN_DEVICE, device_of
from syncd.model.path import join
from syncd.model.version import Row
from syncd.state.nodes import PENDING


class Recognising:
    """Adopts entries.

    Args:
        vault: opened for writing.
        outbox: takes what is adopted.
        trusted: tells whether a fingerprint is old enough to be believed.
    """

    def __init__(self, vault: Vault, outbox: Outbox, trusted: Callable[[Stat], bool]) -> None:
        self._state, self._nodes, self._base = vault.state, vault.state.nodes, vault.state.base
        self._disk, self._published = vault.disk, Published(vault)
        self._outbox, self._trusted = outbox, trusted
        self._taken: set[int] = set()
        # Asked once, since it is asked about every new file: whether there is anything that one could be recognised as.
        self._comparing = vault.state.comparing
        self.may_find = self._comparing or self._base.waiting

    def as_arrived(self, base: Row, here: tuple[int, bytes], stat: Stat, content: Content, inline: bytes) -> bool:
        """Take an entry that is a version which is no part of what the state has it as: put there, and not noted.

        So it is after a crash, if its directory was moved before anybody looked. Whoever brings an old content back
        themselves does not bring back what they had never had.
        """
        if not self._base.waits(base.node):
            return False
        want = self._base.wanted(base.node)
        is_there = want is not None and want.kind == stat.kind and (want.parent, want.name) == here
        if want is not None and is_there and says(want, stat, content, inline):
            self._outbox.adopt(want, stat, here, trusted=self._trusted(stat))
            return True
        newest = self._nodes.get(base.node)
        heads = self._nodes.heads(base.node) or ((newest.version,) if newest is not None else ())
        parents = self._nodes.parents(base.node)
        came = past(parents, heads) - past(parents, (base.version, *self._base.heads(base)))
        versions = list(self._nodes.versions(base.node))
        copies = {_bytes(row) for row in versions if self._is_or_was_copy(row)}
        for row in versions:
            if row.version not in came or row.kind != stat.kind or _bytes(row) in copies:
                continue
            if says(row, stat, content, inline):
                self._outbox.adopt(row, stat, here, trusted=self._trusted(stat))
                return True
        return False

    def _is_or_was_copy(self, version: Row) -> bool:
        """Tell whether a version lost and stood beside as a copy: whoever moved that over the other meant it.

        So it is with each later version of the same bytes, as where a move was said of what had lost.
        """
        return version.version != version.node and self._nodes.get(version.version) is not None

    def as_once(
        self, survey: Survey, directory: Directory, name: bytes, stat: Stat, content: Content, inline: bytes
    ) -> bool:
        """Take a file for what the vault has at this very place, now or once."""
        absent = survey.absent(directory, name, stat)
        known = self._nodes.versions(absent.node) if absent is not None else []
        once = survey.once_here(directory, name, content)
        for row in chain(once, known) if is_conflict_name(name) else chain(known, once):
            same = (row.kind, row.depth, row.content, row.inline) == (stat.kind, content.depth, content.ids, inline)
            if same and row.node not in self._taken:
                self._taken.add(row.node)
                self._outbox.adopt(row, stat, (directory.node, name), trusted=self._trusted(stat))
                return True
        return False

    def chosen_copy(self, base: Row, content: Content, inline: bytes) -> Row | None:
        """Return the copy of a conflict that stands in the other's place now, and no more where it stood."""
        for copy in self._base.copies(base.node):
            if (copy.depth, copy.content, copy.inline) == (content.depth, content.ids, inline):
                there = self._disk.exact(self._base.path_of(copy.node))
                if there is None or there.kind != copy.kind:
                    return copy
        return None

    def built_upon(self, base: Row, directory: Directory) -> tuple[int, ...]:
        """Return what an edit builds upon where the disk is ahead of the state; nothing where it is not.

        What the state believes to stand there stands beside, as the copy that it became when others' content took its
        place: so that content was edited, and the copy is as undecided as before.
        """
        copy = self._nodes.get(base.version)  # an overruled content is a node with the identity of its version
        if copy is None or copy.ino != PENDING or self._base.original(copy.node) != base.node:
            return ()
        if self._base.original(base.node) is not None:  # it is somebody's copy itself: an edit decides that
            return ()
        path = join(directory.path, copy.name)
        stat = self._disk.exact(path)
        if stat is None or not self._published.is_so(path, copy, stat):
            return ()
        return self._nodes.heads(base.node)

    def as_edited(self, survey: Survey, directory: Directory, name: bytes, stat: Stat) -> Row | None:
        """Return what the tree has at this place, if a file there is an edit of it: this device alone made that.

        So it is after a rebuild: whatever stands there now, this device made it of its own last version. But where
        that version was found under another name already, it was moved, and this is something else.
        """
        if not self._comparing:
            return None
        absent = survey.absent(directory, name, stat)
        if absent is None or absent.node in self._taken:
            return None
        if any(device_of(head) != OWN_DEVICE for head in self._base.heads(absent)):
            return None
        self._taken.add(absent.node)
        return absent


def _bytes(version: Row) -> tuple[int, int, bytes, bytes]:
    return version.kind, version.depth, version.content, version.inline
