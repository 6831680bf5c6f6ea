"""A cancelled workflow: whatever the apply was doing, the state is pushed and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from github_team import Team
from support.project import TRIAL

from sequence_sync.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

ALONE, GROUP = "alone", "group"
CALLS = 4  # a sequence and its three steps


def posts(box: Sandbox) -> int:
    """How many calls that make something have come in."""
    return sum(row.method == "POST" for row in box.store.log.entries())


def cases() -> list[object]:
    """Signal, to whom, and after which call. One in each run of the tests, the rest in the long ones."""
    few = {("SIGINT", ALONE, 2)}
    every = [
        (kind, whom, at) for kind in ("SIGINT", "SIGTERM") for whom in (ALONE, GROUP) for at in range(1, CALLS + 1)
    ]
    return [pytest.param(*case, marks=[] if case in few else [pytest.mark.long]) for case in every]


@pytest.mark.parametrize(("kind", "whom", "at"), cases())
def test_a_cancelled_apply_is_gone_on_with(tmp_path: Path, kind: str, whom: str, at: int) -> None:
    """As the host does it: to the step's own process alone, or to all of its group, while a call is in flight."""
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [{"method": "POST", "nth": at, "fault": "late", "seconds": 1}]}))
    with Sandbox(per_minute=0, switches=faults) as box:
        team = Team(tmp_path / "team", box.url)
        pull = team.open({"sequences/trial.yaml": TRIAL.replace("Still curious?", "Curious still?")})
        team.plan(pull)
        event = team.merge(pull)

        def cancel(process: subprocess.Popen[bytes]) -> None:
            while posts(box) < at and process.poll() is None:
                time.sleep(0.01)
            (os.killpg if whom == GROUP else os.kill)(process.pid, signal.Signals[kind])

        team.runner.spoil["Apply"] = cancel
        stopped = team.apply(event)
        assert f"exit code {128 + signal.Signals[kind]}\n" in stopped.step("Apply").log, stopped.log
        assert stopped.step("Push the state").outcome == "success", stopped.log
        assert team.state()
        assert posts(box) == at
        team.runner.spoil.clear()
        again = team.apply(event)
        assert again.jobs["apply"] in ("success", "skipped"), again.log
        assert posts(box) == CALLS
        [sequence] = box.store.sequences()
        assert len(sequence.steps) == CALLS - 1
