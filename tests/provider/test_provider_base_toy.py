"""The planner and the executor work with a provider that shares nothing with Saleshandy but the interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.build import call, desired, email, message
from support.engine import Bench
from toy_provider import ToyAccount, ToyClient

from sequence_sync.apply.executor import Executor
from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Action, Plan
from sequence_sync.provider.base import AnswerKind, SequenceSnapshot
from sequence_sync.state.history import CallLine, decode_lines

POLICY = Policy(removed_steps=RemovedSteps.DEACTIVATE)


class Team(Bench):
    """A state and a toy account."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ToyClient(ToyAccount()))

    @property
    def account(self) -> ToyAccount:
        """The vendor's side."""
        return self.api.account

    def steps(self) -> list[dict[str, Any]]:
        """The messages of the one campaign, as the vendor stores them."""
        (campaign,) = self.account.campaigns.values()
        return list(campaign["messages"].values())

    def sync(self, **steps: Content) -> tuple[Plan, set[Status]]:
        """Plan and apply one file; the plan, and the statuses of its changes."""
        context = self.context()
        context.lock.release()
        plan = self.plan(desired(steps=steps), policy=POLICY, allowed={"destructive", "drift"})
        context = self.context()
        report = Executor(context, 0).carry_out(plan)
        context.lock.release()
        return plan, {row.status for row in report.results}

    def calls(self) -> list[tuple[str, str]]:
        """Method and path of every write."""
        return [(request.method, request.path) for request in self.account.requests]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """One sequence with an email and a task, applied."""
    team = Team(tmp_path)
    assert team.sync(intro=email(1, "Hello"), task=message(3, "Words", priority="high"))[1] == {Status.DONE}
    return team


def test_a_plan_shows_the_vendors_own_requests(tmp_path: Path) -> None:
    plan, _ = Team(tmp_path).sync(intro=email(2, "Hello"))
    first, second = (change.calls[0] for change in plan.changes)
    assert (first.path, first.body) == ("/campaigns", {"name": "Trial"})
    assert second.path == "/campaigns/{trial}/messages"
    assert (second.body["kind"], second.body["after"]) == ("mail", 1)
    assert second.body["texts"][0]["fields"] == {"headline": "Hello", "html": "<p>Hello there</p>"}


def test_creates_are_carried_out_and_a_second_plan_is_empty(team: Team) -> None:
    assert [(row["kind"], row["after"], row["urgency"]) for row in team.steps()] == [
        ("mail", 0, "usual"),
        ("linkedin-message", 2, "soon"),
    ]
    plan, statuses = team.sync(intro=email(1, "Hello"), task=message(3, "Words", priority="high"))
    assert (plan.changes, statuses) == ((), set())


def test_text_day_and_priority_are_updated_where_they_are(team: Team) -> None:
    plan, statuses = team.sync(intro=email(4, "Hi"), task=message(3, "Words"))
    assert {change.action for change in plan.changes} == {Action.UPDATE_STEP, Action.UPDATE_VARIANT}
    assert statuses == {Status.DONE}
    mail, task = team.steps()
    assert (mail["after"], next(iter(mail["texts"].values()))["fields"]["headline"]) == (3, "Hi")
    assert task["urgency"] == "usual"
    assert team.sync(intro=email(4, "Hi"), task=message(3, "Words"))[0].changes == ()


def test_emails_change_places_by_way_of_a_free_day(team: Team) -> None:
    team.sync(intro=email(1, "Hello"), last=email(5, "Bye"), task=message(3, "Words"))
    new = {"intro": email(5, "Hello"), "last": email(1, "Bye"), "task": message(3, "Words")}
    _, statuses = team.sync(**new)
    assert statuses == {Status.DONE}
    assert [row["after"] for row in team.steps() if row["kind"] == "mail"] == [4, 0]
    assert team.sync(**new)[0].changes == ()


def test_a_new_variant_is_added_to_its_step(team: Team) -> None:
    plan, statuses = team.sync(intro=email(1, "Hello", b="Second"), task=message(3, "Words", priority="high"))
    assert [change.action for change in plan.changes] == [Action.CREATE_VARIANT]
    assert statuses == {Status.DONE}
    assert [row["fields"]["headline"] for row in team.steps()[0]["texts"].values()] == ["Hello", "Second"]


def test_a_removed_step_is_deleted(team: Team) -> None:
    plan, statuses = team.sync(intro=email(1, "Hello"))
    (change,) = plan.changes
    assert (change.action, change.calls[0].method) == (Action.DEACTIVATE_VARIANT, "DELETE")
    assert [gate.name for gate in plan.gates] == ["destructive"]
    assert statuses == {Status.DONE}
    assert team.calls()[-1][0] == "DELETE"
    assert [row["live"] for row in team.steps()[1]["texts"].values()] == [False]
    assert team.sync(intro=email(1, "Hello"))[0].changes == ()


@pytest.mark.parametrize("fault", ["lost", AnswerKind.NO_ANSWER])
def test_a_create_without_an_answer_is_made_exactly_once(team: Team, fault: str) -> None:
    new = {"intro": email(1, "Hello"), "task": message(3, "Words", priority="high"), "later": call(9, "Ask them")}
    team.account.faults.append(fault)
    _, statuses = team.sync(**new)
    assert statuses == {Status.DONE}
    assert [row["kind"] for row in team.steps()] == ["mail", "linkedin-message", "call-introduction"]
    assert team.sync(**new)[0].changes == ()


@pytest.mark.parametrize("fault", ["lost", AnswerKind.NO_ANSWER])
def test_an_update_or_a_delete_without_an_answer_is_decided_by_reading(team: Team, fault: str) -> None:
    team.account.faults.append(fault)
    assert team.sync(intro=email(1, "Hi"), task=message(3, "Words", priority="high"))[1] == {Status.DONE}
    team.account.faults.append(fault)
    assert team.sync(intro=email(1, "Hi"))[1] == {Status.DONE}
    mail, task = team.steps()
    assert next(iter(mail["texts"].values()))["fields"]["headline"] == "Hi"
    assert not any(row["live"] for row in task["texts"].values())
    assert team.sync(intro=email(1, "Hi"))[0].changes == ()


def test_what_an_update_replaced_is_in_the_history_by_the_vendors_names(team: Team) -> None:
    team.sync(intro=email(1, "Hi"), task=message(3, "Words", priority="high"))
    replaced = [
        line.replaced for line in decode_lines(team.store.history) if isinstance(line, CallLine) and line.replaced
    ]
    assert replaced == [{"fields": {"headline": "Hello"}}]


def test_an_edit_in_the_account_is_drift_in_seqsyncs_words(team: Team) -> None:
    text = next(iter(team.steps()[0]["texts"].values()))
    text["fields"]["headline"] = "Edited"
    team.steps()[1]["after"] = 6
    (row,) = team.api.sequences()
    steps = tuple(team.api.steps(row.id) or ())
    found = drift_of("trial", team.manager.state.sequences["trial"], SequenceSnapshot(row, steps))
    assert {(each.field, each.before, each.after) for drift in found for each in drift.fields} == {
        ("variants.a.payload.subject", "Hello", "Edited"),
        ("day", 3, 7),
    }
