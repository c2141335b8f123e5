"""Asking the agent: what a connection that breaks in the middle of an answer is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.api.client import Client
from syncd.errors import AgentAbsent, SyncdError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[Client]:
    """Listen as an agent, answer one request with these bytes, and hang up."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Client(path)
    finally:
        thread.join()
        listener.close()


def test_lines_come_whole_however_they_are_cut(tmp_path: Path) -> None:
    values = [{"path": f"file {number}", "more": "x" * number} for number in range(300)]
    text = "".join(json.dumps(value) + "\n" for value in values).encode()
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    with answering(tmp_path / "s", HEAD + b"".join(map(chunk, pieces)) + b"0\r\n\r\n") as client:
        assert list(client.lines("/v1/tree")) == values


@pytest.mark.parametrize("end", [b"", b"5\r\n{"], ids=["between two pieces", "within one"])
def test_a_list_that_breaks_off_is_no_shorter_list(tmp_path: Path, end: bytes) -> None:
    with answering(tmp_path / "s", HEAD + chunk(b"{}\n{}\n") + end) as client, pytest.raises(AgentAbsent):
        list(client.lines("/v1/tree"))


def test_a_content_that_breaks_off_is_no_shorter_content(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nx-size: 10\r\nContent-Length: 10\r\n\r\n"
    with answering(tmp_path / "s", head + b"12345") as client, pytest.raises(AgentAbsent):
        client.part("/v1/content")


def test_what_is_refused_has_the_agents_own_words(tmp_path: Path) -> None:
    body = json.dumps({"code": "path-unknown", "message": "nothing there", "hint": "look", "exit": 7}).encode()
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(tmp_path / "s", head + body) as client, pytest.raises(SyncdError) as caught:
        list(client.lines("/v1/tree"))
    assert (caught.value.message, caught.value.hint, caught.value.exit) == ("nothing there", "look", 7)
