"""A yes or a no to some of the deletions that wait; the rest waits on, however few it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.engine.guards import holds
from syncd.engine.outbox import Outbox
from syncd.engine.reviewing import approve, deny, meant, tops, within
from syncd.engine.vault import open_vault
from syncd.errors import NeedsAttention, UsageError
from syncd.model.entry import Kind
from tests.engine.devices import Device, devices, settle

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
        count = meant(vault.state, some)
        if answer == "approve":
            assert approve(vault.state, some) == count
        else:
            assert deny(vault, Outbox(vault), some) >= count
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
    assert say(asked, "deny", "d/sub/deep/g3") == 1
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
