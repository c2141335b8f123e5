"""From a store's URL to its provider. Third parties add theirs by the entry point `syncd.providers`."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote, urlsplit

from syncd.errors import UsageError
from syncd.store.folder import FolderStore
from syncd.store.provider import Provider


def open_store(url: str) -> Provider:
    """Return the provider for a URL or a bare path; nothing is contacted yet.

    Raises:
        UsageError: no provider knows the scheme, or the path is not absolute.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f"{url}: a file URL names no other computer", hint="Write file:///path/to/store.")
        path = Path(unquote(parts.path) if parts.scheme else url).expanduser()
        return FolderStore(path if path.is_absolute() else Path.cwd() / path)
    for found in entry_points(group="syncd.providers", name=parts.scheme):
        provider: Provider = found.load()(url)
        return provider
    raise UsageError(f"{url}: no provider for {parts.scheme}://", hint="Use a directory: file:///path, or just a path.")
