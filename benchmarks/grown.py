"""What a vault costs that has grown for years: `python -m benchmarks.grown`.

Starting from the store alone: 200,000 files with 1,000,000 versions, made as the agent makes them, in records of 500
changes. `rebuild` reads them back on a machine that has nothing but the words, once with the checkpoint that the agent
would have written and once without any. Letting go: an index of 10,000,000 chunks, written into the local state
directly, is judged as `prune` judges it. Saving: 100,000 saves, one record each, and what is asked of such a store
when nothing happens. Beside restic and borg: six releases of real packages were synced one after
the other, and all goes but the last.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import data
from benchmarks.programs import PROGRAMS, Cost, measure
from benchmarks.run import replace_tree, stored
from syncd.config.home import Home, find_home
from syncd.config.settings import StoreSetting
from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.founding import Founding, create_vault
from syncd.engine.journals import devices_of, list_records
from syncd.engine.outbox import Outbox
from syncd.engine.vault import Ambient, Vault, open_vault
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, key
from syncd.model.location import PackLocations
from syncd.state.marks import Entry
from syncd.state.packs import chunk_entries

FILES, VERSIONS, FANOUT, PER_RECORD = 200_000, 1_000_000, 500, 500
SAVES, SAVED_FILES = 100_000, 1000
CHUNKS, TO_A_PACK, TO_A_FILE, SIZE = 10_000_000, 128, 100, 8_000_000
START_NS, DAY_NS = 1_600_000_000_000_000_000, 86_400_000_000_000


def found(root: Path) -> Home:
    """Make an empty vault below a directory; its words are in a file there."""
    home, folder = find_home({"SYNCD_HOME": str(root / "home")}), root / "folder"
    folder.mkdir()
    founding = Founding(str(folder), (StoreSetting("main", str(root / "store")),), "old", None)
    words = create_vault(home, founding, Ambient())
    (root / "words").write_text(words)
    return home


def _file(node: int, parent: int, name: bytes, turn: int, chunk: bytes, parents: tuple[int, ...]) -> Change:
    return Change(node, parent, name, Kind.FILE, 0o644, START_NS + turn * DAY_NS, 60, 0, 1, chunk, b"", parents)


def grow(vault: Vault) -> None:
    """Let every file be saved again and again, some at a time."""
    outbox = Outbox(vault)
    directories = []
    for number in range(FILES // FANOUT):
        node = outbox.new_node()
        outbox.change(Change(node, ROOT, b"d%04d" % number, Kind.DIRECTORY, 0o755, START_NS, 0, 0, 0, b"", b"", ()))
        directories.append(node)
    outbox.commit()
    nodes, newest, done = list[int](), list[int](), 0
    for turn in range(VERSIONS // FILES):
        for number in range(FILES):
            chunk = outbox.chunk(b"file %d as it was on day %d: %s" % (number, turn, secrets.token_hex(8).encode()))
            node = nodes[number] if turn else outbox.new_node()
            parents = (newest[number],) if turn else ()
            parent, name = directories[number // FANOUT], b"file %03d.txt" % (number % FANOUT)
            version = outbox.change(_file(node, parent, name, turn, chunk, parents))
            if turn:
                newest[number] = version
            else:
                nodes.append(node)
                newest.append(version)
            done += 1
            if done % PER_RECORD == 0:
                outbox.commit()
    outbox.commit()


def save_often(vault: Vault) -> None:
    """Save files one by one, with a record for each save."""
    outbox, nodes, newest = Outbox(vault), list[int](), list[int]()
    for turn in range(SAVES):
        at = turn % SAVED_FILES
        chunk = outbox.chunk(b"file %d: %s" % (at, secrets.token_hex(8).encode()))
        if turn < SAVED_FILES:
            nodes.append(outbox.new_node())
        parents = () if turn < SAVED_FILES else (newest[at],)
        version = outbox.change(_file(nodes[at], ROOT, b"file %d" % at, turn // SAVED_FILES, chunk, parents))
        if turn < SAVED_FILES:
            newest.append(version)
        newest[at] = version
        outbox.commit()


def saves(root: Path) -> None:
    """Say what a store of many records costs: to list, to look for new devices, to begin with."""
    home = found(root)
    vault = open_vault(home, write=True)
    save_often(vault)
    write_checkpoint(vault)
    for what, work in (("a listing of all records", list_records), ("a look for new devices", devices_of)):
        begun_s = time.perf_counter()
        work(vault.store)
        _say(what, Cost(time.perf_counter() - begun_s, 0.0, 0.0))
    objects = [listed.size for listed in vault.store.list("record/")]
    vault.close()
    print(f"  {len(objects):,} records, {sum(objects) / 1e6:.0f} MB")
    _say("rebuild, from a checkpoint", rebuild(root, "saves", SAVED_FILES, SAVES))


def rebuild(root: Path, name: str, all_files: int, all_versions: int) -> Cost:
    """Return what it costs to begin with nothing but words and the store."""
    bare = root / name
    bare.mkdir()
    environ = {**os.environ, "SYNCD_HOME": str(bare / "home"), "HOME": str(bare)}
    command = [sys.executable, "-m", "syncd", "rebuild", str(bare / "folder"), "--store", str(root / "store")]
    (bare / "folder").mkdir()
    cost = measure([*command, "--recovery-file", str(root / "words"), "--device", name], environ)
    vault = open_vault(find_home(environ), write=False)
    files, _ = vault.state.nodes.counts()
    versions = sum(1 for _ in vault.state.nodes.everything())
    vault.close()
    assert (files, versions) == (all_files, all_versions), f"read back {files} files, {versions} versions"
    shutil.rmtree(bare)
    return cost


def index_chunks(vault: Vault) -> None:
    """Write packs, their chunks and files of so many chunks into the state; every second file was replaced."""
    state, dice = vault.state, random.Random(1)
    ids = [dice.randbytes(16 * TO_A_PACK) for _ in range(CHUNKS // TO_A_PACK)]
    lengths, kinds = (64 * 1024,) * TO_A_PACK, b"\1" * TO_A_PACK
    with state.transaction():
        for group in _groups(ids, 4000):
            entries: list[Entry] = []
            for raw in group:
                pack, epoch = dice.randbytes(32), vault.keys.current
                at = PackLocations(pack, SIZE, epoch, bytes(32), (SIZE,), (TO_A_PACK,), raw, lengths, kinds)
                entries += chunk_entries(state.packs.add(at), at)
            state.chunks.add(entries)
    state.chunks.committed()
    whole, each = b"".join(ids), 16 * TO_A_FILE
    columns = "parent, name, kind, mode, mtime_ns, size, depth, profile, content, inline, parents, recorded_ns"
    marks = ", ".join("?" * 15)
    with state.transaction():
        for number in range(CHUNKS // TO_A_FILE):
            content = whole[each * number : each * (number + 1)]
            row = (ROOT, b"f%07d" % number, 1, 0o644, START_NS, TO_A_FILE << 16, 0, 1, content, b"", b"", START_NS)
            table = "version (node, id, superseded_ns" if number % 2 else "node (id, version, ino"
            given = (key(1, number + 9), key(1, number + 10), START_NS + DAY_NS if number % 2 else 0)
            state.db.execute(f"INSERT INTO {table}, {columns}) VALUES ({marks})", (*given, *row))


def _groups(found: list[bytes], size: int) -> Iterator[list[bytes]]:
    for at in range(0, len(found), size):
        yield found[at : at + size]


def judge(root: Path, home: Home) -> Cost:
    """Return what it costs to tell what may go."""
    environ = {**os.environ, "SYNCD_HOME": str(root / "home"), "HOME": str(root)}
    command = [sys.executable, "-m", "syncd"]
    measure([*command, "retention", "set", "--last", "0", "--undeletable", "0"], environ)
    return measure([*command, "prune", "--dry-run"], environ)


def let_go(root: Path, names: list[str]) -> None:
    """Sync six releases with each program, let all but the last go, and say what that took and left."""
    steps = data.releases(data.CACHE)
    for name in names:
        folder = root / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(steps[0], folder, symlinks=True)
        program = next(one for one in PROGRAMS if one.name == name)(root, folder)
        for number, step in enumerate(steps):
            if number:
                replace_tree(folder, step)
            program.sync()
        before = stored(program.repo)[0] / 1e6
        costs = program.prune()
        after = stored(program.repo)[0] / 1e6
        peak = max(one.peak_mb for one in costs)
        whole = Cost(sum(one.wall_s for one in costs), sum(one.cpu_s for one in costs), peak)
        _say(f"{name}: {before:.1f} MB to {after:.1f}", whole)
        program.restore(root / "back")
        shutil.rmtree(root / "back")
        program.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["rebuild", "judge", "saves", "prune"])
    parser.add_argument("--with", dest="programs", default="syncd,restic,borg")
    given = parser.parse_args()
    only = given.only
    place_ = "/dev/shm" if Path("/dev/shm").is_dir() else None
    if only in (None, "rebuild"):
        with tempfile.TemporaryDirectory(dir=place_) as directory:
            root = Path(directory)
            home = found(root)
            vault = open_vault(home, write=True)
            grow(vault)
            write_checkpoint(vault)
            records = vault.state.devices.get(1).sequence
            vault.close()
            print(f"{FILES:,} files, {VERSIONS:,} versions, {records:,} records")
            _say("rebuild, from a checkpoint", rebuild(root, "checkpoint", FILES, VERSIONS + FILES // FANOUT))
            shutil.rmtree(root / "store" / "checkpoint")
            _say("rebuild, from every record", rebuild(root, "records", FILES, VERSIONS + FILES // FANOUT))
    if only in (None, "judge"):
        with tempfile.TemporaryDirectory(dir=place_) as directory:
            root = Path(directory)
            home = found(root)
            vault = open_vault(home, write=True)
            index_chunks(vault)
            vault.close()
            _say(f"prune, judging {CHUNKS:,} chunks", judge(root, home))
    if only in (None, "saves"):
        with tempfile.TemporaryDirectory(dir=place_) as directory:
            saves(Path(directory))
    if only in (None, "prune"):
        with tempfile.TemporaryDirectory(dir=place_) as directory:
            let_go(Path(directory), given.programs.split(","))


def _say(what: str, cost: Cost) -> None:
    print(f"  {what:36} {cost.wall_s:8.2f} s {cost.cpu_s:8.2f} cpu {cost.peak_mb:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
