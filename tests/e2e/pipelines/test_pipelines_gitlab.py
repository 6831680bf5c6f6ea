"""The component for GitLab, run in order with real git, a real seqsync, the sandbox and a stand-in for `curl`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from github_team import STATE, Pull, Team
from gitlab_runner import GitLab, Job
from support.project import KEY, OTHER, TRIAL

from sequence_sync.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

NEW_TRIAL = TRIAL.replace("Still curious?", "Curious still?")
NEW_OTHER = OTHER.replace("The first of them", "The very first")


class Project:
    """A team, and the pipelines of its project."""

    def __init__(self, root: Path, url: str) -> None:
        self.team = Team(root, url, "gitlab")
        keys = {
            "SALESHANDY_API_KEY": KEY,
            "SEQSYNC_NOTE_TOKEN": "the-note-token",
            "SEQSYNC_PUSH_TOKEN": "the-push-token",
        }
        self.gitlab = GitLab(root, {"SEQSYNC_API_URL": url, "SEQSYNC_SETTLE_GRACE": "0.1", **keys})

    def request(self, pull: Pull, labels: str = "", source: str = "1") -> dict[str, Job]:
        """The pipeline of a merge request."""
        return self.gitlab.pipeline(
            pull.head,
            "merge_request_event",
            CI_MERGE_REQUEST_IID=str(pull.number),
            CI_MERGE_REQUEST_LABELS=labels,
            CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
            CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source,
        )

    def merge(self, pull: Pull, how: str = "merge") -> dict[str, str]:
        """Merge it; the variables of the push."""
        event = self.team.merge(pull, how)
        host = self.gitlab.host
        row = {"iid": pull.number, "state": "merged", "target_branch": "main", "sha": pull.head}
        host.data["requests"].append({**row, "commits": [event["after"]]})
        host.save()
        return event

    def push(self, event: dict[str, str]) -> dict[str, Job]:
        """The pipeline of a push to main."""
        return self.gitlab.pipeline(
            event["after"], "push", CI_COMMIT_BRANCH="main", CI_COMMIT_BEFORE_SHA=event["before"]
        )

    def notes(self, pull: Pull) -> list[str]:
        """The notes of a merge request."""
        return [row["body"] for row in self.gitlab.host.data["notes"].get(str(pull.number), [])]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with two sequences, both made."""
    with Sandbox(per_minute=0) as box:
        made = Project(tmp_path, box.url)
        made.team.settle()
        yield made


def test_from_a_merge_request_to_an_applied_sequence(project: Project) -> None:
    """Noted in place, counted for the widget, applied on the noted hash after the merge, state pushed, nothing left."""
    pull = project.team.open({"sequences/trial.yaml": NEW_TRIAL})
    first = project.request(pull)
    assert {name: job.code for name, job in first.items()} == {"seqsync-validate": 0, "seqsync-plan": 0}, first
    counts = json.loads(first["seqsync-plan"].files["seqsync-terraform.json"])
    assert counts == {"create": 0, "update": 1, "delete": 0}
    project.request(pull)
    [note] = project.notes(pull)
    assert re.match(r"<!-- seqsync:plan:production [0-9a-f]{64} [0-9a-f]{40} -->\n", note)
    assert "### Plan: 0 to create, 1 to update" in note
    before = project.team.state()
    jobs = project.push(project.merge(pull, "squash"))
    assert {name: job.code for name, job in jobs.items()} == {
        "seqsync-validate": 0,
        "seqsync-apply": 0,
        "seqsync-left": 0,
    }, jobs
    assert "after_script: 0" in jobs["seqsync-apply"].log
    assert "Curious still?" in project.team.state()
    assert "Curious still?" not in before
    assert KEY not in jobs["seqsync-apply"].log


@pytest.mark.long
def test_two_merge_requests_both_go_through(project: Project) -> None:
    """Different sequences, both merged before the first apply runs: each goes through on its own hash."""
    one = project.team.open({"sequences/trial.yaml": NEW_TRIAL})
    two = project.team.open({"sequences/other.yaml": NEW_OTHER})
    project.request(one)
    project.request(two)
    for event in [project.merge(one), project.merge(two)]:
        jobs = project.push(event)
        assert jobs["seqsync-apply"].code == 0, jobs["seqsync-apply"].log
    assert jobs["seqsync-left"].code == 0, jobs["seqsync-apply"].log + jobs["seqsync-left"].log


def test_a_note_of_another_author_is_not_a_review(project: Project) -> None:
    """A note that was not written by the user of our token counts as none, and so does one for an older commit."""
    pull = project.team.open({"sequences/trial.yaml": NEW_TRIAL})
    project.request(pull)
    host = project.gitlab.host
    host.data["notes"]["1"][0]["author"] = {"id": 5}
    host.save()
    jobs = project.push(project.merge(pull))
    assert jobs["seqsync-apply"].code == 7
    assert "No reviewed plan for this change" in jobs["seqsync-apply"].log
    assert jobs["seqsync-left"].code == 2
    plan_hash = re.search(r"SEQSYNC_PLAN_HASH=([0-9a-f]{64})", jobs["seqsync-left"].log)[1]  # type: ignore[index]
    by_hand = project.gitlab.pipeline(
        project.team.main(), "web", CI_COMMIT_BRANCH="main", SEQSYNC_PLAN_HASH=plan_hash, SEQSYNC_ALLOW=""
    )
    assert by_hand["seqsync-apply"].code == 0, by_hand["seqsync-apply"].log


def test_a_fork_is_validated_and_not_planned(project: Project) -> None:
    """A fork's merge request has no token: its files are validated, and errors go into the code quality report."""
    pull = project.team.open({"sequences/trial.yaml": TRIAL.replace("day: 1", "day: x")})
    jobs = project.request(pull, source="2")
    assert {name: job.code for name, job in jobs.items()} == {"seqsync-validate": 3}
    [row] = json.loads(jobs["seqsync-validate"].files["gl-code-quality-report.json"])
    assert (row["location"]["path"], row["severity"]) == ("sequences/trial.yaml", "critical")
    assert row["location"]["lines"]["begin"] > 1
    assert project.gitlab.host.data["calls"] == []


@pytest.mark.long
def test_a_state_that_cannot_be_pushed_makes_the_pipeline_red(project: Project) -> None:
    """A protected branch: the state is in the artifacts, and the last job says that git has not got it."""
    pull = project.team.open({"sequences/trial.yaml": NEW_TRIAL})
    project.request(pull)
    event = project.merge(pull)
    hook = project.gitlab.bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    jobs = project.push(event)
    assert jobs["seqsync-apply"].code == 0
    assert "Curious still?" in jobs["seqsync-apply"].files[STATE].decode()
    assert jobs["seqsync-left"].code == 1
    assert "not in git" in jobs["seqsync-left"].log
