"""How fast a store moves bytes, one way: so that a large object on a slow line is not taken for a store that hangs.

Pure. What is measured has a bandwidth limit in it, and whatever else goes over the line.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 1 << 16  # bytes; how long less takes says nothing of the line
SMOOTHING = 0.2  # of one measure in the mean of all, as with latency (health.py)
DOUBT = 3.0  # times as long as usual is slow


@dataclass(slots=True)
class Pace:
    """The mean of what was measured; None before the first.

    Attributes:
        s_per_byte: seconds that a byte takes.
    """

    s_per_byte: float | None = None

    def took(self, size: int, took_s: float) -> None:
        """Take a measure."""
        if size < LEAST:
            return
        each = max(0.0, took_s) / size
        self.s_per_byte = each if self.s_per_byte is None else self.s_per_byte + SMOOTHING * (each - self.s_per_byte)

    def slow_s(self, size: int, least_s: float, *, unknown: float = 0.0) -> float:
        """Return after how many seconds so many bytes are late, at least `least_s`.

        Args:
            size: bytes.
            least_s: for an object of no size.
            unknown: seconds that a byte takes where nothing was measured yet.
        """
        each = unknown if self.s_per_byte is None else self.s_per_byte
        return max(least_s, DOUBT * size * each)
