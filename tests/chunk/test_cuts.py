"""The chunker: the same cuts from every kernel and every split into regions, and stable under insertion."""

from __future__ import annotations

import itertools
import random
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.chunk import _prf, cuts, gear, prf
from syncd.chunk.cuts import Kernels, Secret, cutter, kernels
from syncd.chunk.params import PROFILES, Params, choose_profile, keep_profile
from syncd.model.chunker import Chunker
from syncd.seal.keys import block_cipher

TABLE, KEY = random.Random(1).randbytes(2048), random.Random(1).randbytes(16)
SMALL = Params(65, 256, 1024)
SECRETS = {
    Chunker.GEAR64: Secret(Chunker.GEAR64, TABLE),
    Chunker.TOEPLITZ_AES: Secret(Chunker.TOEPLITZ_AES, TABLE, KEY, block_cipher(KEY)),
}
# The kernels of this machine; those for a processor with fewer instructions; those for one without a compiler.
KERNELS = {
    "installed": kernels,
    "narrow": kernels._replace(prf=_prf.scan_narrow, has_cipher=True),
    "numpy": Kernels(gear.scan, prf.scan, compiled=False, has_cipher=False),
}
FIXED = (SMALL.minimum, SMALL.average, SMALL.maximum, SMALL.strict, SMALL.loose)
each_kernel = pytest.mark.parametrize("kernel", KERNELS)
each_chunker = pytest.mark.parametrize("chunker", Chunker, ids=lambda chunker: chunker.word)


def sums(window: bytes) -> int:
    """The hash of gear64."""
    entries = struct.unpack("<256Q", TABLE)
    return sum(entries[byte] << j for j, byte in enumerate(reversed(window))) % (1 << 64)


def remainders(window: bytes) -> int:
    """What toeplitz-aes says: the cipher of a polynomial over GF(2), as its definition has it."""
    entries, h = struct.unpack("<256Q", TABLE), 0
    for j, byte in enumerate(reversed(window)):
        h ^= entries[byte] << j  # degree 63 + 63 at most
    for degree in range(127, 63, -1):
        if h >> degree & 1:
            h ^= (1 << 64 | 0b11011) << (degree - 64)
    said = block_cipher(KEY)(h.to_bytes(8, "little") + bytes(8))
    return int.from_bytes(said[:8], "little")


SAYS = {Chunker.GEAR64: sums, Chunker.TOEPLITZ_AES: remainders}


def reference(chunker: Chunker, data: bytes, params: Params) -> list[int]:
    """The definition in docs/format.md section 5, byte by byte, without any skipping."""
    ends, start = [], 0
    for i in range(len(data)):
        n = i + 1 - start
        threshold = params.strict if n < params.average else params.loose
        if n == params.maximum or (n >= params.minimum and SAYS[chunker](data[i - 63 : i + 1]) < threshold):
            ends.append(i + 1)
            start = i + 1
    return ends


def feed(chunker: Chunker, data: bytes, splits: list[int], kernel: str) -> list[int]:
    original, cuts.kernels = cuts.kernels, KERNELS[kernel]
    try:
        cut, ends, at = cutter(SECRETS[chunker], SMALL), [], 0
        for end in [*sorted(splits), len(data)]:
            ends += [at + offset for offset in cut.feed(data[at:end])]
            at = end
        assert cut.open_length == len(data) - (ends[-1] if ends else 0)
        return ends
    finally:
        cuts.kernels = original


