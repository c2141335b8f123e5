"""Azurite, Microsoft's own emulator of Azure Blob Storage."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.store.servers.process import free_port, listens, program, serving

ACCOUNT = "devstoreaccount1"  # the account and key that Azurite documents for everybody
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-12-02"


@contextmanager
def azurite(root: Path) -> Iterator[str]:
    """Yield the endpoint of a server that keeps its data below a directory."""
    places = [os.environ.get("SYNCD_NODE_BIN", "")]
    server = program("azurite-blob", "azurite from npm; SYNCD_NODE_BIN names node_modules/.bin", *places)
    port = free_port()
    command = [server, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(root), "--skipApiVersionCheck"]
    with serving([*command, "--disableTelemetry", "--silent"], root / "azurite.log", lambda: listens(port)):
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


def make_container(endpoint: str, name: str) -> None:
    """Make a container: obstore has no call for it. Signed by the account's key, as Azure's "Shared Key" says."""
    date = email.utils.formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": VERSION}
    lines = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
    # Verb, eleven standard headers (all empty but none left out), the canonical headers, the canonical resource.
    signed = f"PUT\n{chr(10) * 11}{lines}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    word = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{word}"
    request = urllib.request.Request(f"{endpoint}/{name}?restype=container", method="PUT", headers=headers, data=b"")
    request.add_unredirected_header("Content-type", "")
    with urllib.request.urlopen(request, timeout=10):
        pass
