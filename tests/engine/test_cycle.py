"""The loop of one agent, turn by turn."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.engine import cycle as cycle_module
from syncd.engine import listening
from syncd.engine.applied import IN_THE_WAY
from syncd.engine.cycle import Cycle
from syncd.engine.status import Status
from syncd.engine.vault import Ambient, open_vault
from syncd.engine.watching import Watching
from syncd.errors import NeedsAttention, StoreGone
from syncd.fs.disk import Disk
from syncd.fs.exchanging import Changed
from syncd.journal.record import record_name
from syncd.model.ids import OWN_DEVICE
from syncd.watch.observer import Watcher
from syncd.watch.pending import Hint
from tests.engine.devices import Device, devices, opened, settle
from tests.world import World


class Blind(Watcher):
    """A watcher that runs, and sees nothing."""

    runs = False

    def start(self) -> bool:
        self.runs = True
        return True

    def stop(self) -> None:
        self.runs = False

    @property
    def alive(self) -> bool:
        return self.runs


def test_what_is_saved_while_nobody_watches_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While much is brought here the folder is not watched; a whole scan that ran meanwhile put off the next one."""
    (alpha,) = devices(tmp_path, "alpha")
    for number in range(12):
        alpha.write(f"directory/{number}", "bytes")
    alpha.sync()
    fresh = Device(tmp_path, "fresh", alpha.store)
    fresh.join(alpha)
    vault = open_vault(fresh.home, write=True)
    cycle = Cycle(vault, watch=Blind)
    watched: list[bool] = []
    bring_in = cycle_module.bring_in

    def slowly(*given: Any) -> None:
        bring_in(*given)
        if not watched:
            watched.append(cycle.status.watching)
            fresh.write("of a person", "saved meanwhile")

    monkeypatch.setattr(cycle_module, "MANY", 10)
    monkeypatch.setattr(cycle_module, "bring_in", slowly)
    try:
        cycle.turn()
        assert watched == [False], "much was brought here"
        cycle.turn()
    finally:
        vault.close()
    alpha.sync()
    assert alpha.read("of a person") == "saved meanwhile"


def test_what_is_asked_while_nothing_goes_on_is_refused_and_not_done_later(world: World) -> None:
    world.write("a", "one")
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    try:
        cycle.turn()
        world.folder.rename(world.root / "away")
        cycle._overflowed()
        asked = cycle.ask(lambda cycle: cycle.sync())
        cycle.turn()
        assert cycle.status.state == "paused"
        assert asked.done()
        assert isinstance(asked.exception(), NeedsAttention)
        (paused,) = cycle.operations.newest(state="waiting")
        assert paused.note == cycle.status.reason
        (world.root / "away").rename(world.folder)
        assert cycle.ask(lambda cycle: cycle.sync())
        cycle.turn()
        assert cycle.status.state == "idle"
        assert not cycle.operations.newest(state="waiting")
    finally:
        vault.close()


def test_a_person_pauses_it_over_a_restart_too(world: World) -> None:
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    try:
        cycle.turn()
        cycle.ask(lambda cycle: cycle.rest(True))
        cycle.turn()
        world.write("a", "one")
        cycle._overflowed()
        again = Cycle(vault, watch=Blind)
        for paused in (cycle, again):
            paused.turn()
            assert paused.status.state == "paused by you"
        assert vault.state.nodes.counts() == (0, 0)
        again.ask(lambda cycle: cycle.rest(False))
        again.turn()
        again.turn()
        assert again.status.state == "idle"
        assert vault.state.nodes.counts() == (1, 3)
    finally:
        vault.close()


def test_a_pause_does_not_wait_for_the_end_of_a_pass(world: World) -> None:
    """What was taken before it is safe, and the rest is taken when the loop goes on."""
    for number in range(200):
        world.write(f"d{number}/file", f"bytes of {number}")
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    beats: list[Any] = []

    def heartbeat() -> None:
        beats.append(cycle.ask_rest(True) if len(beats) == 50 else None)

    cycle.heartbeat = heartbeat
    try:
        cycle.turn()
        files, _ = vault.state.nodes.counts()
        assert 0 < files < 200
        assert not beats[50].done()
        cycle.turn()
        assert beats[50].done()
        cycle.turn()
        assert cycle.status.state == "paused by you"
        cycle.ask_rest(False)
        cycle.turn()
        cycle.turn()
        assert cycle.status.state == "idle"
        assert vault.state.nodes.counts()[0] == 200
    finally:
        vault.close()


