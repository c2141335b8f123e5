"""Two folders kept in sync by each program, each as its own manual says; all on this machine, over loopback.

What a pair costs is the CPU time of all its processes. Peers that encrypt do so: syncd through its store, bisync
through crypt. Syncthing and unison go from folder to folder in the clear, which is less work than ours.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

SYNCD = [sys.executable, "-m", "syncd"]
TICKS = os.sysconf("SC_CLK_TCK")


class Pair(ABC):
    """Two folders, `a` and `b`, empty at first."""

    name = ""
    watches = True  # brings changes by itself; else `step` does

    def __init__(self, work: Path) -> None:
        self.work = work / self.name
        shutil.rmtree(self.work, ignore_errors=True)
        self.a, self.b = self.work / "a", self.work / "b"
        self.a.mkdir(parents=True)
        self.b.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def start(self) -> None:
        """Set both up and begin."""

    def step(self) -> None:
        """Bring what changed, where that has to be asked for."""
        return

    def stop(self) -> None:
        """End what was started."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(timeout=60)

    def cpu_s(self) -> float:
        """Return the CPU seconds that its processes have used so far, their children's included."""
        return sum(map(_cpu_of, [pid for process in self.running for pid in _family(process.pid)]))

    def peak_mb(self) -> float:
        """Return the sum of its processes' peak memory."""
        return sum(_peak_of(pid) for process in self.running for pid in _family(process.pid))

    def spawn(self, *command: str, **env: str) -> None:
        """Start a process that runs on."""
        log = (self.work / f"log-{len(self.running)}").open("wb")
        self.running.append(
            subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        )


def _family(pid: int) -> list[int]:
    """Return a process and its children, to the last generation."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    except FileNotFoundError:
        pass
    return found


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # its own, and of children that ended


def _peak_of(pid: int) -> float:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except FileNotFoundError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


class Syncd(Pair):
    """Two agents that meet in an encrypted store."""

    name = "syncd"

    def start(self) -> None:
        store = self.work / "store"
        words = self._run("home-a", "init", str(self.a), "--store", str(store), "--device", "a", "--no-passphrase")
        file = self.work / "words"
        file.write_text(_words_in(words))
        self._run(
            "home-b", "join", str(self.b), "--store", str(store), "--device", "b", "--recovery-file", str(file), "--yes"
        )
        for home in ("home-a", "home-b"):
            self.spawn(*SYNCD, "run", SYNCD_HOME=str(self.work / home))
        for home in ("home-a", "home-b"):
            _until(lambda home=home: self._idle(home), 30)

    def _idle(self, home: str) -> bool:
        done = subprocess.run(
            [*SYNCD, "status", "--json"],
            env={**os.environ, "SYNCD_HOME": str(self.work / home)},
            capture_output=True,
            check=False,
        )
        return b'"state": "idle"' in done.stdout or b'"state":"idle"' in done.stdout

    def _run(self, home: str, *arguments: str) -> str:
        env = {**os.environ, "SYNCD_HOME": str(self.work / home)}
        done = subprocess.run([*SYNCD, *arguments], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"syncd {arguments[0]}: {done.stderr}")
        return done.stdout + done.stderr

    def objects(self) -> dict[str, int]:
        """Return how many objects of each kind are on the store."""
        kinds: dict[str, int] = {}
        for path in (self.work / "store").rglob("*"):
            if path.is_file():
                kind = path.relative_to(self.work / "store").parts[0]
                kinds[kind] = kinds.get(kind, 0) + 1
        return kinds


def _words_in(text: str) -> str:
    """Return the recovery words of `init`'s answer: the one line, or lines, of nothing but words."""
    from mnemonic import Mnemonic

    known = set(Mnemonic("english").wordlist)
    found = [
        word for line in text.splitlines() if line.split() and known.issuperset(line.split()) for word in line.split()
    ]
    return " ".join(found[:24])


