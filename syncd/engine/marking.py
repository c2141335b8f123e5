"""Which chunks of the vault are needed: by what stands, by what a conflict shows, and by what the policy keeps.

Reads the state, and from the stores the lists of long files. Invariant: what cannot be judged is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from syncd.engine.policies import policy_of
from syncd.engine.vault import Vault
from syncd.errors import Damaged
from syncd.model.entry import Content
from syncd.model.ids import counter_of, device_of
from syncd.model.location import DATA_CHUNK, LIST_CHUNK
from syncd.model.version import Row
from syncd.pack.reader import ChunkReader
from syncd.retention.policy import Instants, Policy, instants
from syncd.state.marks import Marks


@dataclass(slots=True)
class Marked:
    """What was found.

    Attributes:
        marks: the chunks that are needed.
        kept: versions that were replaced and are kept, by the reason.
        dropped: versions that nothing keeps, and their bytes.
    """

    marks: Marks
    kept: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    dropped_bytes: int = 0


# The versions of a node that were replaced, the last one first; of what an index has in order, little is left to sort.
_REPLACED = "SELECT node, id, recorded_ns, superseded_ns, depth, content, size FROM version WHERE length(content) > 0"
_LAST_FIRST = "ORDER BY node, superseded_ns DESC, id DESC"
BEAT = 1024  # versions judged between two beats
RECENT = "came lately"  # within the days in which nothing goes
SHOWN = "stands"


def mark(vault: Vault, policy: Policy, now_ns: int, avoid: set[int], beat: Callable[[], None]) -> Marked:
    """Mark every chunk that is needed.

    Args:
        vault: opened.
        policy: what is kept.
        now_ns: the instant that the policy is asked about.
        avoid: packs that are to go; a chunk that lies elsewhere, too, is marked there.
        beat: called now and then; raises to break off.

    Raises:
        StoreError, Damaged: a list of a long file cannot be read.
    """
    found = Marked(vault.state.chunks.marks(avoid))
    reader, seen = vault.reader(), set[bytes]()  # lists that were read: versions of a file share most of them
    for _, depth, content in _standing(vault):
        _mark_content(found.marks, reader, depth, content, beat, seen)
    judging = _Judging(vault, policy, now_ns)
    judged = vault.state.db.execute(f"{_REPLACED} {_LAST_FIRST}")
    for number, (node, version, begin_ns, end_ns, depth, content, size) in enumerate(judged):
        if why := judging.why(node, version, begin_ns, end_ns):
            found.kept[why] = found.kept.get(why, 0) + 1
            _mark_content(found.marks, reader, depth, content, beat, seen)
        else:
            found.dropped += 1
            found.dropped_bytes += size
        if number % BEAT == 0:
            beat()
    return found


def why_kept(vault: Vault, node: int) -> list[tuple[Row, str]]:
    """Return the versions of a node, newest first, each with what keeps it; empty for what nothing does."""
    judging = _Judging(vault, policy_of(vault.state), vault.ambient.now_ns())
    replaced = vault.state.db.execute(f"{_REPLACED} AND node = ? {_LAST_FIRST}", (node,))
    known = {version: judging.why(node, version, begin_ns, end_ns) for _, version, begin_ns, end_ns, *_ in replaced}
    return [(row, known.get(row.version, SHOWN)) for row in vault.state.nodes.versions(node)]


class _Judging:
    """Asks the policy about one version after another, the versions of a node one after another, the last one first."""

    def __init__(self, vault: Vault, policy: Policy, now_ns: int) -> None:
        self._vault, self._policy, self._now_ns = vault, policy, now_ns
        # Where no rule is for some path alone, all files have the same, and no path need be built.
        self._for_all = None if any(rule.path for rule in policy.rules) else instants(policy.rules_for(b""), now_ns)
        self._shown = _shown(vault)
        days = policy.undeletable_days
        self._young = vault.state.receipts.younger_than(days) if days else {}
        self._node, self._place = -1, 0  # whose versions these are, and how many were replaced later
        self._rules = self._for_all or Instants()

    def why(self, node: int, version: int, begin_ns: int, end_ns: int) -> str:
        """Return what keeps a version that was replaced; empty if nothing does."""
        if node == self._node:
            self._place += 1
        else:
            self._node, self._place = node, 0
            self._rules = self._for_all or self._rules_of(node)
        if version in self._shown:
            return SHOWN
        why = self._rules.reason(begin_ns, end_ns, self._place)
        return RECENT if not why and self._young and self._is_young(version) else why

    def _rules_of(self, node: int) -> Instants:
        path = self._vault.state.nodes.path_of(node)
        return instants(self._policy.rules_for(path), self._now_ns)

    def _is_young(self, version: int) -> bool:
        floor = self._young.get(device_of(version))
        return floor is not None and counter_of(version) >= floor


def _standing(vault: Vault) -> Iterator[tuple[int, int, bytes]]:
    """Yield (node, depth, content) of what stands in the tree, and of what this disk has."""
    for table in ("node", "base"):
        yield from vault.state.db.execute(f"SELECT id, depth, content FROM {table} WHERE length(content) > 0")  # noqa: S608


def _shown(vault: Vault) -> set[int]:
    """Return the versions that are heads, or overruled and shown as copies: they are in no tree row of their own."""
    sql = "SELECT version FROM head UNION SELECT node FROM copy UNION SELECT version FROM node"
    return {version for (version,) in vault.state.db.execute(sql)}


def _mark_content(
    marks: Marks, reader: ChunkReader, depth: int, content: bytes, beat: Callable[[], None], seen: set[bytes]
) -> None:
    """Mark a content: the chunks that it names, and all that is below those that are lists."""
    marks.mark(content)
    if not depth:
        return
    for chunk in Content(ids=content).split():
        if chunk not in seen and reader.knows(chunk):
            beat()
            seen.add(chunk)
            _mark_content(marks, reader, depth - 1, reader.read_list(chunk), beat, seen)


def share_of(used: tuple[int, int]) -> float:
    """Return which share of a pack is in use, of (bytes in use, bytes)."""
    live, total = used
    return live / total if total else 0.0


def kind_of(reader: ChunkReader, chunk: bytes, data: bytes) -> int:
    """Return which kind of chunk these bytes are.

    Raises:
        Damaged: they are not what the id says.
    """
    for kind in (DATA_CHUNK, LIST_CHUNK):
        if reader.hasher.of(kind, data) == chunk:
            return kind
    raise Damaged(f"chunk {chunk.hex()} is not what its id says")
