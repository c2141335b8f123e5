"""Two agents on three stores, two of them needed, while all that can go wrong with a store does.

Each store is a bucket of a real S3 server behind a proxy that drops, delays, cuts, swallows and refuses; they fill up, lose
objects, and one is killed and comes back empty. Then all goes well again: the trees are one, every content that stood
in a peace can be had from each store alone, and the three hold the same objects, byte for byte. SYNCD_STORES_S is how
long people work, SYNCD_SEED repeats what they do (not when).
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from syncd.api.client import Client
from syncd.config.settings import StoreSetting
from syncd.engine.vault import open_vault
from syncd.errors import SyncdError
from syncd.pack.reader import Hasher
from tests.agent.live import Live, pause, same_tree, wait_for
from tests.engine.devices import Device, act, devices
from tests.store.servers import s3
from tests.store.servers.faulty import Faults, before
from tests.store.servers.process import free_port
from tests.world import run_cli

SECONDS = float(os.environ.get("SYNCD_STORES_S", "12"))
SEED = int(os.environ.get("SYNCD_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
PHASE_S, PEACE_S = 8.0, 150.0
NAMES = ("one", "two", "three")
FLOOR = {"acts": 3.0, "faults": 0.6}  # a second, at least


class Stores:
    """Three buckets on two servers, a proxy before each."""

    def __init__(self, root: Path, source: random.Random, stack: ExitStack) -> None:
        self._root, self._stack = root, stack
        self.faults = {name: Faults(random.Random(source.random())) for name in NAMES}
        (root / "weed").mkdir()
        self._pair = stack.enter_context(s3.seaweed(root / "weed"))
        self._third_port = free_port()
        self._third = ExitStack()
        stack.callback(self._third.close)
        self._start_third()
        for name in NAMES:
            s3.make_bucket(self.endpoint(name), name)
        self.ports = {
            name: stack.enter_context(before(int(self.endpoint(name).rpartition(":")[2]), self.faults[name]))
            for name in NAMES
        }

    def endpoint(self, name: str) -> str:
        return f"http://127.0.0.1:{self._third_port}" if name == "three" else self._pair

    def settings(self) -> tuple[StoreSetting, ...]:
        return tuple(
            StoreSetting(name=name, url=f"s3://{name}/vault?endpoint=http://127.0.0.1:{port}")
            for name, port in self.ports.items()
        )

    def _start_third(self) -> None:
        root = self._root / "third"
        root.mkdir()
        self._third.enter_context(s3.seaweed(root, self._third_port))

    def empty_third(self) -> None:
        """End the third server and start it anew, with nothing on it."""
        self._third.close()
        shutil.rmtree(self._root / "third")
        self._start_third()
        s3.make_bucket(self.endpoint("three"), "three")

    def bucket(self, name: str) -> S3Store:
        return S3Store(
            name,
            endpoint=self.endpoint(name),
            virtual_hosted_style_request=False,
            client_options=s3.HTTP,
            region="us-east-1",
            access_key_id=s3.KEY,
            secret_access_key=s3.WORD,
        )

    def objects(self, name: str) -> dict[str, bytes]:
        bucket = self.bucket(name)
        names = [item["path"] for page in obstore.list(bucket) for item in page]
        return {path: bytes(obstore.get(bucket, path).bytes()) for path in names}

    def lose_one(self, name: str, source: random.Random) -> bool:
        """Let a store lose an object that both others have: one of them is emptied later, and nobody may know by then."""
        there = [{item["path"] for page in obstore.list(self.bucket(one)) for item in page} for one in NAMES]
        spared = sorted(set.intersection(*there))
        if not spared:
            return False
        obstore.delete(self.bucket(name), source.choice(spared))
        return True


class Work:
    """What people and stores do."""

    def __init__(self, found: list[Live], stores: Stores, source: random.Random) -> None:
        self.found, self.stores, self.source = found, stores, source
        self.counts: Counter[str] = Counter()
        self.known: set[bytes] = set()

    def work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for faults in self.stores.faults.values():
            faults.rate = self.source.choice([0.0, 0.05, 0.2])
        while time.monotonic() < end:
            draw = self.source.random()
            if draw < 0.1:
                self.trouble()
            elif draw < 0.13:
                self.source.choice(self.found).kill()
                self.counts["kills"] += 1
            for live in self.found:
                live.start()
            with suppress(OSError):
                act(self.source.choice(self.found).device, self.source)
                self.counts["acts"] += 1
            pause(self.source.choice([0.0, 0.02, 0.1, 0.3]))

    def trouble(self) -> None:
        """Let one store have a bad time; the others may have had theirs already."""
        name = self.source.choice(NAMES)
        faults = self.stores.faults[name]
        what = self.source.choice(["dead", "full", "denied", "lose", "calm", "calm"])
        if what == "lose":
            self.counts["lost"] += self.stores.lose_one(name, self.source)
        elif what == "calm":
            faults.calm()
        else:
            setattr(faults, what, True)
        self.counts[what] += 1

    def peace(self) -> None:
        for faults in self.stores.faults.values():
            faults.calm()
        same_tree(self.found, PEACE_S, self.answer)
        self.known |= {bytes(facts[3]) for facts in self.found[0].device.tree().values() if facts[0] == "file"}

    def answer(self) -> bool:
        """Say yes to what waits for a yes; tell whether all is safe."""
        safe = True
        for live in self.found:
            client = Client(live.device.home.socket)
            try:
                seals = [hold["seal"] for hold in client.call("GET", "/v1/holds")]
                if seals:
                    client.call("POST", "/v1/decisions", {"what": "approve", "seen": seals})
                safe &= bool(client.call("GET", "/v1/status")["safe"]) and not seals
            except SyncdError:
                safe = False
        return safe

    def account(self) -> None:
        """Find three stores alike, and in each all that stood there in a peace."""
        wait_for(self.complete, PEACE_S)
        for live in self.found:
            live.stop()
        device = self.found[0].device
        done = cli(device, "repair", "--read-data", "0")
        assert done.returncode == 0, done.stdout + done.stderr
        first, *others = (self.stores.objects(name) for name in NAMES)
        for other in others:
            wrong = [name for name in first.keys() | other.keys() if first.get(name) != other.get(name)]
            assert not wrong, wrong
        for name in NAMES:
            for other in NAMES:
                self.stores.faults[other].dead = other != name
            vault = open_vault(device.home, write=False)
            hasher, reader = Hasher(vault.keys), vault.reader()
            try:
                for content in self.known:
                    assert not content or bytes(reader.read(hasher.data(content))) == content
            finally:
                vault.close()

    def complete(self) -> bool:
        with suppress(SyncdError):
            stores = Client(self.found[0].device.home.socket).call("GET", "/v1/status")["stores"]
            return all(store["state"] == "complete" for store in stores)
        return False


def cli(device: Device, *arguments: str) -> object:
    return run_cli(device.root / device.name / "home", *arguments)


@pytest.mark.slow
@pytest.mark.timeout(max(600, SECONDS * 5))
def test_two_of_three_stores_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"\nSYNCD_SEED={SEED} repeats it")
    source = random.Random(SEED)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.WORD)
    with ExitStack() as stack:
        stores = Stores(tmp_path, source, stack)
        found = [Live(device) for device in devices(tmp_path, "alpha", "beta", stores=stores.settings())]
        done = cli(found[0].device, "store", "set", "--commit", "2")
        assert done.returncode == 0, done.stderr
        for live in found:
            stack.callback(live.kill)
            live.start()
        work = Work(found, stores, source)
        phases = max(2, round(SECONDS / PHASE_S))
        for phase in range(phases):
            work.work(PHASE_S)
            if phase == phases // 2:
                stores.faults["three"].dead = True
                stores.empty_third()
                work.counts["emptied"] += 1
            work.peace()
        work.account()
        went_wrong = sum((faults.counts for faults in stores.faults.values()), Counter[str]())
    print(f"{dict(work.counts)}; {dict(went_wrong)}; {len(work.known)} contents stood in a peace")
    worked = phases * PHASE_S
    assert work.counts["acts"] > FLOOR["acts"] * worked * 0.5
    assert went_wrong.total() > FLOOR["faults"] * worked * 0.5
