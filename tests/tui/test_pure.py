"""The dashboard's pure rooms: what is said of a state, how numbers and times are shown, and the table of keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import tui
from tui import actions, rows
from tui import format as show
from tui.app import Dashboard
from tui.dialogs.keys import listed
from tui.dialogs.restore import preview
from tui.headline import headline
from tui.plain import GLYPHS, plain
from tui.screens.conflicts import merged
from tui.state import PARTS, RATES, STALE, View, answered, connected, happened, lost

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
IDLE: dict[str, Any] = {
    "state": "idle",
    "safe": True,
    "pending_files": 0,
    "conflicts": 0,
    "alarm_reasons": [],
    "files": 3,
    "bytes": 21,
    "stores": [{"state": "complete"}],
    "skipped": [],
    "reason": "",
    "hint": "",
    "last_safe_at": None,
}
KNOWN = View(connected=True, status=IDLE)


def ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)


@pytest.mark.parametrize(
    ("view", "word", "level"),
    [
        (View(), "ASKING", "off"),
        (lost(View(), "the agent does not run", 3.0, 10.0), "NOT CONNECTED", "off"),
        (lost(KNOWN, "the agent does not run", 3.0, 10.0), "NOT CONNECTED", "off"),
        (KNOWN, "ALL SAFE", "good"),
        (replace(KNOWN, status={**IDLE, "pending_files": 2}), "SYNCING", "busy"),
        (replace(KNOWN, status={**IDLE, "state": "syncing"}), "SYNCING", "busy"),
        (replace(KNOWN, status={**IDLE, "state": "paused", "reason": "the store is full"}), "PAUSED", "bad"),
        (replace(KNOWN, status={**IDLE, "state": "paused by you"}), "PAUSED BY YOU", "wait"),
        (replace(KNOWN, status={**IDLE, "conflicts": 2}), "2 CONFLICTS", "wait"),
        (replace(KNOWN, holds=({"entries": 40, "way": "out", "paths": []},)), "YOUR YES", "wait"),
        (replace(KNOWN, status={**IDLE, "conflicts": 2, "alarm_reasons": ["it lies"]}), "ALARM", "bad"),
    ],
)
def test_one_sentence_says_whether_all_is_safe(view: View, word: str, level: str) -> None:
    said = headline(view, 12.0)
    assert (said.word, said.level) == (word, level)
    assert said.sentence


def test_nothing_that_waits_is_behind_a_tick() -> None:
    for status in ({"conflicts": 1}, {"alarm_reasons": ["x"]}, {"state": "paused"}, {"pending_files": 1}):
        assert headline(replace(KNOWN, status={**IDLE, **status}), 0).glyph != "✓"
    assert headline(replace(KNOWN, holds=({"entries": 1},)), 0).glyph != "✓"
    assert "2 entries skipped" in headline(replace(KNOWN, status={**IDLE, "skipped": [1, 2]}), 0).sentence


def test_every_state_has_a_glyph_of_its_own_beside_its_colour() -> None:
    said = {headline(view, 0).glyph: headline(view, 0).level for view in (KNOWN, View(), lost(KNOWN, "", 1, 0))}
    assert said == {"✓": "good", "○": "off"}


def test_what_was_known_stays_with_its_age_while_the_agent_is_gone() -> None:
    gone = lost(lost(KNOWN, "gone", 1, 100.0), "gone", 3, 160.0)
    assert gone.status == IDLE
    assert "what you see is 65 s old" in headline(gone, 165.0).sentence or "1 min old" in headline(gone, 165.0).sentence
    assert connected(gone).lost_s is None


def test_progress_changes_the_headline_and_asks_for_nothing() -> None:
    progress = {"files": 1, "bytes": 50, "total_files": 3, "total_bytes": 100, "rate": 10.0, "rate_up": 7.0,
                "rate_down": 3.0, "now": None}  # fmt: skip
    data = {"state": "syncing", "reason": "", "hint": "", "pending": 0, "alarms": 0, "progress": progress}
    view, stale = happened(KNOWN, "progress", data)
    assert not stale
    assert headline(view, 0).sentence == "2 files · 50 B to go · ~5 s"
    assert (view.up, view.down) == ((7.0,), (3.0,))
    for _ in range(2 * RATES):
        view, _ = happened(view, "progress", data)
    assert len(view.up) == RATES
    done = {**data, "state": "idle", "progress": None}
    assert headline(happened(view, "progress", done)[0], 0).word == "ALL SAFE"


def test_every_event_asks_for_parts_that_there_are() -> None:
    for parts in STALE.values():
        assert set(parts) <= {*PARTS, "stores"}
    assert happened(KNOWN, "some later kind", {}) == (KNOWN, frozenset())
    view = KNOWN
    for part in PARTS:
        answer: Any = {"items": [1], "counts": {"all": 1}, "next": None} if part in ("operations", "changes") else [1]
        view = answered(view, part, IDLE if part == "status" else answer)
    assert (view.changes, view.conflicts, view.devices) == ((1,), (1,), (1,))


@pytest.mark.parametrize(
    ("back", "text", "brief"),
    [
        (timedelta(minutes=5), "11:55:00", "11:55"),
        (timedelta(days=2), "Tue 12:00", "Tue"),
        (timedelta(days=40), "17 Oct 12:00", "17 Oct"),
        (timedelta(days=400), "22 Oct 2025", "2025"),
        (-timedelta(days=800), "3 Feb 2029", "2029"),
    ],
)
def test_times_are_as_short_as_they_can_be(back: timedelta, text: str, brief: str) -> None:
    assert show.when(ns(NOW - back), NOW) == text
    assert show.brief(ns(NOW - back), NOW) == brief
    assert len(brief) <= 6
    assert len(text) <= 12


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (4100, "4.1 kB"), (23_000_000, "23.0 MB"), (9.1e9, "9.1 GB"), (5e15, "5000.0 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert show.size(count) == text


@given(text=st.text(max_size=80), width=st.integers(1, 60))
def test_a_column_is_as_wide_as_it_is(text: str, width: int) -> None:
    assert cell_len(show.column(show.safe(text), width)) == width


@given(text=st.text())
def test_no_name_writes_on_the_terminal(text: str) -> None:
    assert show.safe(text).isprintable()


def test_bars_and_sparklines() -> None:
    assert show.bar(0.5, 10) == "█████░░░░░"
    assert show.bar(7, 4) == "████"
    assert show.sparkline([0, 0], 4) == "▁▁▁▁"
    assert show.sparkline([1, 2, 4], 3) == "▂▄█"


TAKES_PART = {"revoked": False, "waits": False, "since": 0, "stale": False}
ROWS: list[tuple[Any, dict[str, Any]]] = [
    (rows.change, {"recorded_ns": ns(NOW), "device": "laptop", "change": "edited", "path": "a/b", "here": True}),
    (
        rows.version,
        {"recorded_ns": ns(NOW), "device": "laptop", "change": "edited", "size": 3, "current": True, "path": "a"},
    ),
    (
        rows.operation,
        {"began_ns": ns(NOW), "ended_ns": None, "kind": "restore", "state": "running", "what": "a", "note": "",
         "progress": None},
    ),
    (rows.device, {"this": True, "name": "laptop", "records": 3, "last_record_ns": None, **TAKES_PART}),
    (rows.device, {"this": False, "name": "", "device": "ab" * 16, "records": 0, "last_record_ns": None, **TAKES_PART,
                   "waits": True}),
    (rows.device, {"this": False, "name": "a tablet", "records": 9, "last_record_ns": ns(NOW), **TAKES_PART,
                   "since": 12_345}),
    (rows.device, {"this": False, "name": "a tablet", "records": 9, "last_record_ns": ns(NOW), **TAKES_PART,
                   "stale": True}),
    (
        rows.conflict,
        {"path": "a", "a": {"device": "x", "recorded_ns": ns(NOW)}, "b": {"device": "y", "recorded_ns": ns(NOW)}},
    ),
]  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 60, 100, 160])
@pytest.mark.parametrize(("draw", "item"), ROWS)
def test_a_row_says_what_it_is_in_any_width(draw: Any, item: dict[str, Any], width: int) -> None:
    spans = draw(item, width, NOW)
    text = "".join(text for text, _ in spans)
    assert "a" in text
    assert all(level in ("", *("good", "busy", "wait", "bad", "off", "dim", "strong")) for _, level in spans)
    if width >= 60:
        assert cell_len(text) <= width


def test_a_hostile_name_is_shown_and_does_nothing() -> None:
    item = {"recorded_ns": ns(NOW), "device": "\x1b[31mred", "change": "added", "path": "\x1b]0;x\x07", "here": False}
    assert "".join(text for text, _ in rows.change(item, 100, NOW)).isprintable()


def test_keys_are_told_apart_in_every_place() -> None:
    for place in (*actions.PLACES, "home"):
        keys = [action.key for action in actions.at(place)]
        assert len(keys) == len(set(keys)), place
        assert len([action for action in actions.at(place) if action.shown]) >= 6


def test_every_action_is_something_that_is_done() -> None:
    for action in actions.ACTIONS:
        owner = Dashboard if action.place == actions.EVERYWHERE else Dashboard.MODES[action.place]
        assert callable(getattr(owner, f"do_{action.name}")), action.name
        assert action.text.endswith(".") or action.text.endswith("?")


def test_every_glyph_of_ours_has_a_letter() -> None:
    """In a terminal of ASCII alone; each letter is as wide as its glyph."""
    ours = {letter for path in Path(tui.__file__).parent.rglob("*.py") for letter in path.read_text()} - set(
        map(chr, range(128))
    )
    assert not [letter for letter in ours if not plain(letter).isascii()]
    assert all(cell_len(glyph) == len(letter) == 1 for glyph, letter in GLYPHS.items())
    assert plain("│ ✓ Ünïcode ▁▂█ │") == "| + Ünïcode _.# |"


def test_the_key_list_is_searched() -> None:
    assert [row[0] for row in listed("history", "bring back this version")] == ["r"]
    assert {row[1] for row in listed("home", "verify")} == {"Verify"}
    assert listed("home", "verify")[0][3] == "", "it belongs to another place"


@given(a=st.lists(st.sampled_from("xyz")), b=st.lists(st.sampled_from("xyz")))
def test_a_merge_has_every_line_of_both(a: list[str], b: list[str]) -> None:
    lines = merged([f"{line}\n" for line in a], [f"{line}\n" for line in b], "one", "other").splitlines()
    assert [line for line in lines if line in "xyz"].count("x") >= max(a.count("x"), b.count("x"))
    if a == b:
        assert lines == a
    assert lines.count("=======") == sum(line.startswith("<<<<<<<") for line in lines)


def test_a_preview_says_what_would_change() -> None:
    answer = {
        "placed": [{"path": "a"}, {"path": "b (restored 3)"}],
        "removed": [{"path": "c"}],
        "failed": [{"path": "d", "reason": "in use"}],
        "unchanged": 4,
        "bytes": 2000,
        "files": 2,
    }
    text = "\n".join(preview(answer))
    for part in ("2 entries, 2.0 kB", "already: 4", "removed: 1 entry", "b (restored 3)", "d: in use"):
        assert part in text
