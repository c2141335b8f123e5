"""Asking the agent. Imports little: `syncd status` has to answer at once."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.errors import AgentAbsent, Failed, SyncdError

if TYPE_CHECKING:
    from http.client import HTTPResponse

_PIECE = 65_536  # bytes
LONGEST_ADDRESS = 100  # bytes; the kernel takes 107 on Linux and 103 on macOS


class AnsweredError(SyncdError):
    """An error that the agent answered with; it has the agent's own code and exit."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("message", "the agent failed")), hint=str(body.get("hint", "")))
        self.exit = int(body.get("exit", 1))  # type: ignore[misc]
        self.code = str(body.get("code", "failed"))  # type: ignore[misc]


def _answered(raw: bytes) -> SyncdError:
    try:
        answer = json.loads(raw)
    except ValueError:
        return Failed("the agent failed", hint="Its log says why; `syncd config path` is near it.")
    told = isinstance(answer, dict) and "message" in answer
    return AnsweredError(answer if told else {"message": f"the agent refused: {answer}"})


def _connect(path: Path, timeout: float | None) -> socket.socket:
    """Return a connection to the agent; a path too long for the kernel goes by its directory."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    directory = -1
    try:
        address = str(path)
        if len(os.fsencode(address)) > LONGEST_ADDRESS:
            directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            address = f"/proc/self/fd/{directory}/{path.name}"
        sock.connect(address)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        sock.close()
        raise AgentAbsent("the agent is not running") from error
    except BaseException:
        sock.close()
        raise
    finally:
        if directory >= 0:
            os.close(directory)
    return sock


class Client:
    """Speaks to the agent on a socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def call(self, method: str, route: str, body: Any = None, timeout: float | None = 30) -> Any:
        """Return the agent's answer.

        Raises:
            AgentAbsent: nobody listens.
            SyncdError: what the agent answered, with its own exit code.
        """
        with self._asked(method, route, body, timeout) as response:
            raw = response.read()
        try:
            return json.loads(raw or b"{}")
        except ValueError as error:
            raise Failed("the agent failed", hint="Its log says why; `syncd config path` is near it.") from error

    def lines(self, route: str) -> Iterator[Any]:
        """Yield what stands on each line of an answer, however many there are.

        Raises:
            AgentAbsent, SyncdError: as `call`.
        """
        with self._asked("GET", route, None, None) as response:
            rest = b""
            while piece := response.read(_PIECE):  # `readline` would take a broken answer for one that ended
                *whole, rest = (rest + piece).split(b"\n")
                yield from map(json.loads, whole)

    def part(self, route: str) -> tuple[bytes, int]:
        """Return bytes of a content, and the size of the whole.

        Raises:
            AgentAbsent, SyncdError: as `call`.
        """
        with self._asked("GET", route, None, None) as response:
            return response.read(), int(response.headers["x-size"])

    @contextlib.contextmanager
    def _asked(self, method: str, route: str, body: Any, timeout: float | None) -> Iterator[HTTPResponse]:
        sock = _connect(self._path, timeout)
        import http.client  # not before somebody listens: it loads the e-mail and TLS modules

        connection = http.client.HTTPConnection("localhost")
        connection.sock = sock
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} if payload else {}
            connection.request(method, route, payload, headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise _answered(response.read())
            yield response
        except TimeoutError as error:
            raise Failed(f"the agent did not answer within {timeout} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise AgentAbsent(f"the agent went away while it was asked ({error})") from error
        finally:
            connection.close()

    def running(self) -> bool:
        """Whether an agent answers."""
        try:
            self.call("GET", "/v1/status", timeout=10)
        except AgentAbsent:
            return False
        except SyncdError:
            return True
        return True
