"""Bugs to test the tester with: each is a fault that such programs have had, put in while a schedule runs.

Each stands with a seed that catches it; `python -m tests.simulation --bug NAME --seeds 0:5000` looks for one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from syncd.engine import (
    apply,
    cycle,
    ingest,
    marking,
    noting,
    outbox,
    outward,
    placing,
    pruning,
    published,
    stating,
    survey,
)
from syncd.engine import vault as vault_room
from syncd.engine.outbox import Outbox
from syncd.fs import exchanging
from syncd.fs.disk import Disk
from syncd.fs.exchanging import Exchanging, Staged
from syncd.fs.looking import Looking
from syncd.fs.renames import EXCHANGE
from syncd.merge import affected, registers, tree
from syncd.merge.registers import Version
from syncd.model.ids import OWN_DEVICE
from syncd.scan import diff
from syncd.state import base, filling, plain, weave
from syncd.store import asking, replicas
from syncd.store.catchup import CatchUp
from syncd.store.member import Member
from syncd.store.owing import Owing
from tests.simulation import device as simulated

Bug = Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def put_in(*places: tuple[Any, str, Any]) -> Iterator[None]:
    """Replace attributes for a while."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in places]
    for owner, name, value in places:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _nothing_condemned(self: Outbox) -> set[int]:
    return set()


def nothing(*_: Any, **__: Any) -> None:
    return None


def _blind_replace(self: Exchanging, staged: Staged, path: bytes, expect: Any, sure: Any) -> None:
    one, other = self.full(staged.path), self.full(path)
    if self._os.rename_with(EXCHANGE, one, None, other, None):
        self._os.unlink(one)
    else:
        self._os.rename(one, other)


def _blind_same(self: apply.Apply, path: bytes, row: Any) -> Any:
    found = self._disk.stat(path)
    if found is None:
        raise apply.Changed
    return found


def _noted_early(self: placing.Placer) -> None:
    ready, self._ready, self._size = self._ready, [], 0
    for item in ready:
        stat = self._disk.stat(item.staged.path)
        assert stat is not None
        self._placed(item.job, item.waiting, stat)
    self._placed.__self__._noting.note()  # type: ignore[attr-defined]
    for item in ready:
        with contextlib.suppress(apply.Changed, OSError):
            self._disk.put_in_place(item.staged, item.job.path, item.job.expect)


def _sure_of_anything(self: published.Published, row: Any, seen: Any) -> Any:
    return exchanging.surely


def _mine(self: registers._History, version: Version) -> Any:
    return version.alive, version.id >> 48 == OWN_DEVICE, self.depth[version.id], version.order


def _deletion_wins(self: registers._History, version: Version) -> Any:
    return not version.alive, self.depth[version.id], version.order


def _by_mtime(self: registers._History, version: Version) -> Any:
    return version.alive, version.mtime_ns, version.order


def _empty_when_unreadable(self: Disk, path: bytes) -> Any:
    try:
        return _entries(self, path)
    except OSError:
        return survey.Listing([], bytes(diff.CELL.size))


_entries = Looking.entries


def _record_first(self: Outbox, *, more_follow: bool) -> bool:
    puts: list[Any] = []
    put = self._vault.store.put

    def later(name: str, data: bytes) -> None:
        if name.startswith("pack/"):
            puts.append((name, data))
        else:
            put(name, data)

    self._vault.store.put = later  # type: ignore[method-assign]
    try:
        return _publish(self, more_follow=more_follow)
    finally:
        self._vault.store.put = put  # type: ignore[method-assign]
        for name, data in puts:
            put(name, data)


_publish = Outbox._publish


def _known(self: CatchUp, member: Member) -> bool:
    return not self._stores.owing.holdings(member.name).compared_s


_first_of = asking.first_of


def _first_of_any(members: Any, ask: Any, sound: Any) -> Any:
    return _first_of(members, ask, lambda data: True)


def _no_losers(candidates: Any, winner: Version) -> tuple[Version, ...]:
    return ()


def _first_places(by_node: Any, facts: Any) -> Any:
    return {node: claim.places[0] for node, claim in by_node.items()}


