"""S3, everything that speaks it, and Azure: one provider over obstore, which signs and speaks HTTP.

Trying again is ours (again.py), so that a store that is asked too often is asked less, whoever asks.

A put is one conditional request, which the store does whole or not at all. Where an answer was lost, the repetition
meets what it made: the same bytes under the name count as put.
"""

from __future__ import annotations

import builtins
import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from obstore import exceptions
from obstore.store import AzureStore, S3Store

from syncd.errors import (
    ObjectExists,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreGone,
    StoreReadOnly,
    UsageError,
)
from syncd.store.address import GIVE_IT, Address, Secret
from syncd.store.again import Passing, again
from syncd.store.provider import Capabilities, Listed
from syncd.store.window import Window

T = TypeVar("T")
RETRY_S = 60.0  # a SeaweedFS whose leader died answers again after 28 s
ANSWER_S = 30  # for one request of at most 8 MiB; a slower line is asked again
CONNECT_S = 10

S3_OPTIONS = ("endpoint", "region", "style")
AZURE_OPTIONS = ("account", "endpoint")

# What a store says in `<Code>` or in the text of an error -> what that is here, and what to do. The first that fits.
_SAID: tuple[tuple[str, type[StoreError], str], ...] = (
    ("RequestTimeTooSkewed", StoreDenied, "Set this computer's clock: the store refuses signatures of another time."),
    ("SignatureDoesNotMatch", StoreDenied, "The secret key is wrong. Give it anew: `syncd store login`."),
    ("InvalidAccessKeyId", StoreDenied, "The store knows no such access key. Give it anew: `syncd store login`."),
    ("ExpiredToken", StoreDenied, "The session token has run out. Give a new one, or a key that stays."),
    ("InvalidToken", StoreDenied, "The session token is wrong. Give it anew, or leave it away."),
    ("AuthenticationFailed", StoreDenied, "The account or its key is wrong. Give them anew: `syncd store login`."),
    ("AuthorizationFailure", StoreDenied, "This account may not use the container; ask its owner."),
    ("NoSuchBucket", StoreGone, "Make the bucket first, or check its name and region."),
    ("ContainerNotFound", StoreGone, "Make the container first, or check its name."),
    ("PermanentRedirect", StoreGone, "The bucket is in another region; name it: ?region=..."),
    ("QuotaExceeded", StoreFull, ""),
    ("InsufficientStorage", StoreFull, ""),
    ("507 Insufficient Storage", StoreFull, ""),
    ("XMinioStorageFull", StoreFull, ""),
    ("dns error", Passing, "The name of the store cannot be resolved: check it, and the network."),
    ("Received redirect without LOCATION", StoreGone, "The bucket is in another region; name it: ?region=..."),
    ("InvalidCertificate", StoreDenied, "Its certificate is not valid: check the endpoint's name, and your clock."),
    ("403 Forbidden", StoreDenied, "The key is wrong, or may not do this: it has to read, write, list and delete."),
    ("401 Unauthorized", StoreDenied, ""),
    ("error sending request", Passing, ""),
    ("operation timed out", Passing, ""),
    ("body error", Passing, ""),
)  # fmt: skip
_CROWDED = ("SlowDown", "ServerBusy", "429 Too Many Requests", "503 ")
_PASSING = re.compile(r"status code: (408|425|429|500|502|503|504)\b")


def s3(address: Address, secret: Secret) -> ObjectsStore:
    """Return the store of `s3://bucket/prefix?endpoint=...&region=...&style=path|host`.

    Raises:
        UsageError: the key is missing.
    """
    options = address.options
    endpoint = options.get("endpoint", "")
    key, word = _needed(address, secret, "access_key_id", "secret_access_key")
    token = secret("session_token")
    config: dict[str, Any] = {
        "region": options.get("region", "us-east-1"),
        "access_key_id": key,
        "secret_access_key": word,
        "virtual_hosted_style_request": options.get("style", "path" if endpoint else "host") == "host",
        **({"endpoint": endpoint} if endpoint else {}),
        **({"session_token": token} if token else {}),
    }
    store = S3Store(address.host, prefix=address.prefix or None, **config, **_client(endpoint))
    return ObjectsStore(address.url, store)


def azure(address: Address, secret: Secret) -> ObjectsStore:
    """Return the store of `az://container/prefix?account=...&endpoint=...`.

    Raises:
        UsageError: the account or its key is missing.
    """
    account = address.options.get("account", "")
    if not account:
        raise UsageError(f"{address.url}: the account is missing", hint="Add it: ?account=NAME")
    (key,) = _needed(address, secret, "account_key")
    endpoint = address.options.get("endpoint", "")
    config: dict[str, Any] = {"account_name": account, "access_key": key}
    if endpoint:
        config["endpoint"] = endpoint
    store = AzureStore(address.host, prefix=address.prefix or None, **config, **_client(endpoint))
    return ObjectsStore(address.url, store)


