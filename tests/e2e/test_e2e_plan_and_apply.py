"""From YAML to created steps and an empty second plan: the commands, run against a real HTTP server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.project import KEY, OTHER, TRIAL, Project, two_sequences

from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, box: Sandbox) -> Project:
    """A project with two sequences."""
    return two_sequences(tmp_path, box.url)


def calls(box: Sandbox, method: str) -> list[tuple[str, dict[str, object]]]:
    """Return path and body of every call with `method`, in order."""
    return [
        (row.path, json.loads(row.body) if row.body else {}) for row in box.store.log.entries() if row.method == method
    ]


def test_apply_creates_what_the_plan_shows_and_the_second_plan_is_empty(project: Project, box: Sandbox) -> None:
    assert project.ok("validate").out == "Valid: 2 sequences, 5 steps.\n"
    first = project.run("plan", "-detailed-exitcode")
    assert first.code == 2
    assert first.out.rstrip().endswith("Plan: 7 to create, 0 to update, 0 to deactivate, 0 to record, 0 blocked.")
    applied = project.ok("apply", "-auto-approve")
    assert applied.out == "Applied: 7 created, 0 updated, 0 deactivated, 0 recorded.\n"
    second = project.run("plan", "-detailed-exitcode")
    assert second.code == 0
    assert "No changes." in second.out
    assert project.ok("apply", "-auto-approve").out.startswith("No changes.")
    assert len(calls(box, "POST")) == 7


def test_steps_are_created_by_ascending_day_with_valid_bodies(project: Project, box: Sandbox) -> None:
    """The sandbox refuses an unknown field with 406."""
    project.ok("apply", "-auto-approve", "-parallelism", "1")
    steps = [body for path, body in calls(box, "POST") if path.endswith("/steps")]
    assert [(body["type"], body["absoluteDays"]) for body in steps] == [(1, 1), (11, 2), (1, 1), (1, 3), (2, 4)]
    assert steps[2] == {
        "type": 1,
        "absoluteDays": 1,
        "variants": [
            {
                "payload": {
                    "subject": "Quick question, {{firstName}}",
                    "content": "<p>Hi {{firstName}},</p>",
                    "preheader": "Quick question about your team",
                }
            }
        ],
    }
    assert steps[4]["priority"] == 2
    assert not [row for row in box.store.log.entries() if row.status == 406]


def test_json_plan_does_not_depend_on_the_order_of_the_files(project: Project, tmp_path: Path) -> None:
    once = project.ok("plan", "-format", "json").out
    assert once == project.ok("plan", "-format", "json").out
    other = Project(tmp_path / "copy", project.url)
    other.write("sequences/deep/other.yaml", OTHER)
    other.write("sequences/trial.yaml", TRIAL)
    assert other.ok("plan", "-format", "json").out == once
    assert str(tmp_path) not in once


def test_saved_plan_is_applied_without_a_question_and_only_once(project: Project, box: Sandbox) -> None:
    project.ok("plan", "-out", "the.plan")
    assert (project.root / "the.plan").stat().st_mode & 0o777 == 0o600
    shown = project.ok("show", "the.plan")
    assert "Plan: 7 to create" in shown.out
    project.ok("apply", "the.plan")
    again = project.ok("apply", "the.plan")
    assert "already" in again.out
    assert len(calls(box, "POST")) == 7


def spoil_file(project: Project) -> None:
    """Change a sequence file."""
    project.write("sequences/trial.yaml", TRIAL.replace("Still curious?", "Curious still?"))


def spoil_settings(project: Project) -> None:
    """Change the settings."""
    project.write("seqsync.yaml", "version: 1\nvariables: {product: Acme}\n")


def spoil_state(project: Project) -> None:
    """Apply another sequence."""
    project.write("sequences/third.yaml", OTHER.replace("other", "third"))
    project.ok("apply", "-auto-approve", "-target", "third")
    (project.root / "sequences/third.yaml").unlink()


def spoil_lineage(project: Project) -> None:
    """Replace the state by one with another lineage."""
    other = json.loads(project.ok("state", "pull").out) | {"lineage": "another"}
    project.write("other.json", json.dumps(other))
    project.ok("state", "push", "-force", "other.json")


def spoil_byte(project: Project) -> None:
    """Change one byte of the plan."""
    path = project.root / "the.plan"
    path.write_text(path.read_text().replace("Hi {{firstName}}", "Hy {{firstName}}", 1))


def spoil_format(project: Project) -> None:
    """Let a newer seqsync have written the plan."""
    path = project.root / "the.plan"
    path.write_text(re.sub(r'"format_version": \d+', '"format_version": 99', path.read_text()))


SPOILERS = {
    spoil_file: "files have changed",
    spoil_settings: "files have changed",
    spoil_state: "state has changed",
    spoil_lineage: "another state",
    spoil_byte: "damaged",
    spoil_format: "newer format",
}


@pytest.mark.parametrize("spoil", SPOILERS)
def test_rejected_plan_exits_with_7_and_names_the_cause(project: Project, box: Sandbox, spoil: object) -> None:
    """Nothing is sent."""
    project.write("sequences/fourth.yaml", OTHER.replace("other", "fourth"))
    project.ok("apply", "-auto-approve", "-target", "fourth")
    project.ok("plan", "-out", "the.plan")
    spoil(project)  # type: ignore[operator]
    before = len(calls(box, "POST"))
    done = project.run("apply", "the.plan")
    assert done.code == 7, done.both
    assert SPOILERS[spoil] in done.err  # type: ignore[index]
    assert len(calls(box, "POST")) == before


def test_plan_for_another_environment_is_rejected(project: Project) -> None:
    project.write(
        "seqsync.yaml",
        f"version: 1\ndefault_environment: one\nenvironments:\n  one: {{api_url: '{project.url}'}}\n  two: {{}}\n",
    )
    project.ok("plan", "-out", "the.plan")
    done = project.run("apply", "the.plan", "-env", "two")
    assert (done.code, "another environment" in done.err) == (7, True)


def test_plan_hash_admits_only_the_reviewed_changes(project: Project, box: Sandbox) -> None:
    reviewed = json.loads(project.ok("plan", "-format", "json").out)["plan_hash"]
    wrong = project.run("apply", "-auto-approve", "-plan-hash", "0" * 64)
    assert (wrong.code, len(calls(box, "POST"))) == (7, 0)
    project.ok("apply", "-auto-approve", "-plan-hash", reviewed)
    assert "already" in project.ok("apply", "-auto-approve", "-plan-hash", reviewed).out


def test_apply_without_a_terminal_is_refused_before_any_call(project: Project, box: Sandbox) -> None:
    done = project.run("apply")
    assert done.code == 3
    assert "-auto-approve" in done.err
    assert not box.store.log.entries()


def test_target_and_exclude_select_a_part_of_the_plan(project: Project, box: Sandbox) -> None:
    project.ok("apply", "-auto-approve", "-target", "trial.intro")
    assert calls(box, "POST")[0][0] == "/v1/sequences"
    assert len(calls(box, "POST")) == 2
    assert "Plan: 5 to create" in project.ok("plan").out
    assert project.run("plan", "-target", "nothing.here").code == 3
    assert "Plan: 2 to create" in project.ok("plan", "-exclude", "other").out


def test_refused_key_exits_with_4_and_is_nowhere_in_output_or_files(project: Project, tmp_path: Path) -> None:
    """Also with -vv, and where the API is unreachable."""
    with Sandbox(keys=("another key",)) as strict:
        project.url = strict.url
        assert project.run("apply", "-auto-approve", "-vv").code == 4
    project.url = "http://127.0.0.1:9/v1"
    assert project.run("apply", "-auto-approve", "-vv").code in (1, 10)
    for path in project.root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_report_and_state_commands_after_an_apply(project: Project) -> None:
    project.ok("apply", "-auto-approve", "-report", "report.json")
    report = json.loads((project.root / "report.json").read_text())
    assert {row["status"] for row in report["results"]} == {"done"}
    rows = dict(line.split("\t") for line in project.ok("state", "list").out.splitlines())
    assert set(rows) == {"trial", "trial.intro", "trial.nudge", "trial.connect", "other", "other.call", "other.first"}
    assert json.loads(project.ok("state", "show", "trial.intro").out)["id"] == rows["trial.intro"]
    project.ok("state", "mv", "trial.intro", "trial.opening")
    assert project.run("plan", "-detailed-exitcode").code == 2
    project.ok("state", "mv", "trial.opening", "trial.intro")
    undo = project.ok("state", "rm", "trial.intro").out.split("To undo it: seqsync ")[1].split()
    assert "trial.intro" not in project.ok("state", "list").out
    project.ok(*undo)
    assert project.run("plan", "-detailed-exitcode").code == 0
    assert json.loads(project.ok("state", "pull").out)["version"] == 1


def test_lost_state_creates_no_duplicates(project: Project, box: Sandbox) -> None:
    """Apply names the ids. With them in the settings, everything is adopted."""
    project.ok("apply", "-auto-approve")
    ids = dict(line.split("\t") for line in project.ok("state", "list").out.splitlines())
    for name in ("seqsync.state.json", "seqsync.state.json.journal"):
        (project.root / name).unlink()
    stopped = project.run("apply", "-auto-approve")
    assert stopped.code == 9
    assert ids["trial"] in stopped.err
    project.write("seqsync.yaml", f"version: 1\nenvironments:\n  default:\n    ids: {json.dumps(ids)}\n")
    project.ok("apply", "-auto-approve")
    assert len(calls(box, "POST")) == 7
    assert project.run("plan", "-detailed-exitcode").code == 0


def test_adopted_sequence_is_recorded_as_made_from_its_file(project: Project, box: Sandbox) -> None:
    """No id is recorded twice."""
    project.ok("apply", "-auto-approve")
    ids = dict(line.split("\t") for line in project.ok("state", "list").out.splitlines())
    for name in ("seqsync.state.json", "seqsync.state.json.journal"):
        (project.root / name).unlink()
    project.write("seqsync.yaml", f"version: 1\nenvironments:\n  default:\n    ids: {json.dumps(ids)}\n")
    project.ok("apply", "-auto-approve")
    entries = json.loads(project.ok("state", "pull").out)["sequences"]
    assert all(entry["made_from"] and not entry["unmanaged"] for entry in entries.values())
