"""The tree in the database is the tree that merge makes from nothing, in whatever order records come."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.merge.registers import Version
from syncd.merge.tree import build
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, DeviceId, counter_of, device_of, key
from syncd.state.base import Base
from syncd.state.db import State
from syncd.state.devices import RecordRow
from syncd.state.forest import HIDDEN
from syncd.state.nodes import PENDING, Applied
from tests.merge.devices import KnownFacts, claims_from, lives, merged_nodes, rank_of

PLACE = 2  # our own device has local number 1; the others follow


def change_of(node: int, version: Version) -> Change:
    return Change(
        node,
        version.parent,
        version.name,
        version.kind,
        version.mode,
        version.mtime_ns,
        version.size,
        version.depth,
        version.profile,
        version.content,
        version.inline,
        version.parents,
    )


def stamped(state: State, claim_version: int) -> str:
    return f"device {device_of(claim_version)}"


class Receiver:
    """A state that takes versions as records of one change each."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.sequences: dict[int, int] = {}
        with state.transaction():
            for number in range(1, 7):
                assert state.devices.number(DeviceId(rank_of(key(number, 1))[0])) == number
                state.devices.enrol(number, f"device {number}", b"")

    def take(self, node: int, version: Version) -> None:
        number = device_of(version.id)
        sequence = self.sequences[number] = self.sequences.get(number, 0) + 1
        lamport, claimed = version.order[0], 10**18 + version.id % 7 * 10**11
        with self.state.transaction():
            row = RecordRow(number, sequence, b"", 0, lamport, claimed, lamport, 1, counter_of(version.id))
            self.state.devices.advance(row)
            self.state.take([Applied(version.id, change_of(node, version), PENDING)], lamport)


def seats_in(state: State) -> dict[int, tuple[int, bytes, int | None]]:
    found = {}
    rows = state.db.execute(
        "SELECT id, node.parent, name, standing, hidden.parent FROM node LEFT JOIN hidden ON hidden.node = id "
        "WHERE kind <> 4"
    ).fetchall()
    for node, parent, name, standing, beside in rows:
        found[node] = (beside if parent == HIDDEN else parent, name, standing)
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(seed=st.integers(0, 1 << 48), count=st.integers(2, 5))
@example(seed=1300618, count=5)  # a dead directory that was one with another is renamed, with what lives in it
@example(seed=1079, count=2)  # a dead directory stands elsewhere than where it was said to be dead
def test_any_order_gives_the_tree_made_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    source = random.Random(seed)
    known = {version: found for device in lives(seed, count, 40) for version, found in device.known.items()}
    state = State(tmp_path_factory.mktemp("state"), write=True)
    receiver = Receiver(state)
    facts = KnownFacts(known)
    arrival = sorted(known, key=facts.order)
    heard: dict[int, tuple[int, Version]] = {}
    following = dict.fromkeys(range(1, 7), 1)
    while arrival:
        nodes = {node for node, _ in heard.values()}
        ready = [
            version
            for version in arrival
            if counter_of(version) == following[device_of(version)]
            and all(parent in heard for parent in known[version][1].parents)
            and (known[version][1].parent == ROOT or known[version][1].parent in nodes)
        ]
        version = source.choice(ready)
        following[device_of(version)] += 1
        arrival.remove(version)
        heard[version] = known[version]
        receiver.take(*known[version])
        merged = merged_nodes(heard)
        view = build(claims_from(merged), facts)
        assert seats_in(state) == {node: tuple(place) for node, place in view.seats.items()}
    for node, found in merged_nodes(heard).items():
        row = state.nodes.get(node)
        assert row is not None
        if found.alive:
            assert (row.content, row.mode, row.mtime_ns) == (
                found.content.content,
                found.mode.mode,
                found.mtime_ns,
            )
        else:
            assert row.kind == Kind.TOMBSTONE or (node in view.revived and row.mode == found.mode.mode)
        assert {row.version for row in state.nodes.versions(node)} == {
            version for version, (owner, _) in heard.items() if owner == node
        }
    for version, (node, found) in heard.items():  # whatever the tree makes of it, a version is what was stated
        said = state.nodes.version(version)
        assert said is not None
        columns = slice(2, 12 if found.alive else 5)  # of a tombstone's mode and times nothing is kept
        assert (said.node, *said[columns]) == (node, *change_of(node, found)[1 : columns.stop - 1])
    assert not state.base.children(ROOT), "nothing of it is on this disk"
    assert isinstance(state.base, Base)
    state.close()
