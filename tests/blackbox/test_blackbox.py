"""Two agents, seen only through files: everything that is seen has an explanation.

SYNCD_RUNS is how many lives are tried; a failure prints the seed and all that was done and seen.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.agent.live import Live, living, pause, same_tree
from tests.blackbox.model import GONE, Explanations, Shown

RUNS = int(os.environ.get("SYNCD_RUNS", "12"))
SEED = int(os.environ.get("SYNCD_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
STEPS = 9


def read(live: Live, name: str) -> str:
    try:
        return (live.folder / name).read_text()
    except FileNotFoundError:
        return GONE


def shown(live: Live, name: str) -> Shown:
    beside = [path.read_text() for path in live.folder.glob(f"{name} (conflict *")]
    return read(live, name), tuple(sorted(beside))


class Life:
    """One file, what people do to it, and what they see."""

    def __init__(self, name: str, found: list[Live], source: random.Random) -> None:
        self.name, self.found, self.source = name, found, source
        self.explanations = Explanations()
        self.story: list[str] = []
        self._values = 0

    def say(self, text: str) -> None:
        self.story.append(text)

    def write(self, number: int) -> None:
        self._values += 1
        value = f"{self.name} {self._values}"
        path = self.found[number].folder / self.name
        if self.source.random() < 0.5:  # as editors do
            beside = path.with_name(path.name + ".new~")
            beside.write_text(value)
            beside.replace(path)
        else:
            path.write_text(value)
        self.say(f"{number} writes {value!r}")
        self.explanations.wrote(number, value)

    def remove(self, number: int) -> None:
        (self.found[number].folder / self.name).unlink(missing_ok=True)
        self.say(f"{number} removes it")
        self.explanations.wrote(number, GONE)

    def look(self, number: int) -> None:
        value = read(self.found[number], self.name)
        self.say(f"{number} reads {value!r}")
        self.explanations.read(number, value)

    def live(self) -> None:
        for _ in range(STEPS):
            number = self.source.randrange(2)
            self.source.choice([self.write, self.write, self.remove, self.look, self.look])(number)
            pause(self.source.choice([0.0, 0.0, 0.02, 0.1, 0.5, 1.2]))
        self.settle()

    def settle(self) -> None:
        same_tree(self.found, 60)
        seen = [shown(live, self.name) for live in self.found]
        self.say(f"they come to {seen}")
        self.explanations.settled(seen)


@pytest.mark.timeout(max(900, RUNS * 40))
def test_what_is_seen_has_an_explanation(tmp_path: Path) -> None:
    found = living(tmp_path, "alpha", "beta")
    try:
        for run in range(RUNS):
            life = Life(f"file-{run}", found, random.Random(SEED + run))
            try:
                life.live()
            except AssertionError as error:
                error.add_note(f"SYNCD_SEED={SEED + run} SYNCD_RUNS=1\n" + "\n".join(life.story))
                raise
    finally:
        for live in found:
            live.kill()


def test_the_model_has_no_explanation_for_what_must_not_be() -> None:
    """The tester, tested: a lost write, a file that comes back, two devices that show different things."""
    lost = Explanations()
    lost.wrote(0, "one")
    lost.settled([("one", ()), ("one", ())])
    lost.wrote(0, "two")
    lost.wrote(1, "three")
    with pytest.raises(AssertionError):
        lost.settled([("two", ()), ("two", ())])

    back = Explanations()
    back.wrote(0, "one")
    back.settled([("one", ()), ("one", ())])
    back.wrote(1, GONE)
    with pytest.raises(AssertionError):
        back.settled([("one", ()), ("one", ())])

    differ = Explanations()
    differ.wrote(0, "one")
    with pytest.raises(AssertionError):
        differ.settled([("one", ()), (GONE, ())])

    never = Explanations()
    never.wrote(0, "one")
    with pytest.raises(AssertionError):
        never.read(1, "two")


def test_the_model_explains_a_name_that_is_free_only_where_another_file_gets_it() -> None:
    """What lost makes way first. An edit of one and the same file leaves no gap."""
    met = Explanations()
    met.wrote(0, "one")
    met.wrote(1, "two")
    met.read(1, GONE)
    met.settled([("one", ("two",)), ("one", ("two",))])

    edited = Explanations()
    edited.wrote(0, "one")
    edited.settled([("one", ()), ("one", ())])
    edited.wrote(0, "two")
    for number in (0, 1):
        with pytest.raises(AssertionError):
            edited.read(number, GONE)


def test_the_model_explains_what_may_be() -> None:
    both = Explanations()
    both.wrote(0, "one")
    both.read(1, GONE)
    both.read(1, "one")
    both.wrote(0, "two")
    both.wrote(1, "three")
    both.read(0, "two")
    both.settled([("three", ("two",)), ("three", ("two",))])
    both.wrote(0, "four")
    both.settled([("four", ("two",)), ("four", ("two",))])


def test_the_model_lets_what_lost_have_the_name_of_what_won_and_is_gone() -> None:
    """Seed 3994322048: two wrote at once, one removed what won and wrote again, the other removed that."""
    won = Explanations()
    won.wrote(0, "one")
    won.wrote(0, "two")
    won.wrote(1, "three")
    won.wrote(1, GONE)
    won.read(1, GONE)
    won.wrote(1, "four")
    won.wrote(0, GONE)
    won.read(0, GONE)
    won.settled([("three", ()), ("three", ())])

    alone = Explanations()
    alone.wrote(0, "one")
    alone.settled([("one", ()), ("one", ())])
    alone.wrote(0, "two")
    alone.wrote(1, "three")
    alone.settled([("three", ("two",)), ("three", ("two",))])
    alone.wrote(1, GONE)
    alone.settled([("two", ()), ("two", ())])
    with pytest.raises(AssertionError):
        alone.settled([("three", ()), ("three", ())])
