"""Beyond one machine: a vault on a cluster of SeaweedFS, whose servers die in the middle of a sync."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.agent.live import wait_for
from tests.store.servers import s3
from tests.store.servers.cluster import cluster
from tests.store.test_whole import Computer
from tests.world import tree_of

KEYS = {"AWS_ACCESS_KEY_ID": s3.KEY, "AWS_SECRET_ACCESS_KEY": s3.WORD}
LONG_S = 120.0  # a leader's death was seen to stall writes for half a minute


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_servers_die_and_the_sync_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    source = random.Random(7)
    with cluster(tmp_path / "cluster") as servers:
        url = f"s3://vault/one?endpoint={servers.endpoint}"
        laptop, desktop = (Computer(tmp_path, name, KEYS) for name in ("laptop", "desktop"))
        laptop.folder.mkdir(parents=True)

        def more(name: str) -> None:
            for i in range(6):
                (laptop.folder / f"{name}-{i}").write_bytes(source.randbytes(3_000_000))

        def objects() -> int:
            return int(json.loads(laptop("status", "--json", code=None))["stores"][0]["objects"])

        more("first")
        words = laptop("init", str(laptop.folder), "--store", url, "--device", "laptop", "--no-passphrase").strip()
        (tmp_path / "words").write_text(words)
        laptop("up", "--no-tui")
        try:
            for name, strike in (("second", servers.kill_volume_server), ("third", servers.kill_leader)):
                before = objects()
                more(name)
                wait_for(lambda before=before: objects() > before, LONG_S)  # it has begun
                strike()
                more(f"{name}-after")
                wait_for(lambda: json.loads(laptop("status", "--json", code=None))["safe"], LONG_S)
                wait_for(lambda name=name: f"{name}-after-5" in laptop("ls"), LONG_S)
        finally:
            laptop("stop")
        laptop("verify", "--read-data", "100")
        desktop("join", str(desktop.folder), "--store", url, "--recovery-file", str(tmp_path / "words"), "--yes")
        desktop("sync")
        assert tree_of(desktop.folder) == tree_of(laptop.folder)
