"""What sizes tell a store about one file (row C2 of docs/attacks.md): `python -m tests.attacks.fingerprint`.

Many vaults are made, each with keys of its own. Half of them hold a file F that the store knows, the other half a file
of F's length that it does not; the rest differs. The store sees how long each object is, and tries to tell the halves
apart: by each number that it can take from the sizes, and by how well they fit where it believes F to be cut. An AUC of
0.5 is a thrown coin, 1 is certainty. *Idle*: F comes alone into a vault in which nothing else happens.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from syncd.chunk.cuts import Secret, cutter
from syncd.chunk.params import NORMAL, PROFILES, Params
from syncd.engine.vault import Ambient
from syncd.model.chunker import Chunker
from syncd.seal.keys import DeviceKeys, SlotPrivate
from syncd.seal.padding import padded
from tests.world import World

KNOWN = 700_000  # bytes of F: some ten chunks
OTHERS = 12  # files beside it
SEALED = 300  # bytes that a sealed object has more than what is in it, about
Sizes = list[int]


@dataclass
class Seen:
    """One vault as the store has it, and what the enemy believes of F there."""

    packs: Sizes
    records: Sizes
    apart: Sizes  # what the objects would be if each chunk were one: the control
    believed: Sizes  # lengths of F's chunks under the secret that the enemy believes in
    has_it: bool


def chunks_of(data: bytes, secret: Secret) -> Sizes:
    ends = cutter(secret, Params(*PROFILES[NORMAL])).feed(data)
    starts = [0, *ends]
    return [end - start for start, end in zip(starts, [*ends, len(data)], strict=True) if end > start]


def kinds(texts: bool) -> Callable[[random.Random, int], bytes]:
    """Return what makes a file: of random bytes, or of words, which compress."""
    if not texts:
        return lambda dice, size: dice.randbytes(size)

    def words(dice: random.Random, size: int) -> bytes:
        book = [dice.randbytes(dice.randint(2, 9)).hex().encode() for _ in range(2000)]
        return b" ".join(dice.choices(book, k=size // 8))[:size]

    return words


@dataclass(frozen=True)
class Experiment:
    """One question.

    Attributes:
        name: in the table.
        idle: F comes alone, later.
        texts: files are of words.
        knows_cuts: the enemy has the vault's cut secret, as if C1 had succeeded.
        chunker: of the vaults.
    """

    name: str
    idle: bool = False
    texts: bool = False
    knows_cuts: bool = False
    chunker: Chunker = Chunker.TOEPLITZ_AES


def look(experiment: Experiment, seed: int, has_it: bool) -> Seen:
    """Make one vault and return what its store sees."""
    dice = random.Random(f"{experiment.name} {seed} {has_it}")
    make = kinds(experiment.texts)
    known = make(random.Random("F"), KNOWN)
    given = known if has_it else make(dice, KNOWN)
    ambient = Ambient(entropy=dice.randbytes, choice=dice, workers=1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        with patch.object(DeviceKeys, "generate", lambda slot: _device_keys(dice, slot)):
            world = World(Path(directory), ambient=ambient).found(experiment.chunker)
        others = {f"{at}": make(dice, dice.randint(1_000, 120_000)) for at in range(OTHERS)}
        for name, data in others.items():
            _write(world, name, data)
        if experiment.idle:
            world.scan()
        before = set(world.objects())
        _write(world, "known", given)
        world.scan()
        new = [path for path in world.objects() if path not in before]
        vault = world.open(write=False)
        secret = vault.cuts
        vault.close()
        files = [given] if experiment.idle else [given, *others.values()]
        return Seen(
            sorted(path.stat().st_size for path in new if "pack" in path.parts),
            sorted(path.stat().st_size for path in new if "record" in path.parts),
            [padded(length + SEALED) for data in files for length in chunks_of(data, secret)],
            chunks_of(known, secret if experiment.knows_cuts else _another(secret, seed)),
            has_it,
        )


def _device_keys(dice: random.Random, slot: bytes) -> DeviceKeys:
    return DeviceKeys(dice.randbytes(32), SlotPrivate(dice.randbytes(96)), slot)


def _write(world: World, name: str, data: bytes) -> None:
    os.utime(world.write(name, data), ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))


def _another(secret: Secret, seed: int) -> Secret:
    """Return a secret as the enemy may make one up."""
    dice = random.Random(f"enemy {seed}")
    return Secret(Chunker.GEAR64, dice.randbytes(len(secret.table)))


# What the enemy takes from the sizes; by each it sorts the vaults.
FEATURES: dict[str, Callable[[Seen], float]] = {
    "bytes of packs": lambda seen: sum(seen.packs),
    "largest pack": lambda seen: max(seen.packs),
    "smallest pack": lambda seen: min(seen.packs),
    "packs": lambda seen: len(seen.packs),
    "bytes of records": lambda seen: sum(seen.records),
    "largest record": lambda seen: max(seen.records),
    "all bytes": lambda seen: sum(seen.packs) + sum(seen.records),
    "records, less F's chunks": lambda seen: sum(seen.records) - 16 * len(seen.believed),
}


def fit(seen: Seen, sizes: Iterable[int]) -> float:
    """Return how many of F's believed chunks are among some sizes, each used once."""
    wanted, there = Counter(padded(length + SEALED) for length in seen.believed), Counter(sizes)
    return sum((wanted & there).values()) / sum(wanted.values())


