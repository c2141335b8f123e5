"""Keeping the vault's stores: the ones in use are those that the journals name, and each comes to hold everything.

Invariant: what a person adds to the settings is said to all devices; what another device said is in use here from the
pass that folded it on.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from syncd.config.settings import save
from syncd.engine.outbox import Outbox
from syncd.engine.stores import in_use, note_used, settings_of, used_here
from syncd.engine.storeset import StoreSet, say_stores, store_set
from syncd.engine.vault import Vault, open_stores
from syncd.errors import Locked, SyncdError, UsageError
from syncd.model.ids import OWN_DEVICE
from syncd.model.location import pack_name
from syncd.retention.fates import Fate
from syncd.store.catchup import BATCH, CatchUp
from syncd.store.owing import FILE, Owing
from syncd.store.provider import Listed
from syncd.store.proving import Proven, Proving
from syncd.store.replicas import Replicas
from syncd.store.scrub import Scrub

log = logging.getLogger("syncd.engine")
REST_S = 2.0  # between two looks whether a store lacks something


def say_new_stores(vault: Vault, outbox: Outbox) -> None:
    """Say to all devices which stores the settings of this one have that nobody has said yet."""
    if vault.state.devices.get(OWN_DEVICE).sequence == 0:
        return  # what a founder says first names its stores; who joins has theirs from the others
    said = store_set(vault.state)
    known = said.places.keys() | said.removed
    new = {setting.name: setting.url for setting in vault.settings.stores if setting.name not in known}
    if new and said.places:
        outbox.say(say_stores(said, places=new))


def use_stores(vault: Vault) -> None:
    """Open the stores anew, where the settings or the journals name others than those in use."""
    said, used = store_set(vault.state), used_here(vault.state)
    before = vault.store
    _note_let_go(vault)
    if before.drained:
        used -= {member.name for member in before.members if member.leaving}
    wanted = [one.known_by for one in in_use(vault.settings.stores, said, used)]
    names = {name for name, _, _ in wanted}
    now = (before.rule, before.quotas, before.costs)
    same_rule = len(wanted) == 1 or not said.places or now == (said.rule, said.quotas, said.costs)
    if wanted == vault.named and same_rule:
        note_used(vault.state, names)
        return
    gone = (used_here(vault.state) & said.removed) - names
    note_used(vault.state, used)
    try:
        fresh = open_stores(vault.home, vault.settings, vault.state, vault.keys, vault.ambient, write=True)
    except (UsageError, Locked) as error:
        log.error("the stores stay as they were: %s", error.message)
        return
    vault.store, vault.named = fresh, wanted
    note_used(vault.state, names)
    _note_let_go(vault)
    before.close(notes=False)
    if gone:
        _leave_out(vault, said, gone)
    leaving = [name for name, _, leaves in wanted if leaves]
    log.info("stores in use: %s", ", ".join(name for name, _, _ in wanted))
    if leaving:
        log.info("read until the others have everything: %s", ", ".join(leaving))


def _note_let_go(vault: Vault) -> None:
    """Have the stores know what was deleted: one that was away then shall neither keep it nor give it back."""
    if len(vault.store.members) < 2:
        return
    packs = vault.state.packs
    numbers = packs.fated(Fate.GONE)
    if len(numbers) != len(vault.store.let_go):  # no pack that is gone ever comes back
        vault.store.let_go = frozenset(pack_name(packs.get(number).pack) for number in numbers)


def _leave_out(vault: Vault, said: StoreSet, gone: set[str]) -> None:
    """Take stores that are the vault's no more out of the settings; the last one is replaced by what the vault says."""
    kept = tuple(setting for setting in vault.settings.stores if setting.name not in gone)
    stores = kept or settings_of((), said)
    if stores and stores != vault.settings.stores:
        vault.settings = replace(vault.settings, stores=stores)
        save(vault.settings, vault.home.config)


def catch_up(vault: Vault, go_on: Callable[[], None] = lambda: None) -> None:
    """Bring every store that can be asked all that it lacks.

    Raises:
        StoreError: the stores could not be compared.
    """
    work = CatchUp(vault.store, lambda: vault.ambient.now_ns() / 1e9, go_on)
    try:
        work.finish()
    finally:
        work.close()


def only_on(vault: Vault, gone: str) -> list[Listed]:
    """Return what this device knows to be on one store alone: it is owed to others, and none of them shows it.

    Raises:
        StoreError: another store cannot be asked.
    """
    path = vault.home.state / FILE
    if not path.exists():
        return []
    others = [member for member in vault.store.members if member.name != gone]
    owed: dict[str, Listed] = {}
    with closing(Owing(path)) as owing:
        for member in others:
            after = ""
            while page := owing.next_of(member.name, after, BATCH):
                owed.update((listed.name, listed) for listed in page)
                after = page[-1].name

    def is_there(name: str) -> bool:
        return any(member.ask(lambda provider: provider.stat(name)) is not None for member in others)

    return [listed for name, listed in sorted(owed.items()) if not is_there(name)]


def repair(vault: Vault, percent: float, choice: random.Random, go_on: Callable[[], None] = lambda: None) -> Proven:
    """Find what stores lack and, of this share of all objects, what is damaged; bring it from another store.

    Returns:
        What was damaged. What is owed still could not be brought: `vault.store.owing` has it.
    """
    work = CatchUp(vault.store, lambda: vault.ambient.now_ns() / 1e9, go_on)
    work.compare()
    proving = Proving(vault.store, lambda size: go_on())
    proven = proving.run(percent, choice)
    proving.settle()
    more = True
    while more:
        more = sum(work.fill(member, BATCH) for member in vault.store.members) > 0
    return proven


class _Ended(Exception):
    """It was told to end while it worked."""


class Tending:
    """A thread beside the loop that brings to each store what it lacks, and reads what they have.

    Args:
        stores: returns those in use now.
        now_ns: the clock.
        scrub: makes what reads these stores again and again.
    """

    def __init__(
        self, stores: Callable[[], Replicas], now_ns: Callable[[], int], scrub: Callable[[Replicas], Scrub]
    ) -> None:
        self._stores, self._now_ns, self._scrub = stores, now_ns, scrub
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncd-tending", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is half done goes on next time."""
        self._end.set()
        self._thread.join(timeout=REST_S)

    def _go_on(self) -> None:
        if self._end.is_set():
            raise _Ended

    def _run(self) -> None:
        tended, work, scrub = None, None, None
        while not self._end.is_set():
            stores = self._stores()
            if stores is not tended:
                if work is not None:
                    work.close()
                tended, work = stores, CatchUp(stores, lambda: self._now_ns() / 1e9, self._go_on)
                scrub = None
                if len(stores.members) > 1:
                    for member in stores.members:
                        member.tended = member.returned = True  # what was put while nobody noted it is not known
            try:
                more = work.turn() if work is not None else False
                if not more:
                    scrub = scrub or self._scrub(stores)
                    scrub.turn()
            except _Ended:
                return
            except SyncdError as error:
                more = False
                log.warning("the stores could not be compared: %s", error.message)
            except Exception:
                more = False
                if stores is self._stores():  # else they were closed: others are in use
                    log.exception("an error inside syncd")
            if not more:
                self._end.wait(REST_S)
