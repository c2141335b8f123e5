"""What no store has any more comes from the folder, as far as that has it; the rest is named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from syncd.chunk.lists import LONGEST_INLINE
from syncd.engine import outbox
from syncd.engine.mending import mend_from_folder
from syncd.model.ids import OWN_DEVICE
from syncd.store.scrub import FILE, Round, save
from tests.world import World

LARGE = 24 << 20  # bytes: so many chunks that they are kept in lists


def damage(path: Path) -> None:
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:150] + bytes(byte ^ 1 for byte in data[150:]))


@pytest.fixture
def filled(world: World) -> World:
    """A vault with small files, one whose chunks are listed apart, and a version that the folder has no more."""
    world.write("large.bin", random.Random(7).randbytes(LARGE))
    for number in range(10):
        world.write(f"small/{number}", random.Random(number).randbytes(20_000))
    world.write("edited", random.Random(77).randbytes(30_000))
    world.scan()
    with_lists = world.open(write=False)
    row = with_lists.state.nodes.find(b"large.bin")
    assert row is not None
    assert row.depth == 1, f"it has {LARGE} bytes and no more than {LONGEST_INLINE} chunks"
    with_lists.close()
    return world


def packs(world: World) -> list[Path]:
    return sorted(path for path in world.store.rglob("pack/*/*") if path.is_file())


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_everything_comes_back_from_the_folder(filled: World, tmp_path: Path, how: str) -> None:
    lost = packs(filled)
    for path in lost:
        path.unlink() if how == "gone" else damage(path)
    assert filled.cli("verify", "--read-data", "100").returncode == 1
    done = filled.cli("repair", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["from_folder"] > LONGEST_INLINE
    assert said["after"]["clean"]
    assert len(said["after"]["idle"]) == len(lost)
    assert len(packs(filled)) > (0 if how == "gone" else len(lost))
    after = filled.cli("verify", "--read-data", "100")
    assert after.returncode == 0, after.stdout
    assert after.stderr.count("nothing needs it any more") == len(lost)
    assert filled.cli("restore", ".", "--to", str(tmp_path / "out")).returncode == 0
    for path in filled.folder.rglob("*"):
        if path.is_file() and path.name != ".syncd-folder":
            assert (tmp_path / "out" / path.relative_to(filled.folder)).read_bytes() == path.read_bytes()


def test_what_the_folder_has_no_more_is_named(filled: World) -> None:
    old = packs(filled)
    filled.write("edited", b"other bytes" * 3000)
    filled.scan()
    for path in old:
        path.unlink()
    done = filled.cli("repair")
    assert done.returncode == 1
    assert "hurt: edited" in done.stdout
    assert "hurt: small" not in done.stdout
    assert "hurt: large" not in done.stdout
    assert "Not all is mended." in done.stderr
    assert filled.cli("cat", "edited").stdout.startswith("other bytes")


def test_only_one_pack_is_hurt(filled: World) -> None:
    before = packs(filled)
    damage(before[0])
    done = filled.cli("repair", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["damaged"] == [{"store": "main", "name": str(before[0].relative_to(filled.store))}]
    assert filled.cli("verify", "--read-data", "100").returncode == 0


def test_nothing_is_stored_where_nothing_is_hurt(filled: World) -> None:
    before = sorted(filled.objects())
    done = filled.cli("repair")
    assert done.returncode == 0
    assert "Everything can be had." in done.stderr
    assert sorted(filled.objects()) == before


def test_what_is_found_by_and_by_is_told_until_it_is_mended(filled: World) -> None:
    lost = packs(filled)[0]
    damage(lost)
    found = Round(7, 1.0, 1.0, 0.0, (str(lost.relative_to(filled.store)),))
    save(filled.home.state / FILE, {"main": found})
    status = json.loads(filled.cli("status", "--json").stdout)
    assert "holds 1 object damaged: `syncd repair`" in status["alarm_reasons"][0]
    assert status["stores"][0]["damaged_objects"] == 1
    assert filled.cli("repair").returncode == 0
    status = json.loads(filled.cli("status", "--json").stdout)
    assert status["alarms"] == status["stores"][0]["damaged_objects"] == 0


def test_much_is_said_in_more_than_one_record(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is mended may be a whole vault: neither memory nor a record grows with it."""
    lost = [bytes.fromhex(path.name) for path in packs(filled)]
    monkeypatch.setattr(outbox, "LARGEST_PACKS", 4 << 20)
    vault = filled.open()
    try:
        before = vault.state.devices.get(OWN_DEVICE).sequence
        assert mend_from_folder(vault, outbox.Outbox(vault), lost) > LONGEST_INLINE
        assert vault.state.devices.get(OWN_DEVICE).sequence - before > 1
    finally:
        vault.close()
    for path in packs(filled):
        if bytes.fromhex(path.name) in lost:
            path.unlink()
    assert filled.cli("verify", "--read-data", "100").returncode == 0
