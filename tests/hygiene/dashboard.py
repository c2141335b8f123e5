"""Prints docs/dashboard.md, whose tables of keys are made from the table that the dashboard itself uses."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tui.actions import ACTIONS, EVERYWHERE, PLACES, key_text

HEAD = """# The dashboard
`syncd tui` opens it, in any terminal from 44 columns on; `syncd tui --web` shows it in a browser on this computer. It asks
the agent over its socket and does nothing by itself: leave it, and the agent goes on.

The sentence on top says whether all is safe. There is a tick only when nothing waits: no conflict, no deletion that is
held, no alarm. Every state has a sign and a word of its own, so no colour has to be seen (`NO_COLOR=1` works).

![Home](pictures/home.svg)

"""
ABOUT = {
    "home": "What moves, what changed, what needs you, who shares the folder, where it lies. Enter on a change shows its history.",
    "history": "A path first, then its versions, then what differs. Enter goes in, escape goes out. `/` finds names over all "
    "time, deleted and former ones, too. A restore first shows what it would change; what it replaces stays in history.",
    "conflicts": "Both sides, and how they differ. A decision is a version: what is not kept stays in history, and `u` brings "
    "both back.",
    "review": "Deletions that wait for your yes since there are so many, and alarms with what is at stake.",
    "activity": "One log of all that the agent does. Below it stands why, in plain words.",
    "stores": "Where the sealed copies lie, what they take and what is saved.",
    "devices": "Who shares the folder. Two devices that show the same six words have seen the same.",
    "folder": "What is skipped, and a tester: type a path, see the pattern that leaves it out.",
    "log": "The end of the agent's log.",
}
PICTURES = {"history": "history", "conflicts": "conflicts"}
SHOWN = ("home", *PICTURES)
ROOT = Path(__file__).parents[2]


def table(place: str) -> list[str]:
    """Return the keys of a place as rows."""
    rows = [f"| `{key_text(action)}` | {action.text} |" for action in ACTIONS if action.place == place]
    return ["| key | |", "|---|---|", *rows] if rows else []


def document() -> str:
    """Return the document."""
    lines = [HEAD.rstrip(), "", "## Everywhere", *table(EVERYWHERE), "", "Arrows or `j` and `k` move, tab leads to the next"
             " pane, `ctrl+p` opens the palette. Everything can be clicked."]  # fmt: skip
    for place, name in PLACES.items():
        lines += ["", f"## {name}", ABOUT[place], ""]
        if place in PICTURES:
            lines += [f"![{name}](pictures/{PICTURES[place]}.svg)", ""]
        lines += table(place)
    return "\n".join(lines).rstrip() + "\n"


def picture(place: str) -> str:
    """Return the picture of a place that the tests compare, without the fonts that it would fetch from elsewhere."""
    (seen,) = (ROOT / "tests/tui/__snapshots__").rglob(f"*looks_as_it_did?{place}-100x30*.svg")
    return re.sub(r"\s*@font-face \{.*?\}", "", seen.read_text(), flags=re.DOTALL)


if __name__ == "__main__":
    if "--pictures" in sys.argv:
        for name in SHOWN:
            (ROOT / f"docs/pictures/{name}.svg").write_text(picture(name))
    else:
        print(document(), end="")
