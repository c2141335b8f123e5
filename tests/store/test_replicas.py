from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from syncd.errors import ObjectExists, ObjectMissing, StoreFull, StoreGone
from syncd.store import asking, catchup, commit
from syncd.store.asking import HEDGE_S
from syncd.store.catchup import CatchUp
from syncd.store.member import IN_FLIGHT
from syncd.store.owing import Owing
from syncd.store.pace import DOUBT
from syncd.store.placement import Rule
from syncd.store.provider import LARGEST_OBJECT, Listed, Provider
from syncd.store.replicas import Replicas
from syncd.store.underway import UnderWay
from tests.conformance.provider import ProviderSuite
from tests.store.several import GENESIS, Stores, pack, record


def full_copies(stores: Stores) -> bool:
    first, *others = (door.objects() for door in stores.doors)
    return all(other == first for other in others)


def catch_up(stores: Stores) -> None:
    work = CatchUp(stores.all, lambda: stores.clock.now)
    for _ in range(100):
        if not work.turn():
            return
    raise AssertionError("it never catches up")


def settle(stores: Stores) -> None:
    """Let what is under way at the stores come to its end: every thread has to come to one place at once."""
    for member in stores.all.members:
        ended = threading.Barrier(IN_FLIGHT)
        for future in [member._writers.submit(ended.wait, 30) for _ in range(IN_FLIGHT)]:
            future.result(30)


def _waits(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, begun: threading.Event | None = None
) -> list[float | None]:
    """Return how long is waited for stores, from now on; `begun` is set once somebody waits."""
    waits: list[float | None] = []

    def wait(futures: Any, timeout: float | None, until: str) -> Any:
        waits.append(timeout)
        if begun is not None:
            begun.set()
        return concurrent.futures.wait(futures, timeout, until)

    monkeypatch.setattr(module, "wait", wait)
    return waits


@pytest.mark.parametrize("commit", [1, 2, 3])
class TestPort(ProviderSuite):
    """Several stores keep the promises of one."""

    @pytest.fixture
    def store(self, commit: int) -> Iterator[Provider]:
        stores = Stores(3, Rule(0, commit), genesis=b"")
        stores.all.sound = lambda name, data: True
        yield stores.all
        stores.all.close()

    def test_many_creators_of_one_name(self, store: Provider) -> None:
        """No store decides for the others: each has one creator's bytes whole, and the port says so."""
        assert isinstance(store, Replicas)
        contents = [bytes([number]) * 50_000 for number in range(16)]
        start = threading.Barrier(16)

        def create(number: int) -> None:
            start.wait()
            with contextlib.suppress(ObjectExists):
                store.put("record/one", contents[number])

        threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not store.capabilities.conditional
        assert all(
            member.provider.get("record/one") in contents
            for member in store.members
            if member.provider.stat("record/one")
        )


