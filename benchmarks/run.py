"""Us and our peers side by side: `make bench`, or `python -m benchmarks.run --only a,c --with syncd,restic`.

Prints one table: per row the wall seconds, CPU seconds, peak MB and bytes of each program, and how many
times more than ours the others took. Everything runs in one process after the other on the same copy of
the data, page cache warm, on a tmpfs when there is one. Every syncd restore is compared byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import stat
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.programs import PROGRAMS, Cost, Program

Results = dict[tuple[str, str], dict[str, list[float]]]


def stored(root: Path) -> tuple[int, dict[str, tuple[int, int, int]]]:
    """Return (bytes below root, path -> (inode, mtime, size))."""
    found = {}
    for directory, _, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            found[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return sum(entry[2] for entry in found.values()), found


def _hash(path: Path) -> bytes:
    # Streamed: a child begins with its parent's peak memory, so the parent has to stay small.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return path -> what a restore must bring back."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = Path(directory) / name
            status = path.lstat()
            key = str(path.relative_to(root))
            if stat.S_ISLNK(status.st_mode):
                found[key] = ("link", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                found[key] = ("directory", stat.S_IMODE(status.st_mode))
            else:
                found[key] = (stat.S_IMODE(status.st_mode), status.st_mtime_ns, _hash(path))
    found.pop(".syncd-folder", None)
    return found


class Table:
    """Collects figures and prints them."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.results: Results = {}

    def note(self, row: str, program: str, cost: Cost, written: float | None = None) -> None:
        """Take one measurement; bytes in MB."""
        cell = self.results.setdefault((row, program), {})
        for key, value in (("wall", cost.wall_s), ("cpu", cost.cpu_s), ("mb", cost.peak_mb)):
            cell.setdefault(key, []).append(value)
        if written is not None:
            cell.setdefault("bytes", []).append(written)
        print(
            f"  {row:34} {program:9} {cost.wall_s:7.2f} s {cost.cpu_s:7.2f} cpu {cost.peak_mb:6.0f} MB"
            + (f" {written:9.3f} MB written" if written is not None else ""),
            flush=True,
        )

    def show(self) -> None:
        """Print medians, and each peer's ratio to ours."""
        rows = list(dict.fromkeys(row for row, _ in self.results))
        for measured, title in (
            ("wall", "wall seconds"),
            ("cpu", "CPU seconds"),
            ("mb", "peak MB"),
            ("bytes", "MB written"),
        ):
            print(f"\n## {title}: ours, then each peer and how many times ours it is\n")
            print("| row | " + " | ".join(self.names) + " |")
            print("|---" * (len(self.names) + 1) + "|")
            for row in rows:
                cells = [self._cell(row, name, measured) for name in self.names]
                if any(cells):
                    print(f"| {row} | " + " | ".join(cells) + " |")

    def _median(self, row: str, name: str, measured: str) -> float | None:
        values = self.results.get((row, name), {}).get(measured)
        return statistics.median(values) if values else None

    def _cell(self, row: str, name: str, measured: str) -> str:
        value, ours = self._median(row, name, measured), self._median(row, "syncd", measured)
        if value is None:
            return ""
        ratio = f" ({value / ours:.1f}x)" if ours and name != "syncd" else ""
        return f"{value:.3f}{ratio}" if value < 10 else f"{value:.1f}{ratio}"


