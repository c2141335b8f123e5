"""Where a store is: its URL, taken apart. URLs are shown and logged, so no secret ever stands in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from syncd.errors import UsageError

# Returns a secret of the store by its name, None where nobody gave one.
Secret = Callable[[str], "str | None"]


# What to do about a secret that nobody has said.
GIVE_IT = "On a terminal you are asked for it; else set its variable, as docs/stores.md says."


def no_secret(name: str) -> str | None:
    """Know none."""
    return None


@dataclass(frozen=True, slots=True)
class Address:
    """A store's URL, `scheme://user@host:port/path?options`."""

    url: str
    scheme: str
    host: str
    port: int | None
    user: str
    path: str
    options: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """The path without slashes around it."""
        return self.path.strip("/")


def parse(url: str, allowed: tuple[str, ...] = ()) -> Address:
    """Take a URL apart.

    Args:
        url: of a store.
        allowed: the options that its kind knows.

    Raises:
        UsageError: it has no host, an option that nobody knows, or a password in it.
    """
    if url.startswith("rclone://"):  # what follows is a remote as rclone writes it: name:path
        remote, _, query = url.removeprefix("rclone://").partition("?")
        if ":" not in remote:
            raise UsageError(f"{url}: no remote of rclone's", hint="Write rclone://remote:path.")
        return Address(url, "rclone", unquote(remote), None, "", "", _options(url, "rclone", query, allowed))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from error
    if parts.password:
        shown = url.replace(f":{parts.password}@", "@", 1)
        raise UsageError(
            f"{shown}: a URL is shown and logged, so no password may stand in it",
            hint="Give it as a secret of the store: docs/stores.md says how.",
        )
    if not parts.hostname:
        raise UsageError(f"{url}: what follows {parts.scheme}:// is missing")
    options = _options(url, parts.scheme, parts.query, allowed)
    host = parts.netloc.rpartition("@")[2].rpartition(":")[0] if port else parts.netloc.rpartition("@")[2]
    return Address(url, parts.scheme, host, port, unquote(parts.username or ""), unquote(parts.path), options)


def _options(url: str, scheme: str, query: str, allowed: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    strange = sorted(options.keys() - set(allowed))
    if strange:
        knows = ", ".join(allowed) or "none"
        raise UsageError(f"{url}: nobody knows the option {strange[0]}", hint=f"Options of {scheme}://: {knows}.")
    return options
