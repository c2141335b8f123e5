"""Bytes written per edit against metadata per GB, by average chunk length: the table of decision 003.

Cuts real files before and after real edits with each average, compresses what is new in segments of
1 MiB as a pack does, and counts the ids a version lists and the rows its locations take.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from blake3 import blake3

from benchmarks import data
from syncd.chunk.cuts import Secret, cutter
from syncd.chunk.lists import LONGEST_INLINE, cut_list
from syncd.chunk.params import Params
from syncd.model.chunker import Chunker
from syncd.seal.compression import compress

AVERAGES = (4, 8, 16, 32, 64, 256, 1024)
SECRET = Secret(Chunker.GEAR64, random.Random(1).randbytes(2048))
SEGMENT = 1 << 20
REGION = 8 << 20
ROW = 16 + 2  # bytes of a location row after compression: an id, and what is left of a length


def chunks_of(path: Path, average: int) -> dict[bytes, tuple[int, int]]:
    """Return id -> (offset, length) of a file's chunks, in order, repeated ones once."""
    cuts = cutter(SECRET, Params(average // 4, average, average * 4))
    found: dict[bytes, tuple[int, int]] = {}
    with path.open("rb") as file:
        start = at = 0
        rest = b""
        while region := file.read(REGION):
            whole = rest + region
            base = at - len(rest)
            for end in cuts.feed(region):
                found.setdefault(blake3(whole[start - base : at + end - base]).digest(16), (start, at + end - start))
                start = at + end
            at += len(region)
            rest = whole[start - base :]
        if rest:
            found.setdefault(blake3(rest).digest(16), (start, len(rest)))
    return found


def packed(path: Path, places: list[tuple[int, int]]) -> int:
    """Return the compressed size of chunks, in segments."""
    total, waiting = 0, bytearray()
    with path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            waiting += file.read(length)
            if len(waiting) >= SEGMENT:
                total += len(compress(waiting, 3))
                waiting.clear()
    return total + (len(compress(waiting, 3)) if waiting else 0)


def lists(ids: list[bytes]) -> set[bytes]:
    """Return the list chunks of a version."""
    if len(ids) <= LONGEST_INLINE:
        return {b"".join(ids)}
    return set(cut_list(b"".join(ids)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    cache = parser.parse_args().cache
    big = data.big(cache)
    print("| average | metadata per GB | db: 1,000 rows | tar: 1 byte | tar: 10 x 4 KiB | first store of both |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        edited = {}
        for name in ("sources.tar", "lines.db"):
            shutil.copy2(big / name, Path(work) / name)
        data.edit_database(Path(work) / "lines.db")
        edited["db"] = (big / "lines.db", Path(work) / "lines.db")
        for which in ("1 byte at start", "10 x 4 KiB"):
            target = Path(work) / which.replace(" ", "-")
            shutil.copy2(big / "sources.tar", target)
            data.edit_tar(target, which)
            edited[which] = (big / "sources.tar", target)
        for average in AVERAGES:
            before = {path: chunks_of(path, average * 1024) for path in {pair[0] for pair in edited.values()}}
            cells = []
            for old, new in edited.values():
                now = chunks_of(new, average * 1024)
                fresh = [place for chunk, place in now.items() if chunk not in before[old]]
                told = sum(map(len, lists(list(now)) - lists(list(before[old])))) + ROW * len(fresh)
                cells.append(f"{(packed(new, fresh) + told) / 1e6:.3f} MB")
            count = sum(map(len, before.values()))
            size = sum(path.stat().st_size for path in before)
            first = sum(packed(path, list(places.values())) for path, places in before.items()) + count * (ROW + 16)
            metadata = count / size * 1e9 * (ROW + 16) / 1e6
            print(f"| {average} KiB | {metadata:.2f} MB | {' | '.join(cells)} | {first / 1e6:.1f} MB |", flush=True)


if __name__ == "__main__":
    main()
