"""Attacks on what devices believe: keys, journals, times (rows A1, A2, A9, R1 to R3, K2, M1, X1, X2 of docs/attacks.md)."""

from __future__ import annotations

import os
import random
import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from syncd.engine.deciding import decide
from syncd.engine.fold import NEXT_VERSION
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.pruning import would_prune
from syncd.errors import Damaged, NotUnlocked, StoreForeign, StoreGone
from syncd.journal.record import RecordHead, encode, record_name
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, DeviceId, EpochId, SlotId, key
from syncd.seal.envelope import ObjectKind, read_clear
from syncd.seal.epochs import EpochRoots, open_epoch, seal_epoch
from syncd.seal.keys import DeviceKeys
from tests.attacks.evil import Policy
from tests.attacks.scene import Scene, contents, made
from tests.engine.devices import opened

HONEST = Policy()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A vault of the enemy's own, whole and consistent."""
    return made(tmp_path_factory.mktemp("stranger") / "scene")


def replaced(scene: Scene, stranger: Scene, kinds: tuple[str, ...]) -> None:
    """Put the enemy's objects in the place of ours."""
    for kind in kinds:
        place = scene.store / kind
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        (shutil.copytree if (stranger.store / kind).is_dir() else shutil.copy)(stranger.store / kind, place)


KEYS = [("genesis",), ("slot",), ("epoch",), ("slot", "epoch"), ("genesis", "slot", "epoch", "record", "pack")]


@pytest.mark.parametrize("kinds", KEYS, ids=lambda kinds: " and ".join(kinds))
def test_keys_of_the_enemys_own(scene: Scene, stranger: Scene, kinds: tuple[str, ...], tmp_path: Path) -> None:
    """A1. A device that knows the vault goes on with its own keys or says that this is another; words open nothing else."""
    before = contents(scene.found[1].tree())
    replaced(scene, stranger, kinds)
    joined = scene.join(tmp_path / "late")
    assert isinstance(joined.error, NotUnlocked | StoreForeign | Damaged)
    assert not contents(joined.tree)
    scene.found[1].write("secret", "for nobody but us")
    evil = scene.evil()
    victim = scene.sync(scene.found[1], HONEST)
    assert {path: data for path, data in contents(victim.tree).items() if path != "secret"} == before
    if "genesis" in kinds:
        assert isinstance(victim.error, StoreForeign)
        assert not evil.given
    with opened(scene.found[1]) as ours, opened(stranger.found[0]) as theirs:
        assert not set(ours.keys.roots.epochs) & set(theirs.keys.roots.epochs), "nothing is sealed to the enemy"


def test_an_epoch_that_the_enemy_opened(scene: Scene) -> None:
    """A2. It is sealed to all the right slots, by a device that is none of the vault's."""
    anna, bert = scene.found
    mallory = DeviceKeys.generate(bytes(16))
    with opened(anna) as vault:
        keys = vault.keys
        slots = {SlotId(device.slot_id): device.slot.public() for device in [vault.device]}
        with opened(bert) as other:
            slots[SlotId(other.device.slot_id)] = other.device.slot.public()
        epoch = EpochId(os.urandom(16))
        roots = EpochRoots(epoch, bytes(32), keys.roots.id_root, dict(keys.roots.epochs), DeviceId(mallory.id))
        data = seal_epoch(keys.vault, roots, slots, mallory, os.urandom(32), os.urandom(32))
        current = keys.current
    name = f"epoch/{epoch.hex()}"
    (scene.store / name).write_bytes(data)
    with opened(bert) as vault:  # the control: the object itself is in order, and opens
        assert open_epoch(vault.keys.vault, data, SlotId(vault.device.slot_id), vault.device.slot, name) is not None
    bert.write("secret", "for nobody but us")
    scene.sync(bert, HONEST)
    scene.sync(anna, HONEST)
    with opened(bert) as vault:
        assert vault.keys.current == current
        assert epoch not in vault.keys.roots.epochs
    assert anna.read("secret") == "for nobody but us"


@pytest.mark.parametrize("kind", ["record", "pack", "checkpoint", "part", "epoch", "slot"])
def test_objects_of_another_vault_are_put_among_ours(scene: Scene, stranger: Scene, kind: str, tmp_path: Path) -> None:
    """A9. Well formed, and of no meaning here: nothing of them comes to stand anywhere."""
    before = contents(scene.found[1].tree())
    for name in stranger.names(kind):
        target = scene.store / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stranger.get(name))
    victim = scene.sync(scene.found[1], HONEST)
    assert contents(victim.tree) == before
    assert victim.alarms or kind != "record", "a journal that nobody can read is told"
    joined = scene.join(tmp_path / "late")
    assert contents(joined.tree) in (before, {})
    assert contents(joined.tree) == before or joined.noticed


