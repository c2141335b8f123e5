"""A yes or a no to some of the deletions that wait; the rest waits on, however few it is."""

from __future__ import annotations

import base64
import os
import random
import time
from pathlib import Path

import pytest

from syncd.engine import outbox
from syncd.engine.guards import Guards, holds
from syncd.engine.inward import Inward
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.picking import in_place
from syncd.engine.progress import Progress
from syncd.engine.reviewing import approve, deny, meant, tops, within
from syncd.engine.vault import Ambient, open_vault
from syncd.errors import NeedsAttention, UsageError
from syncd.fs.disk import Disk
from syncd.model.entry import Kind
from tests.engine.devices import Device, devices, opened, settle

KEPT = ["keep/inner", "other"]


@pytest.fixture
def pair(tmp_path: Path) -> list[Device]:
    """Two devices that have `d` with 40 files, some of them in `d/sub/deep`, and some files that stay."""
    found = devices(tmp_path, "alpha", "beta")
    for number in range(30):
        found[0].write(f"d/f{number:02}", f"f{number}")
    for number in range(10):
        found[0].write(f"d/sub/deep/g{number}", f"g{number}")
    for name in KEPT:
        found[0].write(name, name)
    (found[0].folder / "d" / "sub").chmod(0o750)
    settle(found)
    return found


def remove(device: Device, *, whole: bool) -> None:
    """Remove `d`, or what is in it without the directories."""
    for path in sorted((device.folder / "d").rglob("*"), reverse=True):
        if not path.is_dir():
            path.unlink()
        elif whole:
            path.rmdir()
    if whole:
        (device.folder / "d").rmdir()


def who_is_asked(pair: list[Device], way: str, *, whole: bool) -> tuple[Device, Device]:
    """Let a device ask about what was removed in its folder, or by the other; return it, and the other."""
    alpha, beta = pair
    remove(alpha, whole=whole)
    alpha.sync()
    if way == "out":
        return alpha, beta
    say(alpha, "approve")
    settle(pair)
    return beta, alpha


def say(device: Device, answer: str, *paths: str) -> int:
    """Say yes or no to some or all, and let the device go on."""
    vault = open_vault(device.home, write=True)
    try:
        some = [path.encode() for path in paths]
        count = meant(vault.state, some, back=answer == "deny")
        done = approve(vault.state, some) if answer == "approve" else deny(vault, Outbox(vault), some)
        assert done == count
    finally:
        vault.close()
    device.sync()
    return count


def agree(asked: Device, other: Device) -> None:
    """Let both come to rest; the other one says yes to what this one told as gone."""
    settle([asked, other])
    if waits(other):
        say(other, "approve")
        settle([asked, other])


def waits(device: Device) -> int:
    vault = open_vault(device.home, write=False)
    try:
        return sum(hold.entries for hold in holds(vault.state))
    finally:
        vault.close()


def shown(device: Device, inside: str = "") -> dict[str, int]:
    vault = open_vault(device.home, write=False)
    try:
        if inside:
            return {one.path.decode(): one.entries for one in within(vault.state, inside.encode())}
        return {one.path.decode(): one.entries for hold in holds(vault.state) for one in tops(vault.state, hold)}
    finally:
        vault.close()


