"""Every claim of docs/exactly-once.md names a test, and each named test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.sim_breaks import BREAKS
from support.sim_mutations import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "exactly-once.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PARTS = re.split(r"\n\n+", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_page_names_a_test_that_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_page_gives_each_claim_a_test() -> None:
    """A table has a last column of tests, filled in every row, or the paragraph after it names its tests."""
    rows = 0
    for part, following in zip(PARTS, [*PARTS[1:], ""], strict=True):
        if not part.startswith("|"):
            continue
        header, _, *body = part.splitlines()
        if header.endswith("| tests |"):
            assert [row for row in body if "::" not in row.rsplit("|", 2)[1]] == []
            rows += len(body)
        else:
            assert following.startswith("Tests: `tests/"), header
    assert rows > 60


def test_page_counts_the_mutations() -> None:
    counts = f"{len(MUTATIONS)} mutations break the protocol of creates, and {len(BREAKS)} that of updates"
    assert counts in " ".join(PAGE.split())
