"""A directory on a computer that is reached by SSH, over asyncssh.

An object is written under a temporary name, synced where the server can, and given its name by a rename that refuses
to replace: two creators of one name cannot both succeed. asyncssh is a matter of coroutines; they run in a loop of
their own, in one thread, and calls of the port wait for them (decision 001).
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import os
import posixpath
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from syncd.errors import (
    ObjectExists,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreGone,
    StoreReadOnly,
)
from syncd.store.address import Address, Secret
from syncd.store.again import BUDGET_S, Passing, again
from syncd.store.provider import MARK, MARK_TEXT, Capabilities, Listed

T = TypeVar("T")

OPTIONS = ("key", "hostkey")
FIRST_S = 5.0  # for the first contact: a person waits for it
CONNECT_S, ANSWER_S, ALIVE_S = 15, 60, 15
_TEMPORARY = ".put-"


def sftp(address: Address, secret: Secret) -> SftpStore:
    """Return the store of `sftp://user@host:port/path?key=FILE&hostkey=SHA256:...`."""
    return SftpStore(address, secret)


class SftpStore:
    """Keeps objects as files below a directory of another computer."""

    def __init__(self, address: Address, secret: Secret) -> None:
        self._address, self._secret = address, secret
        self._root = "/" + address.prefix
        if self._root.startswith("/~/"):  # below the home directory there, which is where a session begins
            self._root = self._root[3:]
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._known: set[str] = set()  # directories seen or made

    @property
    def url(self) -> str:
        """Where it is."""
        return self._address.url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(ask_s=2.0)

    # -- the port -------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the directory and its mark."""
        self._do("store", self._create, FIRST_S)

    def close(self) -> None:
        """End the connection and the thread that serves it."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None:
            return
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # whatever it was at, nobody waits for it any more
                asyncio.run_coroutine_threadsafe(_end(connection), loop).result(CONNECT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        self._do(name, lambda client: self._put(client, name, data))

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        return self._do(name, lambda client: self._get(client, name, start, length))

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""

        async def ask(client: asyncssh.SFTPClient) -> int | None:
            try:
                return (await client.stat(self._path(name))).size
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                await self._check(client)
                return None

        return self._do(name, ask)

    def confirm(self, name: str) -> int | None:
        """Return the size of an object; it had its name only after it was synced."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""

        async def remove(client: asyncssh.SFTPClient) -> None:
            await self._check(client)
            with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                await client.remove(self._path(name))

        self._do(name, remove)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""

        async def walk(client: asyncssh.SFTPClient) -> list[Listed]:
            await self._check(client)
            found: list[Listed] = []
            stack = [prefix.rpartition("/")[0]]
            while stack:
                directory = stack.pop()
                with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                    async for entry in client.scandir(self._path(directory)):
                        base = str(entry.filename)
                        name = f"{directory}/{base}" if directory else base
                        if base.startswith(".") or name == MARK:
                            continue
                        if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                            stack.append(name)
                        elif name.startswith(prefix):
                            found.append(Listed(name, entry.attrs.size or 0))
            return sorted(found, key=lambda listed: listed.name)

        yield from self._do(prefix, walk)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""

        async def look(client: asyncssh.SFTPClient) -> builtins.list[str]:
            await self._check(client)
            with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                kinds = {str(entry.filename): entry.attrs.type async for entry in client.scandir(self._path(name))}
                return sorted(
                    base
                    for base, kind in kinds.items()
                    if kind == asyncssh.FILEXFER_TYPE_DIRECTORY and not base.startswith(".")
                )
            return []

        return self._do(name, look)

    # -- over there -----------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name) if name else self._root

    async def _check(self, client: asyncssh.SFTPClient) -> None:
        """Tell a store from an empty mount point."""
        if not await client.exists(self._path(MARK)):
            raise StoreGone(f"the store {self.url} is not there: not mounted, moved or removed")

    async def _create(self, client: asyncssh.SFTPClient) -> None:
        await client.makedirs(self._root, exist_ok=True)
        if await client.exists(self._path(MARK)):
            return
        if any(name not in (".", "..") for name in await client.listdir(self._root)):
            raise StoreForeign(f"{self.url} is not empty and is not a syncd store")
        await self._write(client, MARK, MARK_TEXT.encode())

    async def _put(self, client: asyncssh.SFTPClient, name: str, data: bytes) -> None:
        await self._check(client)
        parent = posixpath.dirname(self._path(name))
        if parent not in self._known:
            await client.makedirs(parent, exist_ok=True)
            self._known.add(parent)
        try:
            await self._write(client, name, data)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):  # somebody removed a directory that we knew
            self._known.clear()
            await client.makedirs(parent, exist_ok=True)
            await self._write(client, name, data)

    async def _write(self, client: asyncssh.SFTPClient, name: str, data: bytes) -> None:
        target = self._path(name)
        temporary = posixpath.join(posixpath.dirname(target), _TEMPORARY + secrets.token_hex(8))
        try:
            async with client.open(temporary, "xb") as file:
                await file.write(data)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
            try:
                await client.rename(temporary, target)
            except asyncssh.SFTPError:
                if not await client.exists(target):
                    raise
                if await self._get(client, name, 0, None) != data:
                    raise ObjectExists(f"{name} stands for other bytes already in {self.url}") from None
        except asyncssh.SFTPFailure as error:  # the protocol has one word for all that went wrong
            if await self._is_full(client, len(data)):
                raise StoreFull(f"the store {self.url} is full") from error
            raise
        finally:
            with contextlib.suppress(asyncssh.SFTPError):
                await client.remove(temporary)

    async def _is_full(self, client: asyncssh.SFTPClient, size: int) -> bool:
        try:
            found = await client.statvfs(self._root)
        except asyncssh.SFTPError:
            return False
        return (found.bavail or 0) * (found.frsize or 0) <= size + 65_536

    async def _get(self, client: asyncssh.SFTPClient, name: str, start: int, length: int | None) -> bytes:
        async with client.open(self._path(name), "rb") as file:
            data: bytes = await file.read(-1 if length is None else length, start)
            return data

    # -- the connection -------------------------------------------------------------------------

    def _do(
        self,
        name: str,
        work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]],
        budget_s: float = BUDGET_S,
    ) -> T:
        return again(lambda: self._once(name, work), budget_s=budget_s)

    def _once(self, name: str, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]]) -> T:
        try:
            return self._wait(self._with_client(work))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise ObjectMissing(f"the store {self.url} has no {name}") from error
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as error:
            raise StoreReadOnly(f"the store {self.url} refuses this: {error.reason} ({name})") from error
        except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
            raise StoreFull(f"the store {self.url} is full") from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            self._forget()
            raise Passing(f"the store {self.url}: the connection was lost") from error
        except asyncssh.SFTPError as error:
            raise StoreError(f"the store {self.url}: {error.reason} ({name})") from error
        except asyncssh.HostKeyNotVerifiable as error:
            hint = "Connect once by hand with ssh, or pin the key: ?hostkey=SHA256:..."
            raise StoreDenied(f"the store {self.url} shows a key that nobody vouches for", hint=hint) from error
        except asyncssh.PermissionDenied as error:
            hint = "Give the password or key anew: `syncd store login`."
            raise StoreDenied(f"the store {self.url} refuses this user: {error.reason}", hint=hint) from error
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise StoreDenied(f"the private key for {self.url} cannot be used: {error}") from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            self._forget()
            unknown = isinstance(error, socket.gaierror)
            hint = "Its name cannot be resolved: check it, and the network." if unknown else ""
            raise Passing(f"the store {self.url} cannot be reached: {_said(error)}", hint=hint) from error

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="syncd-sftp", daemon=True)
                self._thread.start()
                self._connecting = asyncio.Lock()
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, ANSWER_S), loop).result()

    async def _with_client(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]]) -> T:
        async with self._connecting:
            if self._client is None:
                self._connection = await self._connect()
                self._client = await self._connection.start_sftp_client()
        return await work(self._client)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        address, options = self._address, dict[str, Any]()
        if address.options.get("key"):
            options["client_keys"] = [str(Path(address.options["key"]).expanduser())]
            options["passphrase"] = self._secret("key_passphrase")
        pinned = address.options.get("hostkey", "").replace(" ", "+")  # which is what a plus means in a query
        if pinned:
            options |= {"known_hosts": b"", "client_factory": lambda: _Pinned(pinned)}
        password = self._secret("password")
        if password:
            options["password"] = password
        return await asyncssh.connect(
            address.host,
            address.port or 22,
            username=address.user or (),
            connect_timeout=CONNECT_S,
            login_timeout=CONNECT_S,
            keepalive_interval=ALIVE_S,
            **options,
        )

    def _forget(self) -> None:
        """Let the next call connect anew."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(connection.abort)


async def _end(connection: asyncssh.SSHClientConnection) -> None:
    """Close a connection; in the thread of its loop, as all that asyncssh has."""
    connection.close()
    await connection.wait_closed()


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return str(getattr(error, "reason", "") or error) or "it does not answer"


class _Pinned(asyncssh.SSHClient):
    """A client that believes one host key."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return key.get_fingerprint() == self._fingerprint
