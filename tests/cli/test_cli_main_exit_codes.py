"""Every exit code of every command, each with a situation that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import exit_plans
import exit_states
import pytest
from exit_commands import leaves
from exit_forks import Forks
from exit_project import Situation, Stage
from exit_table import CASES, SIGNALS
from support.stand_in import StandIn

ENTERED = (exit_plans, exit_states)  # what these hold stands in the table


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One server and one applied project for all."""
    with StandIn() as server:
        forks = Forks()
        made = Stage(server, tmp_path_factory.mktemp("stage"), forks)
        made.prepare()
        yield made
        forks.close()


@pytest.mark.parametrize(
    ("command", "code", "situation"),
    CASES,
    ids=[f"{command}-{code}-{situation.__name__}" for command, code, situation in CASES],
)
def test_a_code(stage: Stage, tmp_path: Path, command: str, code: int, situation: Situation) -> None:
    """The situation gives this code, and no other."""
    done = situation(stage.scene(tmp_path))
    assert done.code == code, done.both
    assert stage.server.violations == []


NO_LOCK_TO_TAKE = "force-unlock"  # a local lock cannot be taken away, so that it never gives 0 here


def test_the_table_is_whole() -> None:
    """Every command has a situation for 0 and for 3; who takes the lock has one for 8, and for both signals."""
    entered: dict[str, set[int]] = {}
    for command, code, _ in CASES:
        entered.setdefault(command, set()).add(code)
    for path, command in leaves():
        needed = {3} if path == (NO_LOCK_TO_TAKE,) else {0, 3}
        if any("-lock-timeout" in param.opts for param in command.params):
            needed |= {8, *SIGNALS.values()}
        assert needed <= entered.get(" ".join(path), set()), path


@pytest.mark.parametrize(
    ("code", "line"), [(0, "plan"), (2, "plan -detailed-exitcode"), (3, "plan -nothing"), (7, "apply seqsync.yaml")]
)
def test_the_script_itself(stage: Stage, tmp_path: Path, code: int, line: str) -> None:
    """The installed script is the `main` that the forks run, and its code reaches the shell."""
    scene = stage.scene(tmp_path)
    scene.new()
    process = scene.project.start(*line.split())
    process.communicate(timeout=60)
    assert process.returncode == code
    assert [row.value for row in entry_points(group="console_scripts", name="seqsync")] == [
        "sequence_sync.cli.entry:main"
    ]
