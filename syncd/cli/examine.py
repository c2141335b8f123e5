"""What `doctor` looks at: one function a question, each with what to do when the answer is bad."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.chunk.cuts import kernels
from syncd.cli.show import path_text
from syncd.config.home import Home
from syncd.engine.custody import KEYRING, place_of
from syncd.engine.vault import Vault, open_vault
from syncd.errors import StoreError, SyncdError
from syncd.fs.bulk import read_files, read_files_slowly
from syncd.model.counted import counted
from syncd.store.folder import FolderStore

SPACE_LOW = 1_000_000_000  # bytes free that are too few for comfort


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer."""

    what: str
    fine: bool
    said: str
    todo: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return its fields."""
        return {"check": self.what, "ok": self.fine, "finding": self.said, "todo": self.todo}


def examine(home: Home) -> list[Finding]:
    """Ask every question that can be asked; one that fails does not stop the rest."""
    findings = [_kernels()]
    try:
        vault = open_vault(home, write=False)
    except SyncdError as error:
        return [*findings, Finding("vault", False, error.message, error.hint)]
    try:
        for question in QUESTIONS:
            try:
                findings += question(vault)
            except SyncdError as error:
                findings.append(Finding(question.__name__.strip("_"), False, error.message, error.hint))
    finally:
        vault.close()
    return findings


def _kernels() -> Finding:
    if not kernels.compiled or read_files is read_files_slowly:
        said = "the slow kernels are in use: no C compiler was there"
        return Finding("kernels", True, said, "Install a C compiler and install syncd again.")
    if not kernels.has_cipher:
        said = "the fast C kernels are in use, but this processor's AES instructions are none that we know"
        return Finding("kernels", True, said, "Where cutting is too slow, begin the vault with `--chunker gear64`.")
    return Finding("kernels", True, "the fast C kernels are in use")


def _state(vault: Vault) -> Iterator[Finding]:
    wrong = vault.state.check()
    said = "the local database is sound" if not wrong else f"the local database is damaged: {wrong[0]}"
    yield Finding("state", not wrong, said, "Run `syncd rebuild`." if wrong else "")


def _keys(vault: Vault) -> Iterator[Finding]:
    if place_of(vault.home) == KEYRING:
        yield Finding("keys", True, "the device key is in the keyring")
        return
    mode = stat.S_IMODE(os.stat(vault.home.device_key).st_mode)
    fine = mode & 0o077 == 0
    todo = "" if fine else f"Run chmod 600 {vault.home.device_key}"
    yield Finding("keys", fine, f"the device key has mode {mode:o}", todo)


def _folder(vault: Vault) -> Iterator[Finding]:
    vault.check_folder()
    yield Finding("folder", True, f"{vault.settings.folder} is this vault's folder")
    yield _space("disk", vault.settings.folder)


def _space(what: str, path: str) -> Finding:
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    fine = free > SPACE_LOW
    return Finding(what, fine, f"{free / 1e9:.1f} GB free at {path}", "" if fine else "Free space there.")


def _store(vault: Vault) -> Iterator[Finding]:
    for member in vault.store.members:
        store = member.provider
        what = "store" if len(vault.store.members) == 1 else f"store {member.name}"
        try:
            there = store.stat("genesis") is not None
            if isinstance(store, FolderStore):
                yield _space(f"{what} space", str(store.root))
        except StoreError as error:
            yield Finding(what, False, error.message, error.hint)
            continue
        lacking, _ = vault.store.owing.lacking(member.name)
        said = f"{store.url} answers" if there else f"{store.url} holds no vault"
        said += f", and lacks {counted(lacking, 'object')}" if lacking else ""
        todo = "" if there else "Check the store's URL in config.toml."
        yield Finding(what, there and not lacking, said, todo or ("The agent brings them." if lacking else ""))


def _watches(vault: Vault) -> Iterator[Finding]:
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit.exists():
        return
    allowed = int(limit.read_text())
    needed = sum(len(below) for below in vault.state.nodes.directories().values()) + 1
    fine = needed < allowed
    todo = "" if fine else "Run sudo sysctl fs.inotify.max_user_watches=1048576; until then the folder is scanned."
    yield Finding("watches", fine, f"{needed} directories, {allowed} may be watched", todo)


def _skipped(vault: Vault) -> Iterator[Finding]:
    problems = vault.state.nodes.problems()
    if problems:
        path, reason = next(iter(problems.items()))
        said = f"{len(problems)} items are not kept, as {path_text(path)}: {reason}"
        yield Finding("skipped", False, said, "`syncd status` lists them.")


def _damage(vault: Vault) -> Iterator[Finding]:
    """Look at every record and at the sizes of every pack, without reading data."""
    import random
    import time

    from syncd.engine.progress import Progress
    from syncd.engine.verify import Verifier

    verdict = Verifier(vault, Progress(time.monotonic)).run(0, random.Random(0))  # noqa: S311 - nothing is drawn
    for text in verdict.objects.values():
        yield Finding("store object", False, text, "Run `syncd verify --read-data 100` for all that it hurts.")
    for path in verdict.paths[:20]:
        yield Finding("hurt path", False, path_text(path), "Restore the store's object from a copy.")
    if verdict.clean:
        yield Finding(
            "objects",
            True,
            f"{counted(verdict.records, 'record')} and {counted(verdict.packs, 'pack')}, all there",
        )


QUESTIONS: tuple[Callable[[Vault], Iterator[Finding]], ...] = (
    _state,
    _keys,
    _folder,
    _store,
    _watches,
    _skipped,
    _damage,
)
