"""For terminals whose letters end with ASCII: every glyph of the dashboard and its frames as one letter.

What people call their files is left as it is. Invariant: what is written is as wide as what was drawn: nothing moves.
"""

from __future__ import annotations

from textual.driver import Driver

GLYPHS = {
    "✓": "+", "↻": "@", "Ⅱ": "=", "≠": "#", "‼": "!", "✗": "x", "○": "o", "●": "*", "◐": "~", "▲": "^", "▼": "v",
    "▸": ">", "▾": "v", "→": ">", "↶": "<", "↑": "^", "↓": "v", "·": "-", "…": ".", "─": "-", "│": "|",
    "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#", "░": ".",
}  # fmt: skip
# Frames, scroll bars and buttons, as Textual draws them (U+2500 to U+259F), and braille of its spinners: what is left.
_LEFT = {chr(code): "+" for code in (*range(0x2500, 0x25A0), *range(0x2800, 0x2900))}
_LEFT |= dict.fromkeys("─━╌╍┄┅┈┉═▔▁", "-") | dict.fromkeys("│┃╎╏┆┇┊┋║▏▎▍▌▋▊▉▕▐", "|")
_TABLE = str.maketrans(_LEFT | GLYPHS)


def plain(text: str) -> str:
    """Return a text with each glyph as a letter."""
    return text.translate(_TABLE)


def plainer(driver: type[Driver]) -> type[Driver]:
    """Return a way to a terminal that writes no glyphs."""

    class Plain(driver):  # type: ignore[misc, valid-type]
        def write(self, data: str) -> None:
            super().write(plain(data))

    return Plain