class TestPutting:
    def test_w_stores_have_it_when_put_returns(self) -> None:
        for seed in range(50):
            stores = Stores(3, Rule(0, 2))
            name, data = pack(seed)
            stores.all.put(name, data)
            assert sum(name in door.objects() for door in stores.doors) >= 2

    def test_a_dead_store_is_owed_what_it_missed(self) -> None:
        stores = Stores()
        stores.doors[1].die()
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        assert stores.owing.owes("b", name)
        assert not stores.owing.owes("a", name)
        assert not stores.owing.owes("c", name)

    def test_too_few_stores_take_nothing(self) -> None:
        stores = Stores()
        stores.doors[0].die()
        stores.doors[1].die()
        with pytest.raises(StoreGone):
            stores.all.put(*pack(1))

    def test_a_store_that_is_back_is_asked_when_others_are_too_few(self) -> None:
        stores = Stores()
        stores.doors[0].die()
        stores.doors[1].die()
        with pytest.raises(StoreGone):
            stores.all.put(*pack(1))
        stores.doors[1].live()
        stores.all.put(*pack(1))

    def test_a_store_that_hangs_holds_nobody_up(self) -> None:
        stores = Stores()
        gate = stores.doors[2].gate = threading.Event()
        for seed in range(20):
            stores.all.put(*pack(seed))
        assert stores.owing.lacking("c")[0] == 20
        assert len(stores.doors[2].calls) <= 2, "what is under way at one store is bounded"
        gate.set()
        settle(stores)
        catch_up(stores)
        assert full_copies(stores)

    @pytest.mark.parametrize("trouble", ["hangs", "fails"])
    def test_another_takes_it_in_the_stead_of_one_that(self, trouble: str) -> None:
        stores = Stores(4, Rule(2, 2))
        stores.all.patience_s = 0.1
        name, data = pack(1)
        chosen = [member.name for member in stores.all.takers(name, len(data))]
        first = stores.doors["abcd".index(chosen[0])]
        gate = threading.Event()
        if trouble == "hangs":
            first.gate = gate
        else:
            first.die()
        stores.all.put(name, data)
        having = {door.url[-1] for door in stores.doors if name in door.objects()}
        assert len(having) == 2
        assert chosen[0] not in having
        assert stores.owing.owes(chosen[0], name), "it was chosen, and shall have it still"
        gate.set()
        settle(stores)
        first.live()
        stores.clock.now += 100
        catch_up(stores)
        assert all(name in stores.doors["abcd".index(store)].objects() for store in chosen)

    def test_a_large_object_on_a_slow_line_is_not_sent_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stores = Stores(4, Rule(2, 2))
        waits = _waits(monkeypatch, commit, begun := threading.Event())
        name, data = pack(1, 1 << 20)
        stores.all.put(name, data)
        settle(stores)  # a put that ends later tells another pace
        begun.clear()
        for member, door in zip(stores.all.members, stores.doors, strict=True):
            member.put_pace.s_per_byte = 1e-5
            door.gate = begun  # one that ended at once would tell another pace before anybody waits
        stores.all.put(*pack(2, 1 << 20))
        assert min(waits) == stores.all.patience_s
        assert max(waits) == pytest.approx(DOUBT * (1 << 20) * 1e-5)

    def test_a_store_whose_word_does_not_count(self) -> None:
        stores = Stores(3, Rule(0, 2))
        stores.doors[0].counts = False
        stores.doors[1].die()
        with pytest.raises(StoreGone):
            stores.all.put(*pack(1))
        stores.doors[1].live()
        stores.all.put(*pack(1))
        assert all(pack(1)[0] in door.objects() for door in stores.doors[1:])

    def test_a_full_store_is_read_and_not_written(self) -> None:
        stores = Stores()
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        stores.doors[0].fault = lambda call, about: StoreFull("full") if call == "put" else None
        for seed in range(2, 12):
            stores.all.put(*pack(seed))
        settle(stores)
        # What was under way when the first was refused may be refused, too.
        assert stores.doors[0].calls.count("put") <= 1 + IN_FLIGHT, "no storm of retries"
        assert stores.all.members[0].trouble is not None
        assert not stores.all.members[0].resting

    def test_a_store_that_was_full_is_so_no_more_once_another_device_has_brought_everything(self) -> None:
        stores = Stores(3, Rule(0, 2))
        catch_up(stores)
        stores.doors[2].fault = lambda call, about: StoreFull("it is full") if call == "put" else None
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        member = stores.all.members[2]
        assert isinstance(member.trouble, StoreFull)
        stores.doors[2].live()
        stores.doors[2].put(name, data)  # by another device
        stores.clock.now += 3600
        catch_up(stores)
        assert member.trouble is None

    def test_a_name_that_stands_for_something_else_somewhere(self) -> None:
        stores = Stores(3, Rule(0, 3))
        name, data = record(1)
        clone = record(1, "said by a clone")[1]
        stores.doors[2].damage(name, clone)
        with pytest.raises(ObjectExists):
            stores.all.put(name, data)
        settle(stores)
        assert stores.doors[2].objects()[name] == clone

    def test_damaged_bytes_in_its_place_are_replaced(self) -> None:
        stores = Stores(3, Rule(0, 3))
        name, data = pack(1)
        stores.doors[1].damage(name, b"\0" + data[1:])
        stores.all.put(name, data)
        assert full_copies(stores)


