"""Attacks on sizes by who writes into the folder and watches the store (row C4 of docs/attacks.md).

The enemy wants a secret in a file that it cannot read. It saves guesses beside it and looks at how long the new objects
are, as CRIME and BREACH did with what compresses together (Rizzo and Duong 2012; Gluck, Harris and Prado 2013).
"""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from syncd.seal.compression import compress
from syncd.seal.padding import padded
from tests.world import World

SEED = 20261128
TRIES = 12


def token(dice: random.Random) -> str:
    return "".join(dice.choices("0123456789abcdef", k=24))


def secret_file(word: str) -> bytes:
    return f"[login]\nuser = somebody\npassword = {word}\n".encode()


def guess_file(word: str) -> bytes:
    return f"user = somebody\npassword = {word}\n".encode()


def sizes_of_new(world: World, files: dict[str, bytes]) -> list[int]:
    """Return the sizes of the objects that a look adds when some files were saved."""
    before = set(world.objects())
    for name, data in files.items():
        world.write(name, data)
    world.scan()
    return sorted(path.stat().st_size for path in world.objects() if path not in before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path).found()
    found.scan()  # the first record says more than others
    return found


def test_a_guess_beside_a_secret_at_rest_tells_nothing(world: World) -> None:
    """C4. What is in the vault is not compressed again: a guess is alone in what is stored anew."""
    dice = random.Random(SEED)
    for number in range(TRIES):
        right, wrong = token(dice), token(dice)
        sizes_of_new(world, {f"{number}/secret": secret_file(right)})
        seen = [sizes_of_new(world, {f"{number}/{at}": guess_file(word)}) for at, word in enumerate((right, wrong))]
        assert seen[0] == seen[1], f"seed {SEED}"


def test_a_guess_saved_at_the_same_moment_tells_nothing_by_itself(world: World) -> None:
    """What is saved together compresses together: the difference is less than the padding's step."""
    dice = random.Random(SEED)
    for number in range(TRIES):
        right, wrong = token(dice), token(dice)
        seen = [
            sizes_of_new(
                world,
                {
                    f"{number}{at}/secret": secret_file(right) + token(dice).encode(),
                    f"{number}{at}/guess": guess_file(word),
                },
            )
            for at, word in enumerate((right, wrong))
        ]
        assert seen[0] == seen[1], f"seed {SEED}"


@pytest.mark.parametrize(
    "press", [lambda data: zlib.compress(data, 6), lambda data: compress(data, 3)], ids=["deflate", "ours"]
)
def test_the_control_compresses_a_guess_beside_the_secret(press: object) -> None:
    """Without padding, and compressed again with every guess, the right one is always the shorter."""
    assert callable(press)
    dice = random.Random(SEED)
    for _ in range(TRIES):
        right, wrong = token(dice), token(dice)
        lengths = [len(press(secret_file(right) + guess_file(word))) for word in (right, wrong)]
        assert lengths[0] < lengths[1]


def test_the_step_of_the_padding_is_what_hides_it() -> None:
    """So many guesses in a hundred fall on two sides of a step, for a secret that lies in so many bytes: published."""
    dice, apart = random.Random(SEED), 0
    rounds = 400
    for _ in range(rounds):
        right, wrong = token(dice), token(dice)
        around = dice.randbytes(dice.randint(20_000, 40_000)).hex().encode() + secret_file(right)
        apart += len({padded(len(compress(around + guess_file(word), 3))) for word in (right, wrong)}) > 1
    assert 0 < apart <= 0.06 * rounds, apart
    print(f"{100 * apart / rounds:.1f} % of single guesses change the size")


def test_a_whole_file_that_is_there_already_shows(world: World) -> None:
    """What nothing hides: a file of the same bytes is stored once, so a guess of all of it adds no pack."""
    known = random.Random(SEED).randbytes(40_000)
    first = sizes_of_new(world, {"secret": known})
    assert len(sizes_of_new(world, {"guess": known})) == len(first) - 1
