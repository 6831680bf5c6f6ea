"""A project for the tests of the operations, applied to a sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_account import Scenario, opened
from support.project import TRIAL

from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """One sequence, applied."""
    with Sandbox(per_minute=0) as box:
        found = opened(tmp_path / "project", box)
        found.project.write("sequences/trial.yaml", TRIAL)
        report = found.apply()
        assert report is not None
        assert report.exit_code == 0
        yield found