class TestReading:
    def test_any_store_that_has_it_is_enough(self) -> None:
        for there in range(3):
            stores = Stores(3, Rule(0, 1))
            name, data = pack(1)
            stores.doors[there].damage(name, data)
            assert stores.all.get(name) == data
            assert stores.all.get(name, 10, 20) == data[10:30]
            assert stores.all.stat(name) == len(data)

    def test_damage_is_passed_over(self) -> None:
        stores = Stores()
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        for door in stores.doors[:2]:
            door.damage(name, data[:-1] + bytes([data[-1] ^ 1]))
        assert stores.all.get(name) == data
        catch_up(stores)
        assert full_copies(stores)

    def test_all_damaged(self) -> None:
        stores = Stores()
        name, data = pack(1)
        for door in stores.doors:
            door.damage(name, data[:-1])
        with pytest.raises(ObjectMissing):
            stores.all.get(name)

    def test_what_no_store_has(self) -> None:
        stores = Stores()
        assert stores.all.stat("pack/aa/none") is None
        with pytest.raises(ObjectMissing):
            stores.all.get("pack/aa/none")

    def test_what_a_store_that_is_away_may_have(self) -> None:
        stores = Stores()
        stores.doors[2].die()
        with pytest.raises(StoreGone):
            stores.all.get("pack/aa/none")

    def test_a_slow_store_is_passed_by(self) -> None:
        stores = Stores()
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        gate = stores.doors[0].gate = threading.Event()
        assert stores.all.get(name) == data
        gate.set()

    def test_a_store_that_does_not_answer_costs_one_wait_and_not_one_for_each_read(self) -> None:
        stores = Stores(2, Rule(0, 2))
        packs = [pack(number) for number in range(4)]
        for name, data in packs:
            stores.all.put(name, data)
        stores.doors[0].gate = threading.Event()
        stores.doors[0].calls.clear()
        stores.all.members[0].health.latency_s, stores.all.members[1].health.latency_s = 0.001, 0.002
        for name, data in packs:
            assert stores.all.get(name) == data
        assert stores.doors[0].calls.count("get") == 1
        stores.doors[0].gate.set()

    def test_a_large_object_on_a_slow_line_is_not_asked_of_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stores = Stores(2, Rule(0, 2))
        name, data = pack(1)
        stores.all.put(name, data)
        settle(stores)
        waits = _waits(monkeypatch, asking)
        stores.all.get(name)
        for member in stores.all.members:
            member.get_pace.s_per_byte = 1e-5
        stores.all.get(name, 0, 1 << 20)
        stores.all.get(name)
        assert waits == [HEDGE_S, pytest.approx(DOUBT * (1 << 20) * 1e-5), pytest.approx(DOUBT * LARGEST_OBJECT * 1e-5)]

    def test_a_store_whose_pages_are_slow_is_waited_for_from_the_second_listing_on(self) -> None:
        stores = Stores(2, Rule(0, 1))
        stores.all.patience_s = 0.1
        slow = stores.doors[1]
        slow.damage(*pack(1))
        assert stores.all.stat("x") is None
        for found in (["genesis"], ["genesis", pack(1)[0]]):
            gate = slow.gate = threading.Event()
            ends = threading.Timer(0.5, gate.set)
            ends.start()
            assert [listed.name for listed in stores.all.list()] == found
            stores.clock.now += 7.0  # on the stores' clock the page took so long
            ends.join()
            while stores.all.members[1].health.away:
                threading.Event().wait(0.001)  # for the page that nobody waits for any more
            stores.clock.now += 100.0

    def test_a_store_that_says_nothing_is_left_alone_once_others_have_answered(self) -> None:
        stores = Stores(3, Rule(0, 1))
        stores.all.patience_s = 0.2
        gate = stores.doors[2].gate = threading.Event()
        assert stores.all.stat("pack/aa/none") is None
        assert stores.all.members[2].resting
        assert not stores.all.whole
        asked = len(stores.doors[2].calls)
        assert stores.all.stat("pack/aa/none") is None
        assert stores.all.confirm("pack/aa/none") is None
        assert [listed.name for listed in stores.all.list()] == ["genesis"]
        assert len(stores.doors[2].calls) == asked
        gate.set()

    def test_no_store_can_be_asked(self) -> None:
        stores = Stores()
        for door in stores.doors:
            door.die()
        for ask in (lambda: stores.all.stat("x"), lambda: stores.all.get("x"), lambda: list(stores.all.list())):
            with pytest.raises(StoreGone):
                ask()

    def test_listing_what_any_of_them_has(self) -> None:
        stores = Stores()
        wanted = []
        for seed in range(30):
            name, data = pack(seed)
            stores.doors[seed % 3].damage(name, data)
            wanted.append(name)
        assert [listed.name for listed in stores.all.list("pack/")] == sorted(wanted)
        stores.doors[0].die()
        found = [listed.name for listed in stores.all.list("pack/")]
        assert found == sorted(name for seed, name in enumerate(wanted) if seed % 3)
        assert not stores.all.whole

    def test_another_vault_in_its_place_is_never_asked(self) -> None:
        stores = Stores()
        stores.doors[0].damage("genesis", b"of another vault")
        name, data = pack(1)
        stores.doors[0].damage(name, data)
        assert stores.all.stat(name) is None
        stores.all.put(*pack(2))
        settle(stores)
        assert pack(2)[0] not in stores.doors[0].objects()
        assert not stores.all.whole

    def test_confirming_makes_it_durable_on_w(self) -> None:
        stores = Stores()
        name, data = pack(1)
        stores.doors[1].damage(name, data)
        assert stores.all.confirm(name) == len(data)
        assert sum(name in door.objects() for door in stores.doors) >= 2
        stores.doors[0].die()
        stores.doors[2].die()
        other, more = pack(2)
        stores.doors[1].damage(other, more)
        with pytest.raises(StoreGone):
            stores.all.confirm(other)


