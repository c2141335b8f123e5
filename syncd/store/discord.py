"""A channel of Discord: each object is a message of our bot's, its name as the text and its bytes as the attachment.

Nothing there is found by a name, so the channel is read once, newest message first, into an index, and its end again
whenever a name is not known. There is no create-only put either: whoever posted reads the end of the channel, and of
two messages with one name the older one counts, whoever looks. Keeping files in a chat may break its terms;
docs/stores.md says so.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from syncd import __version__
from syncd.errors import (
    ObjectExists,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreGone,
    UsageError,
)
from syncd.store.address import GIVE_IT, Address, Secret
from syncd.store.again import BUDGET_S, Passing
from syncd.store.http import Http, part, ranged
from syncd.store.pacing import Pacing
from syncd.store.provider import MARK, Capabilities, Listed, directories_of

API, CDN = "https://discord.com/api/v10", ""
PER_S = 50  # requests of one bot, over all
PAGE = 100  # messages of a page: the most that is allowed
LARGEST_FILE = 10 * 1024 * 1024  # bytes of an attachment where nobody pays for more
NONCE = 25  # letters
FIRST_S = 5.0
SIGNED_S = 60.0  # before the end of its time an attachment's address is asked for anew
# Codes of errors -> what that is here, and what to do.
_CODES: dict[int, tuple[type[StoreError], str]] = {
    10003: (StoreGone, "There is no such channel, or the bot is not on its server: check the channel's number."),
    10004: (StoreGone, "There is no such server, or the bot is not on it."),
    40001: (StoreDenied, "The bot's token is wrong: `syncd store login` asks for another."),
    40005: (StoreFull, "The server takes no file as large as a pack; it needs 10 MiB."),
    40333: (StoreDenied, "Discord blocks this client; see whether there is a newer syncd."),
    50001: (StoreDenied, "The bot may not see the channel: let it view the channel and read its history."),
    50013: (StoreDenied, "The bot may not do this: it needs to send messages, attach files and read the history."),
    50045: (StoreFull, "The server takes no file as large as a pack; it needs 10 MiB."),
    400001: (StoreDenied, "Discord has limited uploads for this server."),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an object is: the message, and the size of its attachment in bytes."""

    message: int
    size: int


def discord(address: Address, secret: Secret, pacing: Pacing | None = None) -> DiscordStore:
    """Return the store of `discord://CHANNEL?endpoint=...`, where CHANNEL is its number.

    Args:
        address: its URL, taken apart.
        secret: has `bot_token`.
        pacing: keeps to the limits; by the system's clock if not given.

    Raises:
        UsageError: the number is none, or the bot's token is missing.
    """
    token = secret("bot_token")
    if not address.host.isdigit():
        raise UsageError(f"{address.url}: {address.host} is no channel's number", hint="Copy its ID in Discord.")
    if not token:
        raise UsageError(f"{address.url}: bot_token is missing", hint=GIVE_IT)
    agent = f"DiscordBot (https://github.com/syncd/syncd, {__version__})"
    headers = {"Authorization": f"Bot {token}", "User-Agent": agent}
    endpoint = address.options.get("endpoint", API)
    return DiscordStore(address, Http(address.url, endpoint, headers=headers), Http(address.url, CDN), pacing)


