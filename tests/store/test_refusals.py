"""What a store may answer on a bad day: each is an error of ours that says what to do, and none is asked again in vain.

A server of fixed answers, in the clear or behind a certificate that nobody trusts; the answers are those of the providers'
own documents.
"""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from syncd.errors import StoreDenied, StoreError, StoreFull, StoreGone
from syncd.store import objects
from syncd.store.registry import open_store
from tests.store.servers import azure, s3

NAME = "pack/ab/" + "ab" * 32
SECRETS = {
    "access_key_id": s3.KEY,
    "secret_access_key": s3.WORD,
    "account_key": azure.KEY,
    "password": "word",
    "access_token": "token",
    "bot_token": "bot-word",
}


class Fixed(ThreadingHTTPServer):
    """Answers everything with one status and body."""

    status, body, asked = 200, b"", 0
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate goes away: that is what is tested."""


class Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Fixed)
        server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(server.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(server.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PROPFIND = do_MKCOL = do_MOVE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def fixed(status: int, body: bytes = b"", certificate: Path | None = None) -> Iterator[Fixed]:
    server = Fixed(("127.0.0.1", 0), Handler)
    server.status, server.body = status, body
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def url_of(kind: str, port: int, scheme: str = "http") -> str:
    place = f"{scheme}://127.0.0.1:{port}"
    return {
        "s3": f"s3://vault/x?endpoint={place}",
        "az": f"az://vault/x?account={azure.ACCOUNT}&endpoint={place}/{azure.ACCOUNT}",
        "gs": f"gs://vault/x?endpoint={place}",
        "webdav": f"{'webdavs' if scheme == 'https' else 'webdav'}://me@127.0.0.1:{port}/x",
        "dropbox": f"dropbox://vault?endpoint={place}",
        "discord": f"discord://1234567890?endpoint={place}",
        "telegram": f"telegram://-1001234567890?endpoint={place}",
    }[kind]


def s3_error(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()


ANSWERS: list[tuple[str, int, bytes, type[StoreError], str]] = [
    ("s3", 403, s3_error("RequestTimeTooSkewed"), StoreDenied, "clock"),
    ("s3", 403, s3_error("SignatureDoesNotMatch"), StoreDenied, "store login"),
    ("s3", 400, s3_error("ExpiredToken"), StoreDenied, "run out"),
    ("s3", 403, s3_error("AccessDenied"), StoreDenied, "read, write, list and delete"),
    ("s3", 404, s3_error("NoSuchBucket"), StoreGone, "Make the bucket"),
    ("s3", 301, s3_error("PermanentRedirect"), StoreGone, "another region"),
    ("s3", 403, s3_error("QuotaExceeded"), StoreFull, "space"),
    ("az", 403, s3_error("AuthenticationFailed"), StoreDenied, "store login"),
    ("gs", 401, b"{}", StoreDenied, ""),
    ("gs", 403, b"{}", StoreDenied, ""),
    ("webdav", 401, b"", StoreDenied, "store login"),
    ("webdav", 403, b"", StoreDenied, ""),
    ("webdav", 507, b"", StoreFull, "space"),
    (
        "dropbox",
        401,
        b'{"error_summary": "expired_access_token/", "error": {".tag": "expired_access_token"}}',
        StoreDenied,
        "login",
    ),
    ("discord", 401, b'{"message": "401: Unauthorized", "code": 0}', StoreDenied, "login"),
    ("discord", 403, b'{"message": "Missing Access", "code": 50001}', StoreDenied, ""),
    ("telegram", 401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}', StoreDenied, "login"),
    ("telegram", 400, b'{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}', StoreGone, ""),
]


@pytest.mark.parametrize(("kind", "status", "body", "error", "hint"), ANSWERS, ids=lambda value: str(value)[:40])
def test_an_answer_says_what_to_do(
    kind: str, status: int, body: bytes, error: type[StoreError], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "RETRY_S", 2)
    with fixed(status, body) as server:
        with (
            closing(open_store(url_of(kind, server.server_port), SECRETS.get)) as store,
            pytest.raises(error) as caught,
        ):
            store.put(NAME, b"x")
        assert server.asked <= 4, "what asking again cannot change is not asked again"
    assert type(caught.value) is error or error is not StoreGone
    assert hint in caught.value.hint
    assert caught.value.hint
    assert not any(secret in str(caught.value) for secret in SECRETS.values() if len(secret) > 5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that its owner has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("kind", ["s3", "az", "gs", "webdav", "dropbox", "discord", "telegram"])
def test_a_certificate_that_nobody_trusts(kind: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "RETRY_S", 2)
    with fixed(200, certificate=certificate) as server:
        url = url_of(kind, server.server_port, "https")
        with closing(open_store(url, SECRETS.get)) as store, pytest.raises(StoreDenied) as caught:
            store.get(NAME)
        assert server.asked == 0
    assert "clock" in caught.value.hint
