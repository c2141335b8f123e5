"""The one sentence that answers "is my data safe?", as a table: the first row that fits is what is said. Pure.

Invariant: nothing that waits for a person is ever behind a tick, and every state has a glyph and a word of its own, so
that no colour has to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui import format as show
from tui.state import View


@dataclass(frozen=True, slots=True)
class Headline:
    """A glyph, a word, a sentence, and how it is coloured: good, busy, wait, bad or off."""

    glyph: str
    word: str
    sentence: str
    level: str


def headline(view: View, now_s: float) -> Headline:
    """Return what stands on top of every screen."""
    for fits, say in ROWS:
        if fits(view):
            return say(view, now_s)
    raise AssertionError("the last row fits everything")


def _gone(view: View, now_s: float) -> Headline:
    since = f"; what you see is {show.span(now_s - view.lost_s)} old" if view.known and view.lost_s is not None else ""
    retry = f", asked again in {view.retry_s:.0f} s" if view.retry_s >= 1 else ""
    return Headline("○", "NOT CONNECTED", f"{view.reason}{since}{retry} · S starts the agent", "off")


def _alarm(view: View, now_s: float) -> Headline:
    return Headline("!", "ALARM", f"{show.safe(view.alarms[0])} · nothing is removed meanwhile · v tells more", "bad")


def _paused(view: View, now_s: float) -> Headline:
    hint = str(view.status.get("hint", ""))
    return Headline("Ⅱ", "PAUSED", show.safe(f"{view.status.get('reason', '')}{' · ' + hint if hint else ''}"), "bad")


def _resting(view: View, now_s: float) -> Headline:
    return Headline("Ⅱ", "PAUSED BY YOU", "what you change waits in the folder · p goes on", "wait")


def _conflict(view: View, now_s: float) -> Headline:
    count = show.plural(view.conflict_count, "conflict")
    return Headline("≠", count.upper(), "nothing was lost, both sides are kept · c shows them", "wait")


def _held(view: View, now_s: float) -> Headline:
    return Headline("‼", "YOUR YES", f"{show.plural(view.held, 'deletion')} wait for it · v shows them", "wait")


def _syncing(view: View, now_s: float) -> Headline:
    progress = view.progress or {}
    left = max(0, int(progress.get("total_files", 0)) - int(progress.get("files", 0)))
    size = max(0, int(progress.get("total_bytes", 0)) - int(progress.get("bytes", 0)))
    if left or size:
        rate = float(progress.get("rate", 0.0))
        time_left = f" · ~{show.span(size / rate)}" if rate > 0 and size else ""
        return Headline("↻", "SYNCING", f"{show.plural(left, 'file')} · {show.size(size)} to go{time_left}", "busy")
    done = int(progress.get("files", 0))
    return Headline("↻", "SYNCING", f"{show.plural(done, 'file')} so far" if done else "looking at the folder", "busy")


def _starting(view: View, now_s: float) -> Headline:
    return Headline("↻", "STARTING", "the agent looks at the folder", "busy")


def _pending(view: View, now_s: float) -> Headline:
    count = show.plural(int(view.status["pending_files"]), "change")
    return Headline("↻", "SYNCING", f"{count} about to be taken", "busy")


def _safe(view: View, now_s: float) -> Headline:
    files, size = int(view.status.get("files", 0)), int(view.status.get("bytes", 0))
    used = [store for store in view.status.get("stores", ()) if store["state"] not in ("disabled", "leaving")]
    complete = sum(store["state"] in ("complete", "shut") for store in used)
    some = "" if complete == len(used) else f"{complete} of "
    stores = some + show.plural(len(used), "store")
    skipped = len(view.status.get("skipped", ()))
    but = f" · {show.plural(skipped, 'entry', 'entries')} skipped" if skipped else ""
    return Headline("✓", "ALL SAFE", f"{show.plural(files, 'file')}, {show.size(size)} on {stores}{but}", "good")


def _unknown(view: View, now_s: float) -> Headline:
    return Headline("○", "ASKING", "the agent is asked how everything stands", "off")


ROWS: tuple[tuple[Callable[[View], bool], Callable[[View, float], Headline]], ...] = (
    (lambda view: not view.connected and view.lost_s is not None, _gone),
    (lambda view: not view.known, _unknown),
    (lambda view: bool(view.alarms), _alarm),
    (lambda view: view.state == "paused", _paused),
    (lambda view: view.state == "paused by you", _resting),
    (lambda view: view.conflict_count > 0, _conflict),
    (lambda view: bool(view.holds), _held),
    (lambda view: view.state == "starting", _starting),
    (lambda view: view.state == "syncing", _syncing),
    (lambda view: int(view.status.get("pending_files", 0)) > 0, _pending),
    (lambda view: True, _safe),
)
