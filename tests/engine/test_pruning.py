"""Pruning on real directories: what the policy drops goes from the stores, once every device has let it go."""

from __future__ import annotations

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.config.settings import StoreSetting, load, save
from syncd.engine import pruning
from syncd.engine.inplace import InPlace
from syncd.engine.keeping import catch_up, use_stores
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.picking import pick
from syncd.engine.policies import say_policy
from syncd.engine.progress import Progress
from syncd.engine.pruning import Pruned, Pruning, prune, would_prune
from syncd.engine.rebuild import Bare, rebuild
from syncd.engine.restoring import read_version
from syncd.engine.vault import Ambient, Vault
from syncd.engine.verify import Verifier
from syncd.errors import Damaged, NeedsAttention, ObjectMissing, StoreFull
from syncd.model.version import Row
from syncd.retention.policy import Policy, Rule
from syncd.seal.slots import Unlock
from syncd.store.folder import FolderStore
from tests.engine.devices import Device, devices, opened, settle
from tests.engine.test_commit_order import fail_to_put

DAY_S = 86_400


class Days:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.extra_ns = 0

    def __call__(self) -> int:
        return time.time_ns() + self.extra_ns

    def pass_by(self, days: float) -> None:
        self.extra_ns += int(days * DAY_S * 1e9)


class Pools:
    """Makes the threads that wait for stores; a put may still be under way on a second one when a vault is closed."""

    def __init__(self) -> None:
        self._made: list[ThreadPoolExecutor] = []

    def __call__(self, most: int, name: str) -> ThreadPoolExecutor:
        self._made.append(ThreadPoolExecutor(most, name))
        return self._made[-1]

    def wait(self) -> None:
        while self._made:
            self._made.pop().shutdown(wait=True)


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def two(tmp_path: Path, days: Days) -> list[Device]:
    return devices(tmp_path, "laptop", "desktop", ambient=Ambient(now_ns=days))


def say(device: Device, policy: Policy) -> None:
    with opened(device) as vault:
        outbox = Outbox(vault)
        outbox.say(say_policy(policy))
        outbox.commit()


def pruned(device: Device) -> Pruned:
    with opened(device) as vault:
        return prune(vault, Progress(time.monotonic))


def packs(device: Device) -> set[str]:
    return {path.name for path in (device.store / "pack").rglob("*") if path.is_file()}


def versions(device: Device, path: bytes) -> dict[bytes, bool]:
    """Return the contents that a file ever had, as far as they can be had."""
    found = {}
    with opened(device) as vault:
        node = pick(vault, path, None, None)[1].node
        for row in vault.state.nodes.versions(node):
            if row.content:
                found[content(vault, row)] = True
    return found


def content(vault: Vault, row: Row) -> bytes:
    try:
        return b"".join(read_version(vault.reader(), row))
    except (Damaged, ObjectMissing):
        return b"gone"


def clean(device: Device) -> None:
    with opened(device) as vault:
        verdict = Verifier(vault, Progress(time.monotonic)).run(100, random.Random(1))
    assert verdict.clean, verdict.objects


LAST = Policy((Rule(b"", "last", 1),))


def saved_thrice(two: list[Device], size: int = 5000) -> list[str]:
    laptop = two[0]
    texts = [random.Random(number).randbytes(size).hex() for number in range(3)]
    for text in texts:
        laptop.write("letter", text)
        settle(two)
    return texts


def live_on(two: list[Device], days: Days) -> None:
    """Let two days pass, in steps that a running agent would look at."""
    for _ in range(3):
        days.pass_by(0.9)
        for device in two:
            with opened(device) as vault, vault.state.transaction():
                vault.state.receipts.look(days())
    settle(two)


