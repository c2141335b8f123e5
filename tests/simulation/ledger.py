"""What people wrote and what they destroyed: what the oracles hold the devices to.

Every content is written once, by one person. It was destroyed if a person's own action took it from a folder
where it stood; it was published if it stood in a folder, untouched, through a whole look that came through.
"""

from __future__ import annotations

import contextlib
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from syncd.engine.cycle import RIPE_S
from syncd.model.version import Row
from syncd.pack.reader import Hasher
from tests.simulation.device import SimDevice, vault_of_all
from tests.simulation.people import CANARY, entries_of


def _another(path: bytes, data: bytes, places: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether something else stood at a name; its directory may have been renamed meanwhile."""
    name = path.rpartition(b"/")[2]
    return any(other != data and where.rpartition(b"/")[2] == name for where, other in places)


@dataclass
class Ledger:
    """Contents by what became of them."""

    written: dict[bytes, str] = field(default_factory=dict)
    destroyed: set[bytes] = field(default_factory=set)
    taken: set[bytes] = field(default_factory=set)  # a person removed at least one of the places where it stood
    known: set[bytes] = field(default_factory=set)  # published
    excused: set[bytes] = field(default_factory=set)  # destroyed where the device forgot it before it told
    copied: set[bytes] = field(default_factory=set)  # people put it where a copy stands
    # What a power cut took from a folder, by the path where it stood: something older may stand there since.
    _cut: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    _untold: dict[str, set[bytes]] = field(default_factory=dict)
    _amnesiac: set[str] = field(default_factory=set)  # lost their state and have not looked at everything since
    _crashed: set[str] = field(default_factory=set)  # died and have not looked at everything since
    _last: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    _told: dict[str, dict[bytes, bytes]] = field(default_factory=dict)  # as of the last one after which nothing waited
    _glimpsed: dict[str, dict[bytes, bytes]] = field(default_factory=dict)  # since then, by looks at some of it
    # What was seen to be gone and may not be told as gone: until then its name is its node. Path -> content, since when.
    _fading: dict[str, dict[bytes, tuple[bytes, int]]] = field(default_factory=dict)
    _count: int = 0

    def content(self) -> bytes:
        """Return bytes that nobody wrote before."""
        self._count += 1
        return CANARY + b"%06d" % self._count + b"." * (self._count * 37 % 90)

    def here(self, device: SimDevice) -> dict[bytes, tuple[bytes, int]]:
        """Return path -> (content, mtime) of the files of a folder."""
        return {
            path: (bytes(inode.data), inode.mtime_ns)
            for path, inode in entries_of(device.system)
            if stat.S_ISREG(inode.mode)
        }

    @contextlib.contextmanager
    def watching(self, device: SimDevice) -> Iterator[None]:
        """See what a person's action writes and destroys."""
        places = {path: data for path, (data, _) in self.here(device).items()}
        lying = self._contents(device)
        copies = self._copies(device)
        yield
        # Whoever changes anything of a copy makes a file of it, whatever others do to what it is a copy of.
        self.excused |= {
            places[path] for path, facts in self._copies(device).items() if copies.get(path, facts) != facts
        }
        now = {path: data for path, (data, _) in self.here(device).items()}
        before, after = set(places.values()), set(now.values())
        self.copied |= {data for path, data in now.items() if b"(conflict " in path and places.get(path) != data}
        # A content that was moved away from where something else stands now, as after saving with a backup, or to
        # where something else stood: one name is one node, so to the tree it is new there, and what is done to it
        # elsewhere at that time is done to what stands at its old name.
        fading = [(path, data) for path, (data, _) in self._fading.get(device.name, {}).items()]
        seen = [*self._last.get(device.name, {}).items(), *self._glimpsed.get(device.name, {}).items()]
        was = [*places.items(), *seen, *fading]
        left = {data for path, data in was if data in after and _another(path, data, now.items())}
        known = {data for _, data in was}
        came = {data for path, data in now.items() if data in known and _another(path, data, was)}
        # Whoever moves a copy away keeps it, whatever others do to what it is a copy of.
        kept = {
            data for path, data in places.items() if data in after and path not in now and b"(conflict " in path.lower()
        }
        self.excused |= left | came | kept
        # Where something stood before is forgotten, or which inode it had: so a move is news.
        if device.name in self._amnesiac | self._crashed:
            self.excused |= {data for path, data in places.items() if data in after and path not in now}
        for data in after - before:
            if CANARY not in data:
                continue
            self.written.setdefault(data, device.name)
        # Whoever removes a directory removes what lies in it under a name of ours, too.
        counts = lying
        counts.subtract(self._contents(device))
        self.taken |= {data for data, fewer in counts.items() if fewer > 0}
        # Whoever takes what stands there takes the node, whatever it was before the power went.
        cut = self._cut.get(device.name, {})
        self.taken |= {data for path, data in cut.items() if path in places and places[path] != now.get(path)}
        gone = {data for data in before - after if CANARY in data}
        # What stands there for a moment, until the device has seen what came out of an exchange, may go again.
        if device.name in self._amnesiac | self._crashed or device.system.exchanged:
            self.excused |= gone
        self.destroyed |= gone
        self._untold.setdefault(device.name, set()).update(gone)

    def _contents(self, device: SimDevice) -> Counter[bytes]:
        """Return how often each content stands or lies in a folder."""
        found = entries_of(device.system, ours=True)
        return Counter(bytes(inode.data) for _, inode in found if stat.S_ISREG(inode.mode))

    def _copies(self, device: SimDevice) -> dict[bytes, tuple[int, int]]:
        """Return path -> (mode, mtime) of what has the name of a copy."""
        found = entries_of(device.system)
        return {
            path: (inode.mode, inode.mtime_ns)
            for path, inode in found
            if stat.S_ISREG(inode.mode) and b"(conflict " in path
        }

    @contextlib.contextmanager
    def losing_power(self, device: SimDevice) -> Iterator[None]:
        """See what a power cut takes."""
        before = self.here(device)
        yield
        after = self.here(device)
        lost = {path: data for path, (data, _) in before.items() if after.get(path, (b"", 0))[0] != data}
        self._cut.setdefault(device.name, {}).update(lost)

    def untold(self, device: SimDevice) -> set[bytes]:
        """Return what was destroyed on a device since a look told it."""
        return set(self._untold.get(device.name, ()))

    def glimpsed(self, device: SimDevice, before: dict[bytes, tuple[bytes, int]]) -> None:
        """Take note that a device looked at some of its folder: whatever stands, or stood, there may be known to it."""
        for found in (before, self.here(device)):
            self._glimpsed.setdefault(device.name, {}).update((path, data) for path, (data, _) in found.items())

    def published(self, device: SimDevice, before: dict[bytes, tuple[bytes, int]], untold: set[bytes]) -> None:
        """Take note that a whole look came through; `before` and `untold` are of when it began."""
        now = self.here(device)
        self._fade(device, now.keys())
        # What came or went while it looked may have been told as it was, as it is, or not at all.
        calm = {path for path, found in now.items() if before.get(path) == found}
        self._last[device.name] = {path: data for path, (data, _) in now.items() if path in calm}
        several = [*before.items(), *now.items()]
        self._glimpsed[device.name] = {path: data for path, (data, _) in several if path not in calm}
        if device.cycle._pending or not device.system.mounted:
            return  # it says itself that it has not done with something
        self._told[device.name] = self._last[device.name]
        problems = device.cycle.status.problems
        self.known |= {
            found[0]
            for path, found in before.items()
            if now.get(path) == found
            and not any(path == bad or path.startswith(bad + b"/") or not bad for bad in problems)
        }
        if problems:
            return  # what it could not look at may hold what it has not told
        self._untold[device.name] = self.untold(device) - untold
        self._amnesiac.discard(device.name)
        self._crashed.discard(device.name)

    def bringing_back(self, device: SimDevice, row: Row, path: bytes) -> None:
        """Take note that a person wants an old version, and all below it, in place of whatever is there now.

        What stands there, or is known to, is overruled knowingly; what comes back was asked for.
        """
        nodes = device.state.nodes
        rows = list(nodes.everything())
        # What is asked for is a path: at that instant another node may have stood there.
        reached = {found.node for found in rows if (found.parent, found.name) == (row.parent, row.name)} | {row.node}
        # Or it stands there since directories of one name, made by several devices, are one.
        at_path = {found.node: device.state.base.path_of(found.node) for found in rows}
        reached |= {node for node, place in at_path.items() if place == path or place.startswith(path + b"/")}
        while more := {found.node for found in rows if found.parent in reached} - reached:
            reached |= more
        named = {(found.parent, found.name) for found in rows if found.node in reached}
        contents = {found.content for found in rows if found.node in reached or (found.parent, found.name) in named}
        hasher = Hasher(vault_of_all()[0])
        meant = {data for data in self.written if hasher.data(data) in contents}
        here = self.here(device).items()
        meant |= {data for at, (data, _) in here if at == path or at.startswith(path + b"/")}
        self.excused |= meant
        self.taken |= meant

    def _fade(self, device: SimDevice, standing: Iterable[bytes]) -> None:
        """Take note of what is gone since the last whole look; two of them, some time apart, tell a deletion."""
        when, before = device.clock.ns, self._fading.get(device.name, {})
        seen = self._last.get(device.name, {}) | self._glimpsed.get(device.name, {})
        gone = {path: (data, when) for path, data in seen.items()} | before
        for path in standing:
            gone.pop(path, None)
        self._fading[device.name] = {
            path: (data, since)
            for path, (data, since) in gone.items()
            if (when - since) / 1e9 < RIPE_S or since == when
        }

    def crashed(self, device: SimDevice) -> None:
        """Take note that a process died: what it had just put in place is known only if it stands there still."""
        self._crashed.add(device.name)

    def forgetting(self, device: SimDevice, *, older: bool = False) -> None:
        """Take note that a device lost its state: what was destroyed there since its last whole look may come back.

        Where it has an `older` state, and has said nothing since, it cannot know that; all that lies there is news.
        """
        self.excused |= self._untold.pop(device.name, set())
        last = {} if older else self._told.get(device.name, {})
        now = {path: data for path, (data, _) in self.here(device).items()}
        self.excused |= {data for path, data in now.items() if last.get(path) != data}
        self._amnesiac.add(device.name)
