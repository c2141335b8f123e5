"""Cutting a stream of regions into chunks, with the state carried over their ends.

Pure. Invariant: the cuts of a file depend on its bytes, the vault's secret and the parameters alone,
never on how it was split into regions or on which kernel ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple, Protocol

from syncd.chunk.params import WINDOW, Params
from syncd.model.chunker import Chunker

Region = bytes | bytearray | memoryview


class Kernels(NamedTuple):
    """What finds cuts on this machine, and in what it is written."""

    gear: Callable[..., tuple[list[int], int, int]]
    prf: Callable[..., tuple[list[int], int]]
    compiled: bool
    has_cipher: bool  # `prf` takes the key itself; else a function that encrypts under it
    prf_many: Callable[..., list[list[int]]] | None = None  # many files by one call, without the interpreter's lock


def _load_kernels() -> Kernels:
    """Return the fastest there are. What is not needed is not loaded: numpy takes a tenth of a second."""
    try:
        from syncd.chunk._gear import scan as fast_gear
        from syncd.chunk._prf import able
        from syncd.chunk._prf import scan as fast_prf
        from syncd.chunk._prf import scan_many as fast_many
    except ImportError:
        from syncd.chunk import gear, prf

        return Kernels(gear.scan, prf.scan, compiled=False, has_cipher=False)
    if able():
        return Kernels(fast_gear, fast_prf, compiled=True, has_cipher=True, prf_many=fast_many)
    return Kernels(fast_gear, _without_instructions, compiled=True, has_cipher=False)


def _without_instructions(*given: object) -> tuple[list[int], int]:
    from syncd.chunk.prf import scan

    return scan(*given)  # type: ignore[arg-type]


kernels = _load_kernels()


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What decides where a vault cuts.

    Attributes:
        chunker: what uses it.
        table: 256 little-endian integers of 64 bits.
        key: of the cipher, 16 bytes; gear64 has none.
        encrypt: the cipher under that key, where no kernel has one of its own.
    """

    chunker: Chunker
    table: bytes
    key: bytes = b""
    encrypt: Callable[[bytes | memoryview], bytes] | None = None


class Cutter(Protocol):
    """Finds the chunk ends of one file, region after region."""

    open_length: int  # bytes since the last cut; the end of the file ends this chunk

    def feed(self, region: Region) -> list[int]:
        """Return the chunk ends in the next region, as offsets into it."""


def cutter(secret: Secret, params: Params) -> Cutter:
    """Return what cuts one file."""
    return _CUTTERS[secret.chunker](secret, params)


def cut_whole(secret: Secret, params: Sequence[Params], files: Sequence[object], which: bytes) -> list[list[int]]:
    """Return the chunk ends in many small files, each of them whole.

    Args:
        secret: decides where to cut.
        params: chunk lengths.
        files: their bytes; whatever is no bytes has no ends.
        which: a byte for each file, the number of its `params`.
    """
    if secret.chunker == Chunker.TOEPLITZ_AES and kernels.prf_many is not None:
        lengths = b"".join([_FIXED.pack(*_fixed(kind)) for kind in params])
        return kernels.prf_many(secret.table, secret.key, list(files), which, lengths)
    return [
        cutter(secret, params[kind]).feed(data) if isinstance(data, bytes) else []
        for data, kind in zip(files, which, strict=True)
    ]


class _Gear64:
    __slots__ = ("_fixed", "_hash", "_table", "open_length")

    def __init__(self, secret: Secret, params: Params) -> None:
        self._table, self._fixed = secret.table, _fixed(params)
        self.open_length = self._hash = 0

    def feed(self, region: Region) -> list[int]:
        ends, self.open_length, self._hash = kernels.gear(
            self._table, region, *self._fixed, self.open_length, self._hash
        )
        return ends


class _ToeplitzAes:
    __slots__ = ("_cipher", "_fixed", "_table", "_tail", "open_length")

    def __init__(self, secret: Secret, params: Params) -> None:
        self._table, self._fixed = secret.table, _fixed(params)
        self._cipher = secret.key if kernels.has_cipher else secret.encrypt
        self._tail, self.open_length = b"", 0

    def feed(self, region: Region) -> list[int]:
        ends, self.open_length = kernels.prf(
            self._table, self._cipher, self._tail, region, *self._fixed, self.open_length
        )
        last = bytes(region[-WINDOW:])
        self._tail = last if len(last) == WINDOW else (self._tail + last)[-WINDOW:]
        return ends


_CUTTERS: dict[Chunker, Callable[[Secret, Params], Cutter]] = {
    Chunker.GEAR64: _Gear64,
    Chunker.TOEPLITZ_AES: _ToeplitzAes,
}


_FIXED = Struct("@5Q")


def _fixed(params: Params) -> tuple[int, ...]:
    return params.minimum, params.average, params.maximum, params.strict, params.loose
