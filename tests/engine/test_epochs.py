"""Rotation and revocation: who can read what is new, and whose word counts, on real directories."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.deciding import decide
from syncd.engine.epochs import learn
from syncd.engine.inward import Inward
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.pruning import prune
from syncd.engine.rebuild import rebuild
from syncd.engine.standing import standing
from syncd.errors import NeedsAttention, NotUnlocked, UsageError
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.model.ids import EpochId
from syncd.seal.envelope import ObjectKind, read_clear
from tests.engine.devices import Device, devices, late_with_old_keys, opened, settle

NAMES = ("anna", "bert", "cleo", "dora", "emil")


def do(device: Device, what: str, name: str = "") -> dict[str, object]:
    with opened(device) as vault:
        return decide(vault, what, {"name": name})


def epochs_of(device: Device, kind: str) -> set[bytes]:
    """Return the epochs that the store's objects of a kind are sealed under."""
    found = set()
    for path in (device.store / kind).rglob("*"):
        if path.is_file():
            name = str(path.relative_to(device.store))
            found.add(read_clear(path.read_bytes(), ObjectKind[kind.upper()], name).header.epoch)
    return found


def current(device: Device) -> EpochId:
    with opened(device) as vault:
        return vault.keys.current


def settled(found: list[Device]) -> None:
    settle(found, rounds=12)
    first, *others = found
    for other in others:
        assert other.tree() == first.tree()


@pytest.fixture
def five(tmp_path: Path) -> list[Device]:
    found = devices(tmp_path, *NAMES)
    for device in found:
        device.write(f"of {device.name}", f"from the beginning, by {device.name}")
    settled(found)
    return found


def test_a_rotation_reaches_every_device_and_who_comes_later(five: list[Device], tmp_path: Path) -> None:
    anna, bert, *_ = five
    before = current(anna)
    assert do(anna, "rotate")["slots"] == 6, "five devices and the words"
    after = current(anna)
    assert after != before
    anna.write("new", "sealed under the new epoch")
    settled(five)
    assert {current(device) for device in five} == {after}
    bert.write("bert's", "too")
    settled(five)
    assert after in epochs_of(anna, "record")
    late = Device(tmp_path, "late", anna.store)
    late.join(anna)
    settled([*five, late])
    assert current(late) == after
    late.write("late's", "also")
    settled([*five, late])
    assert all(device.read("late's") == "also" for device in five)


def test_an_epoch_that_was_not_there_yet_is_learned_later(five: list[Device]) -> None:
    """Its record was folded before its object showed, or the process died between the two."""
    anna, bert = five[:2]
    do(anna, "rotate")
    name = f"epoch/{current(anna).hex()}"
    data = (anna.store / name).read_bytes()
    (anna.store / name).unlink()
    bert.sync()
    assert current(bert) != current(anna)
    (anna.store / name).write_bytes(data)
    anna.write("new", "sealed under the new epoch")
    settled(five)
    assert {current(device) for device in five} == {current(anna)}
    assert bert.read("new") == "sealed under the new epoch"


def test_a_rebuild_reads_all_epochs(five: list[Device]) -> None:
    anna = five[0]
    do(anna, "rotate")
    anna.write("new", "after")
    settled(five)
    do(five[1], "rotate")
    five[1].write("newer", "after that")
    settled(five)
    rebuild(anna.home, anna.ambient, None)
    settled(five)
    assert current(anna) == current(five[1])


def test_two_that_rotate_at_once_come_to_one_epoch(five: list[Device]) -> None:
    do(five[0], "rotate")
    do(five[1], "rotate")
    settled(five)
    assert len({current(device) for device in five}) == 1


def test_one_is_revoked_and_one_is_away(five: list[Device]) -> None:
    """The one that was away catches up; the one that was revoked reads nothing new, and nobody takes its word."""
    anna, bert, cleo, dora, emil = five
    old = current(anna)
    away = [anna, bert, cleo]
    emil.write("last word", "said and taken before")
    settled(five)
    do(anna, "revoke", "emil")
    anna.write("secret", "for four")
    settled(away)
    assert current(anna) != old
    dora.write("offline", "written by the one that was away, with the old keys")
    settled([anna, bert, cleo, dora])
    assert dora.read("secret") == "for four"
    assert anna.read("offline").startswith("written by")
    assert anna.read("last word") == "said and taken before"

    with pytest.raises(NeedsAttention, match="was revoked"):
        emil.sync()
    assert not (emil.folder / "secret").exists()
    with opened(emil) as vault:
        Inward(vault).fetch(discover=True)
        learn(vault)
        assert vault.keys.current == old
        with pytest.raises(NotUnlocked):
            vault.keys.object_secret(current(anna), "record")
        # A program that is not ours says it all the same.
        outbox = Outbox(vault)
        outbox.say(statement(StatementKind.BEAT))
        outbox.commit()
    for device in (anna, bert, cleo, dora):
        with opened(device) as vault:
            arrived = Inward(vault).fetch(discover=True)
            assert (arrived.records, arrived.alarms, arrived.behind) == (0, {}, {})
    settled([anna, bert, cleo, dora])


