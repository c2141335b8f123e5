"""Attacks on bytes: flipped, cut, spliced, swapped (rows A5, A6, A7, A8, A10 of docs/attacks.md)."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.errors import Damaged, NotUnlocked, ObjectMissing
from syncd.store.provider import Listed
from tests.attacks.evil import Policy, weak_open, weak_seal
from tests.attacks.scene import Scene, contents, opener

KINDS = ("genesis", "slot", "epoch", "pack", "record", "checkpoint", "part")
FLIPS = 10_000  # over all kinds
SEED = 20261127


def flipped(data: bytes, dice: random.Random) -> bytes:
    at, bit = dice.randrange(len(data)), 1 << dice.randrange(8)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_goes_unnoticed(unhurt: Scene, kind: str) -> None:
    """A5. What opens is what was sealed, or an error says that it does not."""
    dice = random.Random(f"{SEED} {kind}")
    names = unhurt.names(kind)
    assert names, f"there is no {kind}"
    with unhurt.opened(unhurt.found[0]) as vault:
        opened = opener(vault, unhurt.found[0].words)
        whole = {name: unhurt.get(name) for name in names}
        true = {name: opened(name, data) for name, data in whole.items()}
        noticed = 0
        for _ in range(FLIPS // len(KINDS)):
            name = dice.choice(names)
            try:
                found = opened(name, flipped(whole[name], dice))
            except (Damaged, NotUnlocked):  # anything else fails the test
                noticed += 1
                continue
            noticed += not found  # a slot that does not open is somebody else's, for all that anybody can tell
            # A bit may lie where this device does not look: in another slot's share, or a pack's padding and footer.
            assert found == true[name] or not found, f"seed {SEED}: {name} opens as something else"
    assert noticed > FLIPS // len(KINDS) // 2


def test_the_control_lets_every_flip_through() -> None:
    dice, key, data = random.Random(SEED), b"key", b"what was sealed " * 60
    sealed = weak_seal(key, data)
    assert all(weak_open(key, flipped(sealed, dice)) != data for _ in range(1000)), "and nobody says so"


def frames_of(data: bytes) -> list[int]:
    """Return where an object might be cut: behind its header, at each KiB, before its trailer."""
    return [0, 1, 96, *range(1024, len(data), 1024), len(data) - 64, len(data) - 1]


CUTS: list[tuple[str, Callable[[bytes, bytes], list[bytes]]]] = [
    ("cut short", lambda data, _: [data[:at] for at in frames_of(data)]),
    ("made longer", lambda data, other: [data + b"\0", data + other, data + data]),
    ("spliced with another", lambda data, other: [data[:at] + other[at:] for at in frames_of(data)[2:-1]]),
    ("turned round", lambda data, _: [data[:96] + data[96:-64][::-1] + data[-64:]]),
    ("of another object's beginning", lambda data, other: [other[:96] + data[96:]]),
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "genesis"])
@pytest.mark.parametrize(("what", "cut"), CUTS, ids=[what for what, _ in CUTS])
def test_no_other_arrangement_of_bytes_opens(
    unhurt: Scene, kind: str, what: str, cut: Callable[[bytes, bytes], list[bytes]]
) -> None:
    """A6. Frames say their place and their number; a trailer says the length."""
    names = unhurt.names(kind)
    name, other = names[0], unhurt.get(names[-1])
    with unhurt.opened(unhurt.found[0]) as vault:
        opened = opener(vault, unhurt.found[0].words)
        whole = unhurt.get(name)
        true = opened(name, whole)
        tried = [data for data in cut(whole, other) if data != whole]
        assert tried or len(names) == 1
        for data in tried:
            try:
                found = opened(name, data)
            except (Damaged, NotUnlocked):
                continue
            assert found == true or not found, f"{kind} {what}: opens as something else"


def test_the_control_takes_chunks_in_any_order() -> None:
    key, chunks = b"key", [b"one  ", b"two  ", b"three"]
    sealed = [weak_seal(key, chunk) for chunk in chunks]
    assert b"".join(weak_open(key, chunk) for chunk in reversed(sealed)) == b"threetwo  one  "


@pytest.mark.parametrize("kind", ["pack", "record", "epoch", "part"])
def test_an_object_under_anothers_name(unhurt: Scene, kind: str, tmp_path: Path) -> None:
    """A7, A10. Two of one kind change places, or one of another kind comes: an error, and no file is another's."""
    names = unhurt.names(kind)
    before = contents(unhurt.found[0].tree())
    others = [names[-1], *(unhurt.names(other)[0] for other in KINDS if other != kind)]
    for number, other in enumerate(others):
        name = names[0]
        swapped = {name: unhurt.get(other), other: unhurt.get(name)}
        scene = unhurt.copy(tmp_path / f"scene {number}")
        policy = Policy(get=lambda asked, data, swapped=swapped: swapped.get(asked, data))  # type: ignore[misc]
        for victim in (
            scene.restored(scene.found[1], policy, tmp_path / f"restored {number}"),
            scene.sync(scene.found[1], policy),
        ):
            found = contents(victim.tree)
            assert all(before[path] == data for path, data in found.items()), f"{name} and {other}"
        for one, data in swapped.items():
            (scene.store / one).write_bytes(data)
        joined = scene.join(tmp_path / f"join {number}")
        found = contents(joined.tree)
        assert all(before[path] == data for path, data in found.items()), f"{name} and {other}"
        assert found == before or joined.noticed, f"{name} and {other}: nobody noticed"


