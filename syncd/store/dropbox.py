"""A folder in a Dropbox, by its HTTP API, version 2.

An upload names its mode: `add`, with `strict_conflict`, creates or is refused, even for equal bytes. Dropbox wants the
changes of one account one after another, so uploads and deletions take turns here. Who asks has a token that lives
some hours, traded for one that stays (OAuth 2, RFC 6749 section 6).
"""

from __future__ import annotations

import builtins
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx

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
from syncd.store.address import Address, Secret
from syncd.store.again import BUDGET_S, Passing
from syncd.store.http import Http, part, ranged
from syncd.store.provider import MARK, MARK_TEXT, Capabilities, Listed

API, CONTENT = "https://api.dropboxapi.com", "https://content.dropboxapi.com"
PAGE = 2000  # entries of a listing: the most that is allowed
BLOCK = 4 * 1024 * 1024  # bytes of a block of the content hash
FIRST_S = 5.0  # for the first contact: a person waits for it
EARLY_S = 300.0
# Tags of errors, as they stand in `error_summary` -> what that is here, and what to do.
_TAGS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("insufficient_space", StoreFull, ""),
    ("team_folder", StoreDenied, "A team's own folder cannot be a store; choose one inside it."),
    ("no_write_permission", StoreDenied, "The app may not write: give it files.content.write, and log in again."),
    ("missing_scope", StoreDenied, "The app needs files.content.read, files.content.write and files.metadata.read."),
    ("invalid_access_token", StoreDenied, "The token is wrong or was withdrawn: `syncd store login` asks for another."),
    ("user_suspended", StoreDenied, "Dropbox has suspended this account."),
    ("malformed_path", StoreError, "The path in the store's URL is none that Dropbox allows."),
)  # fmt: skip


def dropbox(address: Address, secret: Secret) -> DropboxStore:
    """Return the store of `dropbox://path/of/a/folder?endpoint=...`.

    Raises:
        UsageError: no token is given.
    """
    endpoint = address.options.get("endpoint", "")
    token, refresh, key = secret("access_token"), secret("refresh_token"), secret("app_key")
    if not token and not (refresh and key):
        hint = "Give refresh_token and app_key (docs/stores.md), or access_token, which lives for hours."
        raise UsageError(f"{address.url}: no token is given", hint=hint)
    http, word = Http(address.url, endpoint or API), secret("app_secret") or ""
    access = Access(http, token or "", refresh or "", key or "", word)
    return DropboxStore(address, access, Http(address.url, endpoint or CONTENT))


