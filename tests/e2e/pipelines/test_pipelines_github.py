"""The workflows for GitHub, run in order with real git, a real seqsync, the sandbox and a stand-in for `gh`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from github_team import BLANK, STATE, Team
from support.project import OTHER, TRIAL

from sequence_sync.sandbox.bodies import variant_change
from sequence_sync.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

NEW_TRIAL = TRIAL.replace("Still curious?", "Curious still?")
NEW_OTHER = OTHER.replace("The first of them", "The very first")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def team(tmp_path: Path, box: Sandbox) -> Team:
    """A team whose repository has two sequences, nothing of them made yet."""
    return Team(tmp_path, box.url)


@pytest.fixture
def applied(team: Team) -> Team:
    """A team whose sequences are both applied."""
    team.apply_main()
    return team


def posts(box: Sandbox) -> int:
    """The number of sequences and steps in Saleshandy."""
    return sum(row.method == "POST" for row in box.store.log.entries())


def test_from_a_pull_request_to_an_applied_sequence(team: Team, box: Sandbox) -> None:
    """Validated, planned, commented, merged, applied on its hash, state pushed; the second time nothing is left."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    assert team.validate("push", pull).jobs == {"validate": "success"}
    planned = team.plan(pull)
    assert planned.jobs == {"plan": "success"}, planned.log
    comment = team.comments(pull)[0]
    plan_hash = re.search(r"plan hash ([0-9a-f]{64})", comment)[1]  # type: ignore[index]
    assert comment.startswith("<!-- seqsync:plan:production -->\n\n### Plan: 4 to create")
    assert "Curious still?" in comment
    assert team.statuses(pull) == [f"plan {plan_hash}"]
    assert posts(box) == 0

    event = team.merge(pull)
    applied = team.apply(event)
    assert applied.jobs["apply"] == "success", applied.log
    assert "Applied: 4 created" in applied.log
    assert posts(box) == 4
    assert set(json.loads(team.state())["sequences"]) == {"trial"}
    assert team.comments(pull)[1].startswith("<!-- seqsync:report:production -->\n\n### Applied")
    assert team.git("log", "-1", "--format=%an %s", "origin/main") == (
        "github-actions[bot] seqsync: state after apply [skip ci]"
    )
    again = team.apply(event)
    assert again.jobs["apply"] == "skipped"
    assert posts(box) == 4
    assert again.jobs["left"] == "failure"  # the other sequence was in no pull request


def test_the_comment_is_updated_in_place(team: Team) -> None:
    """A second push to the branch edits the one comment, and the hash is noted on the new commit."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    before = team.statuses(pull)
    team.push_again(pull, {"sequences/trial.yaml": NEW_TRIAL.replace("Curious still?", "Curious again?")})
    team.plan(pull)
    assert len(team.comments(pull)) == 1
    assert "Curious again?" in team.comments(pull)[0]
    assert team.statuses(pull) != before


def test_a_comment_of_another_author_is_left_alone(team: Team) -> None:
    """Whoever copies the first line of the comment gets nothing but a second comment."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    host = team.runner.host
    mine = {"id": 1, "user": {"login": "mallory"}, "body": "<!-- seqsync:plan:production -->\nplan hash " + "0" * 64}
    host.data["comments"]["1"] = [mine]
    host.save()
    team.plan(pull)
    assert team.comments(pull)[0] == mine["body"]
    assert len(team.comments(pull)) == 2


