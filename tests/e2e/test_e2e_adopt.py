"""Adopting what exists in Saleshandy by its id, and the commands that repair the state, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.project import Project

from sequence_sync.sandbox.server import Sandbox

OLD = """\
sequence: old
title: Old one
steps:
  ring:
    day: 2
    type: call_other
    task_note: The words in the file
"""


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, box: Sandbox) -> Project:
    """A project with one sequence of one call."""
    made = Project(tmp_path, box.url)
    made.write("sequences/old.yaml", OLD)
    return made


def post(box: Sandbox, path: str, body: object) -> dict[str, str]:
    """Make a change in Saleshandy, outside seqsync."""
    answer = httpx.post(box.url + path, json=body, headers={"x-api-key": "somebody"}, trust_env=False)
    answer.raise_for_status()
    return answer.json()["payload"] or {}


def ids(project: Project, rows: dict[str, str]) -> None:
    """Write `ids` into the settings."""
    project.write("seqsync.yaml", json.dumps({"version": 1, "environments": {"default": {"ids": rows}}}))


def test_plan_after_adopting_a_step_shows_its_difference_to_the_file(project: Project, box: Sandbox) -> None:
    """Adopting records what Saleshandy has, not what the file declares."""
    sequence = post(box, "/sequences", {"title": "Old one"})["sequenceId"]
    body = {"type": 15, "absoluteDays": 2, "variants": [{"payload": {}, "taskNote": "Quite other words"}]}
    step = post(box, f"/sequences/{sequence}/steps", body)["id"]
    ids(project, {"old": sequence, "old.ring": step})
    project.ok("apply", "-auto-approve")
    second = project.run("plan", "-detailed-exitcode")
    assert second.code == 2
    assert "Quite other words -> The words in the file" in second.out
    project.ok("apply", "-auto-approve")
    assert project.run("plan", "-detailed-exitcode").code == 0


def test_plan_after_adopting_a_sequence_shows_its_other_title(project: Project, box: Sandbox) -> None:
    sequence = post(box, "/sequences", {"title": "Its title in Saleshandy"})["sequenceId"]
    ids(project, {"old": sequence})
    project.ok("apply", "-auto-approve")
    assert "Its title in Saleshandy -> Old one" in project.ok("plan").out


def test_saved_plan_shows_that_it_allows_active_sequences(project: Project, box: Sandbox) -> None:
    """A plan without that permission is refused with 6."""
    project.ok("apply", "-auto-approve")
    sequence = project.ok("state", "list", "old").out.split()[1]
    post(box, "/sequences/status", {"sequenceIds": [sequence], "status": "resume"})
    project.write("sequences/old.yaml", OLD + "  more: {day: 9, type: call_other, task_note: More}\n")
    project.ok("plan", "-out", "plain.plan")
    refused = project.run("apply", "plain.plan")
    assert refused.code == 6
    assert "Nothing applied" in refused.out
    assert "-allow active" in refused.err
    project.ok("plan", "-out", "allowed.plan", "-allow", "active")
    assert "Allowed in advance, although this plan does not need it: active." in project.ok("show", "allowed.plan").out
    project.ok("apply", "allowed.plan")


def test_plan_hash_may_be_written_in_capitals_but_not_shortened(project: Project) -> None:
    reviewed = json.loads(project.ok("plan", "-format", "json").out)["plan_hash"]
    assert project.run("apply", "-auto-approve", "-plan-hash", reviewed[:20]).code == 7
    project.ok("apply", "-auto-approve", "-plan-hash", reviewed.upper())


def test_pull_then_push_keeps_every_byte_of_the_state(project: Project) -> None:
    project.ok("apply", "-auto-approve")
    pulled = project.ok("state", "pull").out
    project.ok("state", "push", str(project.write("pulled.json", pulled)))
    assert project.ok("state", "pull").out == pulled


def test_state_show_prints_sequences_steps_and_variants(project: Project) -> None:
    project.ok("apply", "-auto-approve")
    assert set(json.loads(project.ok("state", "show", "old").out)["steps"]) == {"ring"}
    assert json.loads(project.ok("state", "show", "old.ring").out)["day"] == 2
    assert json.loads(project.ok("state", "show", "old.ring.a").out)["content"]["task_note"] == "The words in the file"
    assert [project.run("state", "show", address).code for address in ("old.ring.b", "nope", "old.ring.a.x")] == [3] * 3


def test_recreate_of_a_step_in_the_state_keeps_the_step(project: Project) -> None:
    """The message says so, and the next plan is empty."""
    project.ok("apply", "-auto-approve")
    step = project.ok("state", "list", "old.ring").out.split()[1]
    assert f"old.ring is still step {step}." in project.ok("state", "resolve", "old.ring", "-recreate").out
    assert project.run("plan", "-detailed-exitcode").code == 0
