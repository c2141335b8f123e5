"""The benchmark's data: real files, fetched by package name from Debian, PyPI and npm, kept between runs.

Each function makes one folder below the cache and returns it; a folder that is there is used again.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

LINUX = "linux-source-6.1"
WHEELS = (
    "xgboost",
    "pyarrow",
    "scipy",
    "opencv-python-headless",
    "polars-runtime-32",
    "duckdb",
    "PySide6-Essentials",
    "PySide6-Addons",
    "playwright",
    "catboost",
    "jaxlib",
)
ICONS = (
    *(f"@material-symbols/svg-{weight}00" for weight in range(1, 8)),
    "@fluentui/svg-icons",
    "@material-design-icons/svg",
    "@mdi/svg",
    "@tabler/icons",
)
RELEASES = {
    "botocore": ("1.34.140", "1.34.141", "1.34.142", "1.34.143", "1.34.144", "1.34.145"),
    "django": ("5.0.1", "5.0.2", "5.0.3", "5.0.4", "5.0.6", "5.0.7"),
    "sympy": ("1.9", "1.10.1", "1.11.1", "1.12", "1.12.1", "1.13.1"),
    "babel": ("2.11.0", "2.12.1", "2.13.1", "2.14.0", "2.15.0", "2.16.0"),
}


CACHE = Path(os.environ.get("BENCH_CACHE", "/var/tmp/syncd-bench"))


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _pip_download(target: Path, package: str) -> None:
    _run(
        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(target), package
    )


def sources(cache: Path) -> Path:
    """(a) About 79,000 real source files, 1.3 GB: a Linux kernel."""
    target = cache / "a-sources"
    if not target.exists():
        work = cache / "work-a"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _run("apt-get", "download", LINUX, cwd=work)
        _run("dpkg-deb", "-x", str(next(work.glob("*.deb"))), str(work / "deb"))
        archive = next((work / "deb").rglob("*.tar.xz"))
        (work / "out").mkdir()
        _run("tar", "-xJf", str(archive), "-C", str(work / "out"))
        (work / "out").rename(target)
        shutil.rmtree(work)
    return target


def compressed(cache: Path) -> Path:
    """(b) About 0.7 GB of compressed files: wheels."""
    target = cache / "b-compressed"
    if not target.exists():
        work = cache / "work-b"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for package in WHEELS:
            _pip_download(work, package)
        work.rename(target)
    return target


def tiny(cache: Path) -> Path:
    """(c) About 200,000 tiny files: icons."""
    target = cache / "c-tiny"
    if not target.exists():
        work = cache / "work-c"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for package in ICONS:
            before = set(work.glob("*.tgz"))
            _run("npm", "pack", "--silent", package, cwd=work)
            (archive,) = set(work.glob("*.tgz")) - before
            with tarfile.open(archive) as tar:
                tar.extractall(work / "out" / archive.stem, filter="data")
        (work / "out").rename(target)
        shutil.rmtree(work)
    return target


def big(cache: Path) -> Path:
    """(d) A 0.8 GB tar of sources and a 0.6 GB SQLite file of their lines."""
    target = cache / "d-big"
    if not target.exists():
        source = sources(cache)
        work = cache / "work-d"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
        _make_tar(work / "sources.tar", files, 813_000_000)
        _make_database(work / "lines.db", files, 610_000_000)
        work.rename(target)
    return target


def _make_tar(path: Path, files: list[Path], size: int) -> None:
    with tarfile.open(path, "w") as tar:
        for file in files:
            tar.add(file, file.name, recursive=False)
            if tar.offset > size:
                break


def _make_database(path: Path, files: list[Path], size: int) -> None:
    random.Random(4).shuffle(files)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, file TEXT, number INT, text TEXT, hits INT)")
        total = 0
        for file in files:
            text = file.read_bytes().decode("utf-8", "replace")
            rows = [(file.name, number, line, 0) for number, line in enumerate(text.splitlines())]
            db.executemany("INSERT INTO line (file, number, text, hits) VALUES (?, ?, ?, ?)", rows)
            total += len(text) + 24 * len(rows)
            if total > size:
                break


def edit_tar(path: Path, which: str) -> None:
    """Edit the tar as a row of the table says: in place, deterministic."""
    source = random.Random(which)
    if which == "1 byte at start":
        data = path.read_bytes()
        path.write_bytes(b"x" + data)
    elif which == "10 x 4 KiB":
        with path.open("r+b") as file:
            size = path.stat().st_size
            for _ in range(10):
                file.seek(source.randrange(size - 4096))
                file.write(source.randbytes(4096))
    elif which == "1 MiB appended":
        with path.open("ab") as file:
            file.write(source.randbytes(1 << 20))


def edit_database(path: Path) -> None:
    """Update 1,000 rows, spread."""
    with sqlite3.connect(path) as db:
        (count,) = db.execute("SELECT max(id) FROM line").fetchone()
        source = random.Random("rows")
        ids = [(source.randrange(1, count),) for _ in range(1000)]
        db.executemany("UPDATE line SET hits = hits + 1, text = text || '.' WHERE id = ?", ids)


def releases(cache: Path) -> list[Path]:
    """(e) Six consecutive releases of real packages, unpacked, a folder each."""
    target = cache / "e-releases"
    if not target.exists():
        work = cache / "work-e"
        shutil.rmtree(work, ignore_errors=True)
        for step in range(6):
            wheels = work / f"wheels{step}"
            wheels.mkdir(parents=True)
            for package, versions in RELEASES.items():
                _pip_download(wheels, f"{package}=={versions[step]}")
            for wheel in wheels.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    name = wheel.name.split("-")[0].lower()  # the fifth is Babel, the sixth babel
                    archive.extractall(work / "out" / str(step) / name)
        (work / "out").rename(target)
        shutil.rmtree(work)
    return [target / str(step) for step in range(6)]
