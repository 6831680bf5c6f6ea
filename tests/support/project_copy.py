"""A copy of this project in which a test carries out a recipe of docs/architecture.md, and runs tests there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "sequence_sync",
    "tests",
    "docs",
    "sequences",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "Makefile",
    ".ci",
)


class ProjectCopy:
    """The copy at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, root / name)

    def write(self, path: str, text: str) -> None:
        """Create a file."""
        (self.root / path).write_text(text, encoding="utf-8")

    def add_after(self, path: str, anchor: str, text: str) -> None:
        """Insert `text` after `anchor`, which must be in the file exactly once."""
        before = (self.root / path).read_text(encoding="utf-8")
        assert before.count(anchor) == 1, f"{anchor!r} is {before.count(anchor)} times in {path}"
        self.write(path, before.replace(anchor, anchor + text))

    def add_before(self, path: str, anchor: str, text: str) -> None:
        """Insert `text` before `anchor`, which must be in the file exactly once."""
        before = (self.root / path).read_text(encoding="utf-8")
        assert before.count(anchor) == 1, f"{anchor!r} is {before.count(anchor)} times in {path}"
        self.write(path, before.replace(anchor, text + anchor))

    def python(self, *args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the copied package."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", **env}
        return subprocess.run(
            [sys.executable, *args],
            cwd=cwd or self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def update_golden(self, *paths: str) -> None:
        """Rewrite the golden files of these tests, as `make golden` does for all tests."""
        self.python("-m", "pytest", "-q", "--update-golden", "-p", "no:cacheprovider", "-p", "no:xdist", *paths)

    def check_tests(self, *paths: str) -> None:
        """Run tests of the copy, and fail with their output where one fails."""
        done = self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *paths)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