def auc(scores: list[tuple[float, bool]]) -> float:
    """Return the chance that a vault with F scores above one without; the better of the two directions."""
    with_it = [score for score, has_it in scores if has_it]
    without = sorted(score for score, has_it in scores if not has_it)
    total = 0.0
    for score in with_it:
        total += _below(without, score)
    found = total / (len(with_it) * len(without))
    return max(found, 1 - found)


def _below(ordered: list[float], score: float) -> float:
    return (bisect_left(ordered, score) + bisect_right(ordered, score)) / 2


@dataclass(frozen=True)
class Told:
    """What came out: the best AUC over all features, which it was, and the control's."""

    best: float
    by: str
    control: float


def judge(found: list[Seen]) -> Told:
    """Tell how well the enemy does."""
    middle = {name: statistics.median(feature(seen) for seen in found) for name, feature in FEATURES.items()}
    scores = {name: auc([(feature(seen), seen.has_it) for seen in found]) for name, feature in FEATURES.items()}
    for name, feature in FEATURES.items():  # also by how near a number is to what is usual
        scores[f"{name}, from the middle"] = auc([(abs(feature(seen) - middle[name]), seen.has_it) for seen in found])
    scores["fit of F's chunks"] = auc([(fit(seen, [*seen.packs, *seen.records]), seen.has_it) for seen in found])
    by = max(scores, key=lambda name: scores[name])
    return Told(scores[by], by, auc([(fit(seen, seen.apart), seen.has_it) for seen in found]))


EXPERIMENTS = (
    Experiment("among others"),
    Experiment("among others, cuts known", knows_cuts=True),
    Experiment("idle", idle=True),
    Experiment("idle, cuts known", idle=True, knows_cuts=True),
    Experiment("idle, of words", idle=True, texts=True),
    Experiment("idle, of words, cuts known", idle=True, texts=True, knows_cuts=True),
)


def run(experiment: Experiment, vaults: int) -> Told:
    """Make vaults, half of them with F, and tell how well the enemy does."""
    return judge([look(experiment, at // 2, at % 2 == 0) for at in range(vaults)])


def _run(given: tuple[Experiment, int]) -> tuple[Experiment, Told]:
    return given[0], run(*given)


def main(arguments: Any = None) -> None:
    """Print the table of docs/attacks.md."""
    import multiprocessing

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vaults", type=int, default=2000)
    vaults = parser.parse_args(arguments).vaults
    print(f"| {vaults} vaults each | best AUC of the sizes | by | control: each chunk an object |\n|---|---|---|---|")
    with multiprocessing.Pool(2) as pool:
        for experiment, told in pool.imap(_run, [(one, vaults) for one in EXPERIMENTS]):
            print(f"| {experiment.name} | {told.best:.3f} | {told.by} | {told.control:.3f} |", flush=True)


if __name__ == "__main__":
    main()