class Access:
    """The token that opens the account for now."""

    def __init__(self, http: Http, token: str, refresh: str, key: str, word: str) -> None:
        self.http = http
        self._token, self._ends_s = token, float("inf") if token else 0.0
        self._refresh, self._key, self._word = refresh, key, word
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return what opens a request."""
        with self._lock:
            if self._refresh and time.time() > self._ends_s - EARLY_S:
                self._trade()
            return {"Authorization": f"Bearer {self._token}"}

    @property
    def can_renew(self) -> bool:
        """Whether another token can be had."""
        return bool(self._refresh)

    def forget(self) -> None:
        """Trade for another token the next time."""
        self._ends_s = 0.0

    def _trade(self) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh, "client_id": self._key}
        if self._word:
            form["client_secret"] = self._word
        answer = self.http.ask("POST", "/oauth2/token", data=form, refusal=self._refused).json()
        self._token, self._ends_s = answer["access_token"], time.time() + float(answer["expires_in"])

    def _refused(self, response: httpx.Response) -> StoreError | None:
        if response.status_code not in (400, 401):
            return None
        hint = "The refresh token was withdrawn, or belongs to another app: `syncd store login` asks for another."
        return StoreDenied(f"the store {self.http.url}: Dropbox gives no token", hint=hint)


class DropboxStore:
    """Keeps objects as files of a folder."""

    def __init__(self, address: Address, access: Access, content: Http) -> None:
        self._url, self._access, self._content = address.url, access, content
        self._root = f"/{address.host}/{address.prefix}".rstrip("/")
        self._turn = threading.Lock()  # one change at a time: too_many_write_operations else

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=10.0)

    def create(self) -> None:
        """Make the folder and its mark."""
        found = self._rpc("get_metadata", {"path": self._path(MARK)}, well="not_found", budget_s=FIRST_S)
        if found is not None:
            return
        if self._rpc("list_folder", {"path": self._root, "limit": 1}, well="not_found") not in (None, {}):
            listed = self._rpc("list_folder", {"path": self._root, "limit": 1}) or {}
            if listed.get("entries"):
                raise StoreForeign(f"{self._url} is not empty and is not a syncd store")
        self._upload(MARK, MARK_TEXT.encode())

    def close(self) -> None:
        """Let go of connections."""
        self._content.close()
        self._access.http.close()

    def _check(self) -> None:
        if self._size(MARK) is None:
            raise StoreGone(f"the store {self._url} is not there: moved or removed")

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        if not self._upload(name, data) and self.get(name) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def _upload(self, name: str, data: bytes) -> bool:
        """Create a file; return whether there was none."""
        about = {
            "path": self._path(name),
            "mode": "add",
            "autorename": False,
            "mute": True,
            "strict_conflict": True,
            "content_hash": content_hash(data),
        }
        headers = {"Content-Type": "application/octet-stream"}
        with self._turn:
            answer = self._ask("/2/files/upload", about, headers=headers, content=data, well="path/conflict")
        return answer is not None

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        if length == 0:
            return b""
        answer = self._ask(
            "/2/files/download", {"path": self._path(name)}, headers=ranged(start, length), well="path/not_found"
        )
        if answer is None:
            self._check()
            raise ObjectMissing(f"the store {self._url} has no {name}")
        return part(answer, start, length)

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        size = self._size(name)
        if size is None:
            self._check()
        return size

    def _size(self, name: str) -> int | None:
        found = self._rpc("get_metadata", {"path": self._path(name)}, well="path/not_found")
        return None if found is None else int(found["size"])

    def confirm(self, name: str) -> int | None:
        """Return the size of an object: what is shown is durable."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._check()
        with self._turn:
            self._rpc("delete_v2", {"path": self._path(name)}, well="path_lookup/not_found")

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name; Dropbox lists in no order, and may say twice what changed meanwhile."""
        self._check()
        found: dict[str, int] = {}
        for entry in self._entries(prefix.rpartition("/")[0], recursive=True):
            name = entry["path_lower"][len(self._root) + 1 :]
            if entry[".tag"] == "file" and name.startswith(prefix) and name != MARK:
                found[name] = int(entry["size"])
            elif entry[".tag"] == "deleted":
                found.pop(name, None)
        yield from (Listed(name, size) for name, size in sorted(found.items()))

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        self._check()
        entries = self._entries(name, recursive=False)
        return sorted({entry["path_lower"].rpartition("/")[2] for entry in entries if entry[".tag"] == "folder"})

    def _entries(self, name: str, *, recursive: bool) -> builtins.list[dict[str, Any]]:
        """Return what Dropbox says of a directory; from the beginning where a cursor is of no use any more."""
        found: builtins.list[dict[str, Any]] = []
        asked = {"path": self._path(name), "recursive": recursive, "limit": PAGE}
        page = self._rpc("list_folder", asked, well="path/not_found")
        while page is not None:
            found += page["entries"]
            if not page["has_more"]:
                break
            page = self._rpc("list_folder/continue", {"cursor": page["cursor"]}, well="reset")
            if page is None:
                found.clear()
                page = self._rpc("list_folder", asked, well="path/not_found")
        return found

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _rpc(self, call: str, arguments: dict[str, Any], *, well: str = "", **more: Any) -> dict[str, Any] | None:
        answer = self._asked(self._access.http, f"/2/files/{call}", well, {}, json=arguments, **more)
        return None if answer is None else answer.json()

    def _ask(self, route: str, about: dict[str, Any], *, well: str, headers: dict[str, str], **more: Any) -> Any:
        return self._asked(self._content, route, well, {**headers, "Dropbox-API-Arg": json.dumps(about)}, **more)

    def _asked(
        self, http: Http, route: str, well: str, headers: dict[str, str], budget_s: float = BUDGET_S, **more: Any
    ) -> httpx.Response | None:
        """Return the answer; None where the error is one that the caller understands."""

        def understood(response: httpx.Response) -> bool:
            return response.status_code == 409 and bool(well) and well in _summary(response)

        def ask(*renewable: int) -> httpx.Response:
            return http.ask(
                "POST",
                route,
                headers={**headers, **self._access.headers()},
                well=(416, *renewable),
                understood=understood,
                refusal=lambda response: _refused(response, self._url),
                budget_s=budget_s,
                **more,
            )

        answer = ask(401) if self._access.can_renew else ask()
        if answer.status_code == 401:
            self._access.forget()
            answer = ask()
        return None if answer.status_code == 409 else answer


def content_hash(data: bytes) -> str:
    """Return Dropbox's hash of a content: SHA-256 of the SHA-256 of its blocks of 4 MiB, in hex."""
    blocks = (hashlib.sha256(data[at : at + BLOCK]).digest() for at in range(0, len(data), BLOCK))
    return hashlib.sha256(b"".join(blocks)).hexdigest()


def _refused(response: httpx.Response, url: str) -> StoreError | None:
    summary = _summary(response)
    for tag, kind, hint in _TAGS:
        if tag in summary:
            return kind(f"the store {url} says: {summary}", hint=hint)
    if response.status_code == 429 or "too_many_write_operations" in summary:
        return Passing(f"the store {url} is asked too often", after_s=_after_s(response), crowded=True)
    if response.status_code == 409:
        return StoreError(f"the store {url} says: {summary}")
    return None


def _after_s(response: httpx.Response) -> float:
    try:
        return float(response.json()["error"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return float(response.headers.get("Retry-After", 1))


def _summary(response: httpx.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        return response.text[:200]
    return str(found.get("error_summary") or found.get("error") or "") if isinstance(found, dict) else ""