def test_a_trouble_does_not_refuse_a_pause(world: World) -> None:
    """Asked for while a pass failed, it was refused, and the loop then waited for it without an end."""
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    asked: list[Any] = []

    def fail(cycle: Cycle) -> None:
        asked.append(cycle.ask_rest(True))
        raise StoreGone("nobody answers")

    try:
        cycle.turn()
        failed = cycle.ask(fail)
        cycle.turn()
        assert isinstance(failed.exception(), StoreGone)
        cycle.turn()
        assert asked[0].exception() is None
        cycle.turn()
        assert cycle.status.state == "paused by you"
        cycle.ask_rest(False)
        cycle.turn()
        cycle.turn()
        assert cycle.status.state == "idle"
    finally:
        vault.close()


@dataclass
class Eye:
    """A watcher that can or cannot."""

    can: bool = False
    alive: bool = False
    limited: bool = False
    trouble: str = ""

    def start(self) -> bool:
        self.alive, self.trouble = self.can, "" if self.can else "it cannot"
        return self.can

    def stop(self) -> None:
        self.alive = False


def test_only_a_watch_that_ended_or_began_asks_for_a_whole_scan() -> None:
    """Where a folder cannot be watched it is scanned every so often, and not at each vain try."""
    eye, status, now = Eye(), Status(), [0.0]
    watching = Watching(eye, status, lambda: now[0])  # type: ignore[arg-type]
    said = []
    for can in (False, False, True, True):
        eye.can = can
        said.append(watching.keep())
        now[0] += 10.0
    assert said == [False, False, True, False]
    eye.alive = False
    assert watching.keep(), "it died"
    assert status.watching


def test_what_the_loop_does_is_in_its_log(world: World) -> None:
    world.write("a", "one")
    (world.folder / "pipe").mkdir()
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    try:
        cycle.turn()
        (first,) = cycle.operations.newest()
        assert (first.kind, first.state) == ("pass", "done")
        assert first.fields()["progress"]["files"] == 1
        kinds = [event.kind for event in cycle.operations.events.since(0)[0]]
        assert kinds == ["state", "operation", "operation", "state", "changed"]
        last = cycle.operations.events.last
        cycle.turn()
        assert cycle.operations.events.last == last, "nothing happened, nothing is said"
    finally:
        vault.close()


def test_a_paused_loop_does_not_spin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = world.open()
    cycle = Cycle(vault, watch=Blind)
    waits: list[float] = []
    monkeypatch.setattr(cycle._wake, "wait", waits.append, raising=False)
    try:
        cycle.turn()
        cycle.ask(lambda cycle: cycle.rest(True))
        cycle.turn()
        cycle._wait()
        assert waits == [5.0]
    finally:
        vault.close()


def test_an_alarm_that_rises_while_nothing_else_happens_is_told_at_once(tmp_path: Path) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    beta.write("a", "of beta")
    settle([alpha, beta])
    vault = open_vault(alpha.home, write=True)
    cycle = Cycle(vault, watch=Blind)
    try:
        cycle.turn()
        with opened(beta) as other:
            record = alpha.store / record_name(other.device.id, other.state.devices.get(OWN_DEVICE).sequence)
        told = cycle.operations.events.last
        for present in (False, True):
            record.rename(tmp_path / "away") if not present else (tmp_path / "away").rename(record)
            cycle._listening._list_due_s = cycle._listening._due_s = 0.0
            cycle._look_after(cycle._elapsed())
            found, _ = cycle.operations.events.since(told)
            told = cycle.operations.events.last
            assert [event.data["alarms"] for event in found if event.kind == "attention"] == [int(not present)]
    finally:
        vault.close()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.timeout(60)
