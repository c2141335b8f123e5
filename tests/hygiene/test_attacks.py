"""docs/attacks.md and the tests say the same: each row names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs/attacks.md").read_text()
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| [A-Z]\d", line)]
TESTS = {
    f"{path.stem}::{name}"
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


def test_every_attack_has_a_row() -> None:
    wanted = {
        *(f"A{n}" for n in range(1, 11)),
        "M1",
        "M3",
        "R1",
        "R2",
        "R3",
        "R4",
        "K1",
        "K2",
        "X1",
        "X2",
        "X3",
        "C1",
        "C2",
        "C3",
        "C4",
        "C5",
    }
    assert wanted <= {re.match(r"\| ([A-Z]\d+)", row)[1] for row in ROWS}  # type: ignore[index]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_tests_that_there_are(row: str) -> None:
    named = re.findall(r"test_\w+::test_\w+", row.split("|")[4])
    assert named
    assert not set(named) - TESTS