@each_kernel
@each_chunker
@given(
    data=st.one_of(
        st.binary(max_size=6000),
        st.builds(lambda seed, n: random.Random(seed).randbytes(n), st.integers(0, 999), st.integers(0, 9000)),
        st.builds(lambda n: bytes(n), st.integers(0, 5000)),
    ),
    where=st.lists(st.floats(0, 1), max_size=6),
)
def test_cuts_depend_on_bytes_alone(kernel: str, chunker: Chunker, data: bytes, where: list[float]) -> None:
    splits = [int(part * len(data)) for part in where]
    assert feed(chunker, data, splits, kernel) == reference(chunker, data, SMALL)


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
    assert kernels.gear(TABLE, data, *FIXED, length, h) == gear.scan(TABLE, data, *FIXED, length, h)
    tail = random.Random(h).randbytes(64)[: max(min(length, 64), h % 65)]
    slowly = prf.scan(TABLE, block_cipher(KEY), tail, data, *FIXED, length)
    assert _prf.scan(TABLE, KEY, tail, data, *FIXED, length) == slowly
    assert _prf.scan_narrow(TABLE, KEY, tail, data, *FIXED, length) == slowly


@each_chunker
@given(seed=st.integers(0, 1 << 32), at=st.floats(0, 1), inserted=st.binary(min_size=1, max_size=100))
def test_an_insertion_is_felt_until_two_cuts_meet(chunker: Chunker, seed: int, at: float, inserted: bytes) -> None:
    """Chunks that end before it are untouched; where a cut falls on the same byte again, so do all that follow."""
    data = random.Random(seed).randbytes(100_000)
    where = int(at * len(data))
    before = cutter(SECRETS[chunker], SMALL).feed(data)
    after = cutter(SECRETS[chunker], SMALL).feed(data[:where] + inserted + data[where:])
    assert [cut for cut in before if cut <= where] == [cut for cut in after if cut <= where]
    shifted = [cut - len(inserted) for cut in after]
    never = len(data) + 1
    meeting = next((cut for cut in before if cut > where and cut in shifted), never)
    assert [cut for cut in before if cut >= meeting] == [cut for cut in shifted if cut >= meeting]


@each_chunker
def test_an_insertion_is_felt_for_a_few_chunks(chunker: Chunker) -> None:
    """Over 300 insertions, fixed by their seeds: three chunks in the mean, and a tail that thins out."""
    felt = []
    for seed in range(300):
        source = random.Random(seed)
        data = source.randbytes(100_000)
        where = source.randrange(len(data))
        inserted = source.randbytes(source.randint(1, 100))
        felt.append(len(pieces(chunker, data[:where] + inserted + data[where:]) - pieces(chunker, data)))
    assert sum(felt) / len(felt) < 3.5
    assert sum(count > 12 for count in felt) <= 3


def pieces(chunker: Chunker, data: bytes) -> set[bytes]:
    ends = [0, *cutter(SECRETS[chunker], SMALL).feed(data), len(data)]
    return {data[a:b] for a, b in itertools.pairwise(ends)}


@each_chunker
@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_lengths_keep_their_bounds_and_their_mean(profile: int, chunker: Chunker) -> None:
    params = Params(*PROFILES[profile])
    data = random.Random(7).randbytes(min(256 * params.average, 48 << 20))
    ends = [0, *cutter(SECRETS[chunker], params).feed(data)]
    lengths = [b - a for a, b in itertools.pairwise(ends)]
    assert all(params.minimum <= length <= params.maximum for length in lengths)
    assert 0.9 * params.average < sum(lengths) / len(lengths) < 1.4 * params.average


OTHER_TABLE, OTHER_KEY = random.Random(4).randbytes(2048), random.Random(4).randbytes(16)


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (SECRETS[Chunker.GEAR64], Secret(Chunker.GEAR64, OTHER_TABLE)),
        (SECRETS[Chunker.TOEPLITZ_AES], Secret(Chunker.TOEPLITZ_AES, OTHER_TABLE, KEY, block_cipher(KEY))),
        (SECRETS[Chunker.TOEPLITZ_AES], Secret(Chunker.TOEPLITZ_AES, TABLE, OTHER_KEY, block_cipher(OTHER_KEY))),
    ],
    ids=["gear64", "table", "key"],
)
def test_another_secret_cuts_elsewhere(ours: Secret, other: Secret) -> None:
    data = random.Random(3).randbytes(200_000)
    here, there = set(cutter(ours, SMALL).feed(data)), set(cutter(other, SMALL).feed(data))
    assert len(here & there) < 0.1 * len(here)


