"""What the merge promises, on random histories of several devices."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from syncd.merge.registers import Version, merge
from syncd.merge.tree import View, build
from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from tests.merge.devices import Device, KnownFacts, claims_from, lives, merged_nodes, visible

seeds = st.integers(0, 1 << 48)
counts = st.integers(2, 5)


def all_known(devices: list[Device]) -> dict[int, tuple[int, Version]]:
    return {version: found for device in devices for version, found in device.known.items()}


@given(seed=seeds, count=counts)
def test_the_tree_is_a_function_of_the_set(seed: int, count: int) -> None:
    known = all_known(lives(seed, count, 40))
    facts = KnownFacts(known)
    first = build(claims_from(merged_nodes(known)), facts)
    shuffled = list(known.items())
    random.Random(seed).shuffle(shuffled)
    claims = claims_from(merged_nodes(dict(shuffled)))
    random.Random(seed + 1).shuffle(claims)
    assert build(claims, facts) == first


def check_shape(view: View, kinds: dict[int, int]) -> None:
    shown = visible(view)
    names = [(place.parent, place.name) for place in shown.values()]
    assert len(names) == len(set(names)), "one name is one entry"
    for node, place in view.seats.items():
        assert place.parent == ROOT or place.parent in shown, "a parent is seen"
        assert place.parent == ROOT or kinds[place.parent] == Kind.DIRECTORY
        assert place.hidden is None or place.hidden in shown, "who stands for another is seen"
        steps, above = 0, node
        while above != ROOT:
            above = view.seats[above].parent
            steps += 1
            assert steps <= len(view.seats), "nothing stands below itself"
        assert len(place.name) <= 255


@given(seed=seeds, count=counts)
def test_every_live_node_stands_at_one_path(seed: int, count: int) -> None:
    known = all_known(lives(seed, count, 60))
    merged = merged_nodes(known)
    view = build(claims_from(merged), KnownFacts(known))
    kinds = {node: found.kind for node, found in merged.items()}
    check_shape(view, kinds)
    for node, found in merged.items():
        if found.alive:
            assert node in view.seats
            for loser in found.losers:
                assert loser.id in view.seats, "an overruled content is shown beside"
        elif found.kind != Kind.DIRECTORY:
            assert node not in view.seats
    for node in view.revived:
        stands = view.seats[node].hidden or node
        assert any(place.parent == stands for place in view.seats.values()), "revived for nothing"


@given(seed=seeds, count=counts)
def test_no_content_is_lost_that_nobody_replaced(seed: int, count: int) -> None:
    """Whatever bytes a head that lives states are somewhere in the tree."""
    known = all_known(lives(seed, count, 60))
    merged = merged_nodes(known)
    view = build(claims_from(merged), KnownFacts(known))
    shown = set()
    for node in visible(view):
        if node in merged:
            shown.add(merged[node].content.bytes_value)
        else:
            shown.add(known[node][1].bytes_value)
    built_upon = {parent for _, version in known.values() for parent in version.parents}
    for identity, (node, version) in known.items():
        if identity in built_upon or not version.alive or version.kind == Kind.DIRECTORY:
            continue
        if merge([found for owner, found in known.values() if owner == node]).content.alive:
            changed = all(known[parent][1].bytes_value != version.bytes_value for parent in version.parents)
            assert version.bytes_value in shown or not changed


@given(seed=seeds)
def test_one_device_alone_has_no_conflict(seed: int) -> None:
    (device,) = lives(seed, 1, 60)
    merged, view = device.see()
    assert not any(found.losers for found in merged.values())
    assert not view.revived
    for node, place in view.seats.items():
        assert (place.parent, place.name, place.hidden) == (merged[node].place.parent, merged[node].place.name, None)


@given(seed=seeds, count=counts)
def test_edits_in_causal_order_never_conflict(seed: int, count: int) -> None:
    """Devices that hear everything before each change are one device."""
    source = random.Random(seed)
    devices = [Device(number + 1) for number in range(count)]
    for _ in range(40):
        device = source.choice(devices)
        for other in devices:
            device.hear(other)
        device.act(source)
    merged = merged_nodes(all_known(devices))
    assert all(len(found.heads) == 1 and not found.losers for found in merged.values())


@given(seed=seeds, count=counts)
def test_saying_again_what_stands_changes_nothing(seed: int, count: int) -> None:
    """A device that resolves everything as it is shown makes the tree that everybody had already."""
    devices = lives(seed, count, 40)
    judge = Device(90)
    for device in devices:
        judge.hear(device)
    merged, before = judge.see()
    for node, found in merged.items():
        if found.alive and len(found.heads) > 1 and not found.losers:
            judge.change(node)
    _, after = judge.see()
    assert after.seats == before.seats
