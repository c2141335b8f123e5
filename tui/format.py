"""Numbers, times and paths as people read them in a narrow column. Pure: the present comes in as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len

from syncd.model.counted import counted

BARS = "▁▂▃▄▅▆▇█"
MINUTE, HOUR, DAY = 60, 3600, 86400


def size(count: float) -> str:
    """Return a size: 812 B, 4.1 kB, 23.0 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def number(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return counted(count, one, many)


def span(seconds: float) -> str:
    """Return how long something takes, by its greatest unit: 12 s, 44 min, 3 h, 9 days."""
    for unit, length in (("day", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{max(0, seconds):.0f} s"


def age(ns: int | None, now: datetime) -> str:
    """Return how long ago something was."""
    if not ns:
        return "never"
    seconds = now.timestamp() - ns / 1e9
    return "now" if seconds < 2 else f"{span(seconds)} ago"


def when(ns: int, now: datetime) -> str:
    """Return an instant in at most 12 letters: 12:41:10 today, Mon 17:20 this week, 3 Feb 09:02, 3 Feb 2025."""
    try:
        then = datetime.fromtimestamp(ns / 1e9, now.tzinfo)
    except (OverflowError, ValueError, OSError):
        return "?"
    if then.date() == now.date():
        return f"{then:%H:%M:%S}"
    if timedelta(0) <= now - then < timedelta(days=6):
        return f"{then:%a %H:%M}"
    if then.year == now.year:
        return f"{then.day} {then:%b %H:%M}"
    return f"{then.day} {then:%b %Y}"


def brief(ns: int, now: datetime) -> str:
    """Return an instant in at most 6 letters: 12:41 today, Mon this week, 3 Feb this year, 2025."""
    text = when(ns, now)
    if text[2:3] == ":":
        return text[:5]
    parts = text.split()
    if len(parts) == 2:
        return parts[0]
    return " ".join(parts[:2]) if ":" in text else parts[-1]


def full(ns: int, now: datetime) -> str:
    """Return an instant whole, in the local time zone."""
    return datetime.fromtimestamp(ns / 1e9, now.tzinfo).strftime("%Y-%m-%d %H:%M:%S")


def fit(text: str, width: int) -> str:
    """Return a text cut in its middle to a number of letters: both ends of a path say what it is."""
    if len(text) <= width:
        return text
    if width < 5:
        return text[:width]
    head = (width - 1) // 2
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]


def safe(text: str) -> str:
    """Return a name with what is not to be printed made visible, so that none can write on the terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def bar(share: float, width: int) -> str:
    """Return a bar of so many letters, filled so far."""
    done = round(max(0.0, min(1.0, share)) * width)
    return "█" * done + "░" * (width - done)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest values as bars, the highest one full."""
    shown = list(values)[-width:]
    top = max(shown, default=0)
    marks = [BARS[min(7, int(value / top * 7.999))] if top else BARS[0] for value in shown]
    return BARS[0] * (width - len(marks)) + "".join(marks)


def column(text: str, width: int, *, right: bool = False) -> str:
    """Return a text as wide as a column, whatever letters it has: cut in its middle, or filled up."""
    if cell_len(text) > width:
        text = fit(text, width) if cell_len(text) == len(text) else chop(text, width)
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap


def chop(text: str, width: int) -> str:
    """Return the beginning of a text with wide letters that fits into so many cells."""
    kept: list[str] = []
    used = 0
    for letter in text:
        used += cell_len(letter)
        if used > width - 1:
            return "".join(kept) + "…"
        kept.append(letter)
    return text
