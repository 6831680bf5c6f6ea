"""The page on exactly once names only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.sim_mutations import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "exactly-once.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_page_names_a_test_that_exists(file: str, name: str) -> None:
    """Each named test is a function of the named file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_page_gives_each_claim_a_test() -> None:
    """Every line of its tables ends with the tests that prove it."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("| tests |")]
    assert len(rows) > 25
    assert [row for row in rows if "::" not in row.rsplit("|", 2)[1]] == []


def test_page_counts_the_mutations() -> None:
    """The page speaks of as many mutations as there are."""
    assert len(MUTATIONS) == 20
    assert "twenty ways" in PAGE
