"""A chat of Telegram: each object is a document that our bot sent, found by an index that hangs on the pinned message.

A bot cannot read a chat's history, so nothing there can be listed. What was sent is written into a head, a document of
its own: the newest entries, and the segments (documents, too) that have the older ones. The newest head is pinned, and
the pinned message is the one thing of a chat that a bot can ask for. Invariant: an object is in the pinned head, or in
a segment that it names, before its put returns; so a chat has one writer, and each device needs a chat of its own.

Keeping files in a chat may break its terms; docs/stores.md says so. Its word is never among the first W.
"""

from __future__ import annotations

import builtins
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncd.errors import ObjectExists, ObjectMissing, StoreDenied, StoreError, StoreForeign, StoreGone, UsageError
from syncd.store.address import GIVE_IT, Address, Secret
from syncd.store.chat import API, Chat, Kept
from syncd.store.http import Http
from syncd.store.provider import Capabilities, Listed, directories_of

RECENT, FULL = 256, 4096  # entries of a head, and of a segment, before they are put into the next one
HEAD, SEGMENT = "syncd-head", "syncd-segment"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A document with older entries of the index."""

    message: int
    file: str
    count: int


def telegram(address: Address, secret: Secret) -> TelegramStore:
    """Return the store of `telegram://CHAT?endpoint=...&gap=...`, where CHAT is the chat's number.

    Raises:
        UsageError: the number or the gap is none, or the bot's token is missing.
    """
    token = secret("bot_token")
    if not address.host.removeprefix("-").isdigit():
        raise UsageError(f"{address.url}: {address.host} is no chat's number", hint="It is like -1001234567890.")
    if not token:
        raise UsageError(f"{address.url}: bot_token is missing", hint=GIVE_IT)
    gap = address.options.get("gap")
    try:
        gap_s = None if gap is None else float(gap)
    except ValueError as error:
        raise UsageError(f"{address.url}: the gap {gap} is no number of seconds") from error
    endpoint = address.options.get("endpoint", API).rstrip("/")
    return TelegramStore(address.url, Chat(address.url, Http(address.url, endpoint), token, int(address.host), gap_s))


class TelegramStore:
    """Keeps objects as documents of a chat."""

    def __init__(self, url: str, chat: Chat) -> None:
        self._url, self._chat = url, chat
        self._lock = threading.Lock()  # of the index
        self._publishing = threading.Lock()  # one head at a time; taken before the other
        self._index: dict[str, Kept] | None = None
        self._recent: dict[str, Kept] = {}
        self._segments: list[Segment] = []
        self._head = 0  # the pinned message
        self._added = self._published = 0  # changes of the index, and those that the pinned head has

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(named=False, conditional=False, ranged=False, counts=False)

    # -- the port -------------------------------------------------------------------------------

    def create(self) -> None:
        """Pin an empty head."""
        pinned = self._chat.pinned(budget_s=5.0)
        if pinned is None:
            with self._lock:
                self._index = {}
                self._added += 1
                change = self._added
            self._publish(change)
            if self._chat.pinned() is None:
                hint = "Make the bot an administrator of the chat that may post and pin messages."
                raise StoreDenied(f"the store {self._url} does not show what was pinned there", hint=hint)
        elif not _is_head(pinned):
            raise StoreForeign(f"{self._url} has a pinned message that is not syncd's")

    def close(self) -> None:
        """Let go of connections."""
        self._chat.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        kept = self._loaded().get(name)
        if kept is not None:
            if self.get(name) != data:
                raise ObjectExists(f"{name} stands for other bytes already in {self._url}")
            return
        sent = self._chat.send(name, data)
        with self._lock:
            self._note(name, sent)
            change = self._added
        try:
            self._publish(change)
        except StoreError:
            with self._lock:  # nobody would find it
                if self._published < change and self._index is not None:
                    self._index.pop(name, None)
                    self._recent.pop(name, None)
            raise

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        kept = self._loaded().get(name)
        if kept is None:
            raise ObjectMissing(f"the store {self._url} has no {name}")
        data = self._chat.document(kept.file, name)
        return data[start:] if length is None else data[start : start + length]

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        kept = self._loaded().get(name)
        return None if kept is None else kept.size

    def confirm(self, name: str) -> int | None:
        """Return the size of an object, asking Telegram for it."""
        kept = self._loaded().get(name)
        if kept is None:
            return None
        return kept.size if self._chat.is_there(kept.file, name) else None

    def delete(self, name: str) -> None:
        """Remove an object from the index, and its message where a bot still may."""
        kept = self._loaded().get(name)
        if kept is None:
            return
        with self._lock:
            assert self._index is not None
            self._index.pop(name, None)
            if self._recent.pop(name, None) is None:
                self._recent = {**self._index}  # it stands in a segment: all are written anew
                old, self._segments = self._segments, []
            else:
                old = []
            self._added += 1
            change = self._added
        self._publish(change)
        for message in (kept.message, *(segment.message for segment in old)):
            self._chat.remove(message)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        self._load_if_changed()
        found = [(name, kept.size) for name, kept in self._loaded().items() if name.startswith(prefix)]
        yield from (Listed(name, size) for name, size in sorted(found))

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        self._load_if_changed()
        return directories_of(self._loaded(), name)

    # -- the index ------------------------------------------------------------------------------

    def _loaded(self) -> dict[str, Kept]:
        """Return the index, by name; a copy that may be read while others change it.

        Raises:
            StoreGone: the chat is no store, or its head was unpinned.
        """
        with self._lock:
            if self._index is None:
                self._load(self._chat.pinned())
            assert self._index is not None
            return dict(self._index)

    def _load_if_changed(self) -> None:
        """Read the index anew, where another process of this device has pinned another head."""
        pinned = self._chat.pinned()
        with self._publishing, self._lock:
            if self._index is not None and pinned is not None and pinned["message_id"] != self._head:
                ours = {name: kept for name, kept in self._recent.items() if self._added > self._published}
                self._load(pinned)
                assert self._index is not None
                self._index.update(ours)
                self._recent.update(ours)

    def _load(self, pinned: dict[str, Any] | None) -> None:
        if pinned is None or not _is_head(pinned):
            hint = f"Pin the newest message named {HEAD} again, if it is still there."
            raise StoreGone(f"the store {self._url} is not there: its head is not pinned", hint=hint)
        head = _decoded(self._chat.document(pinned["document"]["file_id"], HEAD), self._url)
        index: dict[str, Kept] = {}
        segments = [Segment(*row) for row in head["segments"]]
        for segment in segments:
            rows = _decoded(self._chat.document(segment.file, SEGMENT), self._url)["entries"]
            index.update((name, Kept(*where)) for name, *where in rows)
        recent = {name: Kept(*where) for name, *where in head["recent"]}
        self._index = {**index, **recent}
        self._recent, self._segments, self._head = recent, segments, int(pinned["message_id"])

    def _note(self, name: str, kept: Kept) -> None:
        if self._index is None:
            self._load(self._chat.pinned())
        assert self._index is not None
        self._index[name] = self._recent[name] = kept
        self._added += 1

    def _publish(self, change: int) -> None:
        """Pin a head that has a change of the index; of several that wait, one does it for all."""
        with self._publishing:
            if self._published >= change:
                return
            with self._lock:
                recent, segments, upto = dict(self._recent), list(self._segments), self._added
            before, emptied = set(recent), list[Segment]()
            while len(recent) > RECENT:
                recent, emptied = self._flush(recent, segments, emptied)
            head = {
                "syncd": _FORMAT,
                "segments": [[segment.message, segment.file, segment.count] for segment in segments],
                "recent": [[name, kept.message, kept.file, kept.size] for name, kept in recent.items()],
            }
            sent = self._chat.send(HEAD, json.dumps(head).encode())
            self._chat.pin(sent.message)
            with self._lock:
                flushed = before - recent.keys()
                self._recent = {name: kept for name, kept in self._recent.items() if name not in flushed}
                self._segments, old, self._head, self._published = segments, self._head, sent.message, upto
            for message in ([old] if old else []) + [segment.message for segment in emptied]:
                self._chat.remove(message)

    def _flush(
        self, recent: dict[str, Kept], segments: builtins.list[Segment], emptied: builtins.list[Segment]
    ) -> tuple[dict[str, Kept], builtins.list[Segment]]:
        """Put the oldest recent entries into the last segment, or a new one."""
        moved = dict(list(recent.items())[:FULL])
        rest = {name: kept for name, kept in recent.items() if name not in moved}
        entries = [[name, kept.message, kept.file, kept.size] for name, kept in moved.items()]
        if segments and segments[-1].count + len(entries) <= FULL:
            last = segments.pop()
            entries = _decoded(self._chat.document(last.file, SEGMENT), self._url)["entries"] + entries
            emptied = [*emptied, last]
        sent = self._chat.send(SEGMENT, json.dumps({"syncd": _FORMAT, "entries": entries}).encode())
        segments.append(Segment(sent.message, sent.file, len(entries)))
        return rest, emptied


def _is_head(message: dict[str, Any]) -> bool:
    return message.get("caption") == HEAD and "document" in message


def _decoded(data: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise StoreError(f"the store {url}: its index cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("syncd") != _FORMAT:
        raise StoreError(f"the store {url}: its index is of another syncd")
    return found
