"""Several stores as one: the port again, over N of them.

| call | waits for | passes over |
|---|---|---|
| put | W stores (commit.py) | those that rest, are late or have their hands full: they are owed the object |
| get | the first that gives it, the fastest asked first, another beside it when that is slow | |
| stat | the first that has it, else every one that can be asked | |
| confirm | W stores that have it durably, made so if need be | |
| list | all that can be asked; what any of them has | those that fail on the way |
| delete | all | none |

Invariants: `put` returns only when W stores hold the object; what a store lacks is noted before anything is put
(owing.py); no store that is slow or dead holds up the others. With one store every call goes straight to it.
"""

from __future__ import annotations

import builtins
import heapq
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from syncd.errors import ObjectExists, ObjectMissing, StoreError
from syncd.store.asking import answers_of, first_of, worst
from syncd.store.commit import Commit
from syncd.store.member import Member, Surroundings
from syncd.store.owing import Owing
from syncd.store.placement import SPREAD, Room, Rule, choose, copies_of, rank
from syncd.store.provider import LARGEST_OBJECT, Capabilities, Listed, Provider
from syncd.store.threads import DaemonPool
from syncd.store.underway import UnderWay

log = logging.getLogger("syncd.store")
T = TypeVar("T")
Sound = Callable[[str, bytes], bool | None]  # whether bytes are what a name stands for; None: nobody here can tell
PATIENCE_S = 5.0  # for a store that says nothing, where others have answered


