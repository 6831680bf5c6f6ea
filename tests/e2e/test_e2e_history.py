"""The history and `plan -to-serial` end to end, on the sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.project import KEY, TRIAL, Project

from sequence_sync.sandbox.bodies import Content, Placing, VariantChange
from sequence_sync.sandbox.server import Sandbox

REWORDED = TRIAL.replace("Quick question, {{firstName}}", "A new question").replace("day: 4", "day: 5")
BY_HAND = "By hand \x1b[31mred"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, box: Sandbox) -> Project:
    """One sequence, applied once."""
    project = Project(tmp_path, box.url, settle_grace="0.3")
    project.write("sequences/trial.yaml", TRIAL)
    project.ok("apply", "-auto-approve")
    return project


def edit(box: Sandbox, subject: str) -> None:
    """Change the subject of the first email outside seqsync."""
    (sequence,) = box.store.sequences()
    step = next(step for step in sequence.steps if step.day == 1)
    variant = step.variants[0]
    change = VariantChange(None, None, Content({**variant.payload, "subject": subject}), Placing())
    box.store.change_variant(sequence.id, step.id, variant.id, change)


def texts(box: Sandbox) -> list[tuple[int, Any]]:
    """The day and the payloads of each remote step."""
    (sequence,) = box.store.sequences()
    return sorted(
        (step.day, json.dumps([row.payload for row in step.variants], sort_keys=True)) for step in sequence.steps
    )


def runs(project: Project, *more: str) -> list[dict[str, Any]]:
    """The history as JSON."""
    found: list[dict[str, Any]] = json.loads(project.ok("state", "history", "-format", "json", *more).out)["runs"]
    return found


def test_rollback_to_the_first_serial_by_a_saved_plan(project: Project, box: Sandbox) -> None:
    """After an update and an overwritten change outside seqsync."""
    at_first = texts(box)
    project.write("sequences/trial.yaml", REWORDED)
    edit(box, BY_HAND)
    project.ok("apply", "-auto-approve", "-allow", "drift")
    assert texts(box) != at_first
    history = project.ok("state", "history").out
    assert "+ created trial.nudge (id " in history
    assert 'replaced subject "By hand \\x1b[31mred"' in history
    assert "\x1b" not in history
    assert [run["serial"] for run in runs(project)] == [1, 2]

    back = project.ok("plan", "-to-serial", "1", "-out", "back.plan")
    assert "cannot be recalled" in back.out
    assert "Your files still have the current text" in back.out
    assert "Plan: 0 to create, 2 to update, 0 to deactivate, 0 to record, 0 blocked." in back.out
    project.ok("apply", "back.plan")
    assert texts(box) == at_first
    assert "No changes" in project.ok("plan", "-to-serial", "1").out
    again = project.ok("plan")
    assert "2 to update" in again.out  # the files still have the current text
    project.write("sequences/trial.yaml", TRIAL)
    assert "No changes. Your files match" in project.ok("plan").out
    assert [run["operation"] for run in runs(project)] == ["apply"] * 3


def test_rollback_blocks_what_it_cannot_undo(project: Project, box: Sandbox) -> None:
    """A step created since cannot be deleted. A step forgotten since is adopted by its id. Nothing is created twice."""
    more = TRIAL + "  late:\n    day: 9\n    type: email\n    subject: Late\n    content: <p>Late</p>\n"
    project.write(
        "sequences/trial.yaml",
        more.replace("steps:", "removed: [connect]\nsteps:").replace(TRIAL[TRIAL.index("  connect:") :], ""),
    )
    project.ok("apply", "-auto-approve")
    assert "-connect" not in project.ok("state", "list").out
    plan = project.ok("plan", "-to-serial", "1", "-out", "back.plan").out
    assert "It was created after serial 1" in plan
    assert "Plan: 0 to create, 0 to update, 0 to deactivate, 1 to record, 1 blocked." in plan
    posts = sum(row.method == "POST" for row in box.store.log.entries())
    project.ok("apply", "back.plan")
    assert "trial.connect" in project.ok("state", "list").out
    assert sum(row.method == "POST" for row in box.store.log.entries()) == posts


def test_rollback_renames_keys_without_a_call(project: Project, box: Sandbox) -> None:
    project.ok("state", "mv", "trial.intro", "trial.hello")
    project.ok("state", "mv", "trial", "test")
    plan = project.ok("plan", "-to-serial", "1").out
    assert "Plan: 0 to create, 0 to update, 0 to deactivate, 2 to record, 0 blocked." in plan
    part = project.ok("plan", "-to-serial", "2", "-target", "trial").out
    assert "1 to record" in part


def test_history_names_who_ran_each_command_and_when(project: Project) -> None:
    """Outside git there is no commit."""
    project.ok("state", "mv", "trial.intro", "trial.hello")
    project.ok("state", "rm", "trial.hello")
    backup = next((project.root / ".seqsync" / "backups").glob("before-rm*"))
    project.ok("state", "push", "-force", str(backup))
    found = runs(project)
    assert [run["operation"] for run in found] == ["apply", "state mv", "state rm", "state push"]
    assert all("@" in run["who"] and run["at"].endswith("+00:00") and run["commit"] is None for run in found)
    assert [run["serial"] for run in found] == [1, 2, 3, 4]
    assert [run["operation"] for run in runs(project, "trial.hello")] == ["state mv", "state rm", "state push"]
    assert [run["operation"] for run in runs(project, "trial.nudge.b")] == ["apply"]
    assert len(runs(project, "-limit", "1")) == 1
    only = runs(project, "*.connect")[0]["lines"]
    assert [line["address"] for line in only] == ["trial.connect"]
    text = project.ok("state", "history", "trial.hello").out
    assert "> removed trial.hello from the state" in text
    assert "created" not in text


def test_history_names_the_commit_and_whether_the_project_was_dirty(project: Project) -> None:
    """The state's own files never make it dirty."""
    project.write(".gitignore", ".seqsync/\n")
    for words in (("init", "-q"), ("add", ".gitignore", "sequences"), ("commit", "-q", "-m", "x")):
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *who, *words], cwd=project.root, check=True, capture_output=True)
    project.ok("state", "mv", "trial.intro", "trial.hello")
    first = runs(project)[-1]
    assert first["dirty"] is False
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.root, capture_output=True, text=True, check=True)
    assert first["commit"] == head.stdout.strip()
    project.write("sequences/trial.yaml", REWORDED)
    project.ok("state", "mv", "trial.hello", "trial.intro")
    assert runs(project)[-1]["dirty"] is True
    assert "with uncommitted changes" in project.ok("state", "history").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "-to-serial", "7"), "from 0 to 1"),
        (("plan", "-to-serial", "1", "-changed-since", "main"), "not both"),
        (("state", "history", "trial.nothing"), "matches nothing"),
        (("state", "history", "Trial"), "Invalid address"),
    ],
)
def test_unknown_serial_or_address_exits_with_3(project: Project, arguments: tuple[str, ...], message: str) -> None:
    done = project.run(*arguments)
    assert done.code == 3
    assert message in done.err


def test_history_without_a_state_is_empty(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("sequences/trial.yaml", TRIAL)
    assert "The history is empty" in project.ok("state", "history").out
    assert runs(project) == []
    assert project.run("plan", "-to-serial", "0").code == 3


def test_no_file_contains_the_api_key(project: Project, box: Sandbox) -> None:
    project.write("sequences/trial.yaml", REWORDED)
    project.ok("plan", "-out", "the.plan")
    project.ok("apply", "the.plan")
    written = [path for path in project.root.rglob("*") if path.is_file()]
    assert {"seqsync.state.json.history", "seqsync.state.json", "the.plan"} <= {path.name for path in written}
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
