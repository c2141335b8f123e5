"""The chunker: the same cuts from every kernel and every split into regions, and stable under insertion."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.chunk import cuts, fallback
from syncd.chunk.cuts import Cutter
from syncd.chunk.params import PROFILES, Params, choose_profile, keep_profile

TABLE = random.Random(1).randbytes(2048)
SMALL = Params(64, 256, 1024)


def reference(table: bytes, data: bytes, params: Params) -> list[int]:
    """The definition in docs/format.md section 5, byte by byte, without any skipping."""
    gear = struct.unpack("<256Q", table)
    ends, start = [], 0
    for i in range(len(data)):
        n = i + 1 - start
        window = data[max(0, i - 63) : i + 1]
        h = sum(gear[byte] << j for j, byte in enumerate(reversed(window))) % (1 << 64)
        threshold = params.strict if n < params.average else params.loose
        if n == params.maximum or (n >= params.minimum and h < threshold):
            ends.append(i + 1)
            start = i + 1
    return ends


def feed(data: bytes, splits: list[int], params: Params, scan: cuts.Scan) -> list[int]:
    original, cuts.scan = cuts.scan, scan
    try:
        cutter, ends, at = Cutter(TABLE, params), [], 0
        for end in [*sorted(splits), len(data)]:
            ends += [at + offset for offset in cutter.feed(data[at:end])]
            at = end
        assert cutter.open_length == len(data) - (ends[-1] if ends else 0)
        return ends
    finally:
        cuts.scan = original


KERNELS = [cuts.scan, fallback.scan]


@pytest.mark.parametrize("scan", KERNELS, ids=["installed", "numpy"])
@given(
    data=st.one_of(
        st.binary(max_size=6000),
        st.builds(lambda seed, n: random.Random(seed).randbytes(n), st.integers(0, 999), st.integers(0, 9000)),
        st.builds(lambda n: bytes(n), st.integers(0, 5000)),
    ),
    where=st.lists(st.floats(0, 1), max_size=6),
)
def test_cuts_depend_on_bytes_alone(scan: cuts.Scan, data: bytes, where: list[float]) -> None:
    splits = [int(part * len(data)) for part in where]
    assert feed(data, splits, SMALL, scan) == reference(TABLE, data, SMALL)


@given(
    seed=st.integers(0, 1 << 32),
    size=st.integers(0, 200_000),
    length=st.integers(0, 1023),
    h=st.integers(0, (1 << 64) - 1),
)
def test_kernels_agree_from_any_state(seed: int, size: int, length: int, h: int) -> None:
    data = random.Random(seed).randbytes(size)
    if length <= SMALL.minimum - 64:
        h = 0  # a state the kernel leaves: nothing was hashed yet
    fixed = (SMALL.minimum, SMALL.average, SMALL.maximum, SMALL.strict, SMALL.loose)
    assert cuts.scan(TABLE, data, *fixed, length, h) == fallback.scan(TABLE, data, *fixed, length, h)


@given(seed=st.integers(0, 1 << 32), at=st.floats(0, 1), inserted=st.binary(min_size=1, max_size=100))
def test_an_insertion_is_felt_until_two_cuts_meet(seed: int, at: float, inserted: bytes) -> None:
    """Chunks that end before it are untouched; where a cut falls on the same byte again, so do all that follow."""
    data = random.Random(seed).randbytes(100_000)
    where = int(at * len(data))
    before = Cutter(TABLE, SMALL).feed(data)
    after = Cutter(TABLE, SMALL).feed(data[:where] + inserted + data[where:])
    assert [cut for cut in before if cut <= where] == [cut for cut in after if cut <= where]
    shifted = [cut - len(inserted) for cut in after]
    never = len(data) + 1
    meeting = next((cut for cut in before if cut > where and cut in shifted), never)
    assert [cut for cut in before if cut >= meeting] == [cut for cut in shifted if cut >= meeting]


def test_an_insertion_is_felt_for_a_few_chunks() -> None:
    """Over 300 insertions, fixed by their seeds: three chunks in the mean, and a tail that thins out."""
    felt = []
    for seed in range(300):
        source = random.Random(seed)
        data = source.randbytes(100_000)
        where = source.randrange(len(data))
        inserted = source.randbytes(source.randint(1, 100))
        felt.append(len(pieces(data[:where] + inserted + data[where:]) - pieces(data)))
    assert sum(felt) / len(felt) < 3.5
    assert sum(count > 12 for count in felt) <= 3


def pieces(data: bytes) -> set[bytes]:
    ends = [0, *Cutter(TABLE, SMALL).feed(data), len(data)]
    return {data[a:b] for a, b in itertools.pairwise(ends)}


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_lengths_keep_their_bounds_and_their_mean(profile: int) -> None:
    params = Params(*PROFILES[profile])
    data = random.Random(7).randbytes(min(256 * params.average, 48 << 20))
    ends = [0, *Cutter(TABLE, params).feed(data)]
    lengths = [b - a for a, b in itertools.pairwise(ends)]
    assert all(params.minimum <= length <= params.maximum for length in lengths)
    assert 0.9 * params.average < sum(lengths) / len(lengths) < 1.4 * params.average


def test_another_table_cuts_elsewhere() -> None:
    data = random.Random(3).randbytes(200_000)
    other = random.Random(4).randbytes(2048)
    ours, theirs = set(Cutter(TABLE, SMALL).feed(data)), set(Cutter(other, SMALL).feed(data))
    assert len(ours & theirs) < 0.1 * len(ours)


def test_golden_cuts() -> None:
    """Frozen: other cuts would store every file anew."""
    data = random.Random(2024).randbytes(20_000)
    assert Cutter(TABLE, SMALL).feed(data)[:8] == [271, 558, 874, 1209, 1486, 1761, 2030, 2292]


@pytest.mark.parametrize("scan", KERNELS, ids=["installed", "numpy"])
@pytest.mark.parametrize(
    "fixed", [(32, 256, 1024), (256, 256, 1024), (64, 1024, 1024)], ids=["short", "flat", "no room"]
)
def test_kernels_refuse_parameters_out_of_range(scan: cuts.Scan, fixed: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        scan(TABLE, b"x", *fixed, 1, 2, 0, 0)


@pytest.mark.parametrize(
    ("head", "size", "profile"),
    [
        (b"SQLite format 3\0", 600 << 20, 0),
        (b"plain text", 1000, 1),
        (b"plain text", 5 << 30, 2),
        (b"\xff\xd8\xff\xe0", 3 << 20, 3),
        (b"\0\0\0\x20ftypisom", 900 << 20, 3),
        (b"PK\x03\x04", 90 << 20, 1),
    ],
)
def test_profile_of_a_new_file(head: bytes, size: int, profile: int) -> None:
    assert choose_profile(head, size) == profile


@pytest.mark.parametrize(
    ("then", "now", "kept"),
    [(100, 100, True), (100, 1599, True), (100, 1600, False), (1600, 100, False), (0, 15, True)],
)
def test_profile_is_kept_until_sixteen_fold(then: int, now: int, kept: bool) -> None:
    assert keep_profile(1, then, now) is kept
