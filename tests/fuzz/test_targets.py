"""A short run of every fuzz target, without the fuzzer: seeds, and so many changes of each that a number repeats."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SEED = 20261127
CHANGES = 400  # of each target's seeds
MOST = 32 * 1024 * 1024  # bytes that a decoder may take for a seed of 2 KiB: a frame may inflate to 16 MiB
KEPT = Path(__file__).parent / "seeds"  # what once was wrong, by target


def changed(seed: bytes, other: bytes, dice: random.Random) -> bytes:
    """Return bytes that are nearly a seed: cut, spliced, with other bytes, or with numbers that are great."""
    data = bytearray(seed)
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        what = dice.randrange(6)
        if what == 0 and data:
            data[at % len(data)] ^= 1 << dice.randrange(8)
        elif what == 1:
            del data[at : at + dice.randrange(1, 40)]
        elif what == 2:
            data[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif what == 3:
            data[at : at + 4] = b"\xff\xff\xff\x7f"
        elif what == 4:
            data[at : at + 8] = dice.choice([bytes(8), b"\xff" * 8, (1 << 40).to_bytes(8, "little")])
        else:
            data[at:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused(name: str) -> None:
    target, dice = TARGETS[name], random.Random(f"{SEED} {name}")
    tried = [*target.seeds, b"", *(path.read_bytes() for path in sorted((KEPT / name).glob("*")))]
    tried += [changed(dice.choice(target.seeds), dice.choice(target.seeds), dice) for _ in range(CHANGES)]
    refused = 0
    for data in tried:
        try:
            target.decode(data)
        except target.raises:
            refused += 1
    assert name in ("ignore", "words") or refused > CHANGES // 10


@pytest.mark.parametrize("name", TARGETS)
def test_no_length_takes_memory_before_it_is_met(name: str) -> None:
    target, dice = TARGETS[name], random.Random(f"{SEED} memory {name}")
    tracemalloc.start()
    try:
        for _ in range(60):
            with contextlib.suppress(*target.raises):
                target.decode(changed(dice.choice(target.seeds), dice.choice(target.seeds), dice))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST
