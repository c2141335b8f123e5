"""The recovery drill: does everything come back with the words and one store alone, and how long does it take?

A bare machine is played in a scratch directory: a home of its own, in which nothing is known, makes its state from the
store and brings back the whole folder. Nothing is said to the store, so no device comes of it. Invariant: every byte
that counts as back was verified by its id, and what stands in the vault and did not come back is named.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncd.config.home import Home, find_home
from syncd.config.secrets import keep
from syncd.config.settings import StoreSetting
from syncd.engine.picking import elsewhere
from syncd.engine.progress import Progress
from syncd.engine.rebuild import Bare, rebuild
from syncd.engine.stores import known_secrets, open_setting
from syncd.engine.vault import Ambient, Vault, open_vault
from syncd.history.tree import Placed, Tree
from syncd.model.path import path_bytes, path_fields
from syncd.seal.slots import Unlock
from syncd.store.replicas import Replicas


@dataclass(slots=True)
class Drilled:
    """What a drill showed. Times are in seconds, `size` is in bytes.

    Attributes:
        state_s: until the tree and all of its history were known again.
        files_s: until all files were back.
        records: that were read, or that a checkpoint stood for.
        files: that came back, of `wanted` that stand in the vault.
        missing: paths that this device knows and that did not come back as they stand here.
        failed: paths that could not be brought back, and why.
        wrong: what is wrong on the store.
    """

    state_s: float = 0.0
    files_s: float = 0.0
    records: int = 0
    files: int = 0
    wanted: int = 0
    size: int = 0
    missing: list[bytes] = field(default_factory=list)
    failed: dict[bytes, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all came back."""
        return not (self.missing or self.failed or self.wrong)

    def fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "whole": self.whole,
            "state_seconds": round(self.state_s, 3),
            "files_seconds": round(self.files_s, 3),
            "records": self.records,
            "files": self.files,
            "wanted": self.wanted,
            "bytes": self.size,
            "missing": [path_fields(path) for path in self.missing],
            "failed": [{**path_fields(path), "reason": reason} for path, reason in self.failed.items()],
            "wrong": self.wrong,
        }


def drill(
    vault: Vault, setting: StoreSetting, unlock: Unlock, scratch: Path, clock: Callable[[], float] = time.monotonic
) -> Drilled:
    """Bring everything back from one store into a scratch directory, and compare it with what this device knows.

    Args:
        vault: opened for reading.
        setting: the store.
        unlock: words or passphrase.
        scratch: an empty directory; the files come back in `restored` below it.
        clock: seconds of a monotonic clock.

    Raises:
        NotUnlocked: the words or passphrase fit no slot.
        StoreForeign, StoreError: the store holds no vault, or cannot be read.
    """
    try:
        return _drill(vault, setting, unlock, scratch, clock)
    finally:  # its key opens the whole vault: nobody shall find it beside the files
        for name in ("home", "folder"):
            shutil.rmtree(scratch / name, ignore_errors=True)


def _drill(vault: Vault, setting: StoreSetting, unlock: Unlock, scratch: Path, clock: Callable[[], float]) -> Drilled:
    wanted = {placed.path: placed for placed in _files(vault)}
    home = find_home({"SYNCD_HOME": str(scratch / "home")})
    home.make()
    keep(home.keys, setting.name, known_secrets(vault.home, setting))
    (scratch / "folder").mkdir()
    begun = clock()
    bare = Bare(str(scratch / "folder"), (replace(setting, enabled=True, secrets={}),), "drill", unlock)
    rebuilt = rebuild(home, Ambient(), bare)
    found = Drilled(state_s=clock() - begun, records=rebuilt.records, wrong=rebuilt.wrong, wanted=len(wanted))
    _bring_back(home, setting, scratch, wanted, found)
    found.files_s = clock() - begun - found.state_s
    return found


def _bring_back(home: Home, setting: StoreSetting, scratch: Path, wanted: dict[bytes, Placed], found: Drilled) -> None:
    with contextlib.closing(Replicas.alone(open_setting(home, setting), setting.name)) as store:
        fresh = open_vault(home, write=False, stores=store)
        try:
            there = {placed.path: placed for placed in _files(fresh)}
            done = elsewhere(
                fresh,
                [b""],
                str(scratch / "restored"),
                Progress(time.monotonic),
                at_ns=None,
                version=None,
                dry_run=False,
            )
        finally:
            fresh.close()
    found.files, found.size = done["files"], done["bytes"]
    found.failed = {path_bytes(item): item["reason"] for item in done["failed"]}
    found.missing = sorted(path for path, placed in wanted.items() if not _is_same(placed, there.get(path)))


def _files(vault: Vault) -> Iterator[Placed]:
    tree = Tree(vault.state.nodes)
    return (placed for placed in tree.below(Placed(b"", None)) if not placed.is_directory)


def _is_same(one: Placed, other: Placed | None) -> bool:
    """Tell whether two devices know the same at a path; versions count only by what they hold."""
    if one.row is None or other is None or other.row is None:
        return False
    return (one.row.kind, one.row.size, one.row.content, one.row.inline) == (
        other.row.kind,
        other.row.size,
        other.row.content,
        other.row.inline,
    )