class Bench:
    """Runs rows on one working directory."""

    def __init__(self, work: Path, cache: Path, programs: list[type[Program]], repeat: int) -> None:
        self.work, self.cache, self.programs, self.repeat = work, cache, programs, repeat
        self.table = Table([program.name for program in programs])

    def copy(self, source: Path, name: str) -> Path:
        """Return a fresh copy of data in the working directory."""
        target = self.work / name
        shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            target.mkdir(parents=True)
            shutil.copy2(source, target)
        return target

    def sync(self, row: str, program: Program) -> None:
        """Measure one sync and the bytes it writes to the store."""
        _, before = stored(program.repo)
        touch_memory(self.work)
        cost = program.sync()
        _, after = stored(program.repo)
        written = sum(entry[2] for path, entry in after.items() if before.get(path) != entry)
        self.table.note(row, program.name, cost, written / 1e6)

    def restore(self, row: str, program: Program, source: Path) -> None:
        """Measure a full restore; ours is compared with the source."""
        target = self.work / "restored"
        shutil.rmtree(target, ignore_errors=True)
        touch_memory(self.work)
        self.table.note(row, program.name, program.restore(target))
        if program.name == "syncd" and tree(source) != tree(target):
            raise RuntimeError(f"{row}: what was restored differs from the source")
        shutil.rmtree(target, ignore_errors=True)

    def restore_old(self, row: str, program: Program, path: str, original: bytes) -> None:
        """Measure bringing one old file back."""
        target = self.work / "restored"
        shutil.rmtree(target, ignore_errors=True)
        if type(program).restore_old is Program.restore_old:
            return
        self.table.note(row, program.name, program.restore_old(path, target))
        if program.name == "syncd" and (target / Path(path).name).read_bytes() != original:
            raise RuntimeError(f"{row}: the old file differs")
        shutil.rmtree(target, ignore_errors=True)

    def tree_rows(self, label: str, source: Path, *, edit: bool) -> None:
        """First sync, no change, one edit, full restore, one old file."""
        for _ in range(self.repeat):
            for make in self.programs:
                folder = self.copy(source, "data")
                program = make(self.work, folder)
                self.sync(f"{label} first sync", program)
                if make.name != "tar+zstd":
                    self.sync(f"{label} no change", program)
                    if edit:
                        self._edit_and_sync(label, program, folder)
                self.restore(f"{label} full restore", program, folder)
                program.close()

    def _edit_and_sync(self, label: str, program: Program, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and 20_000 < path.stat().st_size < 200_000)
        files = files or sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
        victim = random.Random(label).choice(files)
        original = victim.read_bytes()
        victim.write_bytes(original[: len(original) // 2] + b"an edit\n" + original[len(original) // 2 :])
        self.sync(f"{label} one edit", program)
        self.restore_old(f"{label} one old file", program, str(victim.relative_to(folder)), original)

    def big_rows(self) -> None:
        """The tar and the database with their edits."""
        source = data.big(self.cache)
        for _ in range(self.repeat):
            for make in self.programs:
                if make.name == "tar+zstd":
                    continue
                for name in ("sources.tar", "lines.db"):
                    folder = self.copy(source / name, "data")
                    program = make(self.work, folder)
                    self.sync(f"(d) {name} first sync", program)
                    self.sync(f"(d) {name} no change", program)
                    if name == "sources.tar":
                        for edit in ("1 byte at start", "10 x 4 KiB", "1 MiB appended"):
                            data.edit_tar(folder / name, edit)
                            self.sync(f"(d) tar: {edit}", program)
                    else:
                        data.edit_database(folder / name)
                        self.sync("(d) db: 1,000 rows", program)
                    self.restore(f"(d) {name} full restore", program, folder)
                    program.close()

    def memory_rows(self) -> None:
        """Peak memory of us alone as the number of files grows: 10,000 to 200,000 of 1 KB, 50 in a directory."""
        for count in (10_000, 50_000, 100_000, 200_000):
            folder = self.work / "data"
            shutil.rmtree(folder, ignore_errors=True)
            for number in range(count):
                if number % 50 == 0:
                    (folder / f"{number // 5000}" / f"{number // 50}").mkdir(parents=True)
                text = f"file {number}\n" * 80
                (folder / f"{number // 5000}" / f"{number // 50}" / f"{number}.txt").write_text(text)
            program = self.programs[0](self.work, folder)
            self.sync(f"(m) {count} files first sync", program)
            self.sync(f"(m) {count} files no change", program)
            for top in folder.iterdir():
                if top.is_dir() and int(top.name) % 2:
                    top.rename(top.with_name(f"{top.name} moved"))
            self.sync(f"(m) {count} files half of the directories renamed", program)
            for top in sorted(folder.glob("* moved")):
                for directory in list(top.iterdir()):
                    for file in list(directory.iterdir()):
                        file.rename(top / file.name)
            self.sync(f"(m) {count} files half of the files moved", program)
            shutil.rmtree(folder / "0")
            for top in folder.glob("* moved"):
                shutil.rmtree(top)
            self.sync(f"(m) {count} files half of the files gone", program)
            self.restore(f"(m) {count} files restore of the rest", program, folder)
            program.close()

    def release_rows(self) -> None:
        """Six releases in one folder, then one old file."""
        steps = data.releases(self.cache)
        for _ in range(self.repeat):
            for make in self.programs:
                if make.name == "tar+zstd":
                    continue
                folder = self.copy(steps[0], "data")
                program = make(self.work, folder)
                victim = max(path for path in steps[0].rglob("*.py") if path.stat().st_size > 30_000)
                for number, step in enumerate(steps, 1):
                    if number > 1:
                        replace_tree(folder, step)
                    self.sync(f"(e) release {number}", program)
                self.restore_old("(e) one old file", program, str(victim.relative_to(steps[0])), victim.read_bytes())
                self.restore("(e) full restore", program, folder)
                program.close()


def replace_tree(folder: Path, source: Path) -> None:
    """Let a folder hold what another one holds, and nothing else but the vault's marker."""
    for child in folder.iterdir():
        if child.name != ".syncd-folder":
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)


def touch_memory(work: Path) -> None:
    """Fill and free 3 GB where the work is done.

    A virtual machine's host takes free memory back after a while, and giving it again costs whoever asks
    first two seconds a GB: before each measurement, so that nobody pays for it.
    """
    work.mkdir(parents=True, exist_ok=True)
    block = bytes(1 << 24)
    with (work / "touch").open("wb", buffering=0) as file:
        for _ in range(min(3 << 30, shutil.disk_usage(work).free // 2) >> 24):
            file.write(block)
    (work / "touch").unlink()


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="a,b,c,d,e", help="data sets")
    parser.add_argument("--with", dest="programs", default="syncd,restic,borg", help="programs; all: every one")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    shared = Path("/dev/shm")
    parser.add_argument("--work", type=Path, default=(shared if shared.is_dir() else Path("/var/tmp")) / "syncd-bench")
    options = parser.parse_args()
    wanted = options.programs.split(",")
    programs = [program for program in PROGRAMS if "all" in wanted or program.name in wanted]
    missing = [
        program.name
        for program in programs
        if program.name in ("restic", "zpaq", "rsync") and not shutil.which(program.name)
    ]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; see benchmarks/README.md")
    options.cache.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.work, options.cache, programs, options.repeat)
    rows: dict[str, Callable[[], None]] = {
        "a": lambda: bench.tree_rows("(a)", data.sources(options.cache), edit=True),
        "b": lambda: bench.tree_rows("(b)", data.compressed(options.cache), edit=False),
        "c": lambda: bench.tree_rows("(c)", data.tiny(options.cache), edit=True),
        "d": bench.big_rows,
        "e": bench.release_rows,
        "m": bench.memory_rows,
    }
    try:
        for key in options.only.split(","):
            rows[key]()
    finally:
        shutil.rmtree(options.work, ignore_errors=True)
    bench.table.show()


if __name__ == "__main__":
    main()