def test_what_nobody_keeps_goes(two: list[Device], days: Days) -> None:
    texts = saved_thrice(two)
    before = packs(two[0])
    say(two[0], LAST)
    settle(two)
    with opened(two[1]) as vault:
        looked = would_prune(vault, Progress(time.monotonic))
    assert (looked.dropped, looked.dead, looked.kept) == (1, 1, {"last": 1})
    assert packs(two[0]) == before
    assert pruned(two[0]).dead == 1
    assert packs(two[0]) == before, "nothing goes before the others know"
    assert pruned(two[0]).waiting == [(1, ["desktop"])]
    settle(two)
    assert pruned(two[0]).waiting == [(1, [])], "and not before a day has passed"
    live_on(two, days)
    gone = pruned(two[0])
    assert gone.deleted == 1
    assert len(before - packs(two[0])) == 1
    settle(two)
    for device in two:
        assert set(versions(device, b"letter")) == {texts[1].encode(), texts[2].encode(), b"gone"}
        clean(device)
    assert pruned(two[0]) == Pruned(kept={"last": 1}, dropped=1, dropped_bytes=10_000)


def compared(device: Device) -> None:
    with opened(device) as vault:
        use_stores(vault)
        for member in vault.store.members:
            member.returned = True
        catch_up(vault)


def test_who_let_go_of_a_pack_and_has_not_heard_that_it_is_gone_finds_nothing_damaged(
    two: list[Device], days: Days
) -> None:
    laptop, desktop = two
    saved_thrice(two)
    say(laptop, LAST)
    settle(two)
    pruned(laptop)
    settle(two)
    live_on(two, days)
    assert pruned(laptop).deleted == 1
    clean(desktop)
    settle(two)
    clean(desktop)


def test_a_chunk_that_lay_in_two_packs_is_let_go_with_its_newest_place(two: list[Device], days: Days) -> None:
    """The pack of its older place stays for the sake of others, and is nothing that verify has to name."""
    laptop, desktop = two
    settle(two)
    laptop.write("twice", "the same")
    laptop.write("stays", random.Random(1).randbytes(5000).hex())
    desktop.write("also", "the same")
    for device in two:  # neither has heard of the other's
        with opened(device) as vault:
            Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
    settle(two)
    for number in range(2):
        laptop.write("twice", f"otherwise {number}")
        laptop.write("also", f"otherwise, too {number}")
        settle(two)
    say(laptop, LAST)
    settle(two)
    pruned(laptop)
    settle(two)
    live_on(two, days)
    assert pruned(laptop).deleted >= 1
    settle(two)
    clean(laptop)
    clean(desktop)


def test_nothing_goes_while_a_store_is_not_used_here(tmp_path: Path, days: Days) -> None:
    """And what was deleted while a store was away comes back from it to none of the others."""
    places = {name: tmp_path / "stores" / name for name in ("main", "nas")}
    settings = tuple(StoreSetting(name, str(place)) for name, place in places.items())
    pools = Pools()
    (laptop,) = devices(tmp_path, "laptop", ambient=Ambient(now_ns=days, waiting=pools), stores=settings)
    saved_thrice([laptop])
    say(laptop, LAST)
    assert pruned(laptop).dead == 1
    live_on([laptop], days)
    held = load(laptop.home.config)
    save(replace(held, stores=(settings[0], replace(settings[1], enabled=False))), laptop.home.config)
    found = pruned(laptop)
    assert (found.deleted, found.held_by) == (0, ["nas"])
    save(held, laptop.home.config)
    compared(laptop)
    pools.wait()
    shutil.copytree(places["nas"], tmp_path / "as it was")
    assert pruned(laptop).deleted == 1
    left = {path.name for path in (places["main"] / "pack").rglob("*") if path.is_file()}
    pools.wait()
    shutil.rmtree(places["nas"])
    (tmp_path / "as it was").rename(places["nas"])
    laptop.sync()
    compared(laptop)
    for place in places.values():
        assert {path.name for path in (place / "pack").rglob("*") if path.is_file()} == left


