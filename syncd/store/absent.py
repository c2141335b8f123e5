"""A store that cannot be asked here, and why: its secrets are missing, or its URL says nothing to this device.

Every call fails with the same reason, so the vault's other stores go on and people are told what to do.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import NoReturn

from syncd.errors import StoreError
from syncd.store.provider import Capabilities, Listed


class AbsentStore:
    """Says why it is not there."""

    def __init__(self, url: str, why: StoreError) -> None:
        self._url, self._why = url, why

    @property
    def url(self) -> str:
        """Where it would be."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What any store can do."""
        return Capabilities()

    def _say(self) -> NoReturn:
        raise type(self._why)(self._why.message, hint=self._why.hint)

    def create(self) -> None:
        """Say why not."""
        self._say()

    def close(self) -> None:
        """Nothing is held."""

    def put(self, name: str, data: bytes) -> None:
        """Say why not."""
        self._say()

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Say why not."""
        self._say()

    def stat(self, name: str) -> int | None:
        """Say why not."""
        self._say()

    def confirm(self, name: str) -> int | None:
        """Say why not."""
        self._say()

    def delete(self, name: str) -> None:
        """Say why not."""
        self._say()

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Say why not."""
        self._say()

    def directories(self, name: str) -> builtins.list[str]:
        """Say why not."""
        self._say()
