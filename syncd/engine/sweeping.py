"""Old checkpoints: what nobody begins with any more goes.

Who begins takes the newest checkpoint of some device, and the parts that it names (loading.py). So an older one of the
same device goes, and a part that no newest one names, once that was so for a week of this device's life: by then nobody
is in the middle of writing one, or of reading one; who is after all reads every record instead. Invariant: nothing goes
unless every newest checkpoint could be opened, or is damaged for everybody, and every store was asked.
"""

from __future__ import annotations

import logging

from syncd.engine.loading import newest_checkpoints, open_checkpoint
from syncd.engine.stores import settings_of
from syncd.engine.storeset import store_set
from syncd.engine.vault import Vault
from syncd.errors import Damaged, NotUnlocked, ObjectMissing
from syncd.journal.checkpoint import CHECKPOINTS, PARTS, checkpoint_name, part_name
from syncd.model import cbor
from syncd.state.receipts import DAY_NS

log = logging.getLogger("syncd.engine")
KEPT_NS = 7 * DAY_NS  # of this device's life, that something is named by nobody
_UNNAMED = "unnamed-since"


def sweep(vault: Vault) -> int:
    """Delete what was named by nobody for long enough; return how many objects that were.

    Raises:
        StoreError: a store could not be asked; what was deleted was to go.
    """
    settings = settings_of(vault.settings.stores, store_set(vault.state))
    if not all(setting.enabled for setting in settings):
        return 0
    unnamed = _unnamed(vault)
    if unnamed is None or not vault.store.whole:
        return 0
    lived = vault.state.receipts.lived_ns()
    before = dict(cbor.loads(vault.state.get(_UNNAMED) or cbor.dumps([])))
    since = {name: before.get(name, lived) for name in unnamed}
    going = sorted(name for name, at in since.items() if lived - at >= KEPT_NS)
    for name in going:  # checkpoints before the parts that they name, so that none names what is not there
        vault.store.delete(name)
        del since[name]
    if since != before:
        with vault.state.transaction():
            vault.state.set(_UNNAMED, cbor.dumps(sorted(since.items())))
    if going:
        log.info("%d objects of old checkpoints are deleted", len(going))
    return len(going)


def _unnamed(vault: Vault) -> set[str] | None:
    """Return the checkpoints and parts that nobody begins with; None where that cannot be told."""
    newest = newest_checkpoints(vault.store)
    named = {part_name(part) for part in vault.state.said.part_names()}  # this device may be about to name them
    for device, sequence in newest.items():
        try:
            checkpoint = open_checkpoint(vault.store, vault.keys, device, sequence)
        except (Damaged, ObjectMissing) as error:
            log.warning("%s is of use to nobody: %s", checkpoint_name(device, sequence), error.message)
            continue
        except NotUnlocked:
            return None  # others may have the key
        named |= {part_name(part.name) for part in checkpoint.parts}
    stays = {checkpoint_name(device, sequence) for device, sequence in newest.items()} | named
    there = {listed.name for prefix in (CHECKPOINTS, PARTS) for listed in vault.store.list(prefix)}
    return there - stays