def test_without_a_policy_nothing_goes(two: list[Device], days: Days) -> None:
    saved_thrice(two)
    found = pruned(two[0])
    assert (found.dropped, found.dead, found.repacked, found.kept) == (0, 0, 0, {"no rule": 2})


def test_what_comes_back_after_it_was_condemned_is_stored_anew(two: list[Device], days: Days) -> None:
    texts = saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    pruned(two[0])
    settle(two)  # the other one has let it go
    with opened(two[1]) as vault:
        node = pick(vault, b"letter", None, None)[1].node
        oldest = min((row for row in vault.state.nodes.versions(node) if row.content), key=lambda row: row.version)
        tree, placed = pick(vault, b"letter", oldest.recorded_ns, None)
        outbox = Outbox(vault)
        InPlace(vault, outbox, Progress(time.monotonic), dry_run=False).restore(tree, placed, exact=False)
    settle(two)
    assert two[0].read("letter") == texts[0]
    live_on(two, days)
    assert pruned(two[0]).deleted == 1
    settle(two)
    for device in two:
        assert texts[0].encode() in versions(device, b"letter")
        clean(device)


def test_what_another_device_needs_is_rescued(two: list[Device], days: Days) -> None:
    """The other one writes the old content again before it knows that its pack is condemned."""
    texts = saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    two[1].write("another", texts[0])
    two[1].sync()  # builds upon the pack
    with opened(two[0]) as vault:  # this one condemns before it has heard of that
        Pruning(vault, Progress(time.monotonic)).condemn(Outbox(vault))
    settle(two)
    live_on(two, days)
    assert pruned(two[0]).deleted == 0
    settle(two)
    for device in two:
        assert device.read("another") == texts[0]
        assert texts[0].encode() in versions(device, b"another")
        clean(device)


def test_a_pack_of_which_little_is_needed_is_stored_anew(tmp_path: Path, days: Days) -> None:
    (laptop,) = devices(tmp_path, "laptop", ambient=Ambient(now_ns=days))
    for number in range(20):
        laptop.write(f"f{number}", random.Random(number).randbytes(10_000).hex())
    laptop.sync()
    before = packs(laptop)
    for number in range(17):
        (laptop.folder / f"f{number}").unlink()
    laptop.sync()
    say(laptop, Policy((Rule(b"", "last", 0),)))
    found = pruned(laptop)
    assert (found.repacked, found.dead) == (1, 0)
    assert found.freed > 100_000
    live_on([laptop], days)
    assert pruned(laptop).deleted == 1
    assert len(packs(laptop)) == 1
    assert not packs(laptop) & before
    clean(laptop)
    for number in (17, 18, 19):
        assert versions(laptop, f"f{number}".encode()) == {random.Random(number).randbytes(10_000).hex().encode(): True}


def test_who_comes_later_finds_nothing_damaged(two: list[Device], days: Days, tmp_path: Path) -> None:
    saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    pruned(two[0])
    settle(two)
    live_on(two, days)
    assert pruned(two[0]).deleted == 1
    third = Device(tmp_path, "third", two[0].store, two[0].ambient)
    third.join(two[0])
    settle([*two, third])
    clean(third)
    bare = Bare(str(two[1].folder), (StoreSetting("?", str(two[1].store)),), "desktop", Unlock.words(two[0].words))
    rebuild(two[1].home, two[1].ambient, bare)
    settle([*two, third])
    clean(two[1])


def test_a_device_that_was_away_is_waited_for_and_at_last_is_not(two: list[Device], days: Days) -> None:
    saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    pruned(two[0])
    for _ in range(80):
        days.pass_by(1)
        with opened(two[0]) as vault, vault.state.transaction():
            vault.state.receipts.look(days())
    assert pruned(two[0]).waiting == [(1, ["desktop"])]
    for _ in range(15):
        days.pass_by(1)
        with opened(two[0]) as vault, vault.state.transaction():
            vault.state.receipts.look(days())
    assert pruned(two[0]).deleted == 1
    two[1].write("back", "again")
    settle(two)
    assert two[0].read("back") == "again"


