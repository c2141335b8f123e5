"""The programs that are measured, each driven as its own manual says, encrypting to a local folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "benchmark"


@dataclass(frozen=True, slots=True)
class Cost:
    """One whole process: wall and CPU seconds, peak memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(command: list[str], env: dict[str, str], cwd: Path | None = None, output: Path | None = None) -> Cost:
    """Run a command to its end and return what it cost.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory() as work, (output or Path(os.devnull)).open("wb") as out:
        report = Path(work) / "cost.json"
        script = str(Path(__file__).with_name("measure.py"))
        done = subprocess.run(
            [sys.executable, "-S", "-E", script, str(report), *command],
            env=env,
            cwd=cwd,
            stdout=out,
            stderr=subprocess.PIPE,
            check=True,
        )
        code, wall, cpu, peak = json.loads(report.read_text())
    if code not in (0, 3):
        raise RuntimeError(f"{command[:3]}: exit {code}: {done.stderr[-500:].decode(errors='replace')}")
    return Cost(wall, cpu, peak)


class Program(ABC):
    """One peer on one repository directory."""

    name = ""

    def __init__(self, work: Path, source: Path) -> None:
        self.repo = work / f"repo-{self.name}"
        self.source = source
        shutil.rmtree(self.repo, ignore_errors=True)
        self.env = {**os.environ, "HOME": str(work / f"home-{self.name}")}
        # Installed programs have their bytecode; ours runs from its source and has to keep it.
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)
        shutil.rmtree(self.env["HOME"], ignore_errors=True)
        Path(self.env["HOME"]).mkdir(parents=True)
        self.count = 0
        self.init()

    @abstractmethod
    def init(self) -> None:
        """Make the repository."""

    @abstractmethod
    def sync(self) -> Cost:
        """Take the source as it is now."""

    @abstractmethod
    def restore(self, target: Path) -> Cost:
        """Bring everything back below an empty directory."""

    def restore_old(self, path: str, target: Path) -> Cost:
        """Bring one file back as it was at the first sync."""
        raise RuntimeError(f"{self.name} keeps no old versions")

    def prune(self) -> list[Cost]:
        """Let all go but what stands now, step by step; return what each step cost."""
        raise RuntimeError(f"{self.name} keeps no old versions")

    def close(self) -> None:
        """Remove what it stored."""
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.rmtree(self.env["HOME"], ignore_errors=True)


class Syncd(Program):
    """This project."""

    name = "syncd"

    def init(self) -> None:
        """Make a vault."""
        self.env |= {"SYNCD_HOME": str(Path(self.env["HOME"]) / "syncd")}
        self.command = [sys.executable, "-m", "syncd"]
        (self.source / ".syncd-folder").unlink(missing_ok=True)
        measure([*self.command, "init", str(self.source), "--store", str(self.repo), "--no-passphrase"], self.env)
        self.first = ""

    def sync(self) -> Cost:
        """One full cycle."""
        cost = measure([*self.command, "sync"], self.env)
        self.first = self.first or time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + 1))
        return cost

    def restore(self, target: Path) -> Cost:
        """The whole folder, elsewhere."""
        return measure([*self.command, "restore", ".", "--to", str(target)], self.env, cwd=self.source)

    def restore_old(self, path: str, target: Path) -> Cost:
        """One file at the time of the first sync."""
        return measure(
            [*self.command, "restore", path, "--at", self.first, "--to", str(target)], self.env, cwd=self.source
        )

    def prune(self) -> list[Cost]:
        """Condemn; and delete, when a day has passed."""
        measure([*self.command, "retention", "set", "--last", "0", "--undeletable", "0"], self.env)
        later = "import time; now = time.time_ns; time.time_ns = lambda: now() + 90_000_000_000_000"
        code = f"{later}; from syncd.cli.main import main; main()"
        return [
            measure([*self.command, "prune"], self.env),
            measure([sys.executable, "-c", code, "prune"], self.env),
        ]

    def close(self) -> None:
        """Remove the vault and the folder's marker."""
        (self.source / ".syncd-folder").unlink(missing_ok=True)
        super().close()


class Restic(Program):
    """restic, from Debian."""

    name = "restic"

    def init(self) -> None:
        """Make a repository."""
        self.env |= {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(self.repo)}
        measure(["restic", "init", "-q"], self.env)

    def sync(self) -> Cost:
        """A snapshot."""
        return measure(["restic", "backup", "-q", "."], self.env, cwd=self.source)

    def restore(self, target: Path) -> Cost:
        """The latest snapshot."""
        return measure(["restic", "restore", "-q", "latest", "--target", str(target)], self.env)

    def prune(self) -> list[Cost]:
        """Forget all snapshots but the last, and prune, as far as it thinks that worth while."""
        return [measure(["restic", "forget", "-q", "--keep-last", "1", "--prune"], self.env)]

    def restore_old(self, path: str, target: Path) -> Cost:
        """One file of the oldest snapshot."""
        listed = subprocess.run(
            ["restic", "snapshots", "--json", "-q"], env=self.env, capture_output=True, check=True, text=True
        ).stdout
        oldest = min(json.loads(listed), key=lambda snapshot: snapshot["time"])["id"]
        target.mkdir(parents=True, exist_ok=True)
        return measure(["restic", "dump", "-q", oldest, f"/{path}"], self.env, output=target / Path(path).name)


