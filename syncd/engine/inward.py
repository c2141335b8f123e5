"""From the stores to the tree: what other devices said, checked and folded.

Invariants: a record is folded only if its signature, chain and clock fit, and after everything that its author
had seen. What does not fit is an alarm: the fold goes on with the rest, and while an alarm stands nothing
is removed from this disk.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from syncd.engine.admitting import hear, lengths
from syncd.engine.epochs import learn, unheard_epochs
from syncd.engine.fold import fold
from syncd.engine.journals import Fetched, check_enrolment, check_known, list_records, open_record
from syncd.engine.packfates import fates_are_stale, settle_fates
from syncd.engine.standing import eligible, standing, words_of
from syncd.engine.vault import Vault
from syncd.errors import Damaged, Failed, NotUnlocked, ObjectMissing
from syncd.journal.record import Seen, check_chain, record_name
from syncd.journal.statements import StatementKind
from syncd.model.ids import OWN_DEVICE, DeviceId, EpochId
from syncd.seal.envelope import ObjectKind, read_clear
from syncd.seal.keys import Roots, VaultKeys
from syncd.state.devices import Device

log = logging.getLogger("syncd.engine")
AHEAD = 16  # records of one device held in memory while they wait for another's


@dataclass(slots=True)
class Arrived:
    """What one look at the stores brought. `alarms` are reasons, by the object they are about."""

    records: int = 0
    changes: int = 0
    listing_s: float = 0.0  # how long a listing of the store took, if there was one
    alarms: dict[str, str] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)  # what is named and not there yet


class Inward:
    """Fetches and folds the journals of other devices."""

    def __init__(self, vault: Vault) -> None:
        self._vault, self._state, self._store = vault, vault.state, vault.store
        self._standing = standing(vault.state)
        self._listed: Collection[DeviceId] = ()
        self._lengths: dict[bytes, int] | None = None  # how far each journal counts, where that was looked up first

    def fetch(self, *, discover: bool) -> Arrived:
        """Take every record that is there and fits.

        Args:
            discover: also list the store, for devices that nobody has named yet and for gaps.

        Raises:
            StoreError: it could not be asked.
        """
        arrived = Arrived()
        if discover:
            begun = self._vault.ambient.elapsed_s()
            self._discover(arrived)
            arrived.listing_s = self._vault.ambient.elapsed_s() - begun
        stopped: set[int] = set()
        waiting: dict[int, Fetched] = {}
        locked: dict[int, tuple[str, str]] = {}  # what another's record may bring the key of
        progress = True
        while progress:
            progress, passed_over = False, list[Device]()
            for device in self._others():
                if device.no in stopped:
                    continue
                if not self._counts(device, waiting):
                    waiting.pop(device.no, None)  # nor does what it says it has seen
                    passed_over.append(device)
                    continue
                name = record_name(device.id, device.sequence + 1)
                try:
                    progress |= self._advance(device, waiting, arrived)
                    locked.pop(device.no, None)
                except (NotUnlocked, _QuarantinedError) as error:
                    locked[device.no] = name, error.message
                except Damaged as error:
                    arrived.alarms[name] = error.message
                    stopped.add(device.no)
            progress |= any(self._counts(device, waiting) for device in passed_over)  # somebody has seen more of it
        arrived.alarms.update(dict(locked.values()))
        for device in self._left_out():
            name = record_name(device.id, 1)
            arrived.alarms[name] = _quarantined(device, name)
        if fates_are_stale(self._state):
            with self._state.transaction():
                settle_fates(self._state)
        for number, item in waiting.items():
            self._name_what_is_missing(self._state.devices.get(number), item, arrived)
        return arrived

    def _counts(self, device: Device, waiting: dict[int, Fetched]) -> bool:
        """Tell whether a device's next record counts.

        Of one that was revoked those count that its revocation says, and those that others had believed before they
        knew: their records build upon these. So all come to the same, and nothing that was believed is taken back.
        """
        if self._lengths is not None and device.sequence >= self._lengths.get(bytes(device.id), 0):
            return False
        cut = self._standing.revoked.get(device.id)
        return cut is None or device.sequence < max(cut, _claimed(device, waiting))

    def _check_welcome(self, device: Device, item: Fetched, waiting: dict[int, Fetched], name: str) -> None:
        """See that a new device came with keys that no revoked one has.

        Raises:
            _QuarantinedError: it did not, and no device took it for one of the vault's before.
        """
        now = self._standing
        if device.sequence or not now.revoked or device.id in (*now.approved, self._vault.genesis.founder):
            return
        if _claimed(device, waiting):
            return
        if EpochId(item.epoch) not in eligible(self._state, now.revoked.keys()):
            raise _QuarantinedError(_quarantined(device, name))

    def awaited(self) -> tuple[str, ...]:
        """Return the names of the records that would come next, one of each device that is known."""
        return tuple(record_name(device.id, device.sequence + 1) for device in self._others())

    def _others(self) -> list[Device]:
        return [device for device in self._state.devices.all() if device.no != OWN_DEVICE]

    def _left_out(self) -> list[Device]:
        """Return the devices that are new, and whose word does not count though nobody revoked them."""
        if self._lengths is None:
            return []
        known = {*self._lengths, *self._standing.revoked}
        return [device for device in self._others() if device.id in self._listed and device.id not in known]

    def _hear_first(self, listed: dict[DeviceId, list[int]], arrived: Arrived) -> None:
        """Where an epoch is there that is not known, somebody may have been revoked: that is looked for first.

        A device that was away would else believe what a revoked one said meanwhile, if that came first; so would all.
        """
        self._listed, extra = listed.keys(), unheard_epochs(self._vault)
        if extra is None:
            return
        arrived.alarms.update(learn(self._vault))  # a record may have named it before it was there, or before a kill
        tips = {bytes(device.id): device for device in self._state.devices.all() if device.sequence}
        lasts = {device: max(sequences) for device, sequences in listed.items()}
        roots = Roots(self._vault.keys.roots.id_root, {**self._vault.keys.roots.epochs, **extra})
        heard = hear(self._store, VaultKeys(self._vault.keys.vault, roots, self._vault.keys.current), lasts, tips)
        known = {device: tip.sequence for device, tip in tips.items()}
        self._lengths = lengths(heard, bytes(self._vault.genesis.founder), known, words_of(self._state))

    def _discover(self, arrived: Arrived) -> None:
        """Learn of new devices, and of records that are hidden or were there once."""
        listed = list_records(self._store)
        self._hear_first(listed, arrived)
        known = {device.id: device for device in self._state.devices.all()}
        for device, sequences in listed.items():
            if device not in known:
                with self._state.transaction():
                    self._state.devices.number(device)
            tip = known[device].sequence if device in known else 0
            if device in self._standing.revoked:
                continue  # what it says from then on is not waited for
            following = [sequence for sequence in sequences if sequence > tip]
            if following and following[0] != tip + 1:
                name = record_name(device, tip + 1)
                if self._store.whole:
                    arrived.alarms[name] = f"{name} is missing, though later ones of that device are there"
                else:
                    arrived.behind[name] = f"{name} is not on the stores that can be asked now"
        for old in known.values():
            if old.no != OWN_DEVICE and old.sequence and old.sequence not in listed.get(old.id, []):
                name = record_name(old.id, old.sequence)
                if not self._store.whole:
                    arrived.behind[name] = f"{name} is not on the stores that can be asked now"
                    continue
                arrived.alarms[name] = f"{name} was there and is not any more: the store shows an older state"

    def _advance(self, device: Device, waiting: dict[int, Fetched], arrived: Arrived) -> bool:
        """Fold the next record of a device, if it is there and its time has come."""
        item = waiting.pop(device.no, None) or self._get(device)
        if item is None:
            return False
        name = record_name(device.id, item.record.head.sequence)
        self._check_welcome(device, item, waiting, name)
        if not self._frontier_is_known(item):
            waiting[device.no] = item
            return False
        check_known(item.record, device.no, self._state.devices.last_version, name)
        with self._state.transaction():
            fold(self._state, item.record, device.no, item.size, {}, elsewhere=True)
        arrived.records += 1
        arrived.changes += len(item.record.changes)
        said = {statement.code for statement in item.record.head.statements}
        if said & {StatementKind.REVOKE, StatementKind.APPROVE}:
            self._standing = standing(self._state)
        if StatementKind.EPOCH in said:
            arrived.alarms.update(learn(self._vault))
        return True

    def _get(self, device: Device) -> Fetched | None:
        name = record_name(device.id, device.sequence + 1)
        if self._store.stat(name) is None:
            return None
        try:
            sealed = self._store.get(name)
        except ObjectMissing:
            return None
        with self._state.transaction():  # gives numbers to devices that the record names first
            record = open_record(sealed, self._vault.keys, device.verifying or None, self._state.devices.number, name)
        if record.head.device != device.id:
            raise Damaged(f"{name}: is another device's record")
        check_chain(record.head, device.hash, device.lamport, device.sequence + 1, name)
        check_enrolment(record, name)
        self._check_witness(record.head.frontier, name)
        return Fetched(record, len(sealed), read_clear(sealed, ObjectKind.RECORD, name).header.epoch)

    def _check_witness(self, frontier: tuple[Seen, ...], name: str) -> None:
        """Compare what a record has seen of others with what we have.

        Raises:
            Damaged: a store showed two devices two different journals of a third.
        """
        for seen in frontier:
            number = self._state.devices.number(DeviceId(seen.device))
            ours = self._state.devices.record(number, seen.sequence)
            # Of records that a checkpoint stands for, this device has not the hash.
            if ours is not None and ours.hash and ours.hash != seen.hash:
                raise Damaged(f"{name}: has seen another journal of a device than this store shows (a fork)")

    def _frontier_is_known(self, item: Fetched) -> bool:
        for seen in item.record.head.frontier:
            device = self._state.devices.get(self._state.devices.number(DeviceId(seen.device)))
            if device.sequence < seen.sequence:
                return False
        return True

    def _name_what_is_missing(self, device: Device, item: Fetched, arrived: Arrived) -> None:
        for seen in item.record.head.frontier:
            other = self._state.devices.get(self._state.devices.number(DeviceId(seen.device)))
            if other.sequence < seen.sequence:
                name = record_name(other.id, other.sequence + 1)
                arrived.behind[name] = f"{name} was seen by {device.name or device.id.hex()[:8]} and is not there yet"


class _QuarantinedError(Failed):
    """A device is not taken for one of the vault's until a person says so."""


def _quarantined(device: Device, name: str) -> str:
    return (
        f"{name}: a device joined with keys from before a revocation; nothing that it says is taken until somebody "
        f"says `syncd device approve {device.id.hex()[:8]}`, or `revoke`"
    )


def _claimed(device: Device, waiting: dict[int, Fetched]) -> int:
    """Return how far a device's journal goes for those whose records wait to be taken."""
    heads = (item.record.head for item in waiting.values())
    return max((seen.sequence for head in heads for seen in head.frontier if seen.device == device.id), default=0)
