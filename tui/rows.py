"""How one item of each kind becomes one row: spans of text with levels. Pure: the present and the width come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tui import format as show
from tui.format import column

Item = Mapping[str, Any]
Row = Sequence[tuple[str, str]]

CHANGED = {
    "added": ("+", "good"),
    "edited": ("~", ""),
    "deleted": ("✗", "bad"),
    "restored": ("↶", "good"),
    "moved": ("→", "busy"),
    "renamed": ("→", "busy"),
    "mode": ("m", "dim"),
    "replaced": ("✗", "dim"),
    "decided": ("✓", "good"),
    "touched": ("t", "dim"),
}
GONE = ("deleted", "replaced")  # changes after which there is nothing
OPERATION = {
    "running": ("▸", "busy"),
    "done": ("✓", "good"),
    "warning": ("!", "wait"),
    "error": ("✗", "bad"),
    "cancelled": ("○", "off"),
}
KINDS = {"directory": "▸", "symlink": "@"}


def change(item: Item, width: int, now: datetime) -> Row:
    """Draw a change: when, up or down, who, what, where."""
    glyph, level = CHANGED.get(item["change"], ("·", ""))
    wide = width >= 60
    when = column(show.when(item["recorded_ns"], now), 11) if wide else column(show.brief(item["recorded_ns"], now), 6)
    who = column(show.safe(item["device"]), 10 if wide else 8)
    word = column(item["change"], 8)
    room = max(8, width - len(when) - len(who) - 16)
    path = show.fit(show.safe(item["path"]), room)
    return [(f" {when} ", "dim"), ("▲ " if item["here"] else "▼ ", "dim"), (who + " ", "dim"),
            (f"{glyph} ", level), (word + " ", level), (path, "")]  # fmt: skip


def version(item: Item, width: int, now: datetime) -> Row:
    """Draw a version: when, from whom, what changed, how big, and what else there is to say."""
    glyph, level = CHANGED.get(item["change"], ("·", ""))
    when = column(show.when(item["recorded_ns"], now), 11)
    size = column("" if item["change"] in GONE else show.size(item["size"]), 9, right=True)
    note = "current" if item["current"] else item.get("note", "")
    fixed = [(f" {when} ", ""), (column(show.safe(item["device"]), 10) + " ", "dim"),
             (f"{glyph} {column(item['change'], 8)} ", level), (size + "  ", "")]  # fmt: skip
    used = sum(len(text) for text, _ in fixed)
    return [*fixed, (show.fit(show.safe(note), max(0, width - used)), "good" if item["current"] else "dim")]


def entry(item: Item, width: int, *, marked: bool, whole_path: bool) -> Row:
    """Draw an entry of a directory, or something found."""
    name = item["path"] if whole_path else item["path"].rpartition("/")[2]
    deleted = item["state"] in ("deleted", "renamed")
    glyph = "✗" if item["state"] == "deleted" else KINDS.get(item["kind"], " ")
    versions = item.get("versions") or 0
    more = item["state"] if deleted else (f"{versions} ver" if versions > 1 and item["kind"] == "file" else "")
    size = show.size(item["size"]) if item["kind"] == "file" else ""
    right = f" {column(more, 8, right=True)} {column(size, 9, right=True)} " if width >= 40 else f" {more} "
    room = max(4, width - len(right) - 4)
    level = "off" if deleted else ("strong" if item["kind"] == "directory" else "")
    mark = "●" if marked else " "
    return [(mark, "busy"), (f" {glyph} ", level), (column(show.safe(name), room), level), (right, "dim")]


def operation(item: Item, width: int, now: datetime) -> Row:
    """Draw a line of the operation log."""
    glyph, level = OPERATION.get(item["state"], ("·", ""))
    if item["kind"] in ("skipped", "paused") and item["state"] == "running":
        glyph, level = "!", "wait"
    if item["kind"] == "alarm" and item["state"] == "running":
        glyph, level = "!", "bad"
    when = column(show.when(item["began_ns"], now), 10)
    what = show.safe(str(item.get("path") or item["what"]))
    note = show.safe(item["note"]) or _progress(item)
    if item["kind"] == "pass" and note:
        what, note = note, ""
    kind = column(item["kind"], 9)
    room = max(8, width - 27)
    head = min(room, max(12, room // 2)) if note else room
    return [(f" {when} ", "dim"), (f"{glyph} {kind} ", level), (column(what, head), ""),
            (f"  {show.fit(note, max(0, room - head - 2))}", "dim")]  # fmt: skip


def _progress(item: Item) -> str:
    progress = item["progress"]
    if not progress:
        return ""
    took = ""
    if item["ended_ns"]:
        took = f" in {show.span((item['ended_ns'] - item['began_ns']) / 1e9)}"
    elif progress["rate"]:
        took = f" at {show.size(progress['rate'])}/s"
    return f"{show.plural(progress['files'], 'file')}, {show.size(progress['bytes'])}{took}"


def device(item: Item, width: int, now: datetime) -> Row:
    """Draw a device."""
    glyph, level, said = "○", "", show.age(item["last_record_ns"], now)
    if item["revoked"]:
        glyph, level, said = "✗", "dim", "revoked"
    elif item["waits"]:
        glyph, level, said = "!", "wait", "waits"
    elif item["this"]:
        glyph, level, said = "●", "good", "here"
    elif item["stale"]:
        glyph, level = "○", "wait"
    name = show.safe(item["name"]) or item["device"][:8]
    records = f"record {show.number(item['records'])}"
    late, late_level = f"· {show.number(item['since'])} since" if item["since"] else "", "dim"
    if item["stale"]:
        late, late_level = "· stale", "wait"
    late = "" if item["revoked"] or item["waits"] or width < 56 else f" {column(late, 14)}"
    room = max(6, width - 33 - len(late))
    return [(f" {glyph} ", level), (column(name, room), "strong" if item["this"] else ""),
            (f" {column(said, 12)} ", "dim"), (column(records, 14, right=True), "dim"), (late, late_level)]  # fmt: skip


STORE_MARKS = {
    "complete": ("●", "good"),
    "behind": ("◐", "busy"),
    "shut": ("!", "bad"),
    "away": ("!", "bad"),
    "disabled": ("○", "dim"),
    "leaving": ("◐", "busy"),
}
STORE_SAYS = {
    "away": "does not answer",
    "shut": "takes nothing",
    "disabled": "not used here",
    "leaving": "taken away, is read to its end",
}


def store(item: Item, width: int) -> Row:
    """Draw a store."""
    state = item["state"]
    mark, level = STORE_MARKS[state]
    said = f"{show.size(item['bytes'])}  {item['latency_ms']:.1f} ms"
    if state == "behind":
        lacking = f"{show.plural(item['lacking_objects'], 'object')} to come, {show.size(item['lacking_bytes'])}"
        said = lacking if item["lacking_objects"] else "is being compared"
    elif state in STORE_SAYS:
        said = STORE_SAYS[state]
    room = max(6, width - len(said) - 6)
    name = show.fit(f"{show.safe(item['name'])}  {show.safe(item['url'])}", room)
    return [(f" {mark} ", level), (column(name, room), ""), (f" {said}", "dim")]


def conflict(item: Item, width: int, now: datetime) -> Row:
    """Draw a conflict."""
    a, b = item["a"], item["b"]
    said = " and ".join(f"{show.safe(side['device'])} {show.when(side['recorded_ns'], now)}" for side in (a, b))
    room = max(12, width - len(said) - 8)
    return [(" ≠ ", "wait"), (column(show.safe(item["path"]), room), ""), (f" {said}", "dim")]


def diff(line: str, width: int) -> Row:
    """Draw a line of a comparison."""
    level = {"+": "good", "-": "bad", "@": "busy"}.get(line[:1], "")
    return [(" " + show.safe(line.expandtabs(4)), level)]


def plain(line: str, width: int) -> Row:
    """Draw a line of text."""
    return [(" " + show.safe(line.expandtabs(4)), "")]


def log(line: str, width: int) -> Row:
    """Draw a line of the log."""
    level = next((level for word, level in ((" ERROR ", "bad"), (" WARNING ", "wait")) if word in line), "")
    return [(" " + show.safe(line), level)]


def attention(item: tuple[str, str, str, str], width: int) -> Row:
    """Draw what needs a person: glyph, text, key and what it does, level."""
    glyph, text, key, level = item
    room = max(8, width - len(key) - 6)
    return [(f" {glyph} ", level), (column(show.safe(text), room), ""), (f" {key}", "dim")]