def test_an_old_state_is_shown(scene: Scene, tmp_path: Path) -> None:
    """R1. Whoever has seen more raises an alarm, and deletes nothing."""
    anna, bert = scene.found
    shutil.copytree(scene.store, tmp_path / "old")
    anna.write("newest", "said since")
    (anna.folder / "later/0").unlink()
    scene.sync(anna, HONEST)
    scene.sync(bert, HONEST)
    before = contents(bert.tree())
    shutil.rmtree(scene.store)
    shutil.copytree(tmp_path / "old", scene.store)
    for device in (anna, bert):
        victim = scene.sync(device, HONEST)
        assert victim.noticed
    assert contents(bert.tree()) == before


def test_two_devices_are_shown_two_histories(scene: Scene, tmp_path: Path) -> None:
    """R2. Each sees a store of its own; once a record of one gets to the other, both know."""
    anna, bert = scene.found
    other = scene.copy(tmp_path / "other")
    anna.write("a", "to the one store")
    scene.sync(anna, HONEST)
    other.found[0].write("a", "to the other, by a copy of the same device")
    other.sync(other.found[0], HONEST)
    other.sync(other.found[1], HONEST)
    other.found[1].write("b", "by who has seen the other")
    other.sync(other.found[1], HONEST)
    scene.sync(bert, HONEST)
    leaked = max(path for path in other.names("record") if DeviceId(bytes.fromhex(path.split("/")[1])) == _id(bert))
    (scene.store / leaked).parent.mkdir(exist_ok=True)
    (scene.store / leaked).write_bytes(other.get(leaked))
    victim = scene.sync(anna, HONEST)
    assert any("another journal" in why or "chain" in why or "missing" in why for why in victim.alarms.values()), (
        victim.alarms
    )


def _id(device: object) -> bytes:
    with opened(device) as vault:  # type: ignore[arg-type]
        return bytes(vault.device.id)


def test_what_is_new_is_withheld(scene: Scene) -> None:
    """R3. Nobody can tell that from silence; but when each was heard last is told, and it goes on where it was."""
    anna, bert = scene.found
    frozen = set(scene.names("record")) | set(scene.names("pack")) | {"genesis", *scene.names("epoch")}
    anna.write("new", "withheld")
    scene.sync(anna, HONEST)
    withheld = Policy(get=lambda name, data: data if name in frozen else None)
    victim = scene.sync(bert, withheld)
    assert "new" not in contents(victim.tree)
    with opened(bert) as vault:
        newest = max(row.claimed_ns for row in vault.state.devices.records())
        assert newest < time.time_ns()
    assert "new" in contents(scene.sync(bert, HONEST).tree)


def test_no_salt_is_used_for_two_things(scene: Scene) -> None:
    """K2. Puts fail, are cut off and come again: a key seals one object only."""
    anna = scene.found[0]
    dice = random.Random(3)
    seen: dict[bytes, bytes] = {}
    for number in range(12):
        anna.write(f"k2/{number}", dice.randbytes(3000).hex())
        evil = scene.evil()
        fails = dice.randrange(4)

        def put(name: str, data: bytes, evil: object = evil, fails: int = fails) -> None:
            evil.given.append((name, bytes(data)))  # type: ignore[attr-defined]
            if len(evil.given) > fails:  # type: ignore[attr-defined]
                raise StoreGone("it went away")
            evil.inner.put(name, data)  # type: ignore[attr-defined]

        evil.put = put  # type: ignore[method-assign]
        with scene.opened(anna, evil) as vault, ExitStack() as ending, suppress(StoreGone):
            outbox = Outbox(vault)  # puts the record again that was under way
            ending.callback(outbox.abandon)
            Outward(vault, outbox, Progress(time.monotonic)).scan()
        for name, data in evil.given:
            kind = ObjectKind[name.partition("/")[0].upper()]
            salt = read_clear(data, kind, name).header.salt
            assert seen.setdefault(salt, data) == data, f"{name}: one key for two objects"
    assert len(seen) > 12
    scene.sync(anna, HONEST)
    assert contents(scene.sync(scene.found[1], HONEST).tree) == contents(anna.tree())


