"""A collection on a WebDAV server (RFC 4918), by plain requests.

Servers differ in what they hold to: a PUT may be seen half, conditions on it are ignored or race, and so does MOVE
without overwriting on some. Making a collection is the one claim that all of them grant once (measured on nginx,
apache, wsgidav and sabre). So an object is uploaded under a temporary name, its size is looked at, its name is claimed
by a collection, and then it is moved there.
"""

from __future__ import annotations

import builtins
import secrets
import time
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote, urlsplit

import httpx
from defusedxml import DefusedXmlException, ElementTree

from syncd.errors import ObjectExists, ObjectMissing, StoreDenied, StoreError, StoreForeign, StoreGone
from syncd.store.address import Address, Secret
from syncd.store.again import BUDGET_S
from syncd.store.http import Http, part, ranged
from syncd.store.provider import MARK, MARK_TEXT, Capabilities, Listed

_ASKED = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    b"<D:resourcetype/><D:getcontentlength/></D:prop></D:propfind>"
)
Member = tuple[str, int, bool]  # name, size, whether a collection
_TEMPORARY, _CLAIM = ".put-", ".claim-"
FIRST_S = 5.0  # for the first contact: a person waits for it
OWNER_S = 20.0  # for one who claimed a name, until it is taken that nobody comes


def webdav(address: Address, secret: Secret) -> WebdavStore:
    """Return the store of `webdav://user@host:port/path` or, over TLS, `webdavs://...`."""
    scheme = "https" if address.scheme == "webdavs" else "http"
    port = f":{address.port}" if address.port else ""
    user = address.user or secret("user") or ""
    auth = (user, secret("password") or "") if user else None
    base = f"{scheme}://{address.host}{port}/{quote(address.prefix)}"
    return WebdavStore(address.url, Http(address.url, base, auth=auth))


