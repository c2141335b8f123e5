"""Bringing to each store what it lacks: after it was away, was emptied, was added, or was found damaged.

Two works, both safe to break off anywhere: `compare` reads the stores' listings side by side and notes what is
lacking; `fill` copies what is noted from whichever store has it sound. Invariant: genesis comes last, so a store by
which a vault can be found is one from which it can be rebuilt.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from syncd.errors import ObjectExists, ObjectMissing, StoreError
from syncd.store.commit import UNKNOWN
from syncd.store.listing import side_by_side
from syncd.store.member import GENESIS, Member
from syncd.store.owing import Holdings
from syncd.store.pace import DOUBT
from syncd.store.placement import KINDS, choose, copies_of
from syncd.store.provider import LARGEST_OBJECT, Listed
from syncd.store.replicas import PATIENCE_S, Replicas

log = logging.getLogger("syncd.store")
AGAIN_S = 24 * 3600.0  # listings are compared this often, whatever is noted: notes may be lost, objects, too
LAG_S = 900.0  # after which listings are compared once more: some stores show what is new with a delay
LOOK_S = 60.0  # between two looks whether a store still is one
BATCH, FILL_S = 64, 30.0  # objects, and seconds, of one piece of work
FILLS = 3  # stores that are filled at once: each holds some 25 MB in memory


@dataclass(slots=True)
class Found:
    """What a comparison found: stores that were listed to their end, and how many objects each lacked."""

    listed: list[str] = field(default_factory=list)
    lacking: dict[str, int] = field(default_factory=dict)
    failed: dict[str, StoreError] = field(default_factory=dict)


class CatchUp:
    """Keeps the stores of a vault complete.

    Args:
        stores: of the vault.
        now_s: seconds since 1970.
        go_on: told between two objects; raises to break off.
    """

    def __init__(self, stores: Replicas, now_s: Callable[[], float], go_on: Callable[[], None] = lambda: None) -> None:
        self._stores, self._now_s, self._go_on = stores, now_s, go_on
        self._pool = stores.members[0].threads(FILLS, "syncd-fill")
        self._filling: dict[str, Future[bool]] = {}
        self._filled: dict[str, float] = {}  # store -> when it was last begun to be filled
        self._once_more_s = float("inf")
        self._looked: dict[str, float] = {}
        self._unhad: dict[tuple[str, str], str] = {}  # store, object that no other could give -> why, as it was told
        self._after: dict[str, str] = {}  # store -> how far its notes were gone through, where some cannot be had

    def turn(self) -> bool:
        """Do what is due; return whether more can be done at once."""
        if len(self._stores.members) < 2:
            for member in self._stores.members:
                member.returned = False  # nobody else could have what it lacks
            return False
        self.look_after()
        if any(self._unknown(member) for member in self._stores.members if not member.resting):
            self.compare()
        return self._fill_all()

    def finish(self) -> None:
        """Bring every store that can be asked all that it lacks; what is on its way to one is waited for.

        Raises:
            StoreError: the stores could not be compared.
        """
        while self.turn() or self._one_arrives():
            self._go_on()

    def _one_arrives(self) -> bool:
        """Wait for a put that another began, as long as it may take where the store does not hang."""
        takers = [member for member in self._stores.staying if member.open]
        paces = [member.put_pace.slow_s(LARGEST_OBJECT, PATIENCE_S, unknown=UNKNOWN) for member in takers]
        names = [member.name for member in takers]
        return self._stores.under_way.one_ends(names, max(paces, default=0.0))

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fill_all(self) -> bool:
        """Bring stores what they are owed, several side by side; return whether more can be brought.

        One that is slow or hangs goes on by itself, and is asked for more when it is done.
        """
        longest_ago = sorted(self._stores.staying, key=lambda member: self._filled.get(member.name, float("-inf")))
        for member in longest_ago:
            free = member.name not in self._filling and len(self._filling) < FILLS
            if free and member.open and self._stores.owing.lacking(member.name)[0]:
                self._filled[member.name] = self._now_s()
                self._filling[member.name] = self._pool.submit(self.fill, member, BATCH)
        wait(self._filling.values(), FILL_S, FIRST_COMPLETED)
        ended = [self._filling.pop(store) for store, future in list(self._filling.items()) if future.done()]
        more = [future.result() for future in ended]
        for member in self._stores.staying:
            if not self._stores.owing.lacking(member.name)[0]:
                member.lacks_nothing()
        return any(more) or bool(self._filling)

    def look_after(self) -> None:
        """Ask stores that were away whether they are back, and now and then the others whether they were emptied."""
        asked: dict[Future[int | None], Member] = {}
        for member in self._stores.members:
            due = self._now_s() - self._looked.get(member.name, float("-inf")) > LOOK_S
            if member.resting_yet or not (due or member.health.away):
                continue
            self._looked[member.name] = self._now_s()
            asked[member.read(lambda provider: provider.stat(GENESIS))] = member
        patience_s = max([PATIENCE_S, *(DOUBT * (member.health.latency_s or 0.0) for member in asked.values())])
        _, silent = wait(asked, patience_s)
        for future, member in asked.items():
            if future in silent:
                member.give_up(patience_s)
                continue
            error = future.exception()
            if isinstance(error, StoreError):
                log.info("the store %s is away: %s", member.name, error.message)
            elif future.result() is None:
                member.meet_again()

    def _unknown(self, member: Member) -> bool:
        compared_s = self._stores.owing.holdings(member.name).compared_s
        late = self._now_s() > self._once_more_s
        return late or member.returned or not compared_s or abs(self._now_s() - compared_s) > AGAIN_S

    # -- comparing ------------------------------------------------------------------------------

    def compare(self) -> Found:
        """Note what each store lacks that another one has."""
        found = Found()
        counted = {member.name: [0, 0] for member in self._stores.members if not member.resting}
        # What is put meanwhile may not be listed; it is noted by who puts it.
        returned = [member for member in self._stores.members if member.name in counted and member.returned]
        members = [member for member in self._stores.members if member.name in counted]
        for listed, sizes in side_by_side(members, found.failed):
            self._go_on()
            if not listed.name.startswith(KINDS):
                continue
            if listed.name in self._stores.let_go:
                self._delete(listed.name, [member for member in members if member.name in sizes])
                continue
            for store, size in sizes.items():
                counted[store][0] += 1
                counted[store][1] += size
            wanting = self._wanting(listed, sizes, found)
            # A size would say that it may be there. Of two sizes nobody knows which is right; a genesis may be damaged.
            certain = len(set(sizes.values())) == 1 and listed.name != GENESIS
            owed = Listed(listed.name, listed.size if certain else 0)
            self._stores.owing.owe(wanting, [owed] if wanting else [])
            for store in wanting:
                found.lacking[store] = found.lacking.get(store, 0) + 1
        for store, (objects, size) in counted.items():
            if store not in found.failed:
                found.listed.append(store)
                self._stores.owing.compared(store, Holdings(objects, size, self._now_s()))
        for member in returned:
            member.returned = member.name in found.failed
        sure = self._now_s() > self._once_more_s and not found.lacking
        self._once_more_s = float("inf") if sure else self._now_s() + LAG_S
        for store, lacking in found.lacking.items():
            new = any(member.hollow for member in self._stores.members if member.name == store)
            log.log(logging.INFO if new else logging.WARNING, "the store %s lacks %d objects", store, lacking)
        return found

    def _delete(self, name: str, having: list[Member]) -> None:
        """Delete what was let go from stores that were not there when it was deleted."""
        for member in having:
            try:
                member.ask(lambda provider: provider.delete(name))
            except StoreError as error:
                log.info("the store %s keeps %s, which was let go: %s", member.name, name, error.message)
        for store in self._stores.members:
            self._stores.owing.dropped(store.name, name)

    def _wanting(self, listed: Listed, sizes: dict[str, int], found: Found) -> list[str]:
        """Return the stores that shall have an object and have it not, or cut."""
        staying = self._stores.staying
        same = len(set(sizes.values())) == 1
        having = [member.name for member in staying if member.name in sizes] if same else []
        members = [member for member in staying if member.name not in found.failed and not member.resting]
        lacking = [member for member in members if member.name not in having]
        missing = copies_of(listed.name, self._stores.rule, len(staying)) - len(having)
        if listed.name == GENESIS:
            return [member.name for member in members if member in lacking or member.hollow]
        if missing >= len(lacking) or not same:
            return [member.name for member in lacking]
        rooms = [self._stores.room(member, listed.size) for member in lacking]
        return choose(listed.name, rooms, self._stores.rule)[: max(0, missing)]

    # -- filling --------------------------------------------------------------------------------

    def fill(self, member: Member, most: int) -> bool:
        """Bring a store some of what it is owed; return whether it got on and is owed more."""
        owing = self._stores.owing
        after = self._after.get(member.name, "")
        owed = owing.next_of(member.name, after, most)
        self._after[member.name] = owed[-1].name if len(owed) == most else ""
        batch = [listed for listed in owed if listed.name != GENESIS] or owed
        if not after and [listed.name for listed in batch] == [GENESIS] and owing.lacking(member.name)[0] > 1:
            batch = []
        under_way: deque[tuple[str, Future[None]]] = deque()
        done, until_s = 0, self._now_s() + FILL_S
        for listed in batch:
            self._go_on()
            if self._now_s() > until_s:
                break  # others wait for their turn
            if self._stores.under_way.has(member.name, listed.name):
                continue
            if self._is_there(member, listed):
                done += 1
                continue
            data = self._sound_copy(member, listed.name)
            if data is None:
                continue
            self._unhad.pop((member.name, listed.name), None)
            future = member.write(self._stores.putting(member, listed.name, data))
            while future is None and under_way:
                done += self._ended(member, *under_way.popleft())
                future = member.write(self._stores.putting(member, listed.name, data))
            if future is None or not member.open:
                break  # others keep it busy, or it failed: the rest waits
            under_way.append((listed.name, future))
        while under_way:
            done += self._ended(member, *under_way.popleft())
        lacking, _ = owing.lacking(member.name)
        if done and not lacking:
            log.info("the store %s has everything", member.name)
            member.hollow = False
        return bool(lacking and (done or self._after[member.name]))

    def _is_there(self, member: Member, listed: Listed) -> bool:
        """Tell whether an object has come by another way: another device brings it, too, or its put came through."""
        try:
            if not listed.size or member.ask(lambda provider: provider.stat(listed.name)) != listed.size:
                return False
        except StoreError:
            return False
        self._stores.owing.paid(member.name, listed.name, listed.size)
        return True

    def _sound_copy(self, member: Member, name: str) -> bytes | None:
        """Return an object from another store, None when it cannot be had now."""
        try:
            return self._stores.get_from_others(member, name)
        except ObjectMissing:
            # It was never put anywhere: who began to put it puts it anew, or lets it be; who does so now has it noted.
            # One that came back empty waits for all that it is owed before it counts, so its word is taken here.
            asked = all(not (other.returned or other.health.away) for other in self._stores.members)
            if asked and not self._stores.under_way.has(member.name, name):
                self._stores.owing.dropped(member.name, name)
        except StoreError as error:
            if self._unhad.get((member.name, name)) != type(error).__name__:  # it is tried again every few seconds
                self._unhad[member.name, name] = type(error).__name__
                log.info("%s cannot be had for the store %s: %s", name, member.name, error.message)
        return None

    def _ended(self, member: Member, name: str, future: Future[None]) -> bool:
        """Tell whether an object was put."""
        try:
            future.result()
        except ObjectExists as error:
            log.error("%s; it is left as it is", error.message)
            self._stores.owing.dropped(member.name, name)
            return False
        except StoreError as error:
            log.info("the store %s did not take %s: %s", member.name, name, error.message)
            return False
        return True
