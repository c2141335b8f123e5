"""From chunks and changes to durable records: the commit order of promise P3.

    packs durable on the store  ->  record durable on the store (the commit point)  ->  local state

Each step leaves a durable intent before it begins, so a crash anywhere heals at the next start: packs that reached the
store are kept and others forgotten; a record that was under way is put again. One thread owns an outbox.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from syncd.chunk.lists import fold as fold_list
from syncd.engine.batch import Batch, Written, load_statements
from syncd.engine.fold import ELSEWHERE, NEXT_VERSION, fold
from syncd.engine.frontier import untold
from syncd.engine.securing import condemned_chunks
from syncd.engine.underway import STATEMENTS, intend, note_here, put_again, settle
from syncd.engine.vault import Vault
from syncd.journal.record import (
    LARGEST_CHANGES,
    LARGEST_PACKS,
    LARGEST_SEALED,
    Record,
    RecordHead,
    encode,
    record_hash,
    record_name,
)
from syncd.journal.statements import Statement
from syncd.model.entry import Change, Content, Kind, Stat
from syncd.model.ids import OWN_DEVICE, key
from syncd.model.location import DATA_CHUNK, LIST_CHUNK, PackLocations, pack_name
from syncd.model.version import UNTRUSTED, Row
from syncd.pack.reader import Hasher
from syncd.pack.writer import PackWriter
from syncd.retention.fates import Fate
from syncd.seal.envelope import ObjectKind

log = logging.getLogger("syncd.engine")
LONGEST_OPEN_S = 60.0  # a record in bulk closes after this long
CHANGE_WEIGHT, CHUNK_WEIGHT = 64, 24  # bytes of a row before compression finds what is alike
_IN_FLIGHT = 2  # packs being put at once: 16 MiB at most


class Outbox:
    """Collects changes and commits them; `step` is told the name of each step of the commit order, for tests."""

    def __init__(self, vault: Vault, step: Callable[[str], None] = lambda name: None) -> None:
        self._vault, self._state, self._step = vault, vault.state, step
        self.hasher = Hasher(vault.keys)
        self.written = Written()
        self._fresh: set[bytes] = set()  # chunks on their way, which no committed record names yet
        self._condemned = self._to_go()
        self._packs_seen: dict[int, bool] = {}  # local pack number -> it is on the store, whole
        self._puts: deque[Future[None]] = deque()
        self._adopted: list[tuple[int, PackLocations]] = []  # on the store, and no record names them yet
        self._next_version = 1
        self._meeting = False
        self._anew = False  # what the vault was thought to hold is stored once more: others have to hear where
        self._recover()
        self._next_version = int(self._state.get(NEXT_VERSION) or b"1")
        self._statements = load_statements(self._state.get(STATEMENTS))
        self._batch = self._new_batch()
        self._writer = self._new_writer()

    def refresh(self) -> None:
        """Learn which packs are to go: nothing new is built upon these; what is named by no record yet is let go."""
        self._condemned = self._to_go()
        going = self._condemned | self._state.packs.fated(Fate.GONE)
        lost = [pack for pack in self._batch.packs if pack[0] in going]
        if not lost or self._batch.changes:
            return  # what was taken may build upon them: then they are named, and whoever condemned them rescues them
        self._batch.packs = [pack for pack in self._batch.packs if pack[0] not in going]
        self._fresh.difference_update(chunk for _, locations in lost for chunk in locations.chunks)
        with self._state.transaction():
            for number, _ in lost:
                self._state.packs.forget(number)

    def _to_go(self) -> set[int]:
        return self._state.packs.fated(Fate.CONDEMNED)

    # -- taking ---------------------------------------------------------------------------------

    def chunk(self, data: bytes | memoryview, group: int = 0, kind: int = DATA_CHUNK) -> bytes:
        """Take a chunk and return its id; bytes that the vault holds are not kept again."""
        chunk = self.hasher.of(kind, data)
        if chunk not in self._fresh and not self._held(chunk):
            self._fresh.add(chunk)
            self._writer.add(chunk, data, kind, group)
            self._batch.weight += CHUNK_WEIGHT
            if self._batch.weight >= LARGEST_SEALED:  # within one huge file: its places are said before it is
                self._publish(more_follow=True)
        return chunk

    def _held(self, chunk: bytes) -> bool:
        """Tell whether the store holds a chunk: its pack is looked for once by each outbox."""
        at = self._state.chunks.get(chunk)
        if at is None:
            return False
        if at.pack in self._condemned:
            self._anew = True
            return False
        there = self._packs_seen.get(at.pack)
        if there is None:
            pack = self._state.packs.get(at.pack)
            there = self._packs_seen[at.pack] = self._vault.store.stat(pack_name(pack.pack)) == pack.size
            if not there:
                log.warning("%s is missing or cut: what it held is stored again", pack_name(pack.pack))
        self._anew |= not there
        return there

    def move(self, chunk: bytes, data: bytes | memoryview, kind: int) -> None:
        """Store a chunk once more, wherever it lies."""
        if chunk not in self._fresh:
            self._fresh.add(chunk)
            self._writer.add(chunk, data, kind)
            self._batch.weight += CHUNK_WEIGHT

    def content(self, ids: bytes, group: int = 0) -> Content:
        """Return the content for a file's chunk ids, keeping its lists as chunks when it is long."""
        return fold_list(ids, lambda piece: self.chunk(piece, group, LIST_CHUNK))

    def new_node(self) -> int:
        """Return the identity of the node that the next change will create."""
        return key(OWN_DEVICE, self._next_version)

    def change(
        self,
        change: Change,
        stat: Stat | None = None,
        *,
        trusted: bool = True,
        at: tuple[int, bytes] | None = None,
        elsewhere: bool = False,
    ) -> int:
        """Take a change; return the identity of its version.

        Args:
            change: what a node becomes.
            stat: its entry's fingerprint on this disk.
            trusted: the fingerprint is old enough to be believed.
            at: parent and name on this disk, when the node wants to stand elsewhere.
            elsewhere: it says nothing of this disk, which stays as it is.
        """
        if self._condemned and change.ids:
            gone = condemned_chunks(self._vault, change.depth, change.ids, self._condemned, self._fresh)
            for data, kind in gone:
                self.chunk(data, kind=kind)
        changes, said = self._batch.changes, self._batch.said
        version = key(OWN_DEVICE, self._next_version)
        before = said.get(change.node)
        if before is not None:  # said twice in one record: the second builds upon the first
            parents = [parent for parent in change.parents if parent not in before[1].parents]
            # A change that says nothing of this disk only decides between contents: the node is as it was said to be.
            change = (before[1] if elsewhere else change)._replace(parents=(*parents, before[0]))
        said[change.node] = version, change
        if stat is not None:
            self._batch.fingerprints[len(changes)] = (stat.ino, stat.ctime_ns if trusted else 0, at)
        elif elsewhere:
            self._batch.fingerprints[len(changes)] = ELSEWHERE
            self._meeting = True  # this disk keeps what it has
        changes.append(change)
        self._batch.weight += CHANGE_WEIGHT + len(change.name) + len(change.ids) + len(change.inline)
        self._next_version += 1
        return version

    def digest(self, node: int, digest: bytes) -> None:
        """Take a directory's digest; it is remembered once all changes so far are committed."""
        self._batch.digests.append((node, digest))

    def stale(self, node: int) -> None:
        """Forget a directory's digest, in the commit that takes what is found in it now."""
        self._batch.stale.append(node)

    def mounted(self, node: int, *, still: bool = True) -> None:
        """Note, in the commit that knows the directory, that another file system begins there, or no more."""
        self._batch.mounts.append((node, still))

    def seen(self, node: int, stat: Stat) -> None:
        """Take the fingerprint of an entry that was found equal to the base."""
        self._batch.seen.append((node, stat))

    def meeting(self) -> None:
        """Take note that a change may put its node where another one stands that is told as gone later."""
        self._meeting = True

    def adopt(self, row: Row, stat: Stat, at: tuple[int, bytes], *, trusted: bool) -> None:
        """Note that this disk has a version of a node, in a directory under a name, that it had not until now."""
        ctime_ns = stat.ctime_ns if trusted else UNTRUSTED
        now = row._replace(parent=at[0], name=at[1], mode=stat.mode, ino=stat.ino, ctime_ns=ctime_ns)
        self._batch.adopted.append(now if stat.kind == Kind.DIRECTORY else now._replace(mtime_ns=stat.mtime_ns))

    def gone(self, node: int) -> None:
        """Note, in the commit of what is said of it, that this disk has a node no more whose end no change tells."""
        self._batch.gone.append(node)

    def say(self, statement: Statement) -> None:
        """Take a statement for the next record."""
        self._statements.append(statement)

    @property
    def full(self) -> bool:
        """Whether the open record should close."""
        batch = self._batch
        if len(batch.changes) >= LARGEST_CHANGES or batch.pack_bytes >= LARGEST_PACKS:
            return True
        if batch.weight >= LARGEST_SEALED:
            return True
        return bool(batch.changes) and self._vault.ambient.elapsed_s() - batch.since_s > LONGEST_OPEN_S

    # -- packs ----------------------------------------------------------------------------------

    def _new_writer(self) -> PackWriter:
        ambient = self._vault.ambient
        return PackWriter(
            self._vault.keys,
            self._emit,
            ambient.entropy,
            ambient.choice,
            self._vault.pool,
            level=self._vault.settings.upload.compression,
            algorithm=self._vault.genesis.algorithm,
        )

    def _emit(self, locations: PackLocations, data: bytes) -> None:
        self._step("pack-sealed")
        with self._state.transaction():
            number = self._state.packs.intend(locations)
        self._step("pack-intended")
        self._batch.packs.append((number, locations))
        self._batch.pack_bytes += len(data)
        while len(self._puts) >= _IN_FLIGHT:
            self._puts.popleft().result()
        self._puts.append(self._vault.put_pool.submit(self._put_pack, locations, data))

    def _put_pack(self, locations: PackLocations, data: bytes) -> None:
        self._vault.store.put(pack_name(locations.pack), data)
        self._step("pack-put")
        self.written.packs += 1
        self.written.stored_bytes += len(data)

    # -- committing -----------------------------------------------------------------------------

    def commit(self, *, more_follow: bool = False) -> bool:
        """Make everything taken so far durable; return whether there was anything to say.

        Raises:
            StoreError: the store did not take it. Nothing is lost: a new outbox goes on from the same state.
        """
        return self._publish(more_follow=more_follow)

    def _publish(self, *, more_follow: bool) -> bool:
        self._writer.flush()
        while self._puts:
            self._puts.popleft().result()
        batch = self._batch
        if batch.changes or self._statements or batch.weight >= LARGEST_SEALED or (self._anew and batch.packs):
            self._commit_record(batch, more_follow)
        else:
            self._adopted = batch.packs
            if batch.digests or batch.seen or batch.stale or batch.mounts or batch.adopted:
                with self._state.transaction():
                    self._remember(batch)
        self.written.new_bytes += self._writer.raw_bytes
        self._writer.raw_bytes = 0
        self._batch = self._new_batch()
        return bool(batch.changes)

    def abandon(self) -> None:
        """Wait for packs under way after a failure, so that a new outbox sees which of them arrived."""
        while self._puts:
            error = self._puts.popleft().exception()
            if error is not None:
                log.info("a pack did not arrive: %s", error)

    def _commit_record(self, batch: Batch, more_follow: bool) -> None:
        head = self._head(batch, more_follow)
        locations = [pack for _, pack in batch.packs]
        payload = encode(
            head,
            batch.changes,
            locations,
            lambda number: self._state.devices.get(number).id,
            OWN_DEVICE,
            self._vault.keys.vault,
            self._vault.device.sign,
        )
        sealed = self._vault.seal(ObjectKind.RECORD, payload)
        name = record_name(head.device, head.sequence)
        with self._state.transaction():
            intend(self._state, sealed, batch.fingerprints, (batch.adopted, batch.gone))
        self._step("record-intended")
        # The state takes the record first but keeps it only once it is on the store: a record that the
        # state refuses is never published, and the state is never ahead of the store.
        with self._state.transaction():
            record = Record(head, record_hash(payload), batch.changes, locations)
            meeting = self._meeting or bool(batch.adopted)  # what is found here may be dead, and live by what is in it
            fold(self._state, record, OWN_DEVICE, len(sealed), batch.fingerprints, meeting=meeting)
            self._remember(batch)
            settle(self._state, head, self._next_version)
            self._vault.store.put(name, sealed)
            self._step("record-put")
        self._step("state-committed")
        self._fresh.clear()
        self._statements, self._anew = [], False
        self.written.records += 1
        self.written.changes += len(batch.changes)
        self.written.stored_bytes += len(sealed)

    def _remember(self, batch: Batch) -> None:
        self._state.nodes.fingerprint(batch.seen)
        note_here(self._state, batch.adopted, batch.gone)
        self._state.nodes.set_mounts(batch.mounts)
        self._state.nodes.drop_digests(batch.stale)
        self._state.nodes.set_digests(batch.digests)

    def _head(self, batch: Batch, more_follow: bool) -> RecordHead:
        own = self._state.devices.get(OWN_DEVICE)
        frontier = untold(self._state)
        return RecordHead(
            device=own.id,
            sequence=own.sequence + 1,
            previous=own.hash,
            lamport=1 + max([own.lamport, *(seen.lamport for seen in frontier)]),
            claimed_ns=self._vault.ambient.now_ns(),
            first_version=self._next_version - len(batch.changes),
            frontier=frontier,
            statements=tuple(self._statements),
            more_follow=more_follow,
            verifying=self._vault.device.verifying,
        )

    def _new_batch(self) -> Batch:
        batch = Batch(since_s=self._vault.ambient.elapsed_s())
        # Packs that reached the store before a crash: their places are said by the next record.
        batch.packs, self._adopted = self._adopted, []
        return batch

    # -- after a crash --------------------------------------------------------------------------

    def _recover(self) -> None:
        """Settle what a crash left: a record that was being put, packs that were being put."""
        self._vault.check_store()
        put_again(self._vault)
        lost, going = [], self._condemned | self._state.packs.fated(Fate.GONE)
        for number, locations in self._state.packs.intents():
            if number not in going and self._vault.store.confirm(pack_name(locations.pack)) == locations.size:
                self._adopted.append((number, locations))
                self._fresh.update(locations.chunks)
            else:
                lost.append(number)
        if lost:
            with self._state.transaction():
                for number in lost:
                    self._state.packs.forget(number)