class Borg(Program):
    """borg 1, from PyPI."""

    name = "borg"

    def init(self) -> None:
        """Make a repository."""
        self.env |= {
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_REPO": str(self.repo),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        self.command = os.environ.get("BORG", "borg")
        measure([self.command, "init", "-e", "repokey-blake2"], self.env)

    def sync(self) -> Cost:
        """An archive."""
        self.count += 1
        return measure([self.command, "create", f"::a{self.count}", "."], self.env, cwd=self.source)

    def restore(self, target: Path) -> Cost:
        """The newest archive."""
        target.mkdir(parents=True, exist_ok=True)
        return measure([self.command, "extract", f"::a{self.count}"], self.env, cwd=target)

    def prune(self) -> list[Cost]:
        """Prune all archives but the last, then compact."""
        return [
            measure([self.command, "prune", "--keep-last", "1"], self.env),
            measure([self.command, "compact"], self.env),
        ]

    def restore_old(self, path: str, target: Path) -> Cost:
        """One file of the first archive."""
        target.mkdir(parents=True, exist_ok=True)
        return measure([self.command, "extract", "::a1", path], self.env, cwd=target)


class RcloneCrypt(Program):
    """rclone crypt over a local folder, from PyPI; it keeps no versions but those it moves aside."""

    name = "rclone"

    def init(self) -> None:
        """Describe the crypt remote."""
        self.command = os.environ.get("RCLONE", "rclone")
        hidden = subprocess.run([self.command, "obscure", PASSWORD], capture_output=True, check=True, text=True).stdout
        self.env |= {
            "RCLONE_CONFIG_C_TYPE": "crypt",
            "RCLONE_CONFIG_C_REMOTE": str(self.repo / "now"),
            "RCLONE_CONFIG_C_PASSWORD": hidden.strip(),
            "RCLONE_CONFIG_O_TYPE": "crypt",
            "RCLONE_CONFIG_O_REMOTE": str(self.repo),
            "RCLONE_CONFIG_O_PASSWORD": hidden.strip(),
        }
        self.repo.mkdir(parents=True)
        (Path(self.env["HOME"]) / ".config" / "rclone").mkdir(parents=True)
        (Path(self.env["HOME"]) / ".config" / "rclone" / "rclone.conf").touch()

    def sync(self) -> Cost:
        """A sync with the old versions kept."""
        return measure([self.command, "sync", "-q", str(self.source), "C:"], self.env)

    def restore(self, target: Path) -> Cost:
        """A copy back."""
        return measure([self.command, "copy", "-q", "C:", str(target)], self.env)

    def restore_old(self, path: str, target: Path) -> Cost:
        """One file as it is now: the lower bound of one that was moved aside."""
        return measure([self.command, "copyto", "-q", f"C:{path}", str(target / Path(path).name)], self.env)


class Zpaq(Program):
    """zpaq -m1, from Debian, encrypted: one growing file, the bar for bytes."""

    name = "zpaq"

    def init(self) -> None:
        """Name the archive."""
        self.repo.mkdir(parents=True)
        self.archive = str(self.repo / "a.zpaq")

    def sync(self) -> Cost:
        """An update."""
        return measure(["zpaq", "a", self.archive, ".", "-m1", "-key", PASSWORD], self.env, cwd=self.source)

    def restore(self, target: Path) -> Cost:
        """Everything."""
        target.mkdir(parents=True, exist_ok=True)
        return measure(["zpaq", "x", self.archive, "-key", PASSWORD], self.env, cwd=target)

    def restore_old(self, path: str, target: Path) -> Cost:
        """One file of the first update."""
        target.mkdir(parents=True, exist_ok=True)
        return measure(["zpaq", "x", self.archive, f"./{path}", "-until", "1", "-key", PASSWORD], self.env, cwd=target)


class TarZstd(Program):
    """`tar | zstd -1 | openssl`: no versions, no deduplication, the yardstick of raw speed."""

    name = "tar+zstd"

    def init(self) -> None:
        """Make a directory for the archive."""
        self.repo.mkdir(parents=True)
        self.secret = f"openssl enc -aes-256-ctr -pbkdf2 -pass pass:{PASSWORD}"

    def _shell(self, script: str) -> Cost:
        return measure(["sh", "-c", script], self.env)

    def sync(self) -> Cost:
        """The whole tree anew."""
        return self._shell(f"tar c -C '{self.source}' . | zstd -1 -q | {self.secret} > '{self.repo}/a'")

    def restore(self, target: Path) -> Cost:
        """The whole tree."""
        target.mkdir(parents=True, exist_ok=True)
        return self._shell(f"{self.secret} -d < '{self.repo}/a' | zstd -d -q | tar x -C '{target}'")


class Rsync(Program):
    """rsync, from Debian, in the clear: the yardstick of a scan that finds nothing."""

    name = "rsync"

    def init(self) -> None:
        """Make the target."""
        self.repo.mkdir(parents=True)

    def sync(self) -> Cost:
        """A mirror."""
        return measure(["rsync", "-a", "--delete", f"{self.source}/", f"{self.repo}/"], self.env)

    def restore(self, target: Path) -> Cost:
        """A mirror back."""
        return measure(["rsync", "-a", f"{self.repo}/", f"{target}/"], self.env)


PROGRAMS: tuple[type[Program], ...] = (Syncd, Restic, Borg, RcloneCrypt, Zpaq, TarZstd, Rsync)