class DiscordStore:
    """Keeps objects as messages of a channel."""

    def __init__(self, address: Address, http: Http, files: Http, pacing: Pacing | None = None) -> None:
        self._url, self._http, self._files = address.url, http, files
        self._channel = f"/channels/{address.host}"
        self._pacing = pacing or Pacing(PER_S)
        self._lock = threading.Lock()
        self._index: dict[str, Kept] | None = None
        self._foreign = 0
        self._newest = 0  # the message up to which the channel was read
        self._signed: dict[int, tuple[str, float]] = {}  # message -> address of its attachment, good until

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(named=False, ranged=True, ask_s=5.0)

    # -- the port -------------------------------------------------------------------------------

    def create(self) -> None:
        """Say that the channel is a store."""
        with self._lock:
            self._read(budget_s=FIRST_S)
            known = self._index or {}
            if MARK in known:
                return
            if known or self._foreign:
                raise StoreForeign(f"{self._url} has messages, and is not a syncd store")
            self._post(MARK, b"syncd")
            self._read()
            if MARK not in (self._index or {}):  # an empty page may mean that we may not read
                hint = "Let the bot read the message history of the channel."
                raise StoreDenied(f"the store {self._url} does not show what was said there", hint=hint)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()
        self._files.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        with self._lock:
            if self._index is None:
                self._read()
            kept = self._known().get(name)
        if kept is None:
            if len(data) > LARGEST_FILE:
                raise StoreError(f"the store {self._url} takes {LARGEST_FILE} bytes at most ({name})")
            message = self._post(name, data)
            with self._lock:
                self._read()
                kept = self._known()[name]
            if kept.message == message:
                return
            self._remove(message)  # another one was first
        if self.get(name) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        kept = self._find(name)
        if kept is None:
            raise ObjectMissing(f"the store {self._url} has no {name}")
        if length == 0 or start >= kept.size:
            return b""
        answer = self._files.ask("GET", self._address(kept.message), headers=ranged(start, length), well=(403, 404))
        if answer.status_code in (403, 404):  # its time was over sooner than it said, or the message is gone
            self._signed.pop(kept.message, None)
            answer = self._files.ask("GET", self._address(kept.message), headers=ranged(start, length))
        return part(answer, start, length)

    def stat(self, name: str) -> int | None:
        """Return the size of an object. Another device may have removed it since the channel was read."""
        kept = self._find(name)
        if kept is None or name == MARK:
            return None if kept is None else kept.size
        answer = self._ask("GET", f"{self._channel}/messages/{kept.message}", well=(404,))
        if answer.status_code == 404:
            with self._lock:
                self._known().pop(name, None)
            return None
        return kept.size

    def confirm(self, name: str) -> int | None:
        """Return the size of an object: what is shown is durable."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        kept = self._find(name)
        if kept is not None:
            self._remove(kept.message)
            with self._lock:
                self._known().pop(name, None)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        with self._lock:
            self._read()
            found = [(name, kept.size) for name, kept in self._known().items() if name.startswith(prefix)]
        yield from (Listed(name, size) for name, size in sorted(found) if name != MARK)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        with self._lock:
            self._read()
            return directories_of(self._known(), name)

    # -- the index ------------------------------------------------------------------------------

    def _known(self) -> dict[str, Kept]:
        """Return the index of a channel that is a store.

        Raises:
            StoreGone: the channel is none, or is not to be read any more.
        """
        if self._index is None or MARK not in self._index:
            raise StoreGone(f"the store {self._url} is not there: the channel was emptied, or may not be read")
        return self._index

    def _find(self, name: str) -> Kept | None:
        with self._lock:
            if self._index is None or name not in self._index:
                self._read()
            return self._known().get(name)

    def _read(self, budget_s: float = BUDGET_S) -> None:
        """Read what was said since the last time; all of it the first time."""
        index = dict[str, Kept]() if self._index is None else self._index
        newest, before = self._newest, ""
        while True:
            params = {"limit": str(PAGE), **({"before": before} if before else {})}
            page = self._ask("GET", f"{self._channel}/messages", params=params, budget_s=budget_s).json()
            for message in page:
                number = int(message["id"])
                if number > self._newest:
                    self._note(index, message, number)
                    newest = max(newest, number)
            if len(page) < PAGE or int(page[-1]["id"]) <= self._newest:
                break
            before = page[-1]["id"]
        self._index, self._newest = index, newest

    def _note(self, index: dict[str, Kept], message: dict[str, Any], number: int) -> None:
        attached = message.get("attachments") or []
        name = message.get("content", "")
        if len(attached) != 1 or not name:
            self._foreign += 1
            return
        known = index.get(name)
        if known is None or number < known.message:  # the older one counts
            index[name] = Kept(number, int(attached[0]["size"]))
            self._sign(number, attached[0]["url"])

    def _sign(self, message: int, address: str) -> None:
        """Remember an attachment's address, which is signed and good for a while only."""
        raw = parse_qs(urlsplit(address).query).get("ex", ["0"])[0]
        self._signed[message] = address, int(raw, 16) - SIGNED_S

    def _address(self, message: int) -> str:
        address, until = self._signed.get(message, ("", 0.0))
        if time.time() < until:
            return address
        answer = self._ask("GET", f"{self._channel}/messages/{message}", well=(404,))
        attached = answer.json().get("attachments") if answer.status_code == 200 else None
        if not attached:
            raise ObjectMissing(f"the store {self._url} has lost the message {message}")
        self._sign(message, attached[0]["url"])
        return self._signed[message][0]

    # -- requests -------------------------------------------------------------------------------

    def _post(self, name: str, data: bytes) -> int:
        """Say a name with its bytes; return the message. Said again within minutes, Discord returns the first."""
        nonce = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()[:NONCE]
        about = {"content": name, "nonce": nonce, "enforce_nonce": True, "attachments": [{"id": 0, "filename": "o"}]}
        form = {"payload_json": (None, json.dumps(about), "application/json"), "files[0]": ("o", data)}
        return int(self._ask("POST", f"{self._channel}/messages", files=form).json()["id"])

    def _remove(self, message: int) -> None:
        self._ask("DELETE", f"{self._channel}/messages/{message}", well=(404,))

    def _ask(self, method: str, route: str, **more: Any) -> httpx.Response:
        # Discord counts by method and route, where the number of a message makes no other route.
        bucket = f"{method} {'one' if '/messages/' in route else 'all'}"

        def refusal(response: httpx.Response) -> StoreError | None:
            return self._refused(response, bucket)

        answer = self._http.ask(method, route, before=lambda: self._pacing.wait(bucket), refusal=refusal, **more)
        self._pacing.told(bucket, answer.headers)
        return answer

    def _refused(self, response: httpx.Response, bucket: str) -> StoreError | None:
        try:
            said = response.json()
        except ValueError:
            said = {}
        if response.status_code == 429:
            after = float(said.get("retry_after", response.headers.get("Retry-After", 1)))
            self._pacing.refused(bucket, after, all_of_them=bool(said.get("global")))
            return Passing(f"the store {self._url} is asked too often", after_s=max(after, 0.001), crowded=True)
        code = said.get("code", 0) if isinstance(said, dict) else 0
        if code in _CODES:
            kind, hint = _CODES[code]
            return kind(f"the store {self._url} says: {said.get('message', code)} ({code})", hint=hint)
        if code == 130000:
            return Passing(f"the store {self._url} is overloaded")
        return None
