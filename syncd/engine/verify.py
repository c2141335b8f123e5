"""Proving that everything the vault says can be had: objects there and whole, chunks what they say.

Without reading data: every record on the store opens and chains, every pack is there with its size,
every chunk that any version names has a place. With it: packs are read whole and every chunk's id is
computed again. What is wrong is named with the paths and versions it hurts.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from blake3 import blake3

from syncd.engine.journals import list_records, read_journal
from syncd.engine.packfates import let_go_here
from syncd.engine.progress import Progress
from syncd.engine.vault import Vault
from syncd.errors import Damaged, ObjectMissing, StoreError
from syncd.history.tree import path_at
from syncd.model.counted import counted
from syncd.model.location import LIST_CHUNK, PackLocations, pack_name
from syncd.model.path import path_fields
from syncd.model.version import Row
from syncd.pack.reader import Hasher
from syncd.retention.fates import Fate
from syncd.seal.envelope import ObjectKind, OpenObject
from syncd.store.catchup import CatchUp
from syncd.store.proving import Proven, Proving

ID = 16
MOST_PATHS = 1000  # of one report; the count goes on


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        objects: name -> what is wrong.
        idle: the same of packs that nothing needs any more: what they had was stored anew, or let go.
        paths: those whose versions are hurt.
    """

    records: int = 0
    packs: int = 0
    packs_read: int = 0
    bytes_read: int = 0
    objects: dict[str, str] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)
    paths: list[bytes] = field(default_factory=list)
    versions_hurt: int = 0
    copies_read: int = 0
    orphans: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything is as it should be."""
        return not self.objects and not self.versions_hurt


def note_verified(vault: Vault) -> None:
    """Note that all was found to be there, just now: the state keeps seconds since 1970."""
    with vault.state.transaction():
        vault.state.set("verified-at", str(vault.ambient.now_ns() / 1e9).encode())


def verdict_fields(verdict: Verdict) -> dict[str, Any]:
    """Return what was found as JSON has it."""
    return {
        "clean": verdict.clean,
        "records": verdict.records,
        "packs": verdict.packs,
        "packs_read": verdict.packs_read,
        "bytes_read": verdict.bytes_read,
        "copies_read": verdict.copies_read,
        "orphans": verdict.orphans,
        "objects": [{"name": name, "problem": text} for name, text in sorted(verdict.objects.items())],
        "idle": sorted(verdict.idle),
        "versions_hurt": verdict.versions_hurt,
        "paths": [path_fields(path) for path in verdict.paths],
    }


class Verifier:
    """Checks one vault against its store.

    Args:
        vault: opened.
        progress: is told how far it is.
        damaged: packs that were read already, and are not what they should be.
    """

    def __init__(self, vault: Vault, progress: Progress, damaged: Collection[str] = ()) -> None:
        self._vault, self._state, self._progress = vault, vault.state, progress
        self._store, self._hasher, self._damaged = vault.store, Hasher(vault.keys), frozenset(damaged)
        self.verdict = Verdict()
        self._bad_packs: dict[int, str] = {}
        self._needed: set[int] = set()  # of those
        # What lies nowhere was let go: of two places of a chunk only the newest may be known, and that one may be gone.
        self._lets_go = bool(self._state.packs.fated(Fate.GONE))

    def run(self, read_percent: float, choice: random.Random) -> Verdict:
        """Check, reading this share (0 to 100) of the packs whole.

        Raises:
            StoreGone, StoreError: the store cannot be asked.
        """
        if len(self._store.members) > 1:
            self._copies(read_percent, choice)
        self._journals()
        self._packs(read_percent, choice)
        self._versions()
        return self.verdict

    def _copies(self, read_percent: float, choice: random.Random) -> None:
        """Look at each store alone: what it lacks, and what of it is not what its name stands for."""
        found = CatchUp(self._store, lambda: self._vault.ambient.now_ns() / 1e9).compare()
        for store, lacking in found.lacking.items():
            self.verdict.objects[store] = f"the store {store}: lacks {counted(lacking, 'object')}"
        proven = Proving(self._store).run(read_percent, choice) if read_percent else Proven()
        self.verdict.copies_read = proven.objects
        for store, name in proven.damaged:
            self.verdict.objects[f"{store}:{name}"] = f"the store {store}: {name} is damaged"
        for name in proven.disputed:
            self.verdict.objects[name] = f"{name}: stores hold different bytes, and nothing tells which are right"
        for store, error in {**found.failed, **proven.failed}.items():
            self.verdict.objects[store] = f"the store {store}: {error.message}"

    def _journals(self) -> None:
        known = {device.no: device for device in self._state.devices.all()}
        listed = list_records(self._store)
        numbers = {device.id: device.no for device in known.values()}
        for device in known.values():
            wrong: list[str] = []
            last, found = max(listed.get(device.id, []), default=0), 0
            for _ in read_journal(
                self._store, self._vault.keys, device.id, last, lambda other: numbers.get(other, 0), wrong
            ):
                found += 1
            self.verdict.records += found
            for text in wrong:
                self.verdict.objects[text.partition(":")[0]] = text
            if not wrong and found < device.sequence:
                name = f"record/{device.id.hex()}"
                self.verdict.objects[name] = f"{name}: ends at {found}, {device.sequence} are known"

    def _packs(self, read_percent: float, choice: random.Random) -> None:
        sizes = {listed.name: listed.size for listed in self._store.list("pack/")}
        packs = self._state.packs.all()
        self._progress.total_files = len(packs)
        self._progress.total_bytes = int(sum(pack.size for _, pack in packs) * read_percent / 100)
        intents = {pack_name(pack.pack) for _, pack in self._state.packs.intents()}
        self.verdict.orphans = len(sizes.keys() - {pack_name(pack.pack) for _, pack in packs} - intents)
        let_go = let_go_here(self._state)
        for number, pack in packs:
            self.verdict.packs += 1
            name = pack_name(pack.pack)
            if name not in sizes and pack.pack in let_go:
                pass  # whoever deleted it has not been heard yet
            elif name not in sizes:
                self._hurt(number, name, "is missing")
            elif sizes[name] != pack.size:
                self._hurt(number, name, f"has {sizes[name]} bytes, not {pack.size}")
            elif name in self._damaged:
                self._hurt(number, name, "is damaged")
            elif choice.random() * 100 < read_percent:
                self._read(number, pack, name)
            self._progress.files += 1

    def _read(self, number: int, pack: PackLocations, name: str) -> None:
        try:
            data = self._store.get(name)
            if blake3(data).digest() != pack.pack:
                raise Damaged(f"{name}: its bytes are not what its name says")
            secret = self._vault.keys.object_secret(pack.epoch, ObjectKind.PACK.word)  # type: ignore[arg-type]
            opened = OpenObject(data, ObjectKind.PACK, secret, self._vault.keys.vault, name)
            for chunk, place in self._chunks_of(opened):
                known = self._state.chunks.get(chunk)
                if known is None and self._lets_go:
                    continue
                if known is None or (known.pack == number and (known.segment, known.offset) != place):
                    raise Damaged(f"{name}: holds chunks that its record does not name")
        except (Damaged, ObjectMissing) as error:
            self._hurt(number, name, error.message.removeprefix(f"{name}: "))
        except StoreError as error:
            if error.retryable:
                raise
            self._hurt(number, name, error.message)
        self.verdict.packs_read += 1
        self.verdict.bytes_read += pack.size
        self._progress.bytes += pack.size

    def _chunks_of(self, opened: OpenObject) -> Iterator[tuple[bytes, tuple[int, int]]]:
        """Yield (id computed from the bytes, (segment, offset)) of every chunk in a pack."""
        if not isinstance(opened.extra, dict):
            raise Damaged("its footer does not name its chunks")
        counts = struct.unpack(f"<{len(opened.extra[0]) // 4}I", opened.extra[0])
        lengths = struct.unpack(f"<{len(opened.extra[1]) // 4}I", opened.extra[1])
        kinds = opened.extra[2]
        at = 0
        for segment, count in enumerate(counts):
            raw = memoryview(opened.frame(segment))
            offsets = list(accumulate(lengths[at : at + count], initial=0))
            for k in range(count):
                piece = raw[offsets[k] : offsets[k + 1]]
                yield self._hasher.of(kinds[at + k], piece), (segment, offsets[k])
            at += count

    def _hurt(self, number: int, name: str, what: str) -> None:
        self._bad_packs[number] = name
        self.verdict.objects[name] = f"{name}: {what}"

    # -- whom it hurts --------------------------------------------------------------------------

    def _versions(self) -> None:
        """Find versions with chunks that have no place, or a place in a pack that is hurt."""
        reader = self._vault.reader()

        def hurt(chunk: bytes) -> bool:
            at = self._state.chunks.get(chunk)
            if at is None:
                return not self._lets_go
            if at.pack in self._bad_packs:
                self._needed.add(at.pack)
            return at.pack in self._bad_packs

        def any_hurt(level: list[bytes]) -> bool:
            return sum(map(hurt, level)) > 0  # each is looked at: it says which packs are needed

        def row_hurt(row: Row) -> bool:
            level = [row.content[i : i + ID] for i in range(0, len(row.content), ID)]
            for _ in range(row.depth):
                try:
                    if any_hurt(level):
                        raise Damaged("a list of chunks is hurt")
                    raw = b"".join(reader.read(chunk, LIST_CHUNK) for chunk in level if reader.knows(chunk))
                except (Damaged, ObjectMissing):
                    self._needed.update(self._bad_packs)  # what is below may need any of them
                    return True
                level = [raw[i : i + ID] for i in range(0, len(raw), ID)]
            return any_hurt(level)

        paths: set[bytes] = set()
        for row in self._state.nodes.everything():
            if row.content and row_hurt(row):
                self.verdict.versions_hurt += 1
                if len(paths) < MOST_PATHS:
                    paths.add(path_at(self._state.nodes, row))
        self.verdict.paths = sorted(paths)
        for number in self._bad_packs.keys() - self._needed:
            name = self._bad_packs[number]
            self.verdict.idle[name] = self.verdict.objects.pop(name)