def files(device: Device, below: str = "d") -> set[str]:
    return {str(path.relative_to(device.folder)) for path in (device.folder / below).rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", ["out", "in"])
def test_what_got_no_word_waits_on_however_few_it_is(pair: list[Device], way: str) -> None:
    asked, other = who_is_asked(pair, way, whole=False)
    assert waits(asked) == 40
    assert say(asked, "approve", "d/sub", *(f"d/f{number:02}" for number in range(20))) == 30
    agree(asked, other)
    assert waits(asked) == 10, "few enough to flow, had nobody been asked"
    left = {f"d/f{number}" for number in range(20, 30)}
    assert set(shown(asked)) == left
    has_them = asked if way == "in" else other
    assert files(has_them) == left
    assert say(asked, "deny", "d/f20", "d/f21") == 2
    agree(asked, other)
    assert waits(asked) == 8
    assert say(asked, "approve") == 8
    agree(asked, other)
    assert waits(asked) == 0
    assert asked.tree() == other.tree()
    assert files(asked) == {"d/f20", "d/f21"}


@pytest.mark.parametrize("way", ["out", "in"])
def test_one_file_comes_back_out_of_a_directory_that_is_gone(pair: list[Device], way: str) -> None:
    asked, other = who_is_asked(pair, way, whole=True)
    assert shown(asked) == {"d": 43}
    assert say(asked, "deny", "d/sub/deep/g3") == 4, "with the three directories above it"
    agree(asked, other)
    assert waits(asked) == 39
    assert set(shown(asked)) == {*(f"d/f{n:02}" for n in range(30)), *(f"d/sub/deep/g{n}" for n in range(10) if n != 3)}
    assert (asked.folder / "d/sub/deep/g3").read_text() == "g3"
    assert (asked.folder / "d/sub").stat().st_mode & 0o777 == 0o750
    say(asked, "approve")
    agree(asked, other)
    assert waits(asked) == 0
    assert asked.tree() == other.tree()
    assert files(asked) == {"d/sub/deep/g3"}


@pytest.mark.parametrize("way", ["out", "in"])
def test_a_part_of_a_directory_that_is_gone_goes_alone(pair: list[Device], way: str) -> None:
    asked, other = who_is_asked(pair, way, whole=True)
    assert shown(asked, "d/sub") == {"d/sub/deep": 11}
    assert say(asked, "approve", "d/sub", "d/sub/deep/g1") == 12, "what lies in another that is meant counts once"
    agree(asked, other)
    assert waits(asked) == 31
    assert "d/sub" not in shown(asked, "d")
    assert files(other if way == "out" else asked) == {f"d/f{number:02}" for number in range(30)}
    assert say(asked, "deny") == 31
    agree(asked, other)
    assert waits(asked) == 0
    assert asked.tree() == other.tree()
    assert files(asked) == {f"d/f{number:02}" for number in range(30)}
    assert not (asked.folder / "d" / "sub").exists()


@pytest.mark.parametrize("way", ["out", "in"])
def test_few_other_deletions_flow_while_some_wait_apart(pair: list[Device], way: str) -> None:
    asked, other = who_is_asked(pair, way, whole=False)
    say(asked, "approve", "d/sub")
    (pair[0].folder / "other").unlink()
    agree(asked, other)
    assert not (pair[1].folder / "other").exists()
    assert waits(asked) == 30
    say(asked, "deny")
    agree(asked, other)
    assert asked.tree() == other.tree()
    assert len(files(asked)) == 30


@pytest.mark.parametrize("way", ["out", "in"])
def test_what_waits_apart_waits_on_in_a_directory_that_goes_later(pair: list[Device], way: str) -> None:
    asked, other = who_is_asked(pair, way, whole=False)
    say(asked, "approve", *(f"d/f{number:02}" for number in range(30)))
    agree(asked, other)
    for name in ("d/sub/deep", "d/sub"):
        (pair[0].folder / name).rmdir()
    agree(asked, other)
    assert waits(asked) >= 10
    has_them = asked if way == "in" else other
    assert len(files(has_them)) == 10
    say(asked, "deny")
    agree(asked, other)
    assert asked.tree() == other.tree()
    assert len(files(asked)) == 10


def test_a_yes_counts_once(pair: list[Device]) -> None:
    """What was brought back waits for a new yes, should it go again."""
    alpha, beta = pair
    texts = {path: (alpha.folder / path).read_bytes() for path in files(alpha)}
    for again in range(2):
        remove(alpha, whole=False)
        alpha.sync()
        assert waits(alpha) == 40, again
        say(alpha, "approve")
        beta.sync()
        assert waits(beta) == 40
        say(beta, "deny")
        settle(pair)
        assert {path: (alpha.folder / path).read_bytes() for path in files(alpha)} == texts


def test_nothing_is_decided_about_what_does_not_wait(pair: list[Device]) -> None:
    asked, _ = who_is_asked(pair, "out", whole=True)
    vault = open_vault(asked.home, write=True)
    try:
        for path in (b"keep", b"d/sub/none", b"d/f00/x", b"dd"):
            with pytest.raises(UsageError, match="waits for a yes"):
                approve(vault.state, [b"d/f01", path])
        with pytest.raises(UsageError):
            within(vault.state, b"keep")
        (asked.folder / "d").write_text("a file by now")
        with pytest.raises(NeedsAttention, match="cannot be a directory again"):
            deny(vault, Outbox(vault), [b"d/sub/deep/g3"])
        (one,) = (one for hold in holds(vault.state) for one in tops(vault.state, hold))
        assert (one.path, one.kind, one.entries) == (b"d", Kind.DIRECTORY, 43)
    finally:
        vault.close()
    assert waits(asked) == 43


# -- what waits, waits on, whatever becomes of the directories above -----------------------------------------------

SOME = ("d/sub", *(f"d/f{number:02}" for number in range(20)))


@pytest.fixture
def apart(pair: list[Device]) -> tuple[Device, Device]:
    """Two devices, of which the first lacks all of `d`, and was told that 32 of it may go: 11 wait apart."""
    alpha, beta = pair
    remove(alpha, whole=True)
    alpha.sync()
    say(alpha, "approve", *SOME)
    agree(alpha, beta)
    assert waits(alpha) == 11
    return alpha, beta


def test_it_waits_on_when_its_directory_stands_again(apart: tuple[Device, Device]) -> None:
    alpha, beta = apart
    (alpha.folder / "d").mkdir()
    settle([alpha, beta])
    assert waits(alpha) == 10
    assert len(files(beta)) == 10


def test_it_waits_on_after_a_no_that_could_not_be_carried_out(pair: list[Device]) -> None:
    alpha, beta = pair
    for number in range(5):
        alpha.write(f"e/x{number}", "x")
    settle(pair)
    remove(alpha, whole=True)
    for path in (*(alpha.folder / "e").iterdir(), alpha.folder / "e"):
        path.rmdir() if path.is_dir() else path.unlink()
    alpha.sync()
    say(alpha, "approve", *SOME)
    agree(alpha, beta)
    (alpha.folder / "e").write_text("a file by now")
    with opened(alpha) as vault, pytest.raises(NeedsAttention):
        deny(vault, Outbox(vault), [b"d/f20", b"e/x0"])
    (alpha.folder / "e").unlink()
    settle(pair)
    assert len(files(beta)) == 10
    assert len(files(beta, "e")) == 5


def test_it_waits_on_when_another_device_lets_its_directory_live(tmp_path: Path) -> None:
    alpha, beta, gamma = found = three(tmp_path)
    remove(alpha, whole=False)
    (alpha.folder / "d").rmdir()
    alpha.sync()
    say(alpha, "approve")
    beta.sync()
    gamma.sync()
    assert waits(beta) == 41
    say(beta, "approve", *(f"d/f{number:02}" for number in range(30)))
    gamma.write("d/new", "made in what waits there")
    for device in (gamma, beta, *found):
        device.sync()
    assert waits(beta) == 10
    assert len(files(beta)) == 11


@pytest.mark.parametrize("where", ["d", "keep"])
def test_what_cannot_be_looked_at_ends_no_hold(pair: list[Device], monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    alpha, beta = pair
    remove(alpha, whole=False)
    alpha.sync()
    say(alpha, "approve", *SOME)
    agree(alpha, beta)
    assert waits(alpha) == 10
    with monkeypatch.context() as patch:
        unreadable(patch, where)
        (alpha.folder / "other").unlink()  # something is missing, so it is asked what may be told
        alpha.sync()
        assert waits(alpha) == 10
    alpha.sync()
    beta.sync()
    assert len(files(beta)) == 10


def unreadable(patch: pytest.MonkeyPatch, where: str) -> None:
    real = Disk.entries

    def entries(self: Disk, path: bytes) -> object:
        if path == where.encode() and b"alpha" in os.fsencode(self.root):
            raise PermissionError(13, "Permission denied")
        return real(self, path)

    patch.setattr(Disk, "entries", entries)


def test_what_stands_again_waits_no_more_though_another_place_is_unreadable(
    pair: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, _ = pair
    texts = {path: (alpha.folder / path).read_bytes() for path in files(alpha)}
    unreadable(monkeypatch, "keep")
    remove(alpha, whole=False)
    alpha.sync()
    assert waits(alpha) == 40
    for path, data in texts.items():
        (alpha.folder / path).write_bytes(data)
    alpha.sync()
    assert waits(alpha) == 0


# -- a word counts for what it was said of -----------------------------------------------------------------------------


def three(root: Path) -> list[Device]:
    found = devices(root, "alpha", "beta", "gamma")
    for number in range(40):
        found[0].write(f"d/f{number:02}", f"f{number}")
    found[0].write("other", "o")
    settle(found)
    return found


@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "yes"])
def test_another_devices_no_ends_a_hold_and_a_yes_to_it(tmp_path: Path, answered: bool) -> None:
    alpha, beta, gamma = found = three(tmp_path)
    remove(alpha, whole=False)
    alpha.sync()
    say(alpha, "approve")
    beta.sync()
    say(gamma, "deny") if waits(gamma) else gamma.sync()
    assert waits(beta) == waits(gamma) == 40
    say(gamma, "deny")
    if answered:
        with opened(beta) as vault:
            approve(vault.state)  # before it heard of that
    settle(found)
    assert len(files(alpha)) == len(files(beta)) == 40
    assert waits(beta) == 0
    remove(alpha, whole=False)
    alpha.sync()
    say(alpha, "approve")
    beta.sync()
    assert waits(beta) == len(files(beta)) == 40


def test_a_no_brings_back_what_both_removed(pair: list[Device]) -> None:
    alpha, beta = pair
    remove(alpha, whole=False)
    remove(beta, whole=False)
    alpha.sync()
    say(alpha, "approve")
    beta.sync()
    assert waits(beta) >= 40
    say(beta, "deny")
    settle(pair)
    assert len(files(alpha)) == len(files(beta)) == 40


def test_single_deletions_flow_while_some_wait_apart(tmp_path: Path) -> None:
    """Also the twentieth, hours after the first."""
    extra_ns = [0]
    alpha, beta = devices(tmp_path, "alpha", "beta", ambient=Ambient(now_ns=lambda: time.time_ns() + extra_ns[0]))
    for number in range(40):
        alpha.write(f"d/f{number:02}", f"{number}")
        if number < 30:
            alpha.write(f"keep/k{number:02}", f"{number}")
    settle([alpha, beta])
    extra_ns[0] += 3600 * 10**9
    for path in (alpha.folder / "d").iterdir():
        path.unlink()
    alpha.sync()
    assert waits(alpha) == 40
    say(alpha, "approve", *(f"d/f{number:02}" for number in range(38)))
    for number in range(30):
        extra_ns[0] += 3600 * 10**9
        (alpha.folder / f"keep/k{number:02}").unlink()
        alpha.sync()
        assert waits(alpha) == 2, number


def test_what_waits_no_more_since_it_is_few_is_told(tmp_path: Path) -> None:
    """Also by a look at another directory: nobody would look there again for an hour."""
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for number in range(22):
        alpha.write(f"d/f{number:02}", f"f{number}")
    alpha.write("e/x", "x")
    settle([alpha, beta])
    for number in range(20):
        (alpha.folder / f"d/f{number:02}").unlink()
    alpha.sync()
    assert waits(alpha) == 20
    alpha.write("d/f00", "f0")
    alpha.write("e/y", "y")
    with opened(alpha) as vault:
        Outward(vault, Outbox(vault), Progress(time.monotonic)).look([b"e"])
    assert waits(alpha) == 0
    beta.sync()
    assert files(beta) == {"d/f00", "d/f20", "d/f21"}


@pytest.mark.parametrize(
    ("path", "count", "left"), [("d/sub/deep/g3", 1, 39), ("d/f01", 1, 41), ("d", 40, 0), ("", 40, 0)]
)
def test_to_restore_what_waits_is_to_say_no_to_it(pair: list[Device], path: str, count: int, left: int) -> None:
    alpha, beta = pair
    remove(alpha, whole=True)
    alpha.sync()
    assert waits(alpha) == 43
    for dry_run in (True, False):
        with opened(alpha) as vault:
            answer = in_place(
                vault, [path.encode()], Progress(time.monotonic), at_ns=None, version=None, exact=False, dry_run=dry_run
            )
        assert (answer["files"], answer["failed"]) == (count, [])
    assert len(files(alpha)) == count
    settle(pair)
    assert len(files(alpha)) == count
    assert waits(alpha) == left
    assert len(files(beta)) == 40


def test_what_moved_out_of_a_directory_that_goes_counts_once(tmp_path: Path) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    for number in range(30):
        alpha.write(f"d/f{number:02}", f"f{number}")
    for number in range(10):
        alpha.write(f"d/p/g{number}", f"g{number}")
    settle([alpha, beta])
    (alpha.folder / "d/p").rename(alpha.folder / "p")
    for path in (*(alpha.folder / f"p/g{number}" for number in range(9)), *(alpha.folder / "d").iterdir()):
        path.unlink()
    (alpha.folder / "d").rmdir()
    alpha.sync()
    say(alpha, "approve")
    with opened(beta) as vault:
        Inward(vault).fetch(discover=True)
        Guards(vault).let_in()  # before anything was moved here
        (hold,) = holds(vault.state)
        assert hold.entries == meant(vault.state) == sum(one.entries for one in tops(vault.state, hold)) == 40
        assert approve(vault.state, [b"d"]) == 31
        assert [hold.entries for hold in holds(vault.state)] == [9]


def test_a_no_to_very_much_is_said_in_several_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    source = random.Random(1)
    (alpha.folder / "d").mkdir()
    for number in range(60):
        os.symlink(base64.b32encode(source.randbytes(500)), os.fsencode(alpha.folder / "d" / str(number)))
    settle([alpha, beta])
    for path in (alpha.folder / "d").iterdir():
        path.unlink()
    alpha.sync()
    say(alpha, "approve")
    beta.sync()
    monkeypatch.setattr(outbox, "LARGEST_CHANGES", 16)
    with opened(beta) as vault:
        box = Outbox(vault)
        assert deny(vault, box) == 60
        assert box.written.records >= 3
    settle([alpha, beta])
    assert len(list((alpha.folder / "d").iterdir())) == 60
