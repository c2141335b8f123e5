"""Google Cloud Storage by its JSON API, the one whose conditions hold on every request.

An upload is one multipart request with `ifGenerationMatch=0`: it creates the object whole, or finds one there.
Who asks is a service account: a signed claim (RFC 7523) is traded for a token that lives an hour.
"""

from __future__ import annotations

import builtins
import json
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from syncd.errors import ObjectExists, ObjectMissing, StoreDenied, StoreError, StoreFull, StoreGone, UsageError
from syncd.store.address import GIVE_IT, Address, Secret
from syncd.store.http import Http, part, ranged
from syncd.store.provider import Capabilities, Listed

ENDPOINT = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
EARLY_S = 120.0  # before it runs out a token is asked for anew
FIRST_S = 5.0  # for the first contact: a person waits for it
# Words of the API in the reasons of an error -> what it is here, and what to do.
_REASONS: dict[str, tuple[type[StoreError], str]] = {
    "quotaExceeded": (StoreFull, ""),
    "storageQuotaExceeded": (StoreFull, ""),
    "accountDisabled": (StoreDenied, "The account is disabled: its owner has to look, most often at its billing."),
    "accessNotConfigured": (StoreDenied, "Switch on the Cloud Storage API in the project."),
}


def gcs(address: Address, secret: Secret) -> GcsStore:
    """Return the store of `gs://bucket/prefix?endpoint=...`.

    Raises:
        UsageError: no service account is given, and Google's own endpoint is asked.
        StoreDenied: what was given as the service account is none.
    """
    endpoint = address.options.get("endpoint", ENDPOINT)
    raw = secret("service_account")
    if not raw and endpoint == ENDPOINT:
        raise UsageError(f"{address.url}: service_account is missing", hint=GIVE_IT)
    return GcsStore(address, endpoint, Account(raw, address.url) if raw else None)


class Account:
    """A service account, and the token that it has for now."""

    def __init__(self, raw: str, url: str) -> None:
        hint = "The service account is the JSON file with its key: secrets = { service_account = 'file:...' }."
        try:
            found = json.loads(raw)
            self._email, self._key, self._uri = found["client_email"], found["private_key"], found["token_uri"]
        except (ValueError, TypeError, KeyError) as error:
            raise StoreDenied(f"the store {url}: what was given is no service account", hint=hint) from error
        self._http = Http(url, self._uri)
        self._lock = threading.Lock()
        self._token, self._ends_s = "", 0.0

    def token(self) -> str:
        """Return a token that is good for a while."""
        with self._lock:
            if time.time() > self._ends_s - EARLY_S:
                self._trade()
            return self._token

    def forget(self) -> None:
        """Ask for another token the next time: this one was refused."""
        self._ends_s = 0.0

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _trade(self) -> None:
        import jwt

        now = int(time.time())
        claims = {"iss": self._email, "scope": SCOPE, "aud": self._uri, "iat": now, "exp": now + 3600}
        try:
            signed = jwt.encode(claims, self._key, algorithm="RS256")
        except (ValueError, jwt.PyJWTError) as error:
            raise StoreDenied(f"the store {self._http.url}: the service account's key cannot be used") from error
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
        answer = self._http.ask("POST", self._uri, data=form, refusal=self._refused).json()
        self._token, self._ends_s = answer["access_token"], now + float(answer.get("expires_in", 3600))

    def _refused(self, response: httpx.Response) -> StoreError | None:
        if response.status_code != 400:
            return None
        said = _json(response).get("error_description", "the claim was refused")
        hint = "The key was withdrawn, or this computer's clock is wrong."
        return StoreDenied(f"the store {self._http.url}: {said}", hint=hint)


