"""What waits for a person, by the command line: conflicts, mass deletions, devices; with and without an agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.engine.deciding import decide
from syncd.engine.pruning import LAPSE_DAYS
from syncd.engine.vault import open_vault
from syncd.errors import NeedsAttention
from syncd.state.receipts import DAY_NS
from tests.engine.devices import Device, devices, opened, settle
from tests.world import run_cli


def cli(device: Device, *arguments: str) -> Any:
    return run_cli(device.root / device.name / "home", *arguments)


@pytest.fixture
def pair(tmp_path: Path) -> list[Device]:
    return devices(tmp_path, "alpha", "beta")


@pytest.fixture
def torn(pair: list[Device]) -> list[Device]:
    """A note that both edited at once."""
    alpha, beta = pair
    alpha.write("note.txt", "base")
    settle(pair)
    alpha.write("note.txt", "by alpha")
    beta.write("note.txt", "by beta!")
    settle(pair)
    assert alpha.tree() == beta.tree()
    return pair


def listed(device: Device) -> Any:
    return json.loads(cli(device, "conflict", "list", "--json").stdout)


def test_both_devices_list_the_same_conflict(torn: list[Device]) -> None:
    alpha, beta = torn
    (one,), (other,) = listed(alpha), listed(beta)
    assert one == other
    assert one["path"] == "note.txt"
    assert one["copy_path"].startswith("note (conflict ")
    assert {one["a"]["device"], one["b"]["device"]} == {"alpha", "beta"}
    first = json.loads(cli(alpha, "history", "note.txt", "--json").stdout)[-1]["version_id"]
    assert one["base"] == first
    assert json.loads(cli(alpha, "status", "--json").stdout)["conflicts"] == 1
    shown = cli(alpha, "conflict", "show", "note.txt").stdout
    assert "-by " in shown
    assert "+by " in shown


@pytest.mark.parametrize("keep", ["a", "b", "both"])
def test_a_decision_is_a_version_that_everybody_takes(torn: list[Device], keep: str) -> None:
    alpha, beta = torn
    (conflict,) = listed(beta)
    texts = {side: beta.read(conflict[path]) for side, path in (("a", "path"), ("b", "copy_path"))}
    done = cli(beta, "conflict", "resolve", conflict["copy_path"], "--keep", keep)
    assert done.returncode == 0, done.stderr
    settle(torn)
    assert alpha.tree() == beta.tree()
    assert listed(alpha) == listed(beta) == []
    kept = {alpha.read(name) for name in alpha.names()}
    assert kept == (set(texts.values()) if keep == "both" else {texts[keep]})
    if keep != "both":
        assert alpha.names() == ["note.txt"]
        ids = [line["version_id"] for line in json.loads(cli(alpha, "history", "note.txt", "--json").stdout)]
        known = {cli(alpha, "cat", "note.txt", "--version", version).stdout for version in ids}
        assert known >= set(texts.values()) | {"base"}, "what went is in history"
    newest = json.loads(cli(alpha, "history", "note.txt", "--json").stdout)[0]
    assert newest["change"] == "decided"


def test_two_new_entries_of_one_name_are_a_conflict_too(pair: list[Device]) -> None:
    alpha, beta = pair
    alpha.write("plan", "by alpha")
    beta.write("plan", "by beta!")
    settle(pair)
    (conflict,) = listed(alpha)
    other = alpha.read(conflict["copy_path"])
    assert cli(alpha, "conflict", "resolve", "plan", "--keep", "b").returncode == 0
    settle(pair)
    assert (alpha.names(), beta.names()) == (["plan"], ["plan"])
    assert beta.read("plan") == other
    words = [line["change"] for line in json.loads(cli(alpha, "history", "plan", "--json").stdout)]
    assert words == ["replaced", "added", "added"], "that one went is no deletion of what stands there"


def test_nothing_to_resolve_is_said(pair: list[Device]) -> None:
    done = cli(pair[0], "conflict", "resolve", "nothing", "--keep", "a")
    assert done.returncode == 2
    assert "is in no conflict" in done.stderr
    assert cli(pair[0], "conflict", "list").returncode == 0


def many(pair: list[Device], count: int = 40) -> None:
    for number in range(count):
        pair[0].write(f"d{number % 3}/f{number}", str(number))
    pair[0].write("stays", "here")
    settle(pair)


def wipe(device: Device) -> None:
    for path in sorted(device.folder.rglob("f*"), reverse=True):
        path.unlink()


def test_many_deletions_wait_for_a_yes(pair: list[Device]) -> None:
    alpha, beta = pair
    many(pair)
    wipe(alpha)
    assert cli(alpha, "sync").returncode == 3
    (hold,) = json.loads(cli(alpha, "review", "list", "--json").stdout)
    assert (hold["what"], hold["entries"]) == ("deleted here", 40)
    assert json.loads(cli(alpha, "status", "--json").stdout)["holds"] == 1
    alpha.write("new", "flows")
    settle(pair)
    assert len(beta.names()) == 45, "nothing is deleted meanwhile, and other changes flow"
    assert cli(alpha, "review", "approve", "--yes").returncode == 0
    assert json.loads(cli(alpha, "review", "list", "--json").stdout) == []
    beta.sync()
    (hold,) = json.loads(cli(beta, "review", "list", "--json").stdout)
    assert (hold["what"], hold["entries"]) == ("deleted by others", 40)
    assert len(beta.names()) == 45
    assert cli(beta, "review", "approve", "--yes").returncode == 0
    settle(pair)
    assert alpha.names() == beta.names() == ["d0", "d1", "d2", "new", "stays"]


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_a_person_decides_about_what_that_person_saw(pair: list[Device], answer: str) -> None:
    """More may be deleted between the look and the yes; nobody said yes to that."""
    alpha = pair[0]
    many(pair)
    wipe(alpha)
    alpha.sync()
    (seen,) = json.loads(cli(alpha, "review", "list", "--json").stdout)
    (alpha.folder / "stays").unlink()
    alpha.sync()
    (hold,) = json.loads(cli(alpha, "review", "list", "--json").stdout)
    assert hold["entries"] == 41
    vault = open_vault(alpha.home, write=True)
    try:
        with pytest.raises(NeedsAttention, match="not what you saw"):
            decide(vault, answer, {"seen": [seen["seal"]]})
        assert decide(vault, answer, {"seen": [hold["seal"]]}) == {"entries": 41}
    finally:
        vault.close()


def test_some_of_what_waits_gets_an_answer(pair: list[Device]) -> None:
    alpha, _ = pair
    many(pair)
    wipe(alpha)
    alpha.sync()
    done = cli(alpha, "review", "approve", "d0", "nothing", "--yes")
    assert done.returncode == 2
    assert "nothing at nothing waits" in done.stderr
    assert "14 files and directories would be" in cli(alpha, "review", "approve", "d0", "--dry-run").stderr
    done = cli(alpha, "review", "approve", "d0")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert cli(alpha, "review", "approve", "d0", "--yes").returncode == 0
    done = cli(alpha, "review", "deny", str(alpha.folder / "d1/f1"), "d2", "--yes")
    assert done.returncode == 0, done.stderr
    assert "14 files and directories are brought back" in done.stderr
    assert len(alpha.names()) == 3 + 14 + 1
    (hold,) = json.loads(cli(alpha, "review", "list", "--json").stdout)
    assert hold["entries"] == len(hold["paths"]) == 12
    assert all(one["path"].startswith("d1/") for one in hold["paths"])


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_no_brings_everything_back(pair: list[Device], where: str) -> None:
    alpha, beta = pair
    many(pair)
    before = alpha.tree()
    wipe(alpha)
    alpha.sync()
    if where == "here":
        assert cli(alpha, "review", "deny", "--yes").returncode == 0
    else:
        assert cli(alpha, "review", "approve", "--yes").returncode == 0
        beta.sync()
        assert cli(beta, "review", "deny", "--yes").returncode == 0
    settle(pair)
    assert alpha.tree() == beta.tree()
    assert {name: found[-1] for name, found in alpha.tree().items()} == {
        name: found[-1] for name, found in before.items()
    }
    assert json.loads(cli(alpha, "review", "list", "--json").stdout) == []


def test_few_deletions_do_not_wait(pair: list[Device]) -> None:
    many(pair, 12)
    wipe(pair[0])
    settle(pair)
    assert pair[1].names() == ["d0", "d1", "d2", "stays"]


def test_devices_that_saw_the_same_print_the_same_words(pair: list[Device]) -> None:
    alpha, beta = pair
    settle(pair)
    words = cli(alpha, "device", "show-code").stdout
    assert len(words.split()) == 6
    assert cli(beta, "device", "show-code").stdout == words
    alpha.write("a", "1")
    alpha.sync()
    assert cli(alpha, "device", "show-code").stdout != words


def test_a_device_that_falls_behind_is_seen(pair: list[Device]) -> None:
    alpha, beta = pair
    beta.write("a", "1")
    settle(pair)

    def other() -> tuple[int, bool]:
        found = json.loads(cli(alpha, "device", "list", "--json").stdout)
        (item,) = [item for item in found if not item["this"]]
        return item["since"], item["stale"]

    assert other() == (0, False)
    for text in "23":
        alpha.write("a", text)
        alpha.sync()
    assert other() == (2, False)
    assert "2 by others since" in cli(alpha, "device", "list").stdout
    with opened(alpha) as vault, vault.state.transaction():
        for day in range(LAPSE_DAYS + 2):  # a clock tells a day at most between two looks
            vault.state.receipts.look(vault.ambient.now_ns() + day * DAY_NS)
    assert other() == (2, True)
    assert "stale" in cli(alpha, "device", "list").stdout
    beta.sync()
    beta.write("a", "4")
    beta.sync()
    alpha.sync()
    assert other() == (0, False)


def test_a_device_gets_another_name_and_copies_keep_theirs(torn: list[Device]) -> None:
    alpha, beta = torn
    before = alpha.names()
    assert cli(alpha, "device", "rename", "Kitchen table").returncode == 0
    settle(torn)
    assert alpha.names() == beta.names() == before
    names = [row["name"] for row in json.loads(cli(beta, "device", "list", "--json").stdout)]
    assert sorted(names) == ["Kitchen table", "beta"]
    assert cli(alpha, "device", "rename", " ").returncode == 2


def test_join_shows_how_new_the_store_is(pair: list[Device], tmp_path: Path) -> None:
    alpha, _ = pair
    settle(pair)
    (tmp_path / "words").write_text(alpha.words)
    third = Device(tmp_path, "gamma", alpha.store)
    store, words = str(alpha.store), str(tmp_path / "words")
    done = cli(third, "join", str(third.folder), "--store", store, "--recovery-file", words, "--device", "gamma")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == cli(alpha, "device", "show-code").stdout.split()
    assert "The newest change is of " in done.stderr


def test_a_file_against_a_directory_is_shown(pair: list[Device]) -> None:
    alpha, beta = pair
    alpha.write("thing", "a file")
    beta.write("thing/inner", "in a directory")
    settle(pair)
    (conflict,) = listed(alpha)
    shown = cli(alpha, "conflict", "show", conflict["path"])
    assert shown.returncode == 0, shown.stderr
    assert {line.split(":")[0] for line in shown.stdout.splitlines()} == {"file", "directory"}
    assert conflict["copy_path"] in shown.stdout


def test_a_device_name_writes_nothing_on_a_terminal(pair: list[Device]) -> None:
    alpha, _ = pair
    settle(pair)
    vault = open_vault(alpha.home, write=True)
    with vault.state.transaction():
        vault.state.call(2, "be\x1b[31mta")
    vault.close()
    assert "\\x1b[31m" in cli(alpha, "device", "list").stdout
