"""Instants as people write them. Pure: the present comes in as an argument."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from syncd.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"(\d+)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)(\s+ago)?\Z", re.IGNORECASE)
EARLIEST, LATEST = -(1 << 63) + 10**18, (1 << 63) - 10**18  # what 64 bits of ns hold, less a margin
_FORMS = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M")


def parse_instant(text: str, now: datetime) -> int:
    """Return the instant that a text names, as ns since 1970.

    Args:
        text: `2026-11-21`, `2026-11-21 14:05`, `2026-11-21T14:05:00+01:00`, `14:05`, `2h`,
            `3 days ago`, `yesterday` (the same time of day), `now`. A date alone is its end.
        now: the present, with the local time zone.

    Raises:
        UsageError: it is none of these.
    """
    try:
        instant = _parse(text, now)
    except OverflowError:
        instant = EARLIEST - 1
    if not EARLIEST <= instant <= LATEST:
        raise UsageError(f"{text!r} is too far away", hint="Times from 1678 to 2261 are known.")
    return instant


def _parse(text: str, now: datetime) -> int:
    word = text.strip()
    if word.lower() in ("now", "yesterday"):
        return _ns(now - timedelta(days=word.lower() == "yesterday"))
    ago = _AGO.match(word)
    if ago:
        return _ns(now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2][0].lower()]))
    for form in _FORMS:
        try:
            read = datetime.strptime(word.replace("T", " "), form)
        except ValueError:
            continue
        if "%Y" not in form:
            read = read.replace(year=now.year, month=now.month, day=now.day)
        if form == "%Y-%m-%d":
            read += timedelta(days=1, microseconds=-1)
        return _ns(read.replace(tzinfo=now.tzinfo) if read.tzinfo is None else read)
    try:
        read = datetime.fromisoformat(word)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time that syncd knows",
            hint="Write 2026-11-21, '2026-11-21 14:05', 14:05, 2h, '3 days ago' or yesterday.",
        ) from None
    return _ns(read if read.tzinfo else read.replace(tzinfo=now.tzinfo))


def _ns(moment: datetime) -> int:
    whole = int(moment.timestamp() // 1)
    return whole * 1_000_000_000 + moment.microsecond * 1000
