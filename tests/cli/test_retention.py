"""Rules of what is kept and pruning, from the command line, with and without an agent."""

from __future__ import annotations

import json

import pytest

from tests.agent.live import wait_for
from tests.world import World

pytestmark = pytest.mark.slow


def do(world: World, *arguments: str, code: int = 0) -> str:
    done = world.cli(*arguments)
    assert done.returncode == code, (arguments, done.stdout, done.stderr)
    return str(done.stdout if code == 0 else done.stderr)


def test_rules_are_said_shown_tried_and_taken_back(world: World) -> None:
    for text in ("one", "two", "three"):
        world.write("letter", text)
        do(world, "sync")
    assert "kept, for ever" in do(world, "retention", "show")
    assert "no rule" in do(world, "retention", "test", "letter")
    said = do(world, "retention", "set", "--last", "1", "--undeletable", "0")
    assert said == do(world, "retention", "show") == ".: last 1\n"
    do(world, "retention", "set", "--path", "photos/raw", "--within", "7", "--yearly", "3")
    assert "photos/raw: within 7, yearly 3" in do(world, "retention", "show")
    tried = json.loads(do(world, "retention", "test", "letter", "--json"))
    assert [version["why"] for version in tried] == ["stands", "last", ""]
    assert "GOES" in do(world, "retention", "test", "letter")
    looked = json.loads(do(world, "prune", "--dry-run", "--json"))
    assert (looked["dropped_versions"], looked["kept"], looked["condemned_packs"]) == (1, {"last": 1}, 1)
    assert "Would condemn 1 pack," in do(world, "prune", "--dry-run")
    do(world, "retention", "clear")
    do(world, "retention", "clear", "--path", "photos/raw")
    assert "kept, for ever" in do(world, "retention", "show")
    assert "no rule" in do(world, "retention", "test", "letter")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retention", "set"), "nothing to set"),
        (("retention", "set", "--daily", "-1"), "not in the range"),
        (("retention", "set", "--path", "/elsewhere", "--daily", "1"), "is not in the folder"),
        (("retention", "clear", "--path", "photos"), "has no rules"),
        (("retention", "test", "nowhere"), "nothing ever stood"),
    ],
)
def test_what_cannot_be(world: World, arguments: tuple[str, ...], said: str) -> None:
    assert said in do(world, *arguments, code=2)


def test_an_agent_prunes_when_it_is_asked(agent: World) -> None:
    for text in ("one", "two"):
        agent.write("letter", text)
        wait_for(lambda text=text: text == agent.cli("cat", "letter").stdout)
    do(agent, "retention", "set", "--last", "0")
    assert "Condemned 1 pack," in do(agent, "prune")
    done = agent.cli("prune")
    assert "wait for a day to pass" in done.stderr
    assert agent.cli("cat", "letter").stdout == "two"
    do(agent, "verify", "--read-data", "100")
    log = json.loads(do(agent, "activity", "--json"))
    assert log