class TestCatchingUp:
    def test_a_store_that_was_away(self) -> None:
        stores = Stores()
        stores.all.put(*pack(0))
        stores.doors[1].die()
        for seed in range(1, 20):
            stores.all.put(*pack(seed))
        settle(stores)
        stores.doors[1].live()
        stores.clock.now += 100
        catch_up(stores)
        assert full_copies(stores)
        assert stores.all.whole

    def test_a_store_that_hangs_while_it_is_filled_holds_up_no_other(self) -> None:
        stores = Stores(3, Rule(0, 1))
        catch_up(stores)
        for door in stores.doors[1:]:
            door.die()
        for seed in range(8):
            stores.all.put(*pack(seed))
        settle(stores)
        gate = threading.Event()
        stores.doors[1].fault = lambda call, about: None if call != "put" or gate.wait(30) else StoreGone("it hangs")
        stores.doors[2].live()
        stores.clock.now += 100
        work = CatchUp(stores.all, lambda: stores.clock.now)
        while stores.owing.lacking("c")[0]:
            assert work.turn()
        assert stores.owing.lacking("b")[0] == 8
        gate.set()
        while work.turn():
            pass
        assert full_copies(stores)

    def test_what_is_on_its_way_is_waited_for(self) -> None:
        """A command that ended before a put did left the store behind, though nothing was wrong with it."""
        stores = Stores(2, Rule(0, 1))
        catch_up(stores)
        gate = threading.Event()
        stores.doors[1].fault = lambda call, about: None if call != "put" or gate.wait(30) else StoreGone("it hangs")

        class Opening(UnderWay):
            def one_ends(self, stores: Iterable[str], patience_s: float) -> bool:
                gate.set()  # only who waits here sees it come
                return super().one_ends(stores, patience_s)

        stores.all.under_way = Opening()
        for seed in range(IN_FLIGHT):
            stores.all.put(*pack(seed))
        assert stores.owing.lacking("b")[0] == IN_FLIGHT
        CatchUp(stores.all, lambda: stores.clock.now).finish()
        assert full_copies(stores)
        assert stores.owing.lacking("b")[0] == 0

    def test_a_put_that_hangs_is_not_waited_for_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catchup, "PATIENCE_S", 0.01)
        monkeypatch.setattr(catchup, "UNKNOWN", 0.0)
        stores = Stores(2, Rule(0, 1))
        catch_up(stores)
        gate = threading.Event()
        stores.doors[1].fault = lambda call, about: None if call != "put" or gate.wait(30) else StoreGone("it hangs")
        stores.all.put(*pack(1))
        CatchUp(stores.all, lambda: stores.clock.now).finish()
        assert stores.owing.lacking("b")[0] == 1
        gate.set()
        settle(stores)

    def test_what_cannot_be_had_now_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        stores = Stores(2, Rule(0, 1))
        name, data = pack(1)
        stores.doors[1].die()
        stores.all.put(name, data)
        settle(stores)
        stores.doors[1].live()
        stores.doors[0].die()
        work = CatchUp(stores.all, lambda: stores.clock.now)
        caplog.set_level("INFO", "syncd.store")
        for _ in range(5):
            work.fill(stores.all.members[1], 8)
        assert sum(f"{name} cannot be had for the store b" in line for line in caplog.messages) == 1
        stores.doors[0].live()
        stores.clock.now += 600
        catch_up(stores)
        assert full_copies(stores)

    def test_a_store_that_came_back_empty(self) -> None:
        stores = Stores()
        for seed in range(200):
            stores.all.put(*pack(seed))
        settle(stores)
        catch_up(stores)  # a store that was slow is passed by: else what the second one has alone is gone with it
        assert full_copies(stores)
        stores.doors[1].die()
        stores.all.put(*pack(1000))
        settle(stores)
        stores.doors[1].empty()
        stores.doors[1].live()
        stores.clock.now += 100
        work = CatchUp(stores.all, lambda: stores.clock.now)
        assert work.turn()
        assert "genesis" not in stores.doors[1].objects(), "it comes last"
        assert not stores.all.whole
        catch_up(stores)
        assert stores.doors[1].objects()["genesis"] == GENESIS
        assert full_copies(stores)
        assert stores.all.whole

    def test_a_store_that_came_back_empty_is_owed_what_nobody_has(self) -> None:
        """Its last owner died while it was put: the store waited for it, and for genesis, which comes last, for good."""
        stores = Stores()
        for seed in range(20):
            stores.all.put(*pack(seed))
        settle(stores)
        name, data = pack(1000)
        stores.doors[1].die()
        stores.doors[1].empty()
        stores.doors[1].live()
        stores.all.owing.owe(["a", "b", "c"], [Listed(name, len(data))])
        stores.clock.now += 100
        catch_up(stores)
        assert full_copies(stores)
        assert stores.all.whole
        assert [stores.all.owing.lacking(store)[0] for store in ("a", "b", "c")] == [0, 0, 0]

    def test_what_other_devices_put_on_some(self) -> None:
        stores = Stores()
        for seed in range(30):
            name, data = pack(seed)
            stores.doors[seed % 3].damage(name, data)
        catch_up(stores)
        assert full_copies(stores)

    def test_cut_objects(self) -> None:
        stores = Stores()
        for seed in range(10):
            stores.all.put(*pack(seed))
        settle(stores)
        stores.doors[0].damage(pack(3)[0], pack(3)[1][:50])
        stores.doors[1].damage(pack(4)[0], pack(4)[1] + b"more")
        catch_up(stores)
        assert full_copies(stores)
        assert stores.doors[0].objects()[pack(4)[0]] == pack(4)[1]

    def test_what_was_never_put_is_owed_no_more(self) -> None:
        stores = Stores()
        catch_up(stores)
        stores.owing.owe(["a", "b"], [])
        stores.owing.owe(["a", "b"], [Listed("pack/aa/never", 5)])
        catch_up(stores)
        assert stores.owing.lacking("a") == (0, 0)

    def test_what_is_being_put_just_now_is_left_to_who_puts_it(self) -> None:
        """Neither is it forgotten, since no store has it yet, nor put a second time."""
        stores = Stores(3, Rule(0, 1))
        catch_up(stores)
        gate = threading.Event()
        for door in stores.doors:
            door.gate = gate
        name, data = pack(1)
        putter = threading.Thread(target=stores.all.put, args=(name, data))
        putter.start()
        try:
            while not all(stores.all.under_way.has(member.name, name) for member in stores.all.members):
                assert putter.is_alive()
            work = CatchUp(stores.all, lambda: stores.clock.now)
            for member in stores.all.members:
                work.fill(member, 8)
            assert [stores.owing.owes(member.name, name) for member in stores.all.members] == [True] * 3
        finally:
            gate.set()
            putter.join()
        settle(stores)
        assert full_copies(stores)
        assert [door.calls.count("put") for door in stores.doors] == [1, 1, 1]
        assert not any(stores.owing.owes(member.name, name) for member in stores.all.members)

    def test_a_store_that_leaves_is_read_and_not_written(self) -> None:
        stores = Stores(3, Rule(1, 1))
        for number in range(20):
            stores.all.put(*pack(number))
        settle(stores)
        catch_up(stores)
        first, *others = stores.all.members
        assert any(first.provider.list("pack/")), "some went there"
        assert not stores.all.drained
        first.leaving = True
        first.returned = True
        name, data = record(1)
        stores.all.put(name, data)
        catch_up(stores)
        assert stores.all.drained
        assert first.provider.stat(name) is None
        for number in range(20):
            name, data = pack(number)
            assert data in [other.provider.get(name) for other in others if other.provider.stat(name) is not None]

    def test_what_was_let_go_is_deleted_and_brought_to_nobody(self) -> None:
        stores = Stores(2)
        name, data = pack(1)
        stores.doors[0].put(name, data)
        stores.all.let_go = frozenset({name})
        stores.all.members[0].returned = True
        catch_up(stores)
        assert [door.objects().keys() & {name} for door in stores.doors] == [set(), set()]

    def test_what_cannot_be_had_holds_up_nothing(self) -> None:
        stores = Stores()
        catch_up(stores)
        stores.doors[2].die()
        stores.owing.owe(["a"], [Listed(f"pack/00/{i:04}", 5) for i in range(100)])
        name, data = pack(1)
        stores.doors[1].damage(name, data)
        stores.owing.owe(["a"], [Listed(name, len(data))])
        work = CatchUp(stores.all, lambda: stores.clock.now)
        for _ in range(5):
            work.turn()
        assert stores.doors[0].objects()[name] == data

    def test_each_pack_on_two_of_four(self) -> None:
        stores = Stores(4, Rule(2, 2))
        for seed in range(100):
            stores.all.put(*pack(seed))
        stores.all.put(*record(1))
        settle(stores)
        catch_up(stores)
        for seed in range(100):
            assert sum(pack(seed)[0] in door.objects() for door in stores.doors) == 2
        assert all(record(1)[0] in door.objects() for door in stores.doors)
        loads = [len(door.objects()) for door in stores.doors]
        assert min(loads) > 30, loads
        stores.doors[0].empty()
        stores.all.members[0].returned = True
        catch_up(stores)
        for seed in range(100):
            assert sum(pack(seed)[0] in door.objects() for door in stores.doors) == 2

    def test_a_quota_is_kept(self) -> None:
        stores = Stores(3, Rule(1, 1), quota={"a": 1000})
        for seed in range(100):
            stores.all.put(*pack(seed))
        settle(stores)
        assert sum(len(data) for name, data in stores.doors[0].objects().items() if name.startswith("pack")) <= 1200


def test_damaged_notes_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "stores.db"
    with contextlib.closing(Owing(path)) as owing:
        owing.owe(["a"], [Listed("pack/x", 5)])
    for hurt in (b"no database" * 500, path.read_bytes()[:3000]):
        path.write_bytes(hurt)
        with contextlib.closing(Owing(path)) as owing:
            assert owing.lacking("a") in ((0, 0), (1, 5))
            owing.owe(["a"], [Listed("pack/y", 5)])


def test_one_store_is_called_straight() -> None:
    stores = Stores(1)
    alone = Replicas.alone(stores.doors[0])
    name, data = pack(1)
    alone.put(name, data)
    assert stores.doors[0].calls == ["put", "put-done"]
    assert alone.whole