def test_a_store_learns_nothing_from_what_fails(scene: Scene, tmp_path: Path) -> None:
    """M1, M5. Whether a wrapped key is garbage or almost right, a victim asks for the same things in the same order."""
    epoch = scene.names("epoch")[-1]
    whole = scene.get(epoch)
    dice = random.Random(5)
    transcripts = set()
    for number in range(6):
        body = dice.randbytes(len(whole) - 200) if number < 3 else bytes(b ^ (1 << number) for b in whole[200:])
        data = whole[:200] + body
        attacked = scene.copy(tmp_path / f"m1 {number}")
        (attacked.store / epoch).write_bytes(data)
        with attacked.opened(attacked.found[1], evil := attacked.evil()) as vault:
            from syncd.engine.unlocking import try_unlock
            from syncd.seal.slots import Unlock

            with pytest.raises((Damaged, NotUnlocked)):
                try_unlock(vault, Unlock.words(scene.found[0].words))
        transcripts.add(tuple(evil.asked))
    assert len(transcripts) == 1


@pytest.mark.parametrize("framed", [True, False], ids=["another's signature", "the control"])
def test_who_has_the_keys_speaks_for_no_device(scene: Scene, framed: bool) -> None:
    """M3, M4. A record that is sealed and chained as it should be says nothing, unless its device signed it."""
    anna, bert = scene.found
    scene.sync(bert, HONEST)
    scene.sync(anna, HONEST)
    before = contents(anna.tree())
    with opened(bert) as vault:
        own, first = vault.state.devices.get(1), int(vault.state.get(NEXT_VERSION) or b"1")
        sign = DeviceKeys.generate(bytes(16)).sign if framed else vault.device.sign
        head = RecordHead(
            own.id, own.sequence + 1, own.hash, own.lamport + 1, time.time_ns(), first, (), (), False, own.verifying
        )
        change = Change(key(1, first), ROOT, b"said", Kind.FILE, 0o644, 0, 0, 0, 1, b"", b"", ())
        payload = encode(head, [change], [], lambda number: own.id, 1, vault.keys.vault, sign)
        name = record_name(own.id, head.sequence)
        (scene.store / name).write_bytes(vault.seal(ObjectKind.RECORD, payload))
    victim = scene.sync(anna, HONEST)
    if framed:
        assert any(name in why for why in victim.alarms)
        assert contents(victim.tree) == before
    else:
        assert contents(victim.tree) == {**before, "said": b""}


def test_one_bad_object_of_a_device_that_was_taken_over(scene: Scene, tmp_path: Path) -> None:
    """X1. It is signed and sealed as it should be, and says nonsense: that is named, and everything else comes back."""
    anna, bert = scene.found
    before = contents(anna.tree())
    with opened(bert) as vault:
        device = vault.state.devices.get(1)
        name = f"record/{device.id.hex()}/{device.sequence + 1:016x}"
        (scene.store / name).write_bytes(vault.seal(ObjectKind.RECORD, os.urandom(900)))
    victim = scene.sync(anna, HONEST)
    assert any(name in why for why in victim.alarms)
    assert contents(victim.tree) == before
    anna.write("goes on", "all the same")
    assert scene.sync(anna, HONEST).error is None
    joined = scene.join(tmp_path / "late")
    assert contents(joined.tree) == contents(anna.tree())


def test_garbage_with_any_time_makes_no_good_version_go(scene: Scene) -> None:
    """X2. A thousand versions, dated at will, drive nothing out of the days in which nothing goes."""
    anna, bert = scene.found
    with opened(anna) as vault:
        rules = [{"path_b64": "", "keep": "last", "count": 3}]
        decide(vault, "retention", {"rules": rules, "undeletable_days": 30})
    scene.sync(anna, HONEST)
    dice = random.Random(9)
    target = bert.folder / "bert's"
    for number in range(40):
        target.write_text(f"garbage {number}")
        then = dice.randrange(0, 1 << 61)
        os.utime(target, ns=(then, then))
        scene.sync(bert, HONEST)
    scene.sync(anna, HONEST)
    with opened(anna) as vault:
        found = would_prune(vault, Progress(time.monotonic))
        assert (found.dead, found.dropped) == (0, 0)
        assert found.kept.get("came lately", 0) > 30
        decide(vault, "retention", {"rules": rules, "undeletable_days": 0})
        assert would_prune(vault, Progress(time.monotonic)).dropped > 30, "the control: by the rule alone they go"