def test_what_comes_to_a_folder_store_is_brought_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTICED_S", "DISCOVER_ALONE_S", "DISCOVER_SOONEST_S", "MEET_S"):
        monkeypatch.setattr(listening, name, 3600.0)
    alpha, beta = devices(tmp_path, "alpha", "beta")
    settle([alpha, beta])
    vault = open_vault(alpha.home, write=True)
    cycle = Cycle(vault, watch=Blind)
    events, changed = cycle.operations.events, threading.Semaphore(0)
    seen = [events.last]

    def look() -> None:
        found, _ = events.since(seen[0])
        seen[0] = events.last
        for event in found:
            if event.kind == "changed":
                changed.release()

    events.follow(look)
    loop = threading.Thread(target=cycle.run)
    loop.start()
    try:
        cycle.ask(lambda cycle: cycle.sync()).result(30)
        for name in ("a", "b"):
            beta.write(name, "of beta")
            beta.sync()
            assert changed.acquire(timeout=20)
            assert alpha.read(name) == "of beta"
        gamma = Device(tmp_path, "gamma", alpha.store)
        gamma.join(alpha)
        gamma.write("c", "of one who is new")
        gamma.sync()
        while not (alpha.folder / "c").exists():
            assert changed.acquire(timeout=20)
    finally:
        cycle.stop()
        loop.join(30)
        vault.close()
    assert not cycle.status.alarms


class Clock:
    """Seconds that go by when a test says so."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_problem_that_is_over_is_told_no_more(tmp_path: Path) -> None:
    """It stood until the next scan of the whole folder, which may be an hour away."""
    clock = Clock()
    (alpha,) = devices(tmp_path, "alpha", ambient=Ambient(elapsed_s=clock))
    for name in ("pipe", "directory/pipe", "directory/deeper/pipe", "other/pipe"):
        (alpha.folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(alpha.folder / name)
    with opened(alpha) as vault:
        cycle = Cycle(vault, watch=Blind)

        def after_a_look_for(*paths: str) -> list[str]:
            for path in paths:
                cycle._note(os.fsencode(path), Hint.SETTLED)
            clock.now_s += 1
            cycle.turn()
            assert cycle.status.problems == vault.state.nodes.problems()
            assert {op.path for op in cycle.operations.newest(state="waiting")} == set(cycle.status.problems)
            return sorted(os.fsdecode(path) for path in cycle.status.problems)

        cycle.turn()
        assert len(cycle.status.problems) == 4
        (alpha.folder / "directory/pipe").unlink()
        assert after_a_look_for("other/note") == ["directory/deeper/pipe", "directory/pipe", "other/pipe", "pipe"]
        assert after_a_look_for("directory/pipe") == ["directory/deeper/pipe", "other/pipe", "pipe"]
        (alpha.folder / "directory").rename(tmp_path / "away")
        assert after_a_look_for("directory") == ["other/pipe", "pipe"]
        (alpha.folder / "other/pipe").unlink()
        (alpha.folder / "other/pipe").write_text("a file")
        assert after_a_look_for("other/pipe") == ["pipe"]


def test_a_step_that_was_in_the_way_is_tried_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted disk may keep a name for a second after what had it went elsewhere."""
    clock = Clock()
    alpha, beta = devices(tmp_path, "alpha", "beta", ambient=Ambient(elapsed_s=clock))
    alpha.write("a", "of alpha")
    settle([alpha, beta])
    (alpha.folder / "a").rename(alpha.folder / "b")
    alpha.sync()
    tries: list[float] = []

    def move(self: Disk, source: bytes, target: bytes) -> None:
        tries.append(clock.now_s)
        raise Changed(target)

    with opened(beta) as vault:
        cycle = Cycle(vault, watch=Blind)
        with monkeypatch.context() as patch:
            patch.setattr(Disk, "move", move)
            while clock.now_s < 1200:
                cycle.turn()
                assert cycle.status.problems == {b"b": IN_THE_WAY}
                clock.now_s += 1
        waits = [later - sooner for sooner, later in itertools.pairwise(sorted(set(tries)))]
        assert waits[:2] == [2, 4]
        assert max(waits) <= 30
        assert len(waits) < 30
        clock.now_s = 1230
        cycle.turn()
        assert beta.names() == ["b"]
        assert cycle.status.problems == {}
