"""Our own two themes, dark and light: blue and orange beside green and red, which not everybody tells apart."""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="syncd-dark",
        primary="#5aa9e6",
        secondary="#7fc8f8",
        accent="#f2a65a",
        warning="#f2a65a",
        error="#ef6f6c",
        success="#7bd389",
        foreground="#d8dee9",
        background="#11151c",
        surface="#171c26",
        panel="#1f2633",
        dark=True,
    ),
    Theme(
        name="syncd-light",
        primary="#1565a8",
        secondary="#2f7fb8",
        accent="#b3560b",
        warning="#b3560b",
        error="#b3261e",
        success="#1e7b34",
        foreground="#1b2430",
        background="#fbfaf7",
        surface="#f2f0ea",
        panel="#e4e1d8",
        dark=False,
    ),
)