class GcsStore:
    """Keeps objects under a prefix of a bucket."""

    def __init__(self, address: Address, endpoint: str, account: Account | None) -> None:
        self._url, self._account = address.url, account
        self._bucket, self._prefix = address.host, f"{address.prefix}/" if address.prefix else ""
        self._http = Http(address.url, endpoint)
        self._objects = f"/storage/v1/b/{quote(self._bucket, safe='')}/o"

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=2.0)

    def create(self) -> None:
        """See that the bucket is there; its owner makes it."""
        self._page("genesis", "", budget_s=FIRST_S)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()
        if self._account is not None:
            self._account.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        boundary = secrets.token_hex(16)
        about = json.dumps({"name": self._prefix + name}).encode()
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                about,
                f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        params = {"uploadType": "multipart", "ifGenerationMatch": "0"}
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        answer = self._ask("POST", "/upload" + self._objects, params=params, headers=headers, content=body, well=(412,))
        if answer.status_code == 412 and self.get(name) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        if length == 0:
            return b""
        answer = self._ask(
            "GET", self._at(name), params={"alt": "media"}, headers=ranged(start, length), well=(404, 416)
        )
        if answer.status_code == 404:
            raise self._missing(name, answer)
        return part(answer, start, length)

    def _missing(self, name: str, answer: httpx.Response) -> StoreError:
        if "bucket does not exist" in answer.text:
            return self._no_bucket()
        return ObjectMissing(f"the store {self._url} has no {name}")

    def _no_bucket(self) -> StoreError:
        hint = "Make the bucket first, or check its name."
        return StoreGone(f"the store {self._url}: there is no bucket {self._bucket}", hint=hint)

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        answer = self._ask("GET", self._at(name), params={"fields": "size"}, well=(404,))
        if answer.status_code == 404:
            error = self._missing(name, answer)
            if isinstance(error, StoreGone):
                raise error
            return None
        return int(answer.json()["size"])

    def confirm(self, name: str) -> int | None:
        """Return the size of an object: what is shown is durable."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._ask("DELETE", self._at(name), well=(404,))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name, a page at a time: the API sorts by the bytes of names."""
        token = ""
        while True:
            page = self._page(prefix, token)
            for item in page.get("items", ()):
                yield Listed(item["name"][len(self._prefix) :], int(item["size"]))
            token = page.get("nextPageToken", "")
            if not token:
                return

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        found, token = set[str](), ""
        while True:
            page = self._page(f"{name}/", token, delimiter="/")
            found.update(path.rstrip("/").rpartition("/")[2] for path in page.get("prefixes", ()))
            token = page.get("nextPageToken", "")
            if not token:
                return sorted(found)

    def _page(self, prefix: str, token: str, delimiter: str = "", **more: Any) -> dict[str, Any]:
        fields = "prefixes,items(name,size),nextPageToken"
        params = {"prefix": self._prefix + prefix, "fields": fields, "maxResults": "1000"}
        params |= {key: value for key, value in {"pageToken": token, "delimiter": delimiter}.items() if value}
        answer = self._ask("GET", self._objects, params=params, well=(404,), **more)
        if answer.status_code == 404:
            raise self._no_bucket()
        return _json(answer)

    def _at(self, name: str) -> str:
        return f"{self._objects}/{quote(self._prefix + name, safe='')}"

    def _ask(self, method: str, where: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        for last in (False, True):
            token = {"Authorization": f"Bearer {self._account.token()}"} if self._account else {}
            try:
                return self._http.ask(
                    method, where, headers={**(headers or {}), **token}, refusal=self._refused, **more
                )
            except StoreDenied:
                if self._account is None or last:
                    raise
                self._account.forget()  # a token may be withdrawn before its time
        raise AssertionError("the second try returns or raises")

    def _refused(self, response: httpx.Response) -> StoreError | None:
        found = _json(response).get("error", {})
        reasons = [item.get("reason", "") for item in found.get("errors", ())] if isinstance(found, dict) else []
        for reason in reasons:
            if reason in _REASONS:
                kind, hint = _REASONS[reason]
                return kind(f"the store {self._url} says: {found.get('message', reason)}", hint=hint)
        return None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