def test_what_a_device_condemned_that_fell_silent_goes_all_the_same(two: list[Device], days: Days) -> None:
    laptop, desktop = two
    saved_thrice(two)
    say(desktop, LAST)
    settle(two)
    assert pruned(desktop).dead == 1
    settle(two)
    before = packs(laptop)
    assert pruned(laptop).dead == 0, "it is the other's to delete"
    for _ in range(91):
        days.pass_by(1)
        with opened(laptop) as vault, vault.state.transaction():
            vault.state.receipts.look(days())
    assert pruned(laptop).dead == 1
    for _ in range(2):
        days.pass_by(1)
        with opened(laptop) as vault, vault.state.transaction():
            vault.state.receipts.look(days())
    assert pruned(laptop).deleted == 1
    assert len(before - packs(laptop)) == 1
    desktop.write("back", "again")
    settle(two)
    pruned(desktop)
    settle(two)
    assert laptop.tree() == desktop.tree()
    clean(laptop)
    clean(desktop)


def test_a_clock_set_forward_deletes_nothing(two: list[Device], days: Days) -> None:
    saved_thrice(two)
    say(two[0], Policy((Rule(b"", "last", 1),), undeletable_days=30))
    settle(two)
    days.pass_by(400)
    found = pruned(two[0])
    assert (found.dropped, found.kept) == (0, {"came lately": 1, "last": 1})


