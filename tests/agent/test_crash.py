"""SIGKILL at every step of the commit order and at random moments, while a person works in the folder.

After each kill: a restart and a sync, then everything is there, every content that had settled can be
had, and no chunk lies in two packs (an acknowledged pack is never written again). The kills are counted
by step. SYNCD_KILLS and SYNCD_SEED choose the length and the seed, which a failure prints.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from syncd.engine.progress import Progress
from syncd.engine.restoring import read_version
from syncd.engine.verify import Verifier
from syncd.model.entry import Kind
from syncd.model.location import pack_name
from syncd.seal.envelope import ObjectKind, OpenObject
from tests.agent.stepper import STEPS
from tests.world import World, environment

KILLS = int(os.environ.get("SYNCD_KILLS", "20"))
SEED = int(os.environ.get("SYNCD_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


class Person:
    """Changes the folder at random."""

    def __init__(self, root: Path, source: random.Random) -> None:
        self.root, self.source = root, source

    def work(self, steps: int) -> None:
        for _ in range(steps):
            self.source.choice(
                [self.write, self.write, self.write, self.edit, self.rename, self.delete, self.move_directory]
            )()

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file() and path.name != ".syncd-folder")

    def write(self) -> None:
        path = self.root / f"d{self.source.randrange(4)}" / f"f{self.source.randrange(40)}"
        path.parent.mkdir(exist_ok=True)
        if not path.is_dir():
            path.write_bytes(self.source.randbytes(self.source.choice([10, 5_000, 400_000])))

    def edit(self) -> None:
        if files := self.files():
            with self.source.choice(files).open("ab") as file:
                file.write(self.source.randbytes(100))

    def rename(self) -> None:
        if files := self.files():
            path = self.source.choice(files)
            path.rename(path.with_name(f"g{self.source.randrange(40)}"))

    def delete(self) -> None:
        if files := self.files():
            self.source.choice(files).unlink()

    def move_directory(self) -> None:
        directory = self.root / f"d{self.source.randrange(4)}"
        target = self.root / f"d{self.source.randrange(4)}"
        if directory.is_dir() and not target.exists():
            directory.rename(target)


def contents(root: Path) -> set[str]:
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".syncd-folder"
    }


def retrievable(world: World) -> set[str]:
    """Return the hashes of every content of every version in the vault."""
    vault = world.open(write=False)
    try:
        reader, found = vault.reader(), set()
        for row in vault.state.nodes.everything():
            if row.kind == Kind.FILE:
                digest = hashlib.sha256()
                for piece in read_version(reader, row):
                    digest.update(piece)
                found.add(digest.hexdigest())
        return found
    finally:
        vault.close()


def check_store(world: World) -> None:
    """Everything verifies, and no chunk lies in two packs."""
    vault = world.open(write=False)
    try:
        verifier = Verifier(vault, Progress(time.monotonic))
        verdict = verifier.run(100, random.Random(0))
        assert verdict.clean, verdict.objects
        assert verdict.orphans == 0, "a pack on the store that no record names and no intent knows"
        homes: Counter[bytes] = Counter()
        for _, pack in vault.state.packs.all():
            secret = vault.keys.object_secret(pack.epoch, "pack")  # type: ignore[arg-type]
            name = pack_name(pack.pack)
            opened = OpenObject(vault.store.get(name), ObjectKind.PACK, secret, vault.keys.vault, name)
            lengths = struct.unpack(f"<{len(opened.extra[1]) // 4}I", opened.extra[1])  # type: ignore[index]
            payload, at = opened.payload(), 0
            for length, kind in zip(lengths, opened.extra[2], strict=True):  # type: ignore[index]
                homes[verifier._hasher.of(kind, payload[at : at + length])] += 1
                at += length
        assert max(homes.values(), default=1) == 1, "a chunk was written twice"
    finally:
        vault.close()


class Killer:
    """Starts the agent and kills it, at a step or at a moment."""

    def __init__(self, world: World, source: random.Random) -> None:
        self.world, self.source = world, source
        self.note = world.root / "step"
        self.histogram: Counter[str] = Counter()

    def run(self, target: str) -> None:
        """Let an agent run while a person works; kill it at the target."""
        self.note.write_text("outside")
        count = self.source.randrange(1, 3) if target != "any" else 1
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.agent.stepper", target, str(count), str(self.note)],
            env=environment(self.world.root / "home"),
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
        )
        person = Person(self.world.folder, self.source)
        end = time.monotonic() + (60 if target != "any" else 0.4 + self.source.random())
        try:
            while time.monotonic() < end and not self.note.read_text().endswith("!"):
                person.work(3)
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                process_wait(process, 0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stderr:
                process.stderr.close()
        reached = self.note.read_text().rstrip("!")
        assert target in ("any", reached), f"the agent never reached {target}"
        self.histogram[reached] += 1


def process_wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@pytest.mark.slow
@pytest.mark.timeout(max(300, KILLS * 15))
def test_kill_nine_loses_nothing_and_repeats_nothing(world: World) -> None:
    print(f"SYNCD_SEED={SEED} SYNCD_KILLS={KILLS}")
    source = random.Random(SEED)
    killer = Killer(world, source)
    settled: set[str] = set()
    targets = [(*STEPS, "any")[i % (len(STEPS) + 1)] for i in range(KILLS)]
    source.shuffle(targets)
    for number, target in enumerate(targets):
        killer.run(target)
        done = world.cli("sync")
        assert done.returncode == 0, f"after kill {number} at {target}: {done.stderr}"
        settled |= contents(world.folder)
        if number % 5 == 4:
            check_store(world)
    check_store(world)
    lost = settled - retrievable(world)
    assert not lost, f"{len(lost)} of {len(settled)} settled contents cannot be had"
    world.cli("rebuild")
    check_store(world)
    total = sum(killer.histogram.values())
    print("\n".join(f"{step:16} {killer.histogram[step]:4} kills" for step in sorted(killer.histogram)))
    assert total == KILLS
    for step in STEPS:
        assert killer.histogram[step] >= 0.05 * total, f"too few kills at {step}"
