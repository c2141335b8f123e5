"""Every key of the dashboard, in one table: footer, palette, help and bindings are made from it.

An action that cannot be done now stays visible and says why. Letters lead to places, the same ones everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.state import View

EVERYWHERE = "*"
PLACES: dict[str, str] = {
    "home": "Home",
    "history": "History",
    "conflicts": "Conflicts",
    "review": "Review",
    "activity": "Activity",
    "stores": "Stores",
    "devices": "Devices",
    "folder": "Folder",
    "log": "Log",
}


@dataclass(frozen=True, slots=True)
class Action:
    """A key, what it does (`do_<name>` of the screen or the application), its label, where, and what it is for.

    `shown`: in the footer. `count`: a number behind the label. `why_not`: why it cannot be done, empty if it can.
    """

    key: str
    name: str
    label: str
    place: str
    text: str
    shown: bool = True
    count: Callable[[View], int] = lambda view: 0
    why_not: Callable[[View], str] = lambda view: ""


def _needs_agent(view: View) -> str:
    return "" if view.connected else "The agent does not answer; S starts it."


def _needs_conflict(view: View) -> str:
    return _needs_agent(view) or ("" if view.conflicts else "There is no conflict.")


def _needs_hold(view: View) -> str:
    return _needs_agent(view) or ("" if view.holds else "Nothing waits for your yes.")


def _needs_other(view: View) -> str:
    others = any(not device["this"] and not device["revoked"] for device in view.devices)
    return _needs_agent(view) or ("" if others else "There is no other device.")


def _needs_waiting(view: View) -> str:
    waits = any(device["waits"] for device in view.devices)
    return _needs_agent(view) or ("" if waits else "No device waits to be let in.")


def _needs_no_agent(view: View) -> str:
    return "The agent runs already." if view.connected else ""


def _go(
    key: str, place: str, text: str, count: Callable[[View], int] = lambda view: 0, *, shown: bool = True
) -> Action:
    return Action(key, f"go_{place}", PLACES[place], EVERYWHERE, text, shown, count)


ACTIONS: tuple[Action, ...] = (
    _go("h", "home", "How everything stands."),
    _go("y", "history", "Every version of every path; bring old ones back."),
    _go("c", "conflicts", "What two devices changed at once.", lambda view: view.conflict_count),
    _go("v", "review", "What waits for your yes, and alarms.", lambda view: view.waiting),
    _go("a", "activity", "What the agent does and did, and why."),
    _go("s", "stores", "Where the sealed copies lie.", shown=False),
    _go("d", "devices", "Who shares the folder.", shown=False),
    _go("f", "folder", "The folder, and why a path is not synced.", shown=False),
    _go("l", "log", "What the agent writes down.", shown=False),
    Action("p", "pause", "Pause", EVERYWHERE, "Pause the agent, or let it go on.", True, why_not=_needs_agent),
    Action("g", "sync", "Sync", EVERYWHERE, "Look at the whole folder now.", True, why_not=_needs_agent),
    Action("S", "start", "Start agent", EVERYWHERE, "Start the agent.", False, why_not=_needs_no_agent),
    Action("slash", "find", "Find", EVERYWHERE, "Find a path by its name, over all time.", True, why_not=_needs_agent),
    Action("question_mark", "keys", "Keys", EVERYWHERE, "Every key, to be searched."),
    Action("ctrl+o", "jump", "Jump", EVERYWHERE, "Letters over what can be gone to.", False),
    Action("f1", "keys", "Help", EVERYWHERE, "Every key, to be searched.", False),
    Action("q", "leave", "Quit", EVERYWHERE, "Leave the dashboard; the agent goes on.", False),
    Action("escape", "back", "Back", EVERYWHERE, "To where you came from.", False),
    Action("r", "restore", "Restore", "history", "Bring back this version, or what is marked.", why_not=_needs_agent),
    Action("R", "restore_all", "Restore all", "history", "Bring back the directory shown.", why_not=_needs_agent),
    Action("o", "open", "Open copy", "history", "Write this version beside, and open it.", why_not=_needs_agent),
    Action("equals_sign", "compare", "Diff two", "history", "Compare with the version compared last."),
    Action("t", "instant", "Tree at…", "history", "The whole tree as it was.", why_not=_needs_agent),
    Action("x", "deleted", "Deleted", "history", "Show or hide what was deleted."),
    Action("space", "mark", "Mark", "history", "Mark a path, to restore several."),
    Action("1", "keep_a", "Keep A", "conflicts", "Keep what stands in place.", why_not=_needs_conflict),
    Action("2", "keep_b", "Keep B", "conflicts", "Keep what stands beside it.", why_not=_needs_conflict),
    Action("3", "keep_both", "Both", "conflicts", "Keep both, as files of their own.", why_not=_needs_conflict),
    Action("m", "merge", "Merge", "conflicts", "Write them together in $EDITOR.", why_not=_needs_conflict),
    Action("A", "all_like", "All so", "conflicts", "Decide all others as the last one.", why_not=_needs_conflict),
    Action("u", "undo", "Undo", "conflicts", "Take back the last decision.", why_not=_needs_agent),
    Action("Y", "approve", "Approve", "review", "Let what is marked, or all, go everywhere.", why_not=_needs_hold),
    Action("N", "deny", "Deny", "review", "Bring back what is marked, or all.", why_not=_needs_hold),
    Action("space", "mark", "Mark", "review", "Mark a path, to say yes or no to some.", why_not=_needs_hold),
    Action("1", "all", "All", "activity", "Every operation.", count=lambda view: view.counts.get("all", 0)),
    Action("2", "running", "Running", "activity", "What runs.", count=lambda view: view.counts.get("running", 0)),
    Action("3", "waiting", "Waiting", "activity", "What waits.", count=lambda view: view.counts.get("waiting", 0)),
    Action("4", "warnings", "Warnings", "activity", "What was not whole.", count=lambda v: v.counts.get("warnings", 0)),
    Action("5", "errors", "Errors", "activity", "What failed.", count=lambda view: view.counts.get("errors", 0)),
    Action("r", "again", "Try now", "activity", "Look at the whole folder once more.", why_not=_needs_agent),
    Action("i", "ignore", "Ignore", "activity", "Leave the path that is marked out from now on.", why_not=_needs_agent),
    Action("o", "open", "Open", "activity", "Open the directory of the path that is marked.", False),
    Action("V", "verify", "Verify", "stores", "Prove that everything is there.", why_not=_needs_agent),
    Action("R", "verify_read", "Read all", "stores", "Read and check every byte.", why_not=_needs_agent),
    Action("n", "rename", "Rename", "devices", "Give this device another name.", why_not=_needs_agent),
    Action(
        "X", "revoke", "Revoke", "devices", "Leave the device that is marked out from now on.", why_not=_needs_other
    ),
    Action("W", "welcome", "Let in", "devices", "Let in a device that waits.", why_not=_needs_waiting),
    Action("K", "rotate", "New keys", "devices", "Seal with new keys from now on.", why_not=_needs_agent),
    Action("i", "test", "Test a path", "folder", "Is it synced, and which pattern says no?", why_not=_needs_agent),
    Action("1", "everything", "All", "log", "Every line."),
    Action("2", "warned", "Warnings", "log", "Warnings and worse."),
)


# The keys where letters are typed into fields: of the first run, and of a locked device.
TYPING = {
    "setup": (Action("ctrl+c", "leave", "Quit", "setup", "Leave; nothing is begun before the last field.", False),),
    "locked": (Action("ctrl+c", "leave", "Quit", "locked", "Leave; it stays locked.", False),),
}


def at(place: str) -> tuple[Action, ...]:
    """Return the actions of a place, its own first; an own key hides the common one."""
    if place in TYPING:
        return TYPING[place]
    own = tuple(action for action in ACTIONS if action.place == place)
    keys = {action.key for action in own}
    return own + tuple(action for action in ACTIONS if action.place == EVERYWHERE and action.key not in keys)


def by_name(place: str, name: str) -> Action:
    """Return an action of a place."""
    return next(action for action in at(place) if action.name == name)


SHOWN_KEYS = {"slash": "/", "question_mark": "?", "equals_sign": "=", "escape": "esc"}


def key_text(action: Action) -> str:
    """Return how a key is written."""
    return SHOWN_KEYS.get(action.key, action.key)
