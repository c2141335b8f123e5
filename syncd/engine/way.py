"""Making way: who stands where another is to stand goes elsewhere first, or is called otherwise on this disk.

Invariant: an entry that made way is noted where it stands, under a name that a scan sees.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from syncd.engine.calling import NamesHere
from syncd.engine.published import Published
from syncd.engine.vault import Vault
from syncd.fs.exchanging import ASIDE, Changed
from syncd.model.path import join, split
from syncd.model.version import Row
from syncd.plan.steps import Step, StepKind
from syncd.state.base import NOWHERE

log = logging.getLogger("syncd.engine")


class Way:
    """What stands in the way of one run of `Apply`.

    Args:
        vault: opened for writing.
        note: notes what was done until now.
        went_aside: takes an entry that made way, as it stands now, and the path that it had.
    """

    def __init__(self, vault: Vault, note: Callable[[], None], went_aside: Callable[[Row, bytes], None]) -> None:
        self._disk, self._state, self._base = vault.disk, vault.state, vault.state.base
        self._note, self._tell = note, went_aside
        self._names, self._published = NamesHere(vault), Published(vault)
        self._standing: dict[int, Row] = {}  # who stands where others are to stand, and is to go elsewhere
        self._went: set[int] = set()
        self._called = False  # a node got another name here, which it has to be given

    def begin(self) -> None:
        """Forget what stood in the way before."""
        self._standing.clear()
        self._called = False

    def blocked(self, want: Row, path: bytes) -> None:
        """Remember who stands where a node is to stand, if it is to go elsewhere.

        Where the file system takes the name for another's, one of the two is called otherwise.
        """
        occupant = self._base.child(want.parent, want.name) or self._names.other(want, path)
        if occupant is None:
            return
        if self._names.meet(want, occupant) and not self._moves_away(occupant):
            self._note()
            node, name = self._names.clash(want, occupant)
            wanted = self._base.wanted(node)
            if wanted is not None and wanted.name == name:
                return  # it is called so already: what stands there is somebody's doing, and a look tells it first
            with self._state.transaction():
                self._base.call(node, name, stands=False)
            self._called = True
        elif self._base.waits(occupant.node):
            self._standing[occupant.node] = occupant

    def _moves_away(self, row: Row) -> bool:
        """Tell whether an entry is to have another name or place, or none."""
        want = self._base.wanted(row.node)
        return want is None or not want.alive or (want.parent, want.name) != (row.parent, row.name)

    def stands_in_it(self, row: Row) -> None:
        """Remember an entry that has to go aside."""
        self._standing[row.node] = row

    def make(self) -> bool:
        """Move aside those who wait for the ones that wait for them; return whether there is something to try again.

        The name is no temporary one, which a scan would not see: after a crash it is an entry like others.
        """
        found = [row for node, row in self._standing.items() if node not in self._went]
        for row in found:
            self._went.add(row.node)
            path = self._base.path_of(row.node)
            name = ASIDE + self._disk.kernel.token()
            try:
                stat = self._disk.exact(path)
                if stat is None or not self._published.is_so(path, row, stat):
                    raise Changed(path)
                self.intend((row, row.parent, name))
                self._disk.move(path, join(split(path)[0], name))
            except (Changed, OSError) as error:
                log.info("a step waits: %s", error)
                continue
            self._tell(row._replace(name=name), path)
        return bool(found) or self._called

    def intend_steps(self, steps: Iterable[Step], may_go: Callable[[int], bool]) -> None:
        """Note what is about to stand elsewhere, or to go by our hand: nobody shall take it for a person's doing."""
        waiting = [(step.kind, step.waiting.have, step.waiting.want) for step in steps]
        self.intend(
            *((have, want.parent, want.name) for kind, have, want in waiting if kind == StepKind.MOVE and have and want)
        )
        going = [have for kind, have, _ in waiting if kind == StepKind.REMOVE and have is not None]
        self.intend(*((row, NOWHERE, row.name) for row in going if may_go(row.node)))

    def intend(self, *moves: tuple[Row, int, bytes]) -> None:
        """Note that entries are about to stand elsewhere, or nowhere."""
        places = [(row.node, parent, name, row.ino) for row, parent, name in moves if row.ino > 0 or parent == NOWHERE]
        if places:
            with self._state.transaction():
                self._base.intend(places)