class WebdavStore:
    """Keeps objects as resources below a collection."""

    def __init__(self, url: str, http: Http) -> None:
        self._url, self._http = url, http
        self._known: set[str] = set()  # collections seen or made

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=2.0)

    def create(self) -> None:
        """Make the collection and its mark."""
        found = self._members("", budget_s=FIRST_S)
        if found is None:
            self._collect("")
        elif any(name == MARK for name, _, _ in found):
            return
        elif found:
            raise StoreForeign(f"{self._url} is not empty and is not a syncd store")
        self._put(MARK, MARK_TEXT.encode())

    def _check(self) -> None:
        """Tell a store from something else in its place."""
        if self._size(MARK) is None:
            raise StoreGone(f"the store {self._url} is not there: not mounted, moved or removed")

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        self._put(name, data)

    def _compare(self, name: str, data: bytes) -> None:
        if self.get(name) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def _put(self, name: str, data: bytes) -> None:
        parent = name.rpartition("/")[0]
        temporary = f"{parent}/{_TEMPORARY}{secrets.token_hex(8)}".lstrip("/")
        self._gather(parent)
        answer = self._http.ask("PUT", self._at(temporary), content=data, well=(404, 409, 500))
        if answer.status_code >= 400:  # somebody removed a collection that we knew; nginx says 500 then
            self._known.clear()
            if name != MARK:
                self._check()
            self._gather(parent)
            self._http.ask("PUT", self._at(temporary), content=data)
        moved = False
        try:
            if self._size(temporary) != len(data):
                raise StoreError(f"the store {self._url} did not keep what was put there ({name})")
            moved = self._is_ours(name) and self._move(temporary, name)
            if not moved:
                self._compare(name, data)
        finally:
            if not moved:
                self._http.ask("DELETE", self._at(temporary), well=(404,))

    def _is_ours(self, name: str) -> bool:
        """Claim a name; tell whether it is free to be taken."""
        if self._make(_claim(name)):
            return True
        end = time.monotonic() + OWNER_S
        while self._size(name) is None:
            if time.monotonic() > end:
                return True  # who claimed it was killed
            time.sleep(0.05)
        return False

    def _move(self, temporary: str, name: str) -> bool:
        """Give what was uploaded its name; tell whether it had none before."""
        headers = {"Destination": self._http.base + self._at(name), "Overwrite": "F"}
        # An answer that was lost: the second time the source is gone, and the target stands.
        answer = self._http.ask("MOVE", self._at(temporary), headers=headers, well=(404, 412))
        return answer.status_code not in (404, 412)

    def _gather(self, path: str) -> None:
        """Make a collection and those above it."""
        names = path.split("/") if path else []
        for depth in range(1, len(names) + 1):
            above = "/".join(names[:depth])
            if above not in self._known:
                self._collect(above)
                self._known.add(above)

    def _collect(self, path: str) -> None:
        if path:
            self._make(path)
            return
        parts = urlsplit(self._http.base).path.strip("/").split("/")
        root = self._http.base.removesuffix("/" + "/".join(parts)) if parts != [""] else self._http.base
        for depth in range(1, len(parts) + 1):
            self._http.ask("MKCOL", f"{root}/{'/'.join(parts[:depth])}/", well=(405, 301, 403, 409))
        if self._members("") is None:
            raise StoreDenied(f"{self._url} cannot be made: the server refuses", hint="Make it by hand first.")

    def _make(self, path: str) -> bool:
        """Make one collection; return whether it was not there."""
        answer = self._http.ask("MKCOL", self._at(path) + "/", well=(405, 301, 403))
        if answer.status_code == 403 and self._members(path) is None:  # apache says that to who comes second in a race
            raise self._http.refused(answer)
        return answer.status_code == 201

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        if length == 0:
            return b""
        answer = self._http.ask("GET", self._at(name), headers=ranged(start, length), well=(404, 416))
        if answer.status_code == 404:
            raise self._missing(name)
        return part(answer, start, length)

    def _missing(self, name: str) -> StoreError:
        self._check()
        return ObjectMissing(f"the store {self._url} has no {name}")

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        size = self._size(name)
        if size is None:
            self._check()
        return size

    def _size(self, name: str) -> int | None:
        headers = {"Accept-Encoding": "identity"}
        answer = self._http.ask("HEAD", self._at(name), headers=headers, well=(404,))
        return None if answer.status_code == 404 else int(answer.headers.get("Content-Length", 0))

    def confirm(self, name: str) -> int | None:
        """Return the size of an object."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object and the claim of its name."""
        self._check()
        self._http.ask("DELETE", self._at(name), well=(404,))
        self._http.ask("DELETE", self._at(_claim(name)) + "/", well=(404,))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name. A whole tree at once is what many servers refuse, so each collection is asked."""
        self._check()
        found, stack = list[Listed](), [prefix.rpartition("/")[0]]
        while stack:
            path = stack.pop()
            for base, size, is_collection in self._members(path) or ():
                name = f"{path}/{base}" if path else base
                if base.startswith(".") or name == MARK:
                    continue
                if is_collection:
                    stack.append(name)
                elif name.startswith(prefix):
                    found.append(Listed(name, size))
        yield from sorted(found, key=lambda listed: listed.name)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        self._check()
        found = self._members(name) or ()
        return sorted(base for base, _, is_collection in found if is_collection and not base.startswith("."))

    def _members(self, path: str, budget_s: float = BUDGET_S) -> Sequence[Member] | None:
        """Return (name, size, whether a collection) of what a collection holds; None where there is none."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        where = self._at(path) + "/"
        answer = self._http.ask("PROPFIND", where, headers=headers, content=_ASKED, well=(404,), budget_s=budget_s)
        if answer.status_code == 404:
            return None
        own = unquote(urlsplit(self._http.base + where).path).rstrip("/")
        return [entry for entry in _entries(answer, own, self._url) if entry[0]]

    @staticmethod
    def _at(name: str) -> str:
        return "/" + quote(name) if name else ""


def _claim(name: str) -> str:
    parent, _, base = name.rpartition("/")
    return f"{parent}/{_CLAIM}{base}".lstrip("/")


def _entries(answer: httpx.Response, own: str, url: str) -> Iterator[Member]:
    try:
        tree = ElementTree.fromstring(answer.content)
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise StoreError(f"the store {url} answers a listing with what is no XML: {error}") from error
    for response in tree.iter("{DAV:}response"):
        path = unquote(urlsplit(response.findtext("{DAV:}href", "")).path).rstrip("/")
        is_collection = response.find(".//{DAV:}resourcetype/{DAV:}collection") is not None
        size = response.findtext(".//{DAV:}getcontentlength", "") or "0"
        if path == own:
            continue
        yield path.rpartition("/")[2], int(size), is_collection