def test_what_somebody_believed_before_it_knew_all_come_to_believe(five: list[Device]) -> None:
    """One device took the word of the revoked one after whoever revoked it had looked."""
    anna, bert, cleo, _, emil = five
    emil.write("just before", "seen by bert alone")
    emil.sync()
    bert.sync()
    do(anna, "revoke", "emil")
    emil.write("too late", "seen by nobody who knew")
    with pytest.raises(NeedsAttention):  # it hears of it
        emil.sync()
    left = [anna, bert, cleo, five[3]]
    settled(left)
    assert all(device.read("just before") == "seen by bert alone" for device in left)
    assert not (anna.folder / "too late").exists()


def test_two_that_revoke_at_once(five: list[Device]) -> None:
    """Neither one's epoch leaves both out, so another one is opened before anything is written."""
    anna, bert, cleo, dora, emil = five
    do(anna, "revoke", "dora")
    do(bert, "revoke", "emil")
    left = [anna, bert, cleo]
    for device in left:
        device.write(f"{device.name} after", "new")
    settled(left)
    assert len({current(device) for device in left}) == 1
    now = current(anna)
    for out in (dora, emil):
        with opened(out) as vault:
            Inward(vault).fetch(discover=True)
            learn(vault)
            assert now not in vault.keys.roots.epochs
    with opened(cleo) as vault:
        assert standing(vault.state).revoked.keys() == {_id(dora), _id(emil)}


def _id(device: Device) -> bytes:
    with opened(device) as vault:
        return bytes(vault.device.id)


def test_a_device_that_joins_with_old_keys_is_quarantined(five: list[Device], tmp_path: Path) -> None:
    """Whoever was revoked can still make devices: the old keys were enough for that."""
    anna, bert, cleo, dora, _ = five
    do(anna, "revoke", "emil")
    left = [anna, bert, cleo, dora]
    late_with_old_keys(Device(tmp_path, "rogue", anna.store), anna)
    with opened(bert) as vault:
        arrived = Inward(vault).fetch(discover=True)
        assert any("keys from before a revocation" in said for said in arrived.alarms.values())
        assert vault.state.nodes.find(b"rogue") is None
        rogue_id = next(text for text in arrived.alarms if "record/" in text).split("/")[1]
    with pytest.raises(UsageError, match="there is no device nobody"):
        do(bert, "approve-device", "nobody")
    do(bert, "approve-device", rogue_id[:12])
    settled(left)
    assert cleo.read("rogue") == "let me in"


def said_behind_their_backs(device: Device, path: str) -> None:
    """Publish as a revoked device would with a program that does not care."""
    device.write(path, "not to be believed")
    with opened(device) as vault:
        Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()


@pytest.mark.parametrize("checkpointed", [True, False])
def test_who_comes_later_believes_what_the_others_believe(
    five: list[Device], tmp_path: Path, checkpointed: bool
) -> None:
    anna, bert, cleo, dora, emil = five
    emil.write("just before", "seen by bert alone")
    emil.sync()
    bert.sync()
    do(anna, "revoke", "emil")
    said_behind_their_backs(emil, "forged")
    left = [anna, bert, cleo, dora]
    if checkpointed:
        with opened(anna) as vault:
            write_checkpoint(vault)
    settled(left)
    late = Device(tmp_path, "late", anna.store)
    late.join(anna)
    settled([*left, late])
    assert late.read("just before") == "seen by bert alone"
    assert not (late.folder / "forged").exists()
    rebuild(cleo.home, cleo.ambient, None)
    settled([*left, late])


def test_a_checkpoint_of_a_revoked_device_is_not_believed(five: list[Device], tmp_path: Path) -> None:
    """It says nothing of the revocation, and has what nobody took."""
    anna, bert, cleo, dora, emil = five
    do(anna, "revoke", "emil")
    said_behind_their_backs(emil, "forged")
    with opened(emil) as vault:
        write_checkpoint(vault)
    left = [anna, bert, cleo, dora]
    settled(left)
    late = Device(tmp_path, "late", anna.store)
    late.join(anna)
    settled([*left, late])
    assert not (late.folder / "forged").exists()


def test_a_revoked_device_is_waited_for_no_more(five: list[Device]) -> None:
    anna = five[0]
    do(anna, "revoke", "emil")
    settled(five[:4])
    with opened(anna) as vault:
        assert "emil" not in str(prune(vault, Progress(time.monotonic)).waiting)


WRONG = [("anna", "does not revoke itself"), ("nobody", "there is no device nobody"), ("emil", "was revoked already")]


@pytest.mark.parametrize(("name", "said"), WRONG)
def test_what_cannot_be_revoked(tmp_path: Path, name: str, said: str) -> None:
    anna, emil = devices(tmp_path, "anna", "emil")
    emil.write("a", "b")
    settled([anna, emil])
    do(anna, "revoke", "emil")
    with pytest.raises(UsageError, match=said):
        do(anna, "revoke", name)
