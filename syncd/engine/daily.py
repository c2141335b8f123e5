"""What is due once a day of this device's life: old versions go by their rules, and old checkpoints."""

from __future__ import annotations

import logging

from syncd.engine.operations import Operations
from syncd.engine.packfates import known_cases
from syncd.engine.policies import policy_of
from syncd.engine.progress import Progress
from syncd.engine.pruning import prune
from syncd.engine.sweeping import sweep
from syncd.engine.vault import Vault
from syncd.errors import NeedsAttention
from syncd.model.ids import OWN_DEVICE
from syncd.state.db import State
from syncd.state.receipts import DAY_NS

log = logging.getLogger("syncd.engine")
_PRUNED_AT, _SWEPT_AT = "pruned-at", "swept-at"


def tidy_if_due(vault: Vault, operations: Operations, progress: Progress) -> None:
    """Do what is due.

    Raises:
        StoreError: a store could not be asked; nothing is lost, and the next time goes on.
    """
    with vault.state.transaction():
        lived = vault.state.receipts.look(vault.ambient.now_ns())
    if _is_due(vault.state, _PRUNED_AT, lived) and _has_to_prune(vault.state):
        try:
            with operations.doing(operations.begin("prune", "old versions", progress=progress)) as operation:
                operation.result = prune(vault, progress).fields()
        except NeedsAttention as error:
            log.warning("%s", error.message)  # it is an alarm already
            return
        _note(vault.state, _PRUNED_AT, lived)
    if _is_due(vault.state, _SWEPT_AT, lived):
        sweep(vault)
        _note(vault.state, _SWEPT_AT, lived)


def _is_due(state: State, what: str, lived_ns: int) -> bool:
    before = state.get(what)
    return before is None or lived_ns - int(before) >= DAY_NS


def _note(state: State, what: str, lived_ns: int) -> None:
    with state.transaction():
        state.set(what, str(lived_ns).encode())


def _has_to_prune(state: State) -> bool:
    """Tell whether there are rules, or something that was begun is to be ended."""
    own = bytes(state.devices.get(OWN_DEVICE).id)
    begun = any(case.going for judgment, case in known_cases(state).items() if judgment.device == own)
    return begun or bool(policy_of(state).rules)