LIES: list[tuple[str, Policy]] = [
    ("sizes are too great", Policy(size=lambda _, size: size + 1024)),
    ("sizes are too small", Policy(size=lambda _, size: max(1, size // 2))),
    ("sizes are nothing", Policy(size=lambda _, size: 0)),
    ("the listing is turned round", Policy(order=lambda found: found[::-1])),
    ("all is listed twice", Policy(order=lambda found: [one for listed in found for one in (listed, listed)])),
    (
        "names that are none are listed",
        Policy(order=lambda found: [*found, Listed("record/nonsense", 5), Listed("x", 1)]),
    ),
]


@pytest.mark.parametrize(("what", "policy"), LIES, ids=[what for what, _ in LIES])
def test_what_a_store_says_about_objects_is_believed_by_nobody(scene: Scene, what: str, policy: Policy) -> None:
    """A8. Sizes, orders and listings only say where to look."""
    anna, bert = scene.found
    before = contents(bert.tree())
    anna.write("new", "said to an honest store")
    anna.sync()
    victim = scene.sync(bert, policy)
    found = contents(victim.tree)
    assert {path: data for path, data in found.items() if path != "new"} == before, "nothing is lost, nothing changed"
    assert found.get("new", b"said to an honest store") == b"said to an honest store"
    assert "new" in found or victim.noticed or "size" in what
    scene.sync(bert, Policy())
    assert contents(bert.tree())["new"] == b"said to an honest store"


def test_what_is_missing_is_an_error_of_its_own(scene: Scene, tmp_path: Path) -> None:
    """R4. One pack is gone: what lies in it is named, everything else comes back."""
    pack = scene.names("pack")[0]
    before = contents(scene.found[1].tree())
    victim = scene.restored(
        scene.found[1], Policy(get=lambda name, data: None if name == pack else data), tmp_path / "out"
    )
    found = contents(victim.tree)
    assert victim.problems
    assert all(pack in why or "missing" in why or "no " in why for why in victim.problems.values())
    assert found.keys() | {path.decode() for path in victim.problems} >= before.keys()
    assert all(before[path] == data for path, data in found.items())
    with (
        scene.opened(scene.found[1], scene.evil(Policy(get=lambda name, data: None))) as vault,
        pytest.raises(ObjectMissing),
    ):
        vault.store.get(pack)
