"""Fields that a call may have written without proof are recorded, shown, and written again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import killed
from updates_story import Story, begun, first, variants

from sequence_sync.apply import send
from sequence_sync.sandbox.faults import Fault, FaultKind, Switches
from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def story(tmp_path: Path, box: Sandbox) -> Story:
    """The first steps, applied."""
    return begun(tmp_path, box)


def test_killed_between_two_variants_and_back(story: Story) -> None:
    """SIGKILL after the first of two calls of a new day; the file goes back: the old day is written to both."""
    steps = first()
    steps["three"] = variants(9, a="a third topic", b="its other form")
    story.write(steps)
    done = subprocess.run(
        [sys.executable, killed.__file__, "SIGKILL", "before-send", "4", "apply", "-auto-approve"],
        cwd=story.project.root,
        env=story.project.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    story.write(first())
    assert json.loads(story.project.ok("state", "show", "trial.three").out)["unsettled"] == {"day": [9]}
    assert story.run() is not None
    assert sorted(day for day, _ in story.days()) == [1, 3, 4, 7]
    assert "unsettled" not in story.project.ok("state", "show", "trial.three").out
    assert story.plan().changes == ()


def test_a_field_that_no_read_shows_is_changed_and_changed_back(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer to a change of priority; the file goes back before the next run: the old one is written again."""
    monkeypatch.setattr(send, "MOST_SENDS", 1)  # each further one waits twice as long
    steps = first()
    steps["task"]["priority"] = "urgent"
    story.write(steps)
    story.box.switch(Switches(faults=(Fault(FaultKind.DROP_AFTER, "PATCH", nth=0),)))
    assert story.run() is not None
    story.box.switch(Switches())
    story.write(first())
    report = story.run()
    assert report is not None
    assert report.exit_code == 0, report
    assert story.writes()[-1][1]["priority"] == 2
    assert story.plan().changes == ()