def _exact_mtime(wanted_ns: int, found_ns: int, ctime_ns: int) -> bool:
    return wanted_ns == found_ns


def _never_fresh(mtime_ns: int, ctime_ns: int, now_ns: int) -> bool:
    return False


def _all_ripe(self: cycle.Cycle, node: int) -> bool:
    return True


def _told_at_once(self: outward.Outward, visits: Any) -> Any:
    self._whole = False
    return self._take_all(visits, tell=True)


def _heads_forgotten(self: weave.Weave, node: int) -> list[int]:
    return _heads(self, node)[-1:]


_heads = weave.Weave.heads


def _lose_parents(self: base.Base, row: Any) -> tuple[int, ...]:
    return ()


def _take_torn(self: ingest.Ingest, *_: Any) -> None:
    return None


def _not_restless(self: plain.Taking, item: Any) -> bool:
    self._restless = False
    return _plain(self, item)


_plain = plain.Taking._plain


def _all_living(self: affected._Reseating, claim: Any) -> bool:
    return bool(claim.alive)


def _like_anything(self: published.Published, path: bytes, row: Any, stat: Any) -> bool:
    return bool(stat.kind == row.kind)


def _as_called(self: stating.Stating, row: Any, heads: Any) -> tuple[int, bytes]:
    return row.parent, row.name


def _modes_as_shown(self: survey.Survey, path: bytes, entries: Any, known: Any) -> Any:
    return entries


BUGS: dict[str, Bug] = {
    "skip the check before the rename": lambda: put_in((Exchanging, "_replace", _blind_replace)),
    # The first look alone left out is caught by the last one, but for one schedule in thousands (5258).
    "remove and move whatever stands there": lambda: put_in(
        (apply.Apply, "_same", _blind_same), (published.Published, "sure", _sure_of_anything)
    ),
    "believe that what stands there was published": lambda: put_in(
        (published.Published, "is_so", _like_anything), (published.Published, "sure", _sure_of_anything)
    ),
    "advance the base before the file is there": lambda: put_in((placing.Placer, "flush", _noted_early)),
    "forget to sync the directory": lambda: put_in((placing.Touched, "make_durable", nothing)),
    "forget to sync the files": lambda: put_in((Disk, "sync_all", nothing)),
    "each device wins at home": lambda: put_in((registers._History, "precedence", _mine)),
    "the winner is the newest by its mtime": lambda: put_in((registers._History, "precedence", _by_mtime)),
    "a deletion wins over an edit": lambda: put_in((registers._History, "precedence", _deletion_wins)),
    "what lost is shown nowhere": lambda: put_in((registers, "_losers", _no_losers)),
    "cycles of moves stay": lambda: put_in(
        (affected, "choose_places", _first_places), (tree, "choose_places", _first_places)
    ),
    "a directory dies with what lives in it": lambda: put_in((affected._Reseating, "_lives", _all_living)),
    "drop the frontier": lambda: put_in((outbox, "untold", lambda state: ())),
    "unreadable is empty": lambda: put_in((Looking, "entries", _empty_when_unreadable)),
    "an empty mount point is an empty folder": lambda: put_in(
        (vault_room.Vault, "check_folder", nothing), (cycle, "meet_folder", nothing)
    ),
    "a deletion is told by the first look": lambda: put_in((outward.Outward, "_take_until_settled", _told_at_once)),
    "a deletion is told before a move would be seen": lambda: put_in((cycle.Cycle, "_ripe", _all_ripe)),
    "the record before its packs": lambda: put_in((Outbox, "_publish", _record_first)),
    "a file torn while it was read is published": lambda: put_in((ingest.Ingest, "_check", _take_torn)),
    "fresh fingerprints are believed": lambda: put_in(
        (survey, "too_fresh", _never_fresh), (outward, "too_fresh", _never_fresh)
    ),
    "times that the file system cut are edits": lambda: put_in(
        (diff, "same_mtime", _exact_mtime),
        (published, "same_mtime", _exact_mtime),
        (survey, "same_mtime", _exact_mtime),
    ),
    "temporary files stay": lambda: put_in((Exchanging, "discard", nothing)),
    "a rebuilt device never enrols": lambda: put_in((simulated, "enrol_unheard", nothing)),
    "a folder that joins is all news": lambda: put_in((survey.Survey, "once_here", lambda *_, **__: iter(()))),
    "an edit builds upon nothing": lambda: put_in((base.Base, "heads", _lose_parents)),
    "only the last head counts": lambda: put_in((weave.Weave, "heads", _heads_forgotten)),
    "what was woven is forgotten": lambda: put_in((plain.Taking, "_plain", _not_restless)),
    "a name that one disk has is told to all": lambda: put_in((stating.Stating, "_wanted", _as_called)),
    "an entry is looked at under any name": lambda: put_in((Looking, "exact", Looking.stat)),
    "modes that are not kept are news": lambda: put_in((survey.Survey, "_with_modes", _modes_as_shown)),
    "a checkpoint forgets who meets": lambda: put_in((filling.Filling, "_contested", lambda self: [])),
    "a directory goes before its deletions are told": lambda: put_in((noting.Noting, "owes", lambda self, node: False)),
    "what went with its directory stays in the base": lambda: put_in(
        (Outbox, "gone", nothing), (weave.Weave, "_goes_with", nothing)
    ),
    "what a store lacks is not noted": lambda: put_in((Owing, "owe", nothing)),
    "a store that was away is taken for complete": lambda: put_in(
        (Member, "whole", True), (CatchUp, "_unknown", _known)
    ),
    "bytes of a store are believed": lambda: put_in(
        (asking, "first_of", _first_of_any), (replicas, "first_of", _first_of_any)
    ),
    "what is condemned is built upon": lambda: put_in((Outbox, "_to_go", _nothing_condemned)),
    "nobody is waited for": lambda: put_in((pruning, "awaited", lambda *_: set()), (pruning, "WAIT_NS", 0)),
    "what stands is not needed": lambda: put_in((marking, "_standing", lambda vault: iter(()))),
}

