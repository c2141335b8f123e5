"""docs/sync-rules.md and the tests say the same: each hard case names tests that there are, and none is forgotten."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/sync-rules.md").read_text()
CASES, DISASTERS = TEXT.partition("## The hard cases")[2].split("## What others have suffered")


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Case", "| No."))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


ROWS = rows_of(CASES)


@cache
def known_tests() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.stem}::{node.name}")
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_hard_case_is_held_by_tests(row: list[str]) -> None:
    case, rule, held = row
    assert case
    assert rule
    if not held.startswith("not yet"):
        missing = set(held.split(", ")) - known_tests()
        assert not missing


def test_every_test_of_a_hard_case_has_its_row() -> None:
    named = set(re.findall(r"test_hard_cases::\w+", TEXT))
    there = {name for name in known_tests() if name.startswith("test_hard_cases::")}
    assert there - named == {"test_hard_cases::test_rest_comes_in_few_rounds"}


def test_each_disaster_is_held_by_tests() -> None:
    known, rows = known_tests(), rows_of(DISASTERS)
    assert [int(row[0]) for row in rows] == list(range(1, 31))
    missing = {name for *_, held in rows for name in held.split(", ") if name not in known}
    assert not missing
