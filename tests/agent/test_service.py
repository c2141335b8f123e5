"""The agent as a service: the unit is one that systemd takes, the manager is told how it is, the desktop when it matters."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from syncd.agent.desktop import Desktop, said_by, shower
from syncd.agent.notify import Notify
from syncd.cli.service import launchd_agent, service_of, systemd_unit
from syncd.config.home import find_home
from syncd.engine.events import Event
from syncd.engine.operations import Operations
from syncd.errors import Failed, UsageError
from tests.agent.live import wait_for
from tests.world import World, environment


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    home = 'a "home" with %percent and $money'
    unit = systemd_unit(sys.executable, str(tmp_path / home), "syncd-test", tmp_path)
    unit.path.write_text(unit.text)
    assert shutil.which("systemd-analyze"), "install systemd: its own verdict is the test"
    done = subprocess.run(["systemd-analyze", "verify", str(unit.path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Type=notify" in unit.text
    assert "%%percent and $$money" in unit.text


def test_launchd_has_a_property_list_that_it_can_read(tmp_path: Path) -> None:
    agent = launchd_agent("/usr/bin/python3", "/home/you/h", "syncd", tmp_path, tmp_path / "syncd.log")
    wanted = plistlib.loads(agent.text.encode())
    assert wanted["ProgramArguments"] == ["/usr/bin/python3", "-P", "-m", "syncd", "run", "--background"]
    assert wanted["EnvironmentVariables"] == {"SYNCD_HOME": "/home/you/h"}
    assert agent.path.name == f"{wanted['Label']}.plist"


def test_each_home_has_a_unit_of_its_own(tmp_path: Path) -> None:
    home = find_home({"SYNCD_HOME": str(tmp_path)})
    one, other = (service_of(home, {"SYNCD_HOME": name, "HOME": "/h"}, "linux") for name in ("/a", "/b"))
    plain = service_of(home, {"HOME": "/h"}, "linux")
    assert len({one.name, other.name, plain.name}) == 3
    assert str(plain.path) == "/h/.config/systemd/user/syncd.service"
    with pytest.raises(UsageError, match="no service for sunos"):
        service_of(home, {}, "sunos")


def test_a_unit_is_written_and_removed(world: World, tmp_path: Path) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": str(tmp_path)}
    done = world.cli("service", "install", **config)
    assert done.returncode == 1
    assert "systemctl is not on this computer" in done.stderr
    (unit,) = (tmp_path / "config/systemd/user").iterdir()
    assert str(world.root / "home") in unit.read_text()
    assert str(unit) in world.cli("service", "status", **config).stdout
    assert world.cli("service", "uninstall", **config).returncode == 1
    assert not unit.exists()
    assert "not installed" in world.cli("service", "status", **config).stdout
    assert "[Service]" in world.cli("service", "install", "--print", **config).stdout
    assert not unit.exists(), "printing writes nothing"


def test_the_manager_is_told_of_a_real_agent(world: World, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        extra = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
        command = [sys.executable, "-m", "syncd", "run"]
        agent = subprocess.Popen(command, env=environment(world.root / "home", **extra), stderr=subprocess.DEVNULL)
        said = ""
        try:
            while not all(word in said for word in ("READY=1", "STATUS=idle", "WATCHDOG=1")):
                said += manager.recv(4096).decode() + "\n"
            agent.terminate()
            while "STOPPING=1" not in said:
                said += manager.recv(4096).decode() + "\n"
        finally:
            agent.kill()
            agent.wait()
    assert f"MAINPID={agent.pid}" in said


def test_the_watchdog_of_another_process_is_not_fed() -> None:
    ticks = iter([0.0, 10.0, 20.0, 21.0])
    mine = Notify({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "7"}, 7, lambda: next(ticks))
    assert mine.watchdog_s == 8.0
    assert Notify({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "8"}, 7, lambda: 0.0).watchdog_s == 0
    assert Notify({"WATCHDOG_USEC": "soon"}, 7, lambda: 0.0).watchdog_s == 0


def event(of: str, /, **data: Any) -> Event:
    return Event(1, 0, of, data)


@pytest.mark.parametrize(
    ("happened", "before", "title"),
    [
        (event("attention", conflicts=2, held=0, damaged=0), {"conflicts": 1, "held": 0}, "A conflict"),
        (event("attention", conflicts=1, held=0, damaged=0), {"conflicts": 1, "held": 0}, None),
        (event("attention", conflicts=0, held=40, damaged=0), {}, "Your yes is needed"),
        (event("attention", conflicts=1, held=0, damaged=2), {"conflicts": 1, "damaged": 1}, "A store is damaged"),
        (event("operation", kind="alarm", state="running", note="", what="it lies"), {}, "An alarm"),
        (event("operation", kind="alarm", state="warning", note="", what="it lies"), {}, None),
        (event("operation", kind="paused", state="running", note="full", what="paused"), {}, "syncd is paused"),
        (event("operation", kind="pass", state="running", note="", what="sync"), {}, None),
        (event("changed", changes=3), {}, None),
    ],
)
def test_the_desktop_hears_of_what_needs_a_person(happened: Event, before: dict[str, Any], title: str | None) -> None:
    said = said_by(happened, before)
    assert (said[0] if said else None) == title


def test_each_thing_is_said_once(tmp_path: Path) -> None:
    ticks = iter(range(10**18, 10**18 + 1000))
    operations, shown = Operations(lambda: next(ticks)), list[str]()
    Desktop(operations.events, lambda title, text: shown.append(title)).start()
    operations.trouble(Failed("the store is full"))
    operations.alarms({"record/1": "it lies"})
    operations.events.publish("attention", {"conflicts": 1, "held": 0, "damaged": 0})
    operations.trouble(Failed("the store is full"))
    operations.events.publish("attention", {"conflicts": 1, "held": 0, "damaged": 0})
    wait_for(lambda: len(shown) == 3)
    operations.events.close()
    assert shown == ["syncd is paused", "An alarm", "A conflict"]


def test_where_there_is_no_desktop_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shower({"DISPLAY": ":0"}, "linux") is None
    tool = tmp_path / "notify-send"
    tool.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {tmp_path}/said\n')
    tool.chmod(0o755)
    assert shower({}, "linux") is None
    show = shower({"DISPLAY": ":0"}, "linux")
    assert show is not None
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    show("title", "text; $(rm -rf /)")
    assert (tmp_path / "said").read_text().endswith("|title|text; $(rm -rf /)|")


def test_the_log_can_be_read_by_programs(world: World) -> None:
    config = world.home.config
    config.write_text(config.read_text().replace('log_format = "text"', 'log_format = "json"'))
    world.write("a", "x")
    assert world.cli("start").returncode == 0
    try:
        wait_for(lambda: "published" in world.home.log.read_text())
    finally:
        world.cli("stop")
    lines = [json.loads(line) for line in world.home.log.read_text().splitlines()]
    assert {"level", "where", "what", "at_ns"} <= lines[0].keys()


def test_a_bundle_tells_no_place_and_no_name(world: World, tmp_path: Path) -> None:
    world.write("letter.txt", "dear")
    os.mkfifo(world.folder / "secret-pipe")
    world.cli("start")
    wait_for(lambda: "published" in world.home.log.read_text())
    world.cli("stop")
    target = tmp_path / "bundle.zip"
    done = world.cli("doctor", "--bundle", str(target))
    assert done.returncode == 1, "a pipe is skipped, and it says so"
    with zipfile.ZipFile(target) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    assert set(texts) == {"doctor.json", "versions.txt", "config.toml", "log.txt"}
    whole = "\n".join(texts.values())
    assert "published" in whole
    for secret in (str(world.folder), str(world.store), "tester", "letter.txt", "dear", "secret-pipe"):
        assert not re.search(rf"\b{re.escape(secret)}\b", whole), secret
    again = world.cli("doctor", "--bundle", str(target))
    assert again.returncode == 2
    assert "exists already" in again.stderr