def test_nothing_goes_while_an_alarm_stands(two: list[Device]) -> None:
    saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    two[1].write("more", "more")
    two[1].sync()
    newest = max(
        (path for path in (two[0].store / "record").rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime_ns
    )
    data = bytearray(newest.read_bytes())
    data[200] ^= 1
    newest.chmod(0o600)
    newest.write_bytes(data)
    with pytest.raises(NeedsAttention, match="alarm"):
        pruned(two[0])


def test_many_small_packs_become_few(two: list[Device], days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "MANY_SMALL", 12)
    for number in range(12):
        two[0].write(f"f{number}", random.Random(number).randbytes(4000).hex())
        two[0].sync()
    settle(two)
    before = packs(two[0])
    assert len(before) == 12
    say(two[0], LAST)
    settle(two)
    assert pruned(two[0]).repacked == 12
    settle(two)
    live_on(two, days)
    assert pruned(two[0]).deleted == 12
    assert len(packs(two[0])) == 1
    assert pruned(two[0]).repacked == 0, "one is not many"
    settle(two)
    for device in two:
        clean(device)
        for number in range(12):
            wanted = random.Random(number).randbytes(4000).hex().encode()
            assert versions(device, f"f{number}".encode()) == {wanted: True}


def test_what_goes_at_once_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (laptop,) = devices(tmp_path, "laptop")
    for number in range(5):
        laptop.write(f"f{number}", random.Random(number).randbytes(3000).hex())
        laptop.sync()
    with opened(laptop) as vault:
        found = Pruning(vault, Progress(time.monotonic))
        numbers = [number for number, _ in vault.state.packs.all()]
        size = vault.state.packs.get(numbers[0]).size
        monkeypatch.setattr(pruning, "AT_ONCE", 2 * size)
        assert [len(group) for group in found._groups(numbers)] == [2, 2, 1]


def orphan(device: Device, text: str) -> set[str]:
    """Put a pack and die before any record names it; return the pack's name."""
    before = packs(device)
    device.write("orphan", text)

    class Dies(Exception):
        pass

    def step(name: str) -> None:
        if name == "pack-put":
            raise Dies

    with opened(device) as vault:
        outbox = Outbox(vault, step)
        with suppress(Dies):
            Outward(vault, outbox, Progress(time.monotonic)).scan()
        outbox.abandon()
    return packs(device) - before


def test_a_pack_that_no_record_names_goes_at_last(two: list[Device], days: Days) -> None:
    """A device put it, lost its state, and became another one."""
    two[0].write("a", "kept")
    settle(two)
    lost = orphan(two[1], random.Random(1).randbytes(5000).hex())
    assert len(lost) == 1
    say(two[0], LAST)
    for _ in range(8):
        days.pass_by(0.9)
        assert not pruned(two[0]).orphans, "it may be on its way"
    (two[1].folder / "orphan").unlink()
    shutil.rmtree(two[1].home.state)  # with what it intended
    bare = Bare(str(two[1].folder), (StoreSetting("?", str(two[1].store)),), "desktop", Unlock.words(two[0].words))
    rebuild(two[1].home, two[1].ambient, bare)
    days.pass_by(0.9)
    assert pruned(two[0]).orphans == 1
    assert pruned(two[0]).orphans == 0, "it is condemned already"
    for _ in range(100):
        days.pass_by(0.99)
        for device in two:
            with opened(device) as vault, vault.state.transaction():
                vault.state.receipts.look(days())
        settle(two)
    assert pruned(two[0]).deleted == 1
    assert not lost & packs(two[0])
    settle(two)
    for device in two:
        clean(device)


def test_who_comes_back_to_an_orphan_stores_it_anew(two: list[Device], days: Days) -> None:
    two[0].write("a", "kept")
    settle(two)
    text = random.Random(1).randbytes(5000).hex()
    lost = orphan(two[1], text)
    say(two[0], LAST)
    for _ in range(9):
        days.pass_by(0.9)
        pruned(two[0])
    settle(two)  # hears that its pack is to go, before it builds upon it
    assert two[0].read("orphan") == text
    live_on(two, days)
    assert pruned(two[0]).deleted == 1
    assert not lost & packs(two[0])
    settle(two)
    for device in two:
        assert versions(device, b"orphan") == {text.encode(): True}
        clean(device)


@pytest.mark.parametrize("known", [True, False], ids=["silent", "new"])
def test_a_record_put_again_names_no_pack_that_went_meanwhile(two: list[Device], days: Days, known: bool) -> None:
    """Its author was away so long that its packs were taken for orphans; it stores their content anew, and says where."""
    laptop, desktop = two
    author = desktop
    if not known:
        author = Device(laptop.root, "tablet", laptop.store, laptop.ambient)
        author.join(laptop)
    author.write("photo", random.Random(3).randbytes(100_000).hex())
    fail_to_put(author)
    before = packs(laptop)
    for day in range(110 if known else 12):
        days.pass_by(0.95)
        for device in two if not known else [laptop]:
            with opened(device) as vault, vault.state.transaction():
                vault.state.receipts.look(days())
        if day % 10 == 0 or not known:
            for device in two if not known else [laptop]:
                device.sync()
            pruned(laptop)
    pruned(laptop)
    assert before - packs(laptop), "nothing went, so nothing was tried"
    settle([laptop, author])
    assert laptop.read("photo") == author.read("photo")
    clean(laptop)
    clean(author)


def test_a_store_that_is_full_is_pruned(two: list[Device], days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though a record waits to be put on it that finds no room."""
    saved_thrice(two)
    say(two[0], LAST)
    settle(two)
    assert pruned(two[0]).dead == 1
    settle(two)
    live_on(two, days)
    two[0].write("new", "small")
    fail_to_put(two[0])
    put, delete, room = FolderStore.put, FolderStore.delete, [False]

    def full(self: FolderStore, name: str, data: bytes) -> None:
        if not room[0]:
            raise StoreFull("no room")
        put(self, name, data)

    def freed(self: FolderStore, name: str) -> None:
        delete(self, name)
        room[0] = True

    monkeypatch.setattr(FolderStore, "put", full)
    monkeypatch.setattr(FolderStore, "delete", freed)
    assert pruned(two[0]).deleted == 1
    settle(two)
    assert two[1].read("new") == "small"
