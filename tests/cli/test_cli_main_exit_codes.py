"""Every exit code of every command, each with a situation that causes it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import exit_plans
import exit_states
import pytest
from exit_commands import leaves
from exit_project import Situation, Stage
from exit_table import CASES, SIGNALS
from support.stand_in import StandIn

MODULES = (exit_plans, exit_states)  # importing them fills the table


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One server and one applied project for all tests."""
    with StandIn() as server:
        made = Stage(server, tmp_path_factory.mktemp("stage"))
        made.prepare()
        yield made


@pytest.mark.parametrize(
    ("command", "code", "situation"),
    CASES,
    ids=[f"{command}-{code}-{situation.__name__}" for command, code, situation in CASES],
)
def test_situation_exits_with_its_code(
    stage: Stage, tmp_path: Path, command: str, code: int, situation: Situation
) -> None:
    done = situation(stage.scene(tmp_path))
    assert done.code == code, done.both
    assert stage.server.violations == []


NEVER_SUCCEEDS = "force-unlock"  # a local lock cannot be released from outside, so it never exits with 0 here


def test_every_command_has_a_situation_for_each_code_that_it_needs() -> None:
    """0 and 3 for every command; 8 and both signals for each command that takes the lock."""
    covered: dict[str, set[int]] = {}
    for command, code, _ in CASES:
        covered.setdefault(command, set()).add(code)
    for path, command in leaves():
        needed = {3} if path == (NEVER_SUCCEEDS,) else {0, 3}
        if any("-lock-timeout" in param.opts for param in command.params):
            needed |= {8, *SIGNALS.values()}
        assert needed <= covered.get(" ".join(path), set()), path


@pytest.mark.parametrize(
    ("code", "line"), [(0, "plan"), (2, "plan -detailed-exitcode"), (3, "plan -nothing"), (7, "apply seqsync.yaml")]
)
def test_installed_script_exits_with_the_same_codes(stage: Stage, tmp_path: Path, code: int, line: str) -> None:
    scene = stage.scene(tmp_path)
    scene.new()
    process = scene.project.start(*line.split())
    process.communicate(timeout=60)
    assert process.returncode == code
    assert [row.value for row in entry_points(group="console_scripts", name="seqsync")] == [
        "sequence_sync.cli.entry:main"
    ]
