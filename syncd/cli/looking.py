"""Looking at the vault from the command line: through the agent where one runs, for it has everything at hand.

Both ways give the same, since the agent's answers and what is made here come from the same functions (syncd/api).
Invariant: nothing is loaded for the way that is not taken, so a question to the agent is answered at once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from syncd.api.client import Client
from syncd.cli.session import home_and_client, reading
from syncd.config.home import Home
from syncd.config.settings import Settings, load
from syncd.errors import AgentAbsent

if TYPE_CHECKING:
    from syncd.engine.vault import Vault

PAGE = 1000  # items of one answer: the most that the agent gives


def _views() -> ModuleType:
    from syncd.api import views

    return views


def _listing() -> ModuleType:
    from syncd.api import listing

    return listing


def _retention() -> ModuleType:
    from syncd.api import retention

    return retention


def _query(route: str, given: dict[str, Any]) -> str:
    said: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, bytes):
            said[f"{name}_b64"] = base64.b64encode(value).decode()
        elif value is not None:
            said[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return f"/v1/{route}?{urlencode(said)}" if said else f"/v1/{route}"


class Looking:
    """What answers the commands that only look.

    Args:
        home: this user's.
        client: the way to its agent.
    """

    def __init__(self, home: Home, client: Client) -> None:
        self._home, self._client = home, client

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return load(self._home.config, self._home.state)

    def _ask(self, route: str, here: Callable[[Vault], Any], **given: Any) -> Any:
        try:
            return self._client.call("GET", _query(route, given), timeout=None)
        except AgentAbsent:
            with reading() as vault:
                return here(vault)

    # -- entries and versions -------------------------------------------------------------------

    def entry(self, path: bytes, at_ns: int | None, version: str | None) -> dict[str, Any]:
        """Return what stands, or stood, at a path."""
        found: dict[str, Any] = self._ask(
            "entry",
            lambda vault: _listing().entry(vault, path, at_ns, version),
            path=path,
            at_ns=at_ns,
            version_id=version,
        )
        return found

    def standing(self, path: bytes) -> dict[str, Any]:
        """Return how a path stands."""
        found: dict[str, Any] = self._ask("standing", lambda vault: _listing().standing(vault, path), path=path)
        return found

    def tree(
        self, path: bytes, at_ns: int | None, *, recursive: bool, deleted: bool, pattern: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield what stands in, or below, a directory."""
        how: dict[str, Any] = {"recursive": recursive, "deleted": deleted, "pattern": pattern}
        begun = False
        try:
            for found in self._client.lines(_query("tree", {"path": path, "at_ns": at_ns, **how})):
                begun = True
                yield found
        except AgentAbsent:
            if begun:
                raise
            with reading() as vault:
                yield from _listing().tree(vault, path, at_ns, **how)

    def versions(self, path: bytes) -> list[dict[str, Any]]:
        """Return the versions of whatever stood at a path, newest first."""

        def page(after: str) -> Any:
            def here(vault: Vault) -> Any:
                return _views().versions(vault, path, after=after, most=PAGE)

            return self._ask("versions", here, path=path, after=after, limit=PAGE)

        answer = page("")
        found: list[dict[str, Any]] = answer["items"]
        while answer.get("next") is not None:
            answer = page(answer["next"])
            found += answer["items"]
        return found

    def changes(self, most: int) -> list[dict[str, Any]]:
        """Return the latest changes of all devices, newest first."""

        def page(before: str | None, limit: int) -> Any:
            return self._ask(
                "changes", lambda vault: _views().changes(vault, before, limit), before=before, limit=limit
            )

        answer = page(None, min(PAGE, most))
        found: list[dict[str, Any]] = answer["items"]
        while answer.get("next") is not None and len(found) < most:
            answer = page(answer["next"], min(PAGE, most - len(found)))
            found += answer["items"]
        return found

    def content(self, version: str) -> Iterator[bytes]:
        """Yield the bytes of a version, verified, in pieces."""
        offset, size = 0, 1
        try:
            while offset < size:
                data, size = self._client.part(_query("content", {"version_id": version, "offset": offset}))
                offset += len(data)
                yield data
        except AgentAbsent:
            if offset:
                raise
            from syncd.api.contents import pieces

            with reading() as vault:
                yield from pieces(vault, version)

    # -- what waits for a person, and how all stands --------------------------------------------

    def conflicts(self) -> list[dict[str, Any]]:
        """Return all conflicts."""
        found: list[dict[str, Any]] = self._ask("conflicts", lambda vault: _views().conflict_list(vault))
        return found

    def holds(self) -> list[dict[str, Any]]:
        """Return the deletions that wait for a yes."""
        found: list[dict[str, Any]] = self._ask("holds", lambda vault: _views().hold_list(vault))
        return found

    def devices(self) -> list[dict[str, Any]]:
        """Return the devices that share the folder."""
        found: list[dict[str, Any]] = self._ask("devices", lambda vault: _views().device_list(vault))
        return found

    def policy(self) -> dict[str, Any]:
        """Return what the vault keeps."""
        found: dict[str, Any] = self._ask("retention", lambda vault: _retention().policy_fields(vault))
        return found

    def kept(self, path: bytes) -> list[dict[str, Any]]:
        """Return the versions of a path, newest first, with what keeps each."""
        found: dict[str, Any] = self._ask("kept", lambda vault: _retention().kept_fields(vault, path), path=path)
        items: list[dict[str, Any]] = found["items"]
        return items

    def code(self) -> str:
        """Return the words that devices compare."""

        def here(vault: Vault) -> Any:
            from syncd.engine.deciding import frontier_code

            return {"code": frontier_code(vault.state)}

        return str(self._ask("code", here)["code"])

    def status(self) -> dict[str, Any]:
        """Return the status."""

        def here(vault: Vault) -> Any:
            from syncd.engine.report import report

            return report(vault, None)

        found: dict[str, Any] = self._ask("status", here)
        return found


def looking() -> Looking:
    """Return the way to look at this user's vault."""
    return Looking(*home_and_client())
