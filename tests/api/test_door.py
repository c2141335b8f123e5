"""The door: who may ask, what is answered, and that nothing asked breaks it. A real agent on a real socket."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from syncd.api.guard import LONGEST_BODY, Guard
from syncd.config.settings import load, save
from tests.agent.live import wait_for
from tests.tui.driving import Scene, playing

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with playing(tmp_path_factory.mktemp("door")) as found:
        yield found


class Unix(http.client.HTTPConnection):
    """HTTP over the agent's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


def ask(scene: Scene, method: str, route: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = Unix(scene.laptop.home.socket)
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
    connection.request(method, route, raw, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    try:
        return response.status, json.loads(data or b"null")
    except ValueError:
        return response.status, data


def test_the_document_is_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hygiene.openapi"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs/openapi.json").read_text() == done.stdout, "run `make docs`"


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [
        ("/v1/versions?path=nowhere", 404, "path-unknown"),
        ("/v1/entries?path=../etc", 422, "usage"),
        ("/v1/entries?path_b64=!!!", 422, "usage"),
        ("/v1/entries?limit=0", 422, "usage"),
        ("/v1/entries?after=x", 422, "usage"),
        ("/v1/changes?before=x", 422, "usage"),
        ("/v1/content?version_id=zz-1", 404, "version-unknown"),
        ("/v1/compare?version_id=", 404, "version-unknown"),
        ("/v1/operations/999999", 404, "path-unknown"),
        ("/v1/operations?view=some", 422, "usage"),
    ],
)
def test_what_cannot_be_answered_says_why(scene: Scene, route: str, status: int, code: str) -> None:
    got, body = ask(scene, "GET", route)
    assert (got, body["code"]) == (status, code)
    assert body["message"]


def test_pages_follow_one_another(scene: Scene) -> None:
    whole = ask(scene, "GET", "/v1/changes?limit=1000")[1]["items"]
    pages, cursor = [], ""
    while cursor is not None:
        _, page = ask(scene, "GET", f"/v1/changes?limit=3{'&before=' + cursor if cursor else ''}")
        pages += page["items"]
        cursor = page.get("next")
    assert pages == whole
    times = [item["recorded_ns"] for item in whole]
    assert times == sorted(times, reverse=True)
    _, first = ask(scene, "GET", "/v1/entries?path=Documents&limit=2")
    _, second = ask(scene, "GET", f"/v1/entries?path=Documents&limit=2&after={first['next']}")
    _, both = ask(scene, "GET", "/v1/entries?path=Documents&limit=4")
    assert first["items"] + second["items"] == both["items"]


def test_a_content_is_read_in_parts(scene: Scene) -> None:
    version = ask(scene, "GET", "/v1/versions?path=Documents/tax/2025.ods")[1]["items"][-1]
    whole = b"2025.ods\n" * 10
    for offset, length in ((0, 1000), (5, 7), (85, 100), (90, 10), (5000, 1)):
        status, data = ask(
            scene, "GET", f"/v1/content?version_id={version['version_id']}&offset={offset}&length={length}"
        )
        found = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
        assert (status, found) == (200, whole[offset : offset + length])


def test_long_work_is_an_operation(scene: Scene, tmp_path: Path) -> None:
    body = {"paths_b64": [base64.b64encode(b"Documents").decode()], "to": str(tmp_path / "out"), "wait": False}
    status, operation = ask(scene, "POST", "/v1/restores", body)
    assert (status, operation["kind"]) == (202, "restore")
    while (now := ask(scene, "GET", f"/v1/operations/{operation['id']}")[1])["state"] == "running":
        os.sched_yield()
    assert now["state"] == "done"
    assert now["result"]["files"] >= 4
    assert (tmp_path / "out/Documents/tax/2025.ods").exists()
    status, body = ask(scene, "POST", "/v1/restores", {"paths_b64": [base64.b64encode(b"nowhere").decode()]})
    assert (status, body["code"]) == (404, "path-unknown")


@pytest.mark.parametrize(
    ("method", "route", "body", "status"),
    [("GET", "/v1/nothing", None, 404), ("DELETE", "/v1/status", None, 405), ("POST", "/v1/decisions", b"{", 422)],
)
def test_what_there_is_not_is_refused_in_the_shape_of_every_error(
    scene: Scene, method: str, route: str, body: bytes | None, status: int
) -> None:
    found, said = ask(scene, method, route, body)
    assert (found, said["code"], said["exit"]) == (status, "usage", 2)
    assert set(said) == {"code", "message", "hint", "exit"}


