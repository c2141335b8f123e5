"""The agent as a person has it: start, stop, one at a time, quick, and calm when the world is not."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from inotify_simple import Event, flags

from syncd.engine.cycle import Cycle
from syncd.watch.inotify import Inotify
from syncd.watch.observer import Watcher
from tests.agent.live import wait_for
from tests.world import World, environment


def status(world: World) -> dict[str, object]:
    return json.loads(world.cli("status", "--json").stdout)  # type: ignore[no-any-return]


def records(world: World) -> int:
    return sum(1 for path in world.objects() if path.parts[-3] == "record")


def test_up_sets_up_and_says_where_things_are(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.folder.mkdir()
    world.write("letter.txt", "dear")
    done = world.cli("up", str(world.folder))
    try:
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        assert lines[0].startswith(f"Folder:   {world.folder}")
        assert str(world.store) in lines[1]
        assert len(lines[2].split()) == 25
        words = " ".join(lines[2].split()[1:])
        assert status(world)["safe"] is True
        assert not world.home.words.exists()
        again = world.cli("up")
        assert again.returncode == 0
        assert words not in again.stderr, "the words are shown once"
    finally:
        assert world.cli("stop").returncode == 0
    assert world.cli("status").returncode == 4
    assert world.cli("stop").returncode == 4


def test_words_that_a_run_was_cut_off_before_it_told_are_told_by_the_next(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.folder.mkdir()
    founded = world.cli("init", str(world.folder), "--no-passphrase", "--keep-words")
    assert founded.returncode == 0, founded.stderr
    words = founded.stdout.strip()
    assert world.cli("key", "words").stdout.strip() == words
    locked = world.cli("lock")
    assert locked.returncode == 11
    assert "written down" in locked.stderr
    try:
        assert f"Recovery: {words}" in world.cli("up").stderr
    finally:
        assert world.cli("stop").returncode == 0
    gone = world.cli("key", "words")
    assert gone.returncode == 2
    assert "key recovery" in gone.stderr
    assert words not in gone.stdout + gone.stderr


def test_a_change_is_taken_and_history_follows_it(agent: World) -> None:
    path = agent.folder / "a.txt"
    path.write_text("one")
    wait_for(lambda: '"added"' in agent.cli("history", "a.txt", "--json").stdout)
    with path.open("a") as file:
        file.write(" and two")
    path.rename(agent.folder / "b.txt")
    wait_for(lambda: agent.cli("cat", "b.txt").stdout == "one and two")
    lines = json.loads(agent.cli("history", "b.txt", "--json").stdout)
    assert lines[-1]["change"] == "added"
    assert lines[-1]["path"] == "a.txt", "an edit with a rename is still the same file"
    assert status(agent)["safe"] is True


def test_a_small_edit_is_durable_within_half_a_second(agent: World) -> None:
    path = agent.folder / "note.txt"
    waits = []
    for number in range(9):
        before = records(agent)
        begun = time.monotonic()
        path.write_text(f"edit {number}")
        while records(agent) == before and time.monotonic() - begun < 10:
            os.sched_yield()
        waits.append(time.monotonic() - begun)
    print(f"median {statistics.median(waits):.3f} s, worst {max(waits):.3f} s")
    assert max(waits) < 10
    assert agent.cli("cat", "note.txt").stdout == "edit 8"


def test_the_agent_answers_for_the_command_line(agent: World) -> None:
    agent.write("a", "x")
    answer = json.loads(agent.cli("sync", "--json").stdout)
    assert answer["skipped"] == 0
    agent.write("a", "y")
    agent.cli("sync")
    (agent.folder / "a").unlink()
    agent.cli("sync")
    done = agent.cli("restore", "a")
    assert done.returncode == 0, done.stderr
    assert (agent.folder / "a").read_text() == "y"
    wrong = agent.cli("restore", "nowhere")
    assert wrong.returncode == 2
    assert "nothing ever stood at nowhere" in wrong.stderr


def test_there_is_one_agent(agent: World) -> None:
    assert agent.cli("start").returncode == 0
    second = agent.cli("run")
    assert second.returncode == 10
    assert "another syncd process" in second.stderr


def test_the_socket_is_this_users_alone(agent: World) -> None:
    socket = agent.home.socket
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert agent.home.device_key.stat().st_mode & 0o777 == 0o600


def test_a_home_with_a_long_path(tmp_path: Path) -> None:
    world = World(tmp_path / ("long" * 20) / ("path" * 20)).found()
    assert world.cli("start").returncode == 0
    assert status(world)["state"] in ("starting", "syncing", "idle")
    assert world.cli("stop").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully(world: World, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", "run"], env=environment(world.root / "home"), stderr=subprocess.PIPE
    )
    wait_for(lambda: world.home.socket.exists())
    world.write("a", "x")
    wait_for(lambda: world.cli("cat", "a").stdout == "x")  # the first record may be about the vault alone
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert not world.home.socket.exists()
    assert world.cli("cat", "a").stdout == "x"


@contextmanager
def running(world: World, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """An agent of this home as a child, once it answers."""
    command = [sys.executable, "-m", "syncd", "run", *arguments]
    agent = subprocess.Popen(command, env=environment(world.root / "home"), stderr=subprocess.PIPE)
    try:
        wait_for(lambda: world.cli("status").returncode != 4)
        yield agent
    finally:
        agent.kill()
        agent.communicate()


def test_it_begins_anew_with_other_settings(world: World) -> None:
    """SIGHUP: the same process, other settings; wrong ones change nothing."""
    with running(world, "--background") as agent:
        begins = f"agent {agent.pid} keeps"
        assert world.home.log.read_text().count(begins) == 1
        right = world.home.config.read_text()
        world.home.config.write_text(right.replace("ignore = []", "ignore = 7"))
        agent.send_signal(signal.SIGHUP)
        wait_for(lambda: "the settings are left as they were" in world.home.log.read_text())
        world.home.config.write_text(right.replace("ignore = []", 'ignore = ["*.left-out"]'))
        agent.send_signal(signal.SIGHUP)
        wait_for(lambda: world.home.log.read_text().count(begins) == 2)
        world.write("a.left-out", "1")
        world.write("b", "2")
        wait_for(lambda: world.cli("cat", "b").stdout == "2")
        assert world.cli("history", "a.left-out").returncode != 0
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(30) == 0


def test_a_terminal_that_is_closed_ends_it(world: World) -> None:
    with running(world) as agent:
        agent.send_signal(signal.SIGHUP)
        assert agent.wait(30) == 0


def test_a_store_that_goes_and_comes_back(agent: World) -> None:
    agent.write("before", "x")
    wait_for(lambda: agent.cli("cat", "before").stdout == "x")
    away = agent.store.with_name("away")
    agent.store.rename(away)
    agent.write("meanwhile", "y")
    wait_for(lambda: status(agent)["state"] == "paused")
    paused = agent.cli("status")
    assert paused.returncode == 11
    assert "is not there" in paused.stdout
    assert "goes on by itself" in paused.stdout
    away.rename(agent.store)
    wait_for(lambda: status(agent)["safe"], 40)
    assert agent.cli("cat", "meanwhile").stdout == "y"
    wait_for(lambda: status(agent)["stores"][0]["state"] == "complete")  # type: ignore[index]


def test_new_keys_are_known_to_whoever_looks(agent: World) -> None:
    """Also to what the agent keeps open for looking."""
    agent.write("before", "x")
    wait_for(lambda: agent.cli("cat", "before").stdout == "x")
    assert agent.cli("key", "rotate").returncode == 0
    agent.write("after", "y")
    wait_for(lambda: agent.cli("cat", "after").stdout == "y")
    for _ in range(6):
        done = agent.cli("verify", "--read-data", "100")
        assert done.returncode == 0, done.stdout
    assert json.loads(agent.cli("status", "--json").stdout)["stores"][0]["last_verified_at"]


def test_a_folder_that_goes_and_comes_back(agent: World) -> None:
    agent.write("precious", "x")
    wait_for(lambda: agent.cli("cat", "precious").stdout == "x")
    agent.folder.rename(agent.folder.with_name("away"))
    wait_for(lambda: status(agent)["state"] == "paused")
    assert "not mounted" in str(status(agent)["reason"])
    agent.folder.with_name("away").rename(agent.folder)
    wait_for(lambda: status(agent)["safe"], 40)
    assert [line["change"] for line in json.loads(agent.cli("history", "precious", "--json").stdout)] == ["added"]
    agent.write("after", "y")
    wait_for(lambda: agent.cli("cat", "after").stdout == "y", 40)


def test_ten_thousand_directories_are_watched(world: World) -> None:
    """watchdog 7.1 with its default events never delivers one here."""
    for i in range(100):
        for j in range(100):
            (world.folder / f"{i}/{j}").mkdir(parents=True)
    world.scan()
    assert world.cli("start").returncode == 0
    try:
        wait_for(lambda: status(world)["safe"], 60)
        assert status(world)["watching"] is True
        before = records(world)
        (world.folder / "57/31/new.txt").write_text("x")
        wait_for(lambda: records(world) > before, 30)
        assert world.cli("cat", "57/31/new.txt").stdout == "x"
    finally:
        world.cli("stop")


@pytest.mark.skipif(sys.platform != "linux", reason="what it does to its source is of inotify")
@pytest.mark.parametrize("trouble", ["limit", "overflow", "death"])
def test_where_watching_fails_scanning_goes_on(world: World, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch limit, a lost event and a dead observer each end in a scan, and are said."""
    text = (world.home.config).read_text().replace("poll_s = 10", "poll_s = 0.2")
    world.home.config.write_text(text)
    if trouble == "limit":

        def refuse(self: object) -> None:
            raise OSError(28, "inotify watch limit reached")

        monkeypatch.setattr(Inotify, "start", refuse)
    vault = world.open()
    cycle = Cycle(vault)
    thread = threading.Thread(target=cycle.run)
    thread.start()
    try:
        wait_for(lambda: cycle.status.state == "idle")
        if trouble == "limit":
            assert not cycle.status.watching
            assert "max_user_watches" in cycle.status.watch_trouble
        else:
            assert cycle.status.watching
            monkeypatch.setattr(Watcher, "_on_note", lambda *_: None)  # the event of this file is lost
            source = cycle._watching.watcher._source
            assert isinstance(source, Inotify)
        world.write("lost", "x")
        if trouble == "overflow":
            source._take(Event(-1, flags.Q_OVERFLOW, 0, ""))
        elif trouble == "death":  # whoever watches next looks at everything once, and may have done so at once
            os.write(source._waker, b"\0")
        wait_for(lambda: world.cli("cat", "lost").stdout == "x", 30)
    finally:
        cycle.stop()
        thread.join()
        vault.close()


def test_commands_without_a_vault_say_what_to_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    for arguments in (["status"], ["sync"], ["start"], ["ls"], ["up"], ["verify"], ["rebuild"]):
        done = world.cli(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        assert "syncd up" in done.stderr


def test_other_rules_are_in_force_at_once_and_everywhere(world: World) -> None:
    world.write("deep/er/known.log", "one")
    world.write(".syncdignore", "*.tmp\n")
    assert world.cli("start").returncode == 0
    try:
        world.write("deep/er/new.tmp", "not yet", old=False)
        wait_for(lambda: status(world)["state"] == "idle")
        assert "new.tmp" not in world.cli("ls", "deep/er").stdout
        (world.folder / ".syncdignore").unlink()
        wait_for(lambda: "new.tmp" in world.cli("ls", "deep/er").stdout)
    finally:
        world.cli("stop")