class Syncthing(Pair):
    """Two nodes that know each other; no discovery, no relays."""

    name = "syncthing"
    delay_s, fsync = "10", "false"

    def start(self) -> None:
        homes = [self.work / "home-a", self.work / "home-b"]
        ports = [_free_port() for _ in range(4)]
        for home in homes:
            self._tool("generate", f"--home={home}", "--no-default-folder")
        ids = [self._tool(f"--home={home}", "--device-id").strip().splitlines()[-1] for home in homes]
        for home, folder, listen, gui in zip(homes, (self.a, self.b), ports[:2], ports[2:], strict=True):
            (folder / ".stfolder").mkdir()
            (home / "config.xml").write_text(self._config(folder, ids, ports, listen, gui))
            self.spawn("syncthing", f"--home={home}", "--no-browser", "--no-restart", "--no-upgrade", STNOUPGRADE="1")
        probe = self.a / "probe"
        probe.write_text("x")
        _until((self.b / "probe").exists, 120)

    def _tool(self, *arguments: str) -> str:
        return subprocess.run(["syncthing", *arguments], capture_output=True, text=True, check=True).stdout

    def _config(self, folder: Path, ids: list[str], ports: list[int], listen: int, gui: int) -> str:
        devices = "".join(
            f'<device id="{node}" name="n" compression="metadata"><address>tcp://127.0.0.1:{port}</address></device>'
            for node, port in zip(ids, ports[:2], strict=True)
        )
        members = "".join(f'<device id="{node}"></device>' for node in ids)
        off = "".join(
            f"<{name}>false</{name}>"
            for name in ("globalAnnounceEnabled", "localAnnounceEnabled", "relaysEnabled", "natEnabled",
                         "startBrowser", "crashReportingEnabled", "setLowPriority")
        )  # fmt: skip
        return (
            f'<configuration version="36"><folder id="f" path="{folder}" type="sendreceive" rescanIntervalS="3600" '
            f'fsWatcherEnabled="true" fsWatcherDelayS="{self.delay_s}">{members}'
            f"<disableFsync>{self.fsync}</disableFsync><filesystemType>basic</filesystemType></folder>{devices}"
            f'<gui enabled="true"><address>127.0.0.1:{gui}</address>'
            f"</gui><options><listenAddress>tcp://127.0.0.1:{listen}</listenAddress>{off}<urAccepted>-1</urAccepted>"
            "<reconnectionIntervalS>1</reconnectionIntervalS></options></configuration>"
        )


class SyncthingTuned(Syncthing):
    """The same with the least delay that it takes, and without fsync."""

    name = "syncthing-tuned"
    delay_s, fsync = "1", "true"


class Unison(Pair):
    """One process over both folders; watching where its watcher is installed, else looking every second."""

    name = "unison"

    def start(self) -> None:
        how = "watch" if shutil.which("unison-fsmonitor") else "1"
        self.spawn(
            "unison", str(self.a), str(self.b), "-batch", "-auto", "-repeat", how, "-ui", "text",
            UNISON=str(self.work / "archive"),
        )  # fmt: skip
        (self.a / "probe").write_text("x")
        _until((self.b / "probe").exists, 60)


class Bisync(Pair):
    """rclone bisync of each folder with an encrypted remote: no daemon, two passes bring a change across."""

    name = "bisync"
    watches = False

    def start(self) -> None:
        remote = self.work / "remote"
        remote.mkdir()
        tool = os.environ.get("RCLONE", "rclone")
        key = subprocess.run([tool, "obscure", "benchmark"], capture_output=True, text=True, check=True).stdout.strip()
        config = self.work / "rclone.conf"
        config.write_text(f"[crypt]\ntype = crypt\nremote = {remote}\npassword = {key}\n")
        self._base = [tool, "--config", str(config), "bisync", "--workdir", str(self.work / "bisync")]
        (self.a / "probe").write_text("x")
        for folder in (self.a, self.b):
            self._pass(folder, "--resync")
        self.step()

    def _pass(self, folder: Path, *more: str) -> None:
        subprocess.run([*self._base, str(folder), "crypt:", *more, "--force"], capture_output=True, check=True)

    def step(self) -> None:
        self._pass(self.a)
        self._pass(self.b)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _until(true: object, longest_s: float) -> None:
    end = time.monotonic() + longest_s
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise RuntimeError("it never came")
        time.sleep(0.05)


PAIRS: dict[str, type[Pair]] = {kind.name: kind for kind in (Syncd, SyncthingTuned, Syncthing, Unison, Bisync)}
