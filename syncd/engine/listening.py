"""Listening to other devices: when the store is asked for their next records, and when it is listed.

The next question comes soon while somebody talks. A listing takes longer with every record, for years; so devices that
are new are looked for without one, and it comes as seldom as it takes long. Invariant: what only a listing shows (a
gap, a rewind) stands as an alarm until a listing shows it no more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf

from syncd.engine.inward import Arrived, Inward
from syncd.engine.journals import devices_of
from syncd.engine.operations import Operations
from syncd.engine.status import Status
from syncd.engine.vault import Vault
from syncd.store.notice import Notices

log = logging.getLogger("syncd.engine")

POLL_ACTIVE_S = 2.0  # between two questions to the store
NOTICED_S = 5.0  # of a store where the system tells when something comes, as `ask_s` is of others
# Between two looks for devices that nobody has named yet: as often as takes a thousandth of the time, and sooner while
# this device is alone. The same holds for listings of all records, but for the longest time between two.
DISCOVER_ALONE_S, DISCOVER_SOONEST_S, DISCOVER_SHARE = 2.0, 10.0, 1000
MEET_S, LIST_S = 30.0, 3600.0
QUICK_S = 1.0  # a store that may be asked as often as this is asked half as often while nobody talks
ACTIVE_S = 60.0  # for so long after the last word of another device


class Listening:
    """Asks the store what others said, at the right times."""

    def __init__(
        self,
        elapsed_s: Callable[[], float],
        status: Status,
        operations: Operations,
        rouse: Callable[[], None] = lambda: None,
    ) -> None:
        self._elapsed, self._status, self._operations, self._rouse = elapsed_s, status, operations, rouse
        self._notices: Notices | None = None
        self._noticed: set[str] = set()  # stores to which something came
        self._due_s = 0.0
        self._list_due_s = self._meet_due_s = 0.0
        self._heard_s = -ACTIVE_S
        self._awaited: tuple[str, ...] = ()

    def begin(self) -> None:
        """Have the system tell of what comes, where it can; until `stop`."""
        self._notices = Notices(self._came)

    def stop(self) -> None:
        """Have the system tell no more."""
        if self._notices is not None:
            self._notices.stop()
            self._notices = None

    def _came(self, url: str) -> None:
        """Take note, in another thread, that something came to a store."""
        self._noticed.add(url)
        self._rouse()

    @property
    def due_s(self) -> float:
        """When the stores are to be asked again: at once, if something came since they were."""
        return 0.0 if self._noticed else self._due_s

    def fetch(self, vault: Vault, *, discover: bool) -> Arrived:
        """Take what others said."""
        self._ask_anew(vault)
        inward = Inward(vault)
        arrived = inward.fetch(discover=discover)
        now = self._elapsed()
        self._awaited = inward.awaited()
        if arrived.records:
            self._heard_s = now
            log.info("received %d changes in %d records", arrived.changes, arrived.records)
        for name in arrived.alarms.keys() - self._status.alarms.keys():
            log.error("alarm: %s", arrived.alarms[name])
        if discover:
            if self._notices is not None:
                self._notices.keep([member.provider.url for member in vault.store.members])
            self._list_due_s = now + self._rest_s(vault, arrived.listing_s, LIST_S)
            self._meet_due_s = now + self._rest_s(vault, 0.0, MEET_S)
            self._status.alarms = dict(arrived.alarms)
        else:
            self._status.alarms.update(arrived.alarms)
        self._operations.alarms(self._status.alarms)
        self._due_s = now + self._ask_again_s(vault, now)
        return arrived

    def _ask_anew(self, vault: Vault) -> None:
        """Ask the stores that something came to, however lately they were asked; it may be of a new device, too."""
        if self._noticed:
            self._meet_due_s = 0.0
        while self._noticed:
            url = self._noticed.pop()
            for member in vault.store.members:
                if member.provider.url == url:
                    member.asked_s = -inf

    def _rest_s(self, vault: Vault, took_s: float, longest_s: float) -> float:
        soonest = DISCOVER_SOONEST_S if self._awaited else DISCOVER_ALONE_S
        return min(longest_s, max(soonest, vault.store.capabilities.ask_s, took_s * DISCOVER_SHARE))

    def _somebody_is_new(self, vault: Vault) -> bool:
        """Tell whether the store holds records of a device that is not known here, when it is time to look."""
        begun = self._elapsed()
        if begun < self._meet_due_s:
            return False
        found = devices_of(vault.store)
        now = self._elapsed()
        self._meet_due_s = now + self._rest_s(vault, now - begun, MEET_S)
        return not found <= {device.id for device in vault.state.devices.all()}

    def _ask_again_s(self, vault: Vault, now: float) -> float:
        ask_s = vault.store.capabilities.ask_s
        if self._notices is not None and (told := self._notices.listened()):
            others = [member.provider for member in vault.store.members if member.provider.url not in told]
            ask_s = min((other.capabilities.ask_s for other in others), default=NOTICED_S)
        if now - self._heard_s < ACTIVE_S:
            return min(POLL_ACTIVE_S, ask_s)
        return 2 * ask_s if ask_s < QUICK_S else ask_s

    def poll(self, vault: Vault) -> Arrived | None:
        """Take what others said, if there may be something; return it if it is to be brought here."""
        now = self._elapsed()
        self._ask_anew(vault)
        discover = now >= self._list_due_s or self._somebody_is_new(vault)
        if not discover and not vault.store.there(self._awaited):
            self._due_s = now + self._ask_again_s(vault, now)
            return None
        arrived = self.fetch(vault, discover=discover)
        # A step that waits for something else is tried again now and then, not with every question.
        return arrived if arrived.records or (discover and vault.state.base.waiting) else None