def test_too_much_is_refused(scene: Scene) -> None:
    status, body = ask(scene, "POST", "/v1/decisions", b"{" + b" " * LONGEST_BODY)
    assert (status, body["code"]) == (413, "too-long")
    head = b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(str(scene.laptop.home.socket))
        sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):  # cut off while it talks: what was said before lies in the socket
            for _ in range(3 * LONGEST_BODY // 65_536):
                sock.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(65_536):
                answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (head.split()[1], json.loads(body)["code"]) == (b"413", "too-long"), answer
    assert ask(scene, "GET", "/v1/status")[0] == 200


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0" * 100, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/sync HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"GET /v1/status HTTP/1.1\r\n" + b"x: y\r\n" * 100_000, b"\xff\xfe" * 5000],
)  # fmt: skip
def test_what_is_no_request_breaks_nothing(scene: Scene, raw: bytes) -> None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(str(scene.laptop.home.socket))
    try:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65_536):
            pass
    except ConnectionError:
        pass  # cut off is an answer; silence is none
    sock.close()
    assert ask(scene, "GET", "/v1/status")[0] == 200


def test_slow_and_silent_ones_keep_nobody_waiting(scene: Scene) -> None:
    silent = []
    for _ in range(40):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(scene.laptop.home.socket))
        sock.sendall(b"GET /v1/status HTTP/1.1\r\nHost")
        silent.append(sock)
    assert ask(scene, "GET", "/v1/status")[0] == 200
    for sock in silent:
        sock.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user, which only root can become")
