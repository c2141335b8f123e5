"""Attacks on where files are cut (row C1 of docs/attacks.md): learning the secret from the cuts of known data.

Here the enemy sees every cut, as if each chunk were an object of its own; in a real store packs hide them. After
Alexeev, Percival and Zhang (ePrint 2025/532) and Truong and others (ePrint 2025/558): who cuts on the bits of a hash
that is linear in its table gives the table away.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from syncd.chunk import prf
from syncd.chunk.cuts import Secret, cutter
from syncd.chunk.params import Params
from syncd.model.chunker import Chunker
from syncd.seal.keys import block_cipher

SEED = 20261128
LETTERS = b"0123456789abcdef"  # the known data is text of few letters: so few unknowns, so little to do
PARAMS = Params(65, 256, 1024)
TOP = 6  # bits that are zero where a chunk is cut: T is 2^58 at most
WINDOW, POLYNOMIAL = 64, 1 << 64 | 0b11011
TABLE, KEY = random.Random(SEED).randbytes(2048), random.Random(SEED + 1).randbytes(16)
ENTRIES = struct.unpack("<256Q", TABLE)

Encrypt = Callable[[bytes | memoryview], bytes]


def known_text(size: int) -> bytes:
    return bytes(random.Random(SEED + 2).choices(LETTERS, k=size))


def cuts_of(text: bytes, encrypt: Encrypt) -> list[int]:
    """Return where toeplitz-aes cuts with some cipher; those that the maximum made tell nothing."""
    fixed = (PARAMS.minimum, PARAMS.average, PARAMS.maximum, PARAMS.strict, PARAMS.loose)
    ends, _ = prf.scan(TABLE, encrypt, b"", text, *fixed, 0)
    starts = [0, *ends]
    return [end for start, end in zip(starts, ends, strict=False) if end - start < PARAMS.maximum]


def powers() -> list[int]:
    """Return x^m for m below 127, reduced."""
    found = [1]
    for _ in range(2 * WINDOW - 2):
        next_ = found[-1] << 1
        found.append(next_ ^ POLYNOMIAL if next_ >> 64 else next_)
    return found


def equations(text: bytes, cuts: list[int]) -> list[int]:
    """Return rows over GF(2): of the unknown bits, those which add to a top bit that is zero.

    The unknown are the differences of each letter's entry to the first one's, and the top bits of a window that is all of
    the first letter: more than this no cut can tell.
    """
    power = powers()
    # masks[j][p]: the bits of an entry that reach bit 63 - p when it is multiplied by x^j.
    masks = [[sum((power[j + q] >> (63 - p) & 1) << q for q in range(64)) for p in range(TOP)] for j in range(WINDOW)]
    place = {letter: at for at, letter in enumerate(LETTERS[1:])}
    rows = []
    for cut in cuts:
        for p in range(TOP):
            row = 1 << (64 * len(place) + p)
            for j, byte in enumerate(reversed(text[cut - WINDOW : cut])):
                if byte in place:
                    row ^= masks[j][p] << (64 * place[byte])
            rows.append(row)
    return rows


UNKNOWNS = 64 * (len(LETTERS) - 1) + TOP


def eliminate(rows: list[int]) -> dict[int, int]:
    """Return a basis of the rows: highest bit -> row."""
    basis: dict[int, int] = {}
    for row in rows:
        while row:
            top = row.bit_length() - 1
            if top not in basis:
                basis[top] = row
                break
            row ^= basis[top]
    return basis


def solutions(basis: dict[int, int]) -> list[int]:
    """Return a basis of what fits all equations: for each free bit the vector that has it and no other free one."""
    found = []
    for free in (bit for bit in range(UNKNOWNS) if bit not in basis):
        vector = 1 << free
        for top in sorted(basis):  # each row decides its highest bit by the lower ones
            if (basis[top] & ~(1 << top) & vector).bit_count() & 1:
                vector |= 1 << top
        found.append(vector)
    return found


def differences(vector: int) -> list[int]:
    return [vector >> (64 * at) & (1 << 64) - 1 for at in range(len(LETTERS) - 1)]


def test_elimination_finds_no_table() -> None:
    """C1. No table but one of zeros fits what is seen: there is nothing to be learnt by it."""
    text = known_text(400_000)
    cuts = cuts_of(text, block_cipher(KEY))
    assert len(cuts) > 1000
    assert len(eliminate(equations(text, cuts))) == UNKNOWNS


def test_the_control_without_the_cipher_gives_its_table_away() -> None:
    """The same chunker, cutting on the hash itself: what is left after elimination is the table, bit by bit."""
    text = known_text(400_000)
    cuts = cuts_of(text, lambda blocks: bytes(blocks))
    assert len(cuts) > 1000
    left = [differences(vector) for vector in solutions(eliminate(equations(text, cuts)))]
    assert left == [[ENTRIES[letter] ^ ENTRIES[LETTERS[0]] for letter in LETTERS[1:]]]


# -- chosen data ------------------------------------------------------------------------------------

ONE_TEST = Params(1024, 1025, 4096)  # the first position that is tested is the last of 1,024 bytes
GUESSED = 13  # low bits of the difference that are guessed: from there on a step is smaller than half of T
MODULUS = 1 << 64


class Oracle:
    """A vault that shows its cuts, and takes files that the enemy wrote. A window of two letters is an integer of 64 bits."""

    def __init__(self, secret: Secret, letters: bytes) -> None:
        self._secret, self._bytes = secret, bytes.maketrans(b"01", letters)

    def is_cut_after(self, window: int) -> bool:
        text = format(window % MODULUS, "064b").encode().translate(self._bytes)
        return cutter(self._secret, ONE_TEST).feed(bytes(ONE_TEST.minimum - WINDOW) + text) == [ONE_TEST.minimum]


def learn_difference(oracle: Oracle, dice: random.Random) -> int | None:
    """Return D, if what decides is (D * window + c) modulo 2^64 below T, as it is for gear64: D = G[1] - G[0].

    A window that is cut is moved by a multiple of which D makes 2^(63-k), if the bits of D below k are right and bit k
    is 0: it is cut still, in one direction at least. If bit k is 1 it is moved half around, and is not cut.
    """
    seen = [window for window in (dice.getrandbits(64) for _ in range(60_000)) if oracle.is_cut_after(window)]
    start = seen[0]

    def stays(step: int, at: int = start) -> bool:
        return oracle.is_cut_after(at + step) or oracle.is_cut_after(at - step)

    for guess in range(1, 1 << GUESSED, 2):
        if not stays(pow(guess, -1, 1 << GUESSED) << (64 - GUESSED)):
            continue
        difference = guess
        for bit in range(GUESSED, 64):
            if not stays(pow(difference, -1, 2 << bit) << (63 - bit)):
                difference |= 1 << bit
        small = pow(difference, -1, MODULUS)  # moves every window by one: all that are cut stay so
        if all(stays(small, window) for window in seen):
            return difference
    return None


SECRETS = {
    Chunker.GEAR64: Secret(Chunker.GEAR64, TABLE),
    Chunker.TOEPLITZ_AES: Secret(Chunker.TOEPLITZ_AES, TABLE, KEY, block_cipher(KEY)),
}
# Two letters whose entries differ by an odd number: every second pair does.
PAIR = next(bytes((97, other)) for other in range(98, 123) if (ENTRIES[other] - ENTRIES[97]) % 2)


def test_chosen_files_tell_nothing_of_the_table() -> None:
    assert learn_difference(Oracle(SECRETS[Chunker.TOEPLITZ_AES], PAIR), random.Random(SEED)) is None


def test_the_control_gear64_gives_its_table_away_to_chosen_files() -> None:
    found = learn_difference(Oracle(SECRETS[Chunker.GEAR64], PAIR), random.Random(SEED))
    assert found == (ENTRIES[PAIR[1]] - ENTRIES[PAIR[0]]) % MODULUS
