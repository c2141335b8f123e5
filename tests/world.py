"""One place to build a vault on real directories, drive it in process, and look at what it stored."""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from syncd.config.home import Home, find_home
from syncd.config.settings import StoreSetting
from syncd.engine.custody import forget_words
from syncd.engine.founding import Founding, create_vault
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outcome, Outward
from syncd.engine.progress import Progress
from syncd.engine.vault import Ambient, Vault, open_vault
from syncd.model.chunker import DEFAULT, Chunker
from syncd.seal.slots import Argon2, Unlock

CHEAP = Argon2(memory_kib=64 * 1024, passes=1, lanes=4)  # the least that the format allows


@dataclass
class World:
    """A home, a folder and a store below one temporary directory."""

    root: Path
    words: str = ""
    passphrase: str | None = None
    ambient: Ambient = field(default_factory=Ambient)

    @property
    def folder(self) -> Path:
        return self.root / "folder"

    @property
    def store(self) -> Path:
        return self.root / "home" / "store"

    @property
    def home(self) -> Home:
        return find_home({"SYNCD_HOME": str(self.root / "home")})

    def found(self, chunker: Chunker = DEFAULT) -> World:
        self.folder.mkdir(parents=True, exist_ok=True)
        unlock = Unlock.passphrase(self.passphrase) if self.passphrase else None
        founding = Founding(
            str(self.folder), (StoreSetting("main", str(self.store)),), "tester", unlock, CHEAP, chunker
        )
        self.words = create_vault(self.home, founding, self.ambient)
        forget_words(self.home)  # they are written down: the test has them
        return self

    def open(self, *, write: bool = True) -> Vault:
        return open_vault(self.home, write=write, ambient=self.ambient)

    def scan(self, *, deep: bool = False) -> Outcome:
        vault = self.open()
        try:
            return Outward(vault, Outbox(vault), Progress(time.monotonic)).scan(deep=deep)
        finally:
            vault.close()

    def write(self, path: str, data: bytes | str, *, old: bool = True) -> Path:
        """Write a file whose times lie in the past, so that its fingerprint is trusted at once."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode())
        if old:
            age(target)
        return target

    def tree(self) -> dict[str, tuple[Any, ...]]:
        return tree_of(self.folder)

    def cli(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_cli(self.root / "home", *arguments, **options)

    def objects(self) -> list[Path]:
        return sorted(path for path in self.store.rglob("*") if path.is_file() and path.name != "syncd-store")


def age(path: Path, seconds: float = 100.0) -> None:
    """Set a file's mtime into the past; ctime stays, as the kernel wants it."""
    then = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(then, then), follow_symlinks=False)


def instant() -> str:
    """Return the present as --at takes it, between the changes before and after."""
    now = time.time_ns()
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now // 10**9)) + f".{now % 10**9 // 1000:06d}"
    while time.time_ns() < now + 2000:
        pass
    return text


def tree_of(root: Path) -> dict[str, tuple[Any, ...]]:
    """Return path -> (kind, mode, mtime_ns, bytes or target) of everything but our marker."""
    found: dict[str, tuple[Any, ...]] = {}
    for directory, names, files in os.walk(os.fsencode(root)):
        for name in names + files:
            if name == b".syncd-folder":
                continue
            path = os.path.join(directory, name)
            key = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            stat = os.lstat(path)
            if os.path.islink(path):
                found[key] = ("symlink", os.readlink(path))
            elif os.path.isdir(path):
                found[key] = ("directory", stat.st_mode & 0o7777)
            else:
                with open(path, "rb") as file:
                    found[key] = ("file", stat.st_mode & 0o7777, stat.st_mtime_ns, file.read())
    return found


def environment(home: Path, **extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "XDG_"))}
    return {**kept, "SYNCD_HOME": str(home), "HOME": str(home.parent), **extra}


def obey_permissions() -> None:
    """In a child: give up root's right to ignore permission bits (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP, in force from the next exec


def run_cli(
    home: Path,
    *arguments: str,
    obedient: bool = False,
    timeout: float = 60,
    text: bool = True,
    stdout: IO[str] | int = subprocess.PIPE,
    **extra: str,
) -> subprocess.CompletedProcess[Any]:
    """Run the command line as a person would; `obedient`: bound by permission bits even as root."""
    options: dict[str, Any] = {"preexec_fn": obey_permissions} if obedient else {}
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        env=environment(home, **extra),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=text,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )


def seeded(seed: int) -> Ambient:
    """Return an ambient whose randomness comes from one seed. For tests of structure, never of secrecy."""
    source = random.Random(seed)
    return Ambient(entropy=source.randbytes, choice=source)
