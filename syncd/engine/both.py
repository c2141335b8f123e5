"""One full cycle: what others said, what this disk says, and the disk brought to what they come to together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.engine.applied import Outcome as Applied
from syncd.engine.calling import NamesHere
from syncd.engine.checkpoints import is_due, write_checkpoint
from syncd.engine.epochs import settle as settle_epochs
from syncd.engine.folder import meet_folder
from syncd.engine.guards import Guards
from syncd.engine.intents import settle_intents
from syncd.engine.inward import Arrived, Inward
from syncd.engine.keeping import say_new_stores, use_stores
from syncd.engine.meeting import meet
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outcome, Outward
from syncd.engine.progress import Progress
from syncd.engine.pruning import Pruning
from syncd.engine.vault import Vault

log = logging.getLogger("syncd.engine")
ROUNDS = 3  # of looking again where a step found other ground than it was planned on


@dataclass(slots=True)
class Both:
    """What one cycle did, both ways."""

    arrived: Arrived = field(default_factory=Arrived)
    outward: Outcome = field(default_factory=Outcome)
    applied: Applied = field(default_factory=Applied)

    @property
    def problems(self) -> dict[bytes, str]:
        """What could not be published or brought here: path -> reason."""
        return {**self.outward.problems, **self.applied.problems}

    def fields(self) -> dict[str, Any]:
        """Return what `syncd sync --json` says."""
        return {
            "changes": self.outward.changes,
            "records": self.outward.records,
            "skipped": len(self.problems),
            "received": self.arrived.changes,
            "applied": self.applied.done,
            "alarms": sorted(self.arrived.alarms.values()),
        }


def bring_in(vault: Vault, outbox: Outbox, progress: Progress, both: Both, ripe: Callable[[int], bool]) -> None:
    """Bring this disk to the merged tree; what stands in the way and is not published is published first."""
    if vault.state.base.aliases():
        with vault.state.transaction():
            NamesHere(vault).end_needless()
    for _ in range(ROUNDS):
        let_in = Guards(vault).let_in()  # also where nothing waits: what was held may stand again
        if not vault.state.base.waiting:
            return
        files, size = vault.state.base.lacking()
        progress.total_files, progress.total_bytes = progress.files + files, progress.bytes + size
        from syncd.engine import apply  # nine rooms that a device which only publishes never enters

        covered = both.outward.covered  # what seems to be gone may stand there
        gone = (lambda node: False) if covered else ripe
        may_go = (lambda node: False) if both.arrived.alarms else let_in
        applied = apply.Apply(vault, progress, may_go=may_go, ripe=gone).run()
        meet(vault)
        both.applied.done += applied.done
        both.applied.size += applied.size
        both.applied.removed += applied.removed
        both.applied.problems = applied.problems
        if not applied.look:
            return
        outcome = Outward(vault, outbox, progress, None, ripe, covered=covered).look(applied.look)
        _add(both.outward, outcome)
        if not outcome.changes and not applied.done:
            return


def answer_others(vault: Vault, outbox: Outbox, progress: Progress) -> None:
    """Say what others' words ask for, before anything of this folder is taken.

    Raises:
        NeedsAttention: this device was revoked.
        StoreError: a store could not be asked.
    """
    settle_epochs(vault, outbox)
    say_new_stores(vault, outbox)
    Pruning(vault, progress).answer(outbox)


def full_cycle(
    vault: Vault,
    outbox: Outbox,
    progress: Progress,
    moves: Mapping[bytes, bytes] | None = None,
    ripe: Callable[[int], bool] = lambda node: True,
) -> Both:
    """Fetch, scan and publish, apply.

    Raises:
        NeedsAttention: the folder is gone.
        StoreError, LocalDiskFull: something has to wait; nothing is lost.
    """
    both = Both()
    meet_folder(vault)
    settle_intents(vault)
    both.arrived = Inward(vault).fetch(discover=True)
    use_stores(vault)
    outbox.refresh()
    answer_others(vault, outbox, progress)
    both.outward = Outward(vault, outbox, progress, moves, ripe).scan()
    bring_in(vault, outbox, progress, both, ripe)
    help_newcomers(vault, both.outward)
    return both


def help_newcomers(vault: Vault, outward: Outcome) -> None:
    """Write a checkpoint, where it is due and this device has just said something."""
    if outward.records and is_due(vault):
        write_checkpoint(vault)


def _add(total: Outcome, more: Outcome) -> None:
    total.changes += more.changes
    total.records += more.records
    total.problems.update(more.problems)
    total.unsettled |= more.unsettled
    total.covered = more.covered  # it began with those of before