# Caught in long lives.
LASTING = {"what went with its directory stays in the base"}
# Caught where old versions go.
PRUNING = {
    "what is condemned is built upon",
    "nobody is waited for",
    "what stands is not needed",
}
# Caught on one store by their seeds: few lives at once rebuild a state and have an old file there.
ALONE = {"a folder that joins is all news"}

# Bug -> a seed that catches it, within 5,000, most of them the first from 0 on. When a mend lets an old seed pass with
# its bug, `--bug` looks for another.
CAUGHT: dict[str, int] = {
    "skip the check before the rename": 1455,
    "remove and move whatever stands there": 388,
    "believe that what stands there was published": 388,
    "advance the base before the file is there": 8,
    "forget to sync the directory": 132,
    "forget to sync the files": 1769,
    "each device wins at home": 34,
    "the winner is the newest by its mtime": 37,
    "a deletion wins over an edit": 1,
    "what lost is shown nowhere": 34,
    "a directory dies with what lives in it": 1,
    "drop the frontier": 9,
    "unreadable is empty": 111,
    "cycles of moves stay": 4971,
    "a deletion is told by the first look": 743,
    "a deletion is told before a move would be seen": 3391,
    "the record before its packs": 1083,
    "a file torn while it was read is published": 149,
    "fresh fingerprints are believed": 0,
    "times that the file system cut are edits": 9,
    "an empty mount point is an empty folder": 67,
    "temporary files stay": 10,
    "a rebuilt device never enrols": 93,
    "an edit builds upon nothing": 2,
    "what was woven is forgotten": 17,
    "a directory goes before its deletions are told": 530,
    "only the last head counts": 1516,
    "a folder that joins is all news": 441,
    "a name that one disk has is told to all": 4744,
    "an entry is looked at under any name": 27,
    "modes that are not kept are news": 1919,
    "a checkpoint forgets who meets": 24,
    "what went with its directory stays in the base": 12,
    "what a store lacks is not noted": 2,
    "a store that was away is taken for complete": 28,
    "bytes of a store are believed": 105,
    "what is condemned is built upon": 77,
    "nobody is waited for": 1384,
    "what stands is not needed": 8,
}