def test_a_status_of_another_author_is_not_a_review(team: Team, box: Sandbox) -> None:
    """A hash that was not noted by the pipeline itself counts as none: nothing is applied, with exit code 7."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    host = team.runner.host
    for row in host.data["statuses"][pull.head]:
        row["creator"]["login"] = "mallory"
    host.save()
    applied = team.apply(team.merge(pull))
    assert "No reviewed plan for this change" in applied.log
    assert "exit code 7" in applied.log
    assert posts(box) == 0


@pytest.mark.parametrize(
    "how", ["rebase", pytest.param("merge", marks=pytest.mark.long), pytest.param("squash", marks=pytest.mark.long)]
)
def test_two_pull_requests_both_go_through(applied: Team, how: str) -> None:
    """Different sequences, both merged before the first apply runs: each goes through on its hash, in either order."""
    one = applied.open(
        {"sequences/trial.yaml": NEW_TRIAL}, {"sequences/trial.yaml": NEW_TRIAL.replace("day: 4", "day: 5")}
    )
    two = applied.open({"sequences/other.yaml": NEW_OTHER})
    applied.plan(one)
    applied.plan(two)
    merges = [(applied.merge(pull, how), pull) for pull in (one, two)]
    for event, pull in reversed(merges) if how == "rebase" else merges:
        run = applied.apply(event)
        assert run.jobs["apply"] == "success", run.log
        assert "### Applied" in applied.comments(pull)[1]
    assert how == "rebase" or run.jobs["left"] == "success", run.log


@pytest.mark.long
def test_one_push_with_two_pull_requests(applied: Team) -> None:
    """A merge queue pushes several at once: each is a row of its own, with its own hash."""
    one = applied.open({"sequences/trial.yaml": NEW_TRIAL})
    two = applied.open({"sequences/other.yaml": NEW_OTHER})
    applied.plan(one)
    applied.plan(two)
    first, second = applied.merge(one), applied.merge(two, "squash")
    run = applied.apply({"before": first["before"], "after": second["after"]})
    assert [step.outcome for step in run.steps if step.name == "Apply"] == ["success", "success"], run.log
    assert run.jobs == {"merges": "success", "apply": "success", "by-hand": "skipped", "left": "success"}


def test_a_stale_plan_is_refused_with_old_against_new(applied: Team, box: Sandbox) -> None:
    """Two pull requests on one step: the second is refused with 7, and log and summary show what changed."""
    one = applied.open({"sequences/trial.yaml": NEW_TRIAL})
    two = applied.open({"sequences/trial.yaml": TRIAL.replace("Quick question about", "A question about")})
    applied.plan(one)
    applied.plan(two)
    applied.merge(one)  # and its apply is cancelled before it began
    made = posts(box)
    run = applied.apply(applied.merge(two))
    assert run.jobs["apply"] == "failure"
    assert "exit code 7" in run.step("Apply").log
    assert "--- reviewed\n+++ now" in run.log
    assert "Reviewed plan compared with the current plan" in run.summary
    assert "Curious still?" in run.summary.split("Reviewed plan compared with the current plan")[1]
    assert "### Nothing applied" in applied.comments(two)[1]
    assert posts(box) == made
    assert run.jobs["left"] == "failure"


def test_the_state_is_pushed_also_when_apply_fails(team: Team, box: Sandbox, tmp_path: Path) -> None:
    """The host's state contains all creates before the fault. A rerun of the job finishes the rest."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    event = team.merge(pull)
    switches = tmp_path / "switches.json"
    switches.write_text(json.dumps({"faults": [FAULT]}))
    box.switch(switches)
    failed = team.apply(event)
    assert failed.jobs["apply"] == "failure", failed.log
    assert failed.step("Push the state").outcome == "success"
    assert len(json.loads(team.state())["sequences"]["trial"]["steps"]) < 3
    box.switch(None)
    again = team.apply(event)
    assert again.jobs["apply"] == "success", again.log
    assert len(json.loads(team.state())["sequences"]["trial"]["steps"]) == 3
    assert posts(box) <= 5


FAULT = {"method": "POST", "path_contains": "/steps", "nth": 2, "fault": "forbidden_403"}


def test_a_push_is_repeated_after_another_push(team: Team) -> None:
    """Another commit on main while apply ran: the state goes on top of it."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    event = team.merge(pull)

    def faster(_: object) -> None:
        team.push({"README.md": "Faster\n"})

    team.runner.spoil["Apply"] = faster
    assert team.apply(event).jobs["apply"] == "success"
    team.main()
    assert team.git("show", "origin/main:README.md") == "Faster"
    assert team.state()


def test_a_state_that_cannot_be_pushed_is_kept_in_a_branch(team: Team) -> None:
    """A protected branch: the job fails, says so, and the state is safe in a branch of its own."""
    hook = team.runner.bare / "hooks" / "update"
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    event = team.merge(pull)
    hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/main\n')
    hook.chmod(0o755)
    run = team.apply(event)
    assert run.jobs["apply"] == "failure"
    rescue = re.search(r"saved in the branch (seqsync-rescue-\S+)\. ", run.log)[1]  # type: ignore[index]
    team.git("fetch", "-q", "origin", rescue)
    assert "trial" in team.git("show", f"FETCH_HEAD:{STATE}")


def test_a_push_without_a_pull_request_is_not_applied(applied: Team, box: Sandbox) -> None:
    """The push has no reviewed plan. A person applies it with the hash that the run prints."""
    made = len(box.store.log.entries())
    run = applied.apply(applied.push({"sequences/other.yaml": NEW_OTHER}))
    assert run.jobs["apply"] == "failure"
    assert "No reviewed plan for this change" in run.log
    assert len(box.store.log.entries()) == made
    wrong = applied.apply_by_hand(BLANK + "0" * 24)
    assert "exit code 7" in wrong.step("Apply").log
    plan_hash = re.findall(r"with the hash ([0-9a-f]{64})", run.summary)[-1]
    assert applied.apply_by_hand(plan_hash).jobs["by-hand"] == "success"


def test_a_pull_request_without_sequences_is_quiet(applied: Team) -> None:
    """Where nothing changes there is no comment, and no apply job that would ask for an approval."""
    pull = applied.open({"README.md": "Words\n"})
    assert applied.plan(pull).jobs["plan"] == "success"
    assert applied.comments(pull) == []
    run = applied.apply(applied.merge(pull))
    assert run.jobs == {"merges": "success", "apply": "skipped", "by-hand": "skipped", "left": "success"}


def test_a_fork_is_validated_and_not_planned(team: Team) -> None:
    """A fork's pull request gets no plan and no token; its files are looked at."""
    pull = team.open({"sequences/trial.yaml": TRIAL.replace("day: 1", "day: x")}, fork=True)
    assert team.plan(pull).jobs == {"plan": "skipped"}
    run = team.validate("pull_request", pull)
    assert run.jobs == {"validate": "failure"}
    assert re.search(r"^::error file=sequences/trial\.yaml,line=\d+,", run.log, re.M)
    assert team.runner.host.data["calls"] == []


