"""What has to be true when there is peace (DESIGN section 9)."""

from __future__ import annotations

import random
import re
import stat
import unicodedata
from typing import TYPE_CHECKING, Any

from syncd.engine.rebuild import Rebuilt, fold_all
from syncd.merge.registers import Version
from syncd.model.entry import Kind
from syncd.model.ids import ROOT, DeviceId
from syncd.model.location import pack_name
from syncd.pack.reader import Hasher
from syncd.state.db import State, connect
from syncd.state.known import Known
from syncd.store.catchup import LAG_S
from syncd.store.proving import Proving
from tests.simulation.device import SimDevice, SimState, template, vault_of_all
from tests.simulation.people import CANARY, entries_of
from tests.simulation.store import Door, Shelf
from tests.simulation.system import PERSONALITIES
from tests.state.said import said_by

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

Tree = dict[bytes, tuple[Any, ...]]
# On a disk that does not tell `a` from `A`, what is called otherwise for that may meet its namesake in the tree.
CASE_TAG = re.compile(rb" \((?:case|conflict [^()]*) [0-9a-f]{6,32}\)")


def fail(text: str) -> None:
    from tests.simulation.run import Violation

    raise Violation(text)


def tree_of(device: SimDevice, grain_ns: int = 1) -> Tree:
    """Return path -> what stands there."""
    found: Tree = {}
    for path, inode in entries_of(device.system):
        mode = inode.mode & 0o7777
        if stat.S_ISDIR(inode.mode):
            found[path] = ("directory", mode)
        elif stat.S_ISLNK(inode.mode):
            found[path] = ("symlink", inode.target)
        else:
            found[path] = ("file", mode, inode.mtime_ns // grain_ns, bytes(inode.data))
    return found


def common(one: SimDevice, other: SimDevice, *, blind: bool = False) -> tuple[Tree, Tree]:
    """Return what two devices have, as far as both their file systems can keep it.

    Names that only one disk has lose their tag; where one stores letters in a form of its own, forms do not count.
    """
    systems = (one.system.personality, other.system.personality)
    grain = max(system.grain_ns for system in systems)
    trees = []
    for device in (one, other):
        tree: Tree = {}
        for path, found in tree_of(device, 1 if grain < 10**9 else grain).items():
            if found[0] == "symlink" and not all(system.symlinks for system in systems):
                continue
            if not all(system.modes for system in systems) and found[0] != "symlink":
                found = (found[0], 0, *found[2:])
            name = CASE_TAG.sub(b"", path) if blind or any(system.blind for system in systems) else path
            if one is not other and any(system.normalising for system in systems):
                text = name.decode("utf-8", "surrogateescape")
                name = unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
            tree[name] = tuple(sorted((*tree.get(name, ()), found), key=repr))  # names that are one now hold several
        trees.append(tree)
    return trees[0], trees[1]


def differences(one: Tree, other: Tree) -> str:
    """Say how two trees differ."""
    paths = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    return "\n".join(f"    {path!r}: {one.get(path)} | {other.get(path)}" for path in paths)


def calm(simulation: Simulation, number: int) -> None:
    """Where nothing is done at once, everybody comes to have what the one who did it has."""
    device = simulation.devices[number]
    blind = any(found.system.personality.blind for found in simulation.devices)
    wanted, _ = common(device, device, blind=blind)
    simulation.settle()
    now, _ = common(device, device, blind=blind)
    # What a directory holds that cannot stand on a disk keeps it elsewhere, when it is removed there.
    unseen = not all(found.system.personality.symlinks for found in simulation.devices)
    if not _is_still(wanted, now) and not unseen:
        fail(f"calm: what {device.name} did was changed there:\n{differences(wanted, now)}")
    converged(simulation)


def hangs_together(device: SimDevice) -> None:
    """What the base has lies in a directory that it has; no two of one kind are one entry of this disk."""
    if device.state.db.in_transaction:
        return
    tree = "SELECT id, parent, name, kind, ino FROM node WHERE kind <> 4 AND parent >= 0 AND ino <> -1"
    sql = f"SELECT id, parent, name, kind, ino FROM base UNION ALL {tree}"
    here = {row[0]: row for row in device.state.db.execute(sql)}
    places = set()
    for node, parent, name, kind, inode in here.values():
        if parent != ROOT and (parent not in here or here[parent][3] != Kind.DIRECTORY):
            fail(f"base: {device.name} has {name!r} ({node}) in a directory that it has not ({parent})")
        place = (parent, name, kind, inode)
        if inode > 0 and place in places:
            fail(f"base: {device.name} has two nodes at one entry: {place}")
        places.add(place)


def _is_still(wanted: Tree, now: Tree) -> bool:
    """Tell whether a tree is what was wanted, where directories of one name are one now, and equal files are.

    A name holds several only where the disk of the one who did it called something otherwise, and it met its namesake.
    """
    return wanted.keys() == now.keys() and all(
        len(now[path]) <= len(found)
        and set(now[path]) <= set(found)
        and set(map(_what, now[path])) == set(map(_what, found))
        for path, found in wanted.items()
    )


def _what(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what entries of one name have in common when they are one: that they are directories, or their bytes."""
    return found[:1] if found[0] == "directory" else (found[0], found[-1])


def judge(simulation: Simulation) -> None:
    """Hold everything to the promises."""
    converged(simulation)
    nothing_lost(simulation)
    nothing_back(simulation)
    no_clock_decides(simulation)
    at_rest(simulation)
    replicated(simulation)
    rebuilt(simulation)
    checkpointed(simulation)
    no_plaintext(simulation)
    nothing_left_over(simulation)


def converged(simulation: Simulation) -> None:
    """P2: one tree."""
    for device in simulation.devices[1:]:
        first, other = common(simulation.devices[0], device)
        if first != other:
            troubles = {found.name: found.cycle.status.problems for found in simulation.devices}
            fail(f"converged: dev0 and {device.name} differ:\n{differences(first, other)}\n{troubles}")


def nothing_lost(simulation: Simulation) -> None:
    """P1: what nobody destroyed stands somewhere; what was published can be had from history."""
    ledger = simulation.ledger
    standing = {found[3] for found in tree_of(simulation.devices[0]).values() if found[0] == "file"}
    for data in ledger.written:
        if data not in standing and data not in ledger.taken:
            fail(f"lost: {data!r} of {ledger.written[data]} stands nowhere, and nobody removed it")
    device = simulation.devices[-1]
    hasher, reader = Hasher(vault_of_all()[0]), device.vault.reader()
    for data in sorted(ledger.known):
        if CANARY not in data or (simulation.schedule.prunes and data not in standing):
            continue
        chunk = hasher.data(data)
        if device.state.chunks.get(chunk) is None:
            fail(f"lost: {data!r} was published and no record names it")
        if bytes(reader.read(chunk)) != data:
            fail(f"lost: {data!r} comes back otherwise")


def no_clock_decides(simulation: Simulation) -> None:
    """What stands has more versions behind it than what it overruled, or is later in the order of all."""
    state = simulation.devices[0].state
    known = Known(state.db, state.devices)
    for (original,) in state.db.execute("SELECT DISTINCT original FROM copy WHERE original > 0").fetchall():
        versions = {version.id: version for version in known.versions(original)}

        def behind(version: int, versions: dict[int, Version] = versions) -> int:
            parents = [parent for parent in versions[version].parents if parent in versions]
            return 1 + max((behind(parent) for parent in parents), default=0)

        merged = known.merged(original)
        stands = (behind(merged.content.id), merged.content.order)
        for lost in merged.losers:
            if (behind(lost.id), lost.order) > stands:
                fail(f"winner: {lost.content!r} should stand at {state.nodes.path_of(original)!r}")


def nothing_back(simulation: Simulation) -> None:
    """What a person destroyed where it stood does not come back."""
    ledger = simulation.ledger
    for path, found in tree_of(simulation.devices[0]).items():
        if found[0] == "file" and found[3] in ledger.destroyed and found[3] not in ledger.excused:
            fail(f"resurrection: {found[3]!r} stands at {path!r} again")
    values: dict[Any, list[bytes]] = {}
    for path, found in tree_of(simulation.devices[0]).items():
        copy = found[0] == "file" and b"(conflict " in path.rpartition(b"/")[2]
        if copy and found[3] not in ledger.copied:
            original = path[: path.rindex(b" (conflict ")]
            values.setdefault((original, found[3]), []).append(path)
    doubled = [paths for paths in values.values() if len(paths) > 1]
    if doubled:
        fail(f"spurious conflict: equal contents stand at {doubled}")


def at_rest(simulation: Simulation) -> None:
    """Another look changes nothing, on disk or in the store, and owes nothing."""
    for device in simulation.devices:
        before = (device.system.changes, simulation.shelf.puts)
        simulation._look(device.number, whole=True)
        if (device.system.changes, simulation.shelf.puts) != before:
            fail(f"rest: another look of {device.name} changed something")
        if device.cycle.status.state != "idle" or (device.state.base.waiting and device.system.personality.symlinks):
            fail(f"rest: {device.name} is {device.cycle.status.state} and owes: {device.cycle.status.problems}")
        for row in device.state.nodes.live():
            if row.kind == Kind.TOMBSTONE:
                fail("rest: a tombstone lives")


def rebuilt(simulation: Simulation) -> None:
    """P7: a device that has only the store comes to the same tree."""
    fresh = SimDevice(
        len(simulation.devices),
        "fresh",
        simulation.clock,
        simulation.shelves.each[simulation.schedule.seed % len(simulation.shelves.each)],
        PERSONALITIES["plain"],
        "fresh",
        lambda *_: None,
        lambda: 99,
    )
    fresh.found()
    if not fresh.look_everywhere():
        fail(f"rebuild: {fresh.cycle.status.reason}")
    one, other = common(simulation.devices[0], fresh)
    if one != other:
        fail(f"rebuild: a fresh device differs:\n{differences(one, other)}\n{fresh.cycle.status.problems}")


def checkpointed(simulation: Simulation) -> None:
    """A state that begins with a checkpoint is the state that every record makes."""
    shelf = simulation.shelf
    if not any(name.startswith("checkpoint/") for name in shelf.objects):
        return
    objects = shelf.objects
    without = Shelf({name: data for name, data in objects.items() if not name.startswith("checkpoint/")})
    (plain, _), (begun, used) = _filled(without), _filled(Shelf(objects))
    if not used:
        return
    states = [plain, begun]
    one, other = (said_by(state) for state in states)
    for said in (one, other):  # what was let go is in no checkpoint
        said["pack"] = [row for row in said["pack"] if pack_name(row[0]) in objects]
    for table in one:
        if one[table] != other[table]:
            fail(f"checkpoint: {table} differs: {set(one[table]) ^ set(other[table])}")
    for chunk, _ in states[0].db.execute("SELECT id, place FROM chunk_delta").fetchall():
        at = states[0].chunks.get(chunk)
        if at is None or pack_name(states[0].packs.get(at.pack).pack) not in objects:
            continue  # it was let go
        if states[1].chunks.get(chunk) is None:
            fail("checkpoint: a chunk has no place")
    simulation.counts.checkpoints += 1


def _filled(shelf: Shelf) -> tuple[State, bool]:
    """Return the state that a new device makes of a store, and whether it began with a checkpoint."""
    db = connect(":memory:")
    db.deserialize(template())
    state = SimState(db, lambda *_: None)
    with state.transaction():
        state.devices.number(DeviceId(b"nobody's device."))
    result = Rebuilt()
    keys, genesis, _ = vault_of_all()
    fold_all(state, Door(shelf, lambda *_: None), keys, result, [], genesis.founder)
    if result.wrong:
        fail(f"checkpoint: {result.wrong}")
    return state, bool(result.begun)


def replicated(simulation: Simulation) -> None:
    """Every store holds the same objects, byte for byte, and nobody takes one for lacking."""
    if len(simulation.shelves.each) < 2:
        return
    device = simulation.devices[0]
    simulation.clock.advance(2 * LAG_S)  # a listing may have been of before
    device.tend()
    proving = Proving(device.vault.store)
    proving.run(100.0, random.Random(0))
    if proving.found.disputed:
        fail(f"replicas: stores differ in {proving.found.disputed}")
    device.tend()
    first, *others = simulation.shelves.each
    for other in others:
        if other.objects != first.objects:
            names = first.objects.keys() | other.objects.keys()
            wrong = sorted(name for name in names if first.objects.get(name) != other.objects.get(name))
            fail(f"replicas: {first.name} and {other.name} differ in {wrong}")
    for device in simulation.devices:
        for shelf in simulation.shelves.each:
            if device.owing.lacking(shelf.name)[0]:
                fail(f"replicas: {device.name} takes {shelf.name} for incomplete")


def no_plaintext(simulation: Simulation) -> None:
    """P4: no content and no name can be read at the store."""
    for name, data in simulation.shelf.objects.items():
        if CANARY in data or b"note.txt" in data:
            fail(f"secrecy: {name} shows what it holds")


def nothing_left_over(simulation: Simulation) -> None:
    """No temporary file stays."""
    for device in simulation.devices:
        for inode in device.system._all(device.system.root):
            for name, _ in inode.children.values():
                if name.startswith((b".syncd-tmp-", b".syncd-aside-")):
                    fail(f"left over: {name!r} on {device.name}")