class Replicas:
    """The stores of one vault.

    Args:
        members: the stores, by preference where nothing else tells them apart.
        rule: how many take an object.
        owing: what each lacks.
        sound: tells whether bytes are what an object's name stands for.
        quota: bytes that a store may hold, by its name.
        costs: of keeping something in a store, by its name.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rule: Rule,
        owing: Owing,
        sound: Sound = lambda name, data: True,
        quota: Mapping[str, int] | None = None,
        costs: Mapping[str, int] | None = None,
    ) -> None:
        self.members, self.rule, self.owing, self.sound = tuple(members), rule, owing, sound
        self.quotas, self.costs = quota or {}, costs or {}
        self.patience_s = PATIENCE_S
        self.let_go: frozenset[str] = frozenset()  # objects that were deleted: a store that still has one deletes it
        self.under_way = UnderWay()
        self._one = self.members[0].provider if len(self.members) == 1 else None

    @classmethod
    def alone(cls, provider: Provider, name: str = "main") -> Replicas:
        """Return one store as the only one: nothing is noted, and every call goes straight to it."""
        around = Surroundings(time.monotonic, random.random, DaemonPool)
        return cls([Member(name, provider, around)], Rule(), Owing())

    # -- what it is -----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it is: the stores' own places."""
        return ", ".join(member.provider.url for member in self.members)

    @property
    def capabilities(self) -> Capabilities:
        """What all of them can do together; asked as often as the quickest may be."""
        all_of = [member.provider.capabilities for member in self.members]
        return Capabilities(
            named=any(each.named for each in all_of),
            listable=any(each.listable for each in all_of),
            conditional=self._one is not None and all_of[0].conditional,  # no store decides for the others
            ranged=any(each.ranged for each in all_of),
            largest=min([LARGEST_OBJECT, *(each.largest for each in all_of)]),
            ask_s=min(each.ask_s for each in all_of),
        )

    @property
    def whole(self) -> bool:
        """Whether what no store shows can be taken for what nobody put there: each was asked, and is complete."""
        return self._one is not None or all(member.whole for member in self.members)

    @property
    def commit(self) -> int:
        """W: how many stores must have an object, of those whose word counts."""
        return max(1, min(self.rule.commit, len(self.counting)))

    @property
    def counting(self) -> builtins.list[Member]:
        """The stores whose word counts; where that is none, all that stay."""
        return [member for member in self.staying if member.counts] or self.staying

    @property
    def staying(self) -> builtins.list[Member]:
        """The stores that objects are put on."""
        return [member for member in self.members if not member.leaving]

    @property
    def drained(self) -> bool:
        """Whether some leave, and the others are known to have all that those have."""
        if len(self.staying) == len(self.members):
            return False
        unsure = any(member.returned or member.health.away for member in self.members)
        return not unsure and not any(self.owing.lacking(member.name)[0] for member in self.staying)

    def member(self, name: str) -> Member | None:
        """Return a store by its name."""
        return next((member for member in self.members if member.name == name), None)

    def create(self) -> None:
        """Make ready a place for a new store, everywhere."""
        for member in self.members:
            member.provider.create()

    def close(self, *, notes: bool = True) -> None:
        """Let go of connections and threads, and of the notes unless puts under way may still have some to make."""
        for member in self.members:
            member.close()
        if notes:
            self.owing.close()

    # -- putting --------------------------------------------------------------------------------

    def put(self, name: str, data: bytes) -> None:
        """Create an object on W stores at least; the rest have it soon, or are owed it.

        Raises:
            ObjectExists: on a store the name stands for other bytes already.
            StoreError: W stores did not take it; those that did not are owed it.
        """
        if self._one is not None:
            self._one.put(name, data)
            return
        members = self.takers(name, len(data))
        self.owing.owe([member.name for member in members], [Listed(name, len(data))])
        with self.under_way.marked([member.name for member in members], name):
            put = self._put_on(name, data, self.commit)
            try:
                put.run(members, lambda: self._instead(members, name, len(data)))
            finally:
                for future, member in put.going_on:
                    self.under_way.until_done(future, member.name, name)

    def takers(self, name: str, size: int) -> list[Member]:
        """Return the stores that shall have an object, those that can take it now first."""
        by_name = {member.name: member for member in self.staying}
        rooms = [self.room(member, size) for member in self.staying]
        return [by_name[store] for store in choose(name, rooms, self.rule)]

    def room(self, member: Member, size: int) -> Room:
        """Return what the choice of a store for an object of this size looks at."""
        quota = self.quotas.get(member.name)
        free = None if quota is None else max(0, quota - self.owing.holdings(member.name).size)
        takes = member.open and (free is None or free >= size)
        return Room(member.name, free, takes, self.costs.get(member.name), member.health.latency_s or 0.0)

    def _put_on(self, name: str, data: bytes, needed: int) -> Commit:
        putting = partial(self.putting, name=name, data=data)
        return Commit(putting, self.counting, needed, len(data), self.patience_s)

    def _instead(self, taken: Sequence[Member], name: str, size: int) -> Iterator[Member]:
        """Yield the stores that may have an object in another's stead, each noted as owed it."""
        if copies_of(name, self.rule, len(self.staying)) == len(self.staying):
            return
        others = {member.name: member for member in self.staying if member not in taken}
        for store in rank(name, [self.room(member, size) for member in others.values()]):
            if self.room(others[store], size).takes:
                self.owing.owe([store], [Listed(name, size)])
                yield others[store]

    def putting(self, member: Member, name: str, data: bytes) -> Callable[[Provider], None]:
        """Return the work of putting an object on one store, where damaged bytes in its place are replaced."""

        def put(provider: Provider) -> None:
            with self.under_way.marked([member.name], name):
                try:
                    member.put(name, data)
                except ObjectExists:
                    self._replace(member, provider, name, data)
                self.owing.paid(member.name, name, len(data))

        return put

    def _replace(self, member: Member, provider: Provider, name: str, data: bytes) -> None:
        """Put an object where damaged bytes have its name.

        Raises:
            ObjectExists: they are not damaged; the name stands for something else.
        """
        there = self.sound(name, provider.get(name))
        if there or (there is None and not self.sound(name, data)):
            raise ObjectExists(f"{provider.url}: {name} stands for other bytes already")
        provider.delete(name)
        provider.put(name, data)
        log.warning("the store %s had %s damaged: it is whole again, from another store", member.name, name)

    # -- reading --------------------------------------------------------------------------------

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return the object's bytes, from the first store that gives them.

        Raises:
            ObjectMissing: no store has it.
            StoreError: none that can be asked has it, and not all can be asked.
        """
        if self._one is not None:
            return self._one.get(name, start, length)
        return self._get_from(self._readers(name), name, start, length)

    def _able(self) -> builtins.list[Member]:
        """Return the stores to be asked: those that are not left alone; all, where that is none."""
        return [member for member in self.members if not member.resting] or [*self.members]

    def _readers(self, name: str) -> list[Member]:
        """Return the stores that may have an object, the one to be asked first first."""
        able = self._able()
        owed = {member.name for member in able if member.hollow or self.owing.owes(member.name, name)}
        return sorted(able, key=lambda member: (member.name in owed, member.health.latency_s or 0.0))

    def _get_from(self, members: Sequence[Member], name: str, start: int = 0, length: int | None = None) -> bytes:
        whole = start == 0 and length is None
        found = first_of(
            members,
            lambda provider: provider.get(name, start, length),
            (lambda data: self.sound(name, data)) if whole else (lambda data: True),
            length or (LARGEST_OBJECT if name.startswith(SPREAD) else 0),
        )
        if found.data is not None:
            self._owe(found.lacking, name)
            return found.data
        if found.errors or any(member.resting for member in self.members):
            raise worst(found.errors or [member.trouble for member in self.members])
        raise ObjectMissing(f"no store has {name}{' whole' if found.damaged else ''}")

    def get_from_others(self, member: Member, name: str) -> bytes:
        """Return an object from any store but one.

        Raises:
            ObjectMissing: no other store has it sound.
            StoreError: no other that can be asked has it.
        """
        return self._get_from([other for other in self._readers(name) if other is not member], name)

    def _owe(self, lacking: Iterable[Member], name: str) -> None:
        """Note what a store was found to lack, where it should have it; it may lack more."""
        if copies_of(name, self.rule, len(self.staying)) == len(self.staying):
            staying = [member for member in lacking if not member.leaving]
            for member in staying:
                member.returned |= not self.owing.owes(member.name, name)
            self.owing.owe([member.name for member in staying], [Listed(name, 0)])

    def stat(self, name: str) -> int | None:
        """Return the object's size in bytes, None when no store that can be asked has it.

        Raises:
            StoreError: no store can be asked.
        """
        if self._one is not None:
            return self._one.stat(name)
        asked = {member.read(lambda provider: provider.stat(name)): member for member in self._able()}
        answers = answers_of(asked, self.patience_s, enough=lambda size: size is not None)
        return next((size for size in answers.values() if size is not None), None)

    def there(self, names: Sequence[str]) -> bool:
        """Tell whether any of these objects is there, as far as the stores that may be asked again by now can tell.

        Raises:
            StoreError: none of the stores could be asked.
        """
        if self._one is not None:
            return any(self._one.stat(name) is not None for name in names)
        due = [member for member in self.members if not member.resting and member.is_due()]

        def any_of(provider: Provider) -> bool:
            return any(provider.stat(name) is not None for name in names)

        asked = {member.read(any_of): member for member in due}
        try:
            return any(answers_of(asked, self.patience_s, enough=bool, at_most_s=self.patience_s).values())
        except StoreError:
            if all(member.health.away for member in self.members):
                raise
            return False  # others are not due yet

    def confirm(self, name: str) -> int | None:
        """Return the object's size in bytes, None when no store has it; what is there is durable on W stores.

        Raises:
            StoreError: no store can be asked, or W stores could not be made to have it.
        """
        if self._one is not None:
            return self._one.confirm(name)
        asked = {member.read(lambda provider: provider.confirm(name)): member for member in self._able()}
        answers = answers_of(asked, self.patience_s, enough=lambda size: False)
        sizes = {store: size for store, size in answers.items() if size is not None}
        if not sizes:
            return None
        size = max(sizes.values())
        having = {store for store, found in sizes.items() if found == size}
        lacking = [member for member in self.takers(name, size) if member.name not in having]
        self.owing.owe([member.name for member in lacking], [Listed(name, size)])
        counted = sum(member.name in having for member in self.counting)
        if counted < self.commit:
            holders = [member for member in self.members if member.name in having]
            data = self._get_from(holders, name)
            self._put_on(name, data, self.commit - counted).run(lacking, lambda: iter(()))
        return size

    def delete(self, name: str) -> None:
        """Remove an object everywhere.

        Raises:
            StoreError: it may still be on a store.
        """
        for member in self.members:
            member.ask(lambda provider: provider.delete(name))
            self.owing.dropped(member.name, name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the objects that any store has, sorted by name; of two sizes the greater.

        Raises:
            StoreError: no store's listing came to its end.
        """
        if self._one is not None:
            yield from self._one.list(prefix)
            return
        able = self._able()
        errors: list[StoreError] = []
        last: Listed | None = None
        sources = [self._listing(member, prefix, errors) for member in able]
        for listed in heapq.merge(*sources, key=lambda listed: (listed.name, -listed.size)):
            if last is None or listed.name != last.name:
                last = listed
                yield listed
        if len(errors) == len(able):
            raise worst(errors)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name on any store.

        Raises:
            StoreError: no store can be asked.
        """
        if self._one is not None:
            return self._one.directories(name)
        asked = {member.read(lambda provider: provider.directories(name)): member for member in self._able()}
        answers = answers_of(asked, self.patience_s, enough=lambda found: False)
        return sorted({directory for found in answers.values() for directory in found})

    def _listing(self, member: Member, prefix: str, errors: builtins.list[StoreError]) -> Iterator[Listed]:
        try:
            yield from member.pages(prefix, self.patience_s)
        except StoreError as error:
            errors.append(error)

    # -- mending --------------------------------------------------------------------------------

    def mend(self, name: str) -> bool:
        """Bring back an object that a store gave damaged, wherever it is damaged; return whether one is sound.

        Raises:
            StoreError: a store could not be asked.
        """
        if self._one is not None:
            return False
        try:
            data = self.get(name)
        except ObjectMissing:
            return False
        for member in self.staying:
            if not member.resting:
                member.ask(self.putting(member, name, data))
        return True
