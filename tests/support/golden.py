"""Golden files: whole outputs on disk, compared byte for byte and reviewed in git."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

AGAIN = "If this is meant, run pytest with --update-golden and review the difference in git."


def compare(path: Path, text: str, update: bool) -> None:
    """Fails with a unified diff where `path` does not hold exactly `text`; with `update` writes it instead."""
    data = text.encode("utf-8")
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return
    if not path.exists():
        pytest.fail(f"There is no golden file {path}. {AGAIN}", pytrace=False)
    wanted = path.read_bytes()
    if wanted == data:
        return
    lines = difflib.unified_diff(
        wanted.decode("utf-8", "replace").splitlines(), text.splitlines(), str(path), "now", lineterm=""
    )
    told = "\n".join(lines) or "The lines are the same; line ends or the end of the file differ."
    pytest.fail(f"{told}\n\n{AGAIN}", pytrace=False)