@pytest.mark.parametrize(
    ("chunker", "ends"),
    [
        (Chunker.GEAR64, [271, 558, 874, 1209, 1486, 1761, 2030, 2292]),
        (Chunker.TOEPLITZ_AES, [114, 398, 703, 1102, 1315, 1627, 1891, 2178]),
    ],
)
def test_golden_cuts(chunker: Chunker, ends: list[int]) -> None:
    """Frozen: other cuts would store every file anew."""
    data = random.Random(2024).randbytes(20_000)
    assert cutter(SECRETS[chunker], Params(66, 256, 1024)).feed(data)[:8] == ends


@each_kernel
@pytest.mark.parametrize(
    "fixed", [(32, 256, 1024), (256, 256, 1024), (64, 1024, 1024)], ids=["short", "flat", "no room"]
)
def test_kernels_refuse_parameters_out_of_range(kernel: str, fixed: tuple[int, int, int]) -> None:
    one = KERNELS[kernel]
    cipher = KEY if one.has_cipher else block_cipher(KEY)
    with pytest.raises(ValueError, match="out of range"):
        one.gear(TABLE, b"x", *fixed, 1, 2, 0, 0)
    with pytest.raises(ValueError, match="out of range"):
        one.prf(TABLE, cipher, b"", b"x", *fixed, 1, 2, 0)


@each_kernel
@pytest.mark.parametrize(("tail", "length"), [(b"x" * 65, 0), (b"", 1), (b"x" * 63, 900)])
def test_kernels_refuse_a_tail_that_does_not_fit(kernel: str, tail: bytes, length: int) -> None:
    one = KERNELS[kernel]
    with pytest.raises(ValueError, match="out of range"):
        one.prf(TABLE, KEY if one.has_cipher else block_cipher(KEY), tail, b"x", *FIXED, length)


def test_the_cipher_is_aes() -> None:
    """FIPS 197, appendix B: the kernel's own cipher is tested against this one by the cuts it makes."""
    key, plain = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("3243f6a8885a308d313198a2e0370734")
    assert block_cipher(key)(plain).hex() == "3925841d02dc09fbdc118597196a0b32"


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


@given(
    files=st.lists(st.one_of(st.binary(max_size=4000), st.just(b""), st.integers(1, 40), st.none()), max_size=8),
    chunker=st.sampled_from(Chunker),
    turn=st.integers(0, 1),
)
def test_many_files_are_cut_as_each_by_itself(files: list[bytes | int | None], chunker: Chunker, turn: int) -> None:
    kinds = (SMALL, Params(66, 256, 1024))
    which = bytes((number + turn) % 2 for number in range(len(files)))
    expected = [
        cutter(SECRETS[chunker], kinds[kind]).feed(data) if isinstance(data, bytes) else []
        for data, kind in zip(files, which, strict=True)
    ]
    assert cuts.cut_whole(SECRETS[chunker], kinds, files, which) == expected


@pytest.mark.skipif(kernels.prf_many is None, reason="the kernel is not built, or this processor has no AES")
def test_what_the_kernel_cannot_take_is_refused() -> None:
    many, lengths = kernels.prf_many, b"".join(value.to_bytes(8, sys.byteorder) for value in FIXED)
    assert many is not None
    assert many(TABLE, KEY, [], b"", lengths) == []
    for given_ in (
        (TABLE[1:], KEY, [b"x"], b"\0", lengths),
        (TABLE, KEY[1:], [b"x"], b"\0", lengths),
        (TABLE, KEY, [b"x"], b"", lengths),
        (TABLE, KEY, [b"x"], b"\1", lengths),
        (TABLE, KEY, [b"x"], b"\0", lengths[1:]),
        (TABLE, KEY, [b"x"], b"\0", bytes(40)),
    ):
        with pytest.raises(ValueError):
            many(*given_)
    with pytest.raises(TypeError):
        many(TABLE, KEY, (b"x",), b"\0", lengths)