def _needed(address: Address, secret: Secret, *names: str) -> list[str]:
    found = [secret(name) or "" for name in names]
    missing = [name for name, value in zip(names, found, strict=True) if not value]
    if missing:
        raise UsageError(f"{address.url}: {' and '.join(missing)} missing", hint=GIVE_IT)
    return found


def _client(endpoint: str) -> dict[str, Any]:
    return {
        "client_options": {
            "timeout": timedelta(seconds=ANSWER_S),
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "allow_http": endpoint.startswith("http://"),
        },
        "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=RETRY_S)},
    }


class ObjectsStore:
    """Keeps objects under a prefix of a bucket or container."""

    def __init__(self, url: str, store: S3Store | AzureStore) -> None:
        self._url, self._store = url, store
        self._window = Window()

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=2.0)

    def create(self) -> None:
        """See that the bucket or container is there; its owner makes it."""
        next(self.list("genesis"), None)

    def close(self) -> None:
        """Nothing is held."""

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""

        def create() -> bool:
            try:
                self._store.put(name, data, mode="create", use_multipart=False)
            except exceptions.AlreadyExistsError:
                return False
            return True

        if not self._ask(name, create) and self._whole(name) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def _whole(self, name: str) -> bytes:
        return self._ask(name, lambda: bytes(self._store.get(name).bytes()))

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        if start == 0 and length is None:
            return self._whole(name)
        if length == 0:
            return b"" if self.stat(name) is not None else self._whole(name)
        ranged: Any = {"offset": start} if length is None else (start, start + length)

        def part() -> bytes:
            try:
                return bytes(self._store.get(name, options={"range": ranged}).bytes())
            except exceptions.BaseError:
                # A range that begins at the end or behind it is refused by some.
                if start >= int(self._store.head(name)["size"]):
                    return b""
                raise

        return self._ask(name, part)

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""

        def size() -> int | None:
            try:
                return int(self._store.head(name)["size"])
            except FileNotFoundError as error:
                _raise_if_gone(error, self._url)
                return None

        return self._ask(name, size)

    def confirm(self, name: str) -> int | None:
        """Return the size of an object: what these stores show is durable."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                self._store.delete(name)

        self._ask(name, remove)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name: a store may list in an order of its own, so all are read first."""
        directory = prefix.rpartition("/")[0]

        def entries() -> Any:
            return [
                (entry["path"], entry["size"])
                for chunk in self._store.list(directory or None)
                for entry in chunk
                if entry["path"].startswith(prefix)
            ]

        yield from (Listed(name, size) for name, size in sorted(self._ask(prefix, entries)))

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        found = self._ask(name, lambda: self._store.list_with_delimiter(name)["common_prefixes"])
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def _ask(self, name: str, work: Callable[[], T]) -> T:
        def once() -> T:
            with self._errors(name):
                return work()

        return again(once, budget_s=RETRY_S, window=self._window)

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Map what the store and the network say to our errors."""
        try:
            yield
        except FileNotFoundError as error:
            _raise_if_gone(error, self._url)
            raise ObjectMissing(f"the store {self._url} has no {name}") from error
        except exceptions.PermissionDeniedError as error:
            raise _named(error, self._url, StoreReadOnly) from error
        except exceptions.BaseError as error:
            raise _named(error, self._url, StoreError) from error


def _raise_if_gone(error: FileNotFoundError, url: str) -> None:
    """Tell a missing bucket from a missing object: both are 404."""
    text = str(error)
    if "NoSuchBucket" in text or "ContainerNotFound" in text:
        raise _named(error, url, StoreGone) from error


def _named(error: Exception, url: str, otherwise: type[StoreError]) -> StoreError:
    """Return our error for what a store said: its code and sentence, not the whole answer."""
    text = str(error)
    code = re.search(r"<Code>([^<]+)</Code>", text)
    said = re.search(r"<Message>([^<]+)</Message>", text)
    first = text.partition("\n")[0].partition("Debug source")[0].strip()
    what = f"{code[1]}: {said[1] if said else ''}".strip().rstrip(":") if code else first[:300]
    for word, kind, hint in _SAID:
        if word in text:
            return kind(f"the store {url}: {what}", hint=hint)
    if _PASSING.search(text):
        return Passing(f"the store {url}: {what}", crowded=any(word in text for word in _CROWDED))
    return otherwise(f"the store {url}: {what}")