def test_another_user_is_refused(scene: Scene) -> None:
    path = scene.laptop.home.socket
    opened = [path, *path.parents]
    modes = {place: place.stat().st_mode & 0o7777 for place in opened if place != Path("/")}
    try:
        for place in modes:
            place.chmod(modes[place] | 0o777)
        script = (
            "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "try:\n s.sendall(b'GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); data = s.recv(100)\n"
            "except OSError: data = b''\n"
            "print(len(data))"
        )
        done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "0", done
    finally:
        for place, mode in modes.items():
            place.chmod(mode)
    assert ask(scene, "GET", "/v1/status")[0] == 200


async def test_the_port_wants_the_token_and_a_loopback_name() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def get(token: str | None, **headers: str) -> int:
        transport = httpx.ASGITransport(Guard(app, token))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return (await client.get("/", headers=headers)).status_code

    right = {"Authorization": "Bearer secret"}
    assert await get("secret", **right) == 200
    assert await get("secret") == 401
    assert await get("secret", Authorization="Bearer secreT") == 401
    assert await get("secret", **right, Host="evil.example:5000") == 421
    assert await get(None, **right) == 401


@pytest.fixture(scope="module")
def port(scene: Scene) -> int:
    """A port that the agent listens on from now on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
    scene.kill()
    config = scene.laptop.home.config
    whole = load(config)
    save(dataclasses.replace(whole, api=dataclasses.replace(whole.api, port=found)), config)
    scene.start()
    return found


def test_a_port_is_opened_for_scripts_that_ask_for_it(scene: Scene, port: int) -> None:
    token = scene.laptop.home.keys / "api.token"
    assert token.stat().st_mode & 0o777 == 0o600
    for given_token, status in ((token.read_text().strip(), 200), ("wrong", 401)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/v1/status", headers={"Authorization": f"Bearer {given_token}"})
        assert connection.getresponse().status == status
        connection.close()


CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
LEFT_OUT = ("/v1/events", "/v1/stop")  # one never ends, the other ends it


class OverSocket(requests.adapters.HTTPAdapter):
    """Lets `requests` ask on the agent's socket, whatever host a URL names."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        path = self._path

        class Connection(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.sock.settimeout(30)
                self.sock.connect(str(path))

        pool = urllib3.HTTPConnectionPool("agent")
        pool.ConnectionCls = Connection
        return pool


@pytest.fixture
def scene_of_its_own(tmp_path: Path) -> Iterator[Scene]:
    """For what may leave a vault in any state that can be decided: with a store that is nowhere, say."""
    with playing(tmp_path) as found:
        yield found


def test_no_request_of_the_document_is_a_fault(scene_of_its_own: Scene) -> None:
    scene = scene_of_its_own
    session = requests.Session()
    session.mount("http://", OverSocket(scene.laptop.home.socket))
    document = session.get("http://agent/v1/openapi.json", timeout=30).json()
    schema = schemathesis.openapi.from_dict(document).exclude(path=list(LEFT_OUT))
    statuses: Counter[int] = Counter()
    for result in schema.get_all_operations():
        check(result.ok(), statuses, session)
    session.close()
    print(dict(statuses))
    assert sum(statuses.values()) > 300
    assert statuses[200] > 50


def check(operation: Any, statuses: Counter[int], session: requests.Session) -> None:
    """Send requests that the document allows, and look at each answer."""

    @settings(max_examples=25, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        response = case.call(base_url="http://agent", session=session, timeout=30)
        statuses[response.status_code] += 1
        assert response.status_code != 500, (case, response.text)
        case.validate_response(response, checks=CHECKS)

    run()


def test_what_the_loop_would_not_begin_has_ended(scene: Scene) -> None:
    folder = scene.laptop.folder
    folder.rename(scene.laptop.root / "away")
    try:
        wait_for(lambda: ask(scene, "GET", "/v1/status")[1]["state"] == "paused")
        body = {"paths_b64": [base64.b64encode(b"notes").decode()], "wait": False}
        status, operation = ask(scene, "POST", "/v1/restores", body)
        assert status == 202
        wait_for(lambda: ask(scene, "GET", f"/v1/operations/{operation['id']}")[1]["state"] == "error")
        _, ended = ask(scene, "GET", f"/v1/operations/{operation['id']}")
        assert str(folder) in ended["note"]
    finally:
        (scene.laptop.root / "away").rename(folder)
    wait_for(lambda: ask(scene, "GET", "/v1/status")[1]["state"] == "idle", 60)


def test_what_has_no_reader_does_not_run_for_ever(scene: Scene) -> None:
    """Work beside the loop, where the vault cannot be opened a second time."""
    home = scene.laptop.home
    away = home.keys.rename(home.keys.with_name("keys-away"))
    try:
        os.utime(home.config)  # those that are open are of before
        status, operation = ask(scene, "POST", "/v1/verify", {"read_percent": 0})
        assert status == 202
        wait_for(lambda: ask(scene, "GET", f"/v1/operations/{operation['id']}")[1]["state"] == "error")
        assert ask(scene, "GET", f"/v1/operations/{operation['id']}")[1]["note"]
    finally:
        away.rename(home.keys)
    assert ask(scene, "GET", "/v1/status")[0] == 200


def test_what_is_new_can_be_read_by_who_read_before(scene: Scene) -> None:
    """Readers are kept open: one of them had the chunk index of before, and took a new file for damaged."""
    for number in range(6):
        scene.laptop.write(f"fresh-{number}", f"never seen before {number}")
        wait_for(lambda number=number: ask(scene, "GET", f"/v1/versions?path=fresh-{number}")[0] == 200)
        version = ask(scene, "GET", f"/v1/versions?path=fresh-{number}")[1]["items"][0]["version_id"]
        assert ask(scene, "GET", f"/v1/content?version_id={version}")[0] == 200


def test_a_path_that_is_no_utf8_is_brought_back_and_listed(scene: Scene) -> None:
    name = b"caf\xe9.txt"
    path = os.path.join(os.fsencode(scene.laptop.folder), name)
    with open(path, "wb") as file:
        file.write(b"bytes")
    encoded = base64.b64encode(name).decode()
    wait_for(lambda: ask(scene, "GET", f"/v1/versions?path_b64={encoded.replace('+', '%2B')}")[0] == 200)
    status, _ = ask(scene, "POST", "/v1/restores", {"paths_b64": [encoded]})
    assert status == 200
    assert ask(scene, "GET", "/v1/operations")[0] == 200


def test_a_large_content_is_read_from_the_middle(scene: Scene) -> None:
    data = random.Random(5).randbytes(3_000_000)
    (scene.laptop.folder / "large").write_bytes(data)
    wait_for(lambda: ask(scene, "GET", "/v1/versions?path=large")[0] == 200)
    version = ask(scene, "GET", "/v1/versions?path=large")[1]["items"][0]["version_id"]
    for offset in (0, 1, 999_999, 1_500_000, 2_999_990):
        _, found = ask(scene, "GET", f"/v1/content?version_id={version}&offset={offset}&length=100000")
        assert found == data[offset : offset + 100_000]
