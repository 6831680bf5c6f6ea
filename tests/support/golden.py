"""Golden files: complete outputs on disk, compared byte by byte and reviewed in git."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

UPDATE_HINT = "If the change is intended, run pytest with --update-golden and review the difference in git."


def compare(path: Path, text: str, update: bool) -> None:
    """Fail with a unified diff if `path` does not contain exactly `text`; with `update`, write it instead."""
    data = text.encode("utf-8")
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return
    if not path.exists():
        pytest.fail(f"The golden file {path} does not exist. {UPDATE_HINT}", pytrace=False)
    expected = path.read_bytes()
    if expected == data:
        return
    lines = difflib.unified_diff(
        expected.decode("utf-8", "replace").splitlines(), text.splitlines(), str(path), "now", lineterm=""
    )
    diff = "\n".join(lines) or "The lines are equal, but line ends or the end of the file differ."
    pytest.fail(f"{diff}\n\n{UPDATE_HINT}", pytrace=False)
