"""From a store's URL to its provider. Third parties add theirs by the entry point `syncd.providers`.

An entry point names a function of (URL, secrets) that returns a `Provider`. Our own kinds are a table; each is loaded
only when a URL asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from syncd.errors import UsageError
from syncd.store.address import Address, Secret, no_secret, parse
from syncd.store.folder import FolderStore
from syncd.store.provider import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret that a kind of store wants.

    Attributes:
        name: what config.toml and providers call it.
        says: what a person is asked for.
        variable: of the environment, where others keep it, too.
        needed: whether nothing works without it.
    """

    name: str
    says: str
    variable: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind of store: which module has it, what its URL looks like, and what it has to be told."""

    name: str
    module: str
    function: str
    example: str
    options: tuple[str, ...] = ()
    secrets: tuple[Wanted, ...] = ()


_AWS = (
    Wanted("access_key_id", "access key id", "AWS_ACCESS_KEY_ID"),
    Wanted("secret_access_key", "secret access key", "AWS_SECRET_ACCESS_KEY"),
    Wanted("session_token", "session token", "AWS_SESSION_TOKEN", needed=False),
)
KINDS: dict[str, StoreKind] = {
    "s3": StoreKind(
        "S3, or what speaks it",
        "syncd.store.objects",
        "s3",
        "s3://bucket/prefix?endpoint=https://host&region=eu-central-1",
        ("endpoint", "region", "style"),
        _AWS,
    ),
    "az": StoreKind(
        "Azure Blob Storage",
        "syncd.store.objects",
        "azure",
        "az://container/prefix?account=name",
        ("account", "endpoint"),
        (Wanted("account_key", "account key", "AZURE_STORAGE_KEY"),),
    ),
    "gs": StoreKind(
        "Google Cloud Storage",
        "syncd.store.gcs",
        "gcs",
        "gs://bucket/prefix",
        ("endpoint",),
        (Wanted("service_account", "JSON of the service account's key"),),
    ),
    "webdavs": StoreKind(
        "WebDAV over TLS",
        "syncd.store.webdav",
        "webdav",
        "webdavs://user@host/path",
        (),
        (Wanted("password", "password", needed=False),),
    ),
    "webdav": StoreKind(
        "WebDAV in the clear: on a network of your own",
        "syncd.store.webdav",
        "webdav",
        "webdav://user@host/path",
        (),
        (Wanted("password", "password", needed=False),),
    ),
    "sftp": StoreKind(
        "a directory on a computer that is reached by SSH",
        "syncd.store.sftp",
        "sftp",
        "sftp://user@host/path",
        ("key", "hostkey"),
        (
            Wanted("password", "password", needed=False),
            Wanted("key_passphrase", "passphrase of the private key", needed=False),
        ),
    ),
    "dropbox": StoreKind(
        "a folder in a Dropbox",
        "syncd.store.dropbox",
        "dropbox",
        "dropbox://folder",
        ("endpoint",),
        (
            Wanted("refresh_token", "refresh token"),
            Wanted("app_key", "key of the app"),
            Wanted("app_secret", "secret of the app", needed=False),
            Wanted("access_token", "access token, instead of all these", needed=False),
        ),
    ),
    "discord": StoreKind(
        "a channel of Discord",
        "syncd.store.discord",
        "discord",
        "discord://channel-number",
        ("endpoint",),
        (Wanted("bot_token", "token of the bot"),),
    ),
    "telegram": StoreKind(
        "a chat of Telegram, one for each device",
        "syncd.store.telegram",
        "telegram",
        "telegram://chat-number",
        ("endpoint", "gap"),
        (Wanted("bot_token", "token of the bot"),),
    ),
    "rclone": StoreKind(
        "whatever rclone knows: Google Drive, OneDrive, Mega, Box, pCloud, B2 and more",
        "syncd.store.rclone",
        "rclone",
        "rclone://remote:path",
        ("config",),
        (Wanted("config_password", "password of rclone's configuration", "RCLONE_CONFIG_PASS", needed=False),),
    ),
}


def kind_of(url: str) -> StoreKind | None:
    """Return the kind of store that a URL names; None for a directory and for a third party's."""
    return KINDS.get(urlsplit(url).scheme)


def check_url(url: str) -> None:
    """Refuse what cannot be a store's place for several devices.

    Raises:
        UsageError: it is no URL that a provider knows, and no absolute path.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        if not unquote(parts.path).startswith("/") or parts.netloc not in ("", "localhost"):
            raise UsageError(f"{url}: a directory is a store by its whole path", hint="Write /path/to/store.")
    elif parts.scheme in KINDS:
        parse(url, KINDS[parts.scheme].options)
    elif not _installed(parts.scheme):
        raise _unknown(url, parts.scheme)


def open_store(url: str, secret: Secret = no_secret) -> Provider:
    """Return the provider for a URL or a bare path; nothing is contacted yet.

    Raises:
        UsageError: no provider knows the scheme, the URL is wrong, or a secret that it needs is missing.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f"{url}: a file URL names no other computer", hint="Write file:///path/to/store.")
        path = Path(unquote(parts.path) if parts.scheme else url).expanduser()
        return FolderStore(path if path.is_absolute() else Path.cwd() / path)
    kind = KINDS.get(parts.scheme)
    if kind is not None:
        opening: Callable[[Address, Secret], Provider] = getattr(import_module(kind.module), kind.function)
        return opening(parse(url, kind.options), secret)
    for found in _installed(parts.scheme):
        provider: Provider = found.load()(url, secret)
        return provider
    raise _unknown(url, parts.scheme)


def _installed(scheme: str) -> EntryPoints:
    """Return the providers of other packages for a scheme."""
    from importlib.metadata import entry_points  # a tenth of what a command takes to start, and seldom wanted

    return entry_points(group="syncd.providers", name=scheme)


def _unknown(url: str, scheme: str) -> UsageError:
    known = ", ".join(f"{scheme}://" for scheme in ("file", *KINDS))
    return UsageError(f"{url}: no provider for {scheme}://", hint=f"There are {known}, and a plain directory.")
