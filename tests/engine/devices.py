"""Several devices on real directories in one process, with one store between them."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from syncd.config.home import Home, find_home
from syncd.config.settings import StoreSetting
from syncd.engine.both import Both, full_cycle
from syncd.engine.custody import forget_words
from syncd.engine.founding import Founding, create_vault
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.progress import Progress
from syncd.engine.rebuild import Bare, join
from syncd.engine.vault import Ambient, Vault, open_vault
from syncd.seal.slots import Unlock
from tests.world import CHEAP, tree_of


@dataclass
class Device:
    """One home and folder."""

    root: Path
    name: str
    store: Path
    ambient: Ambient = field(default_factory=Ambient)
    words: str = ""
    stores: tuple[StoreSetting, ...] = ()

    @property
    def folder(self) -> Path:
        return self.root / self.name / "folder"

    @property
    def home(self) -> Home:
        return find_home({"SYNCD_HOME": str(self.root / self.name / "home")})

    def sync(self) -> Both:
        vault = open_vault(self.home, write=True, ambient=self.ambient)
        outbox = Outbox(vault)
        try:
            return full_cycle(vault, outbox, Progress(time.monotonic))
        finally:
            outbox.abandon()
            vault.close()

    def join(self, first: Device) -> None:
        """Become a device of the vault that another one founded."""
        stores = self.stores or (StoreSetting("?", str(self.store)),)
        bare = Bare(str(self.folder), stores, self.name, Unlock.words(first.words))
        join(self.home, self.ambient, bare)

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def names(self) -> list[str]:
        return sorted(tree_of(self.folder))

    def tree(self) -> dict[str, tuple[object, ...]]:
        return tree_of(self.folder)


@contextmanager
def opened(device: Device) -> Iterator[Vault]:
    """Open a device's vault for writing."""
    vault = open_vault(device.home, write=True, ambient=device.ambient)
    try:
        yield vault
    finally:
        vault.close()


def devices(
    root: Path, *names: str, ambient: Ambient | None = None, stores: tuple[StoreSetting, ...] = ()
) -> list[Device]:
    """Return devices of one new vault; the first one founds it, the others join while all is empty."""
    found = [Device(root, name, root / "store", ambient or Ambient(), stores=stores) for name in names]
    first, *others = found
    first.folder.mkdir(parents=True)
    settings = stores or (StoreSetting("main", str(first.store)),)
    founding = Founding(str(first.folder), settings, first.name, None, CHEAP)
    first.words = create_vault(first.home, founding, first.ambient)
    forget_words(first.home)  # they are written down: the test has them
    first.sync()
    for device in others:
        device.join(first)
        device.sync()
    return found


def settle(found: list[Device], rounds: int = 6) -> None:
    """Let all devices sync until none has anything to say."""
    for _ in range(rounds):
        both = [device.sync() for device in found]
        if not any(one.outward.changes or one.applied.done or one.arrived.records for one in both):
            return
    raise AssertionError("they do not come to rest")


def late_with_old_keys(rogue: Device, first: Device) -> None:
    """Join after a revocation with what was known before, as a device that was revoked can make one; say something."""
    hidden = rogue.root / "hidden"
    hidden.mkdir()
    new = list((first.store / "epoch").iterdir())
    old = min(new, key=lambda path: path.stat().st_mtime_ns)
    for path in new:
        if path != old:
            path.rename(hidden / path.name)
    rogue.join(first)
    rogue.write("rogue", "let me in")
    with opened(rogue) as vault:
        Outward(vault, Outbox(vault), Progress(time.monotonic)).scan()
    for path in hidden.iterdir():
        path.rename(first.store / "epoch" / path.name)


NAMES = ["a", "b", "note.txt", "sub", "A"]


def act(device: Device, source: random.Random) -> str:
    """Do to a folder what a person might; return what was done."""
    paths = [device.folder, *(path for path in device.folder.rglob("*") if path.name != ".syncd-folder")]
    directories = [path for path in paths if path.is_dir() and not path.is_symlink()]
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    action = source.choice(
        ["create", "create", "edit", "edit", "mkdir", "move", "move", "remove", "swap", "save", "chmod"]
    )
    target = source.choice(directories) / source.choice(NAMES)
    text = f"{device.name} {source.getrandbits(40):x}"
    if action == "create" and not target.exists():
        target.write_text(text)
    elif action == "mkdir" and not target.exists():
        target.mkdir()
    elif action == "edit" and files:
        source.choice(files).write_text(text)
    elif action == "save" and files:  # as editors do
        file = source.choice(files)
        beside = file.with_name(file.name + ".new")
        beside.write_text(text)
        beside.replace(file)
    elif action == "chmod" and files:
        source.choice(files).chmod(source.choice([0o600, 0o644, 0o755]))
    elif action == "move" and len(paths) > 1 and not target.exists():
        moved = source.choice(paths[1:])
        if moved not in [target, *target.parents]:
            moved.rename(target)
    elif action == "remove" and len(paths) > 1:
        gone = source.choice(paths[1:])
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    elif action == "swap" and len(files) > 1:
        one, other = source.sample(files, 2)
        aside = one.with_name("aside.tmp")
        os.rename(one, aside)
        os.rename(other, one)
        os.rename(aside, other)
    return action