def test_a_plan_that_fails_is_reported_in_the_comment(team: Team) -> None:
    """Broken files take the old plan out of the comment; their commit has no hash, so nothing could be applied."""
    pull = team.open({"sequences/trial.yaml": NEW_TRIAL})
    team.plan(pull)
    team.push_again(pull, {"sequences/trial.yaml": "sequence: ["})
    assert team.plan(pull).jobs["plan"] == "failure"
    assert "### No plan for" in team.comments(pull)[0]
    assert team.statuses(pull) == []


def test_a_label_opens_a_gate_for_plan_and_apply(applied: Team, box: Sandbox) -> None:
    """Without the label the gate is shut and apply ends with 6; with it the hash carries it to the apply."""
    less = TRIAL.replace(
        """      b:
        subject: One more idea
        markdown: |
          Hi {{firstName}}, one more **idea**.
""",
        "",
    )
    pull = applied.open({"sequences/trial.yaml": less})
    applied.plan(pull)
    shut = applied.merge(pull)
    assert "exit code 6" in applied.apply(shut).step("Apply").log
    pull.labels = ["urgent", "seqsync-allow-destructive"]
    applied.plan(pull)
    assert applied.statuses(pull)[0].endswith(" allow destructive")
    assert applied.apply(shut).jobs["apply"] == "success"


def test_what_a_text_says_is_no_command_of_the_runner(team: Team) -> None:
    """A line of text that looks like a command of the runner is printed while such commands are switched off."""
    evil = NEW_TRIAL.replace("Hi {{firstName}}, shall we connect?", '"::add-mask::x\\n::set-output name=hash::x"')
    pull = team.open({"sequences/trial.yaml": evil})
    run = team.plan(pull)
    log = run.step("Plan").log
    token = re.search(r"^::stop-commands::([0-9a-f]{32})$", log, re.M)
    assert token
    inside = log.split(token[0])[1].split(f"::{token[1]}::")[0]
    outside = log.replace(inside, "").replace(token[0], "").splitlines()
    assert all(
        line.startswith(("::notice ", "::warning ")) for line in outside if "::" in line[:3] and token[1] not in line
    )
    assert not any(line.lstrip().startswith(("::add-mask", "::set-output")) for line in outside)
    assert "Curious still?" in inside


def reword(box: Sandbox, before: str, after: str) -> None:
    """Change the subject of an email in Saleshandy."""
    for sequence in box.store.sequences():
        for step in sequence.steps:
            for variant in step.variants:
                if variant.payload.get("subject") == before:
                    change = variant_change({"payload": {**variant.payload, "subject": after}})
                    box.store.change_variant(sequence.id, step.id, variant.id, change)
                    return
    raise AssertionError(before)


def test_drift_of_the_night_is_one_issue(applied: Team, box: Sandbox) -> None:
    """A change outside seqsync opens an issue. The next night updates it, and it is closed when the drift is gone."""
    assert applied.drift().jobs == {"drift": "success"}
    assert applied.runner.host.data["issues"] == []
    reword(box, "Still curious?", "Bought already?")
    for _ in range(2):
        assert applied.drift().jobs == {"drift": "success"}
    [issue] = applied.runner.host.data["issues"]
    assert issue["title"] == "Sequences differ: production"
    assert issue["body"].startswith("<!-- seqsync:drift:production -->\n")
    assert "Bought already?" in issue["body"]
    reword(box, "Bought already?", "Still curious?")
    applied.drift()
    assert applied.runner.host.data["issues"][0]["state"] == "closed"
    applied.push({"sequences/other.yaml": NEW_OTHER})
    applied.drift()
    assert "In git, not applied" in applied.runner.host.data["issues"][1]["body"]
