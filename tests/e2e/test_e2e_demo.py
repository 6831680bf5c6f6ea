"""`make demo` prints what it announces and nothing else, also where the server starts slowly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEQSYNC = Path(sys.executable).parent / "seqsync"
PROGRESS = re.compile(r"Plan: \d+ to create.*|\[\d+/\d+\] \+ [\w.-]+: done|")


@pytest.mark.slow
def test_demo_prints_nothing_unintended_on_a_slow_machine(tmp_path: Path) -> None:
    slow = tmp_path / "seqsync"
    slow.write_text(f'#!/bin/sh\ncase "$1" in sandbox) sleep 1 ;; esac\nexec "{SEQSYNC}" "$@"\n')
    slow.chmod(0o755)
    done = subprocess.run(
        ["sh", ROOT / "docs" / "demo.sh"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SEQSYNC": str(slow), "PYTHON": sys.executable, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not PROGRESS.fullmatch(line)] == []
    assert done.stdout.count("No changes.") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["seqsync"]
