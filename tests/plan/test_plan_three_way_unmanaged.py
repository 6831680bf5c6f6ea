"""Steps and sequences in Saleshandy that the state does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.build import call, desired, email, entry, message
from support.scenario import Scenario, drift, lines, remote_step

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content
from sequence_sync.plan.model import Change, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.base import RemoteAccount, RemoteSequence, RemoteStep, SequenceSnapshot
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import step_state

NEW = "One more thing", "<p>Plenty of ideas</p>"


@pytest.fixture
def scenario() -> Scenario:
    """Two emails, the second one with two variants, and a task."""
    steps = {
        "one": email(1, "First", "<p>The first mail</p>"),
        "two": email(3, "Second", b="Another way"),
        "task": message(4),
    }
    return Scenario.of(trial=entry(**steps))


def there(content: Content, step_id: str = "found") -> RemoteStep:
    """Return a remote step that the state does not know."""
    return remote_step(step_state(content, step_id, {letter: f"{step_id}-{letter}" for letter in content.variants}))


def advice(change: Change) -> str:
    """What a blocked change says to do."""
    assert change.advice
    return change.advice


def test_similar_step_is_blocked_for_a_decision(scenario: Scenario) -> None:
    """With both commands, and without reporting it as drift too."""
    scenario.add(there(message(6, "Words that are half the same as ours"), "near"))
    scenario.want(new=message(6, "Words that are half the same but others"))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.new", "blocked", "unclear")], [])
    assert "-adopt near" in advice(plan.changes[0])


def test_step_that_was_gone_and_is_back_is_reported_or_adopted(scenario: Scenario) -> None:
    trial = scenario.state.sequences["trial"]
    steps = {key: row for key, row in trial.steps.items() if key != "task"}
    lost = trial.model_copy(update={"steps": steps, "gone": ("SEQ1-task",)})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": lost}})
    assert lines(scenario.plan()) == [("trial.task", "adopt", "found")]
    scenario.want(task=None)
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial", "added")])
    assert "it was gone and is back" in plan.drift[0].detail


def test_lost_state_creates_no_duplicate(scenario: Scenario) -> None:
    """Without ids the title is taken and every step waits. With the id the steps are adopted."""
    scenario.add(there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers"))
    rows, steps = scenario.rows["trial"], tuple(scenario.steps["trial"].values())
    assert rows is not None
    blind = make_plan(
        PlanInputs(scenario.files, None, "default", "api", remote=RemoteAccount((rows,), {}), dialect=SALESHANDY)
    )
    assert {change.reason for change in blind.changes} == {Reason.TITLE_TAKEN, Reason.BLOCKED_SEQUENCE}
    assert "ids: {trial: SEQ1}" in advice(blind.changes[0])
    scenario.file(remote_id="SEQ1")
    scenario.want(new=email(9, *NEW))
    found = RemoteAccount((rows,), {"trial": SequenceSnapshot(rows, steps)})
    plan = make_plan(PlanInputs(scenario.files, None, "default", "api", remote=found, dialect=SALESHANDY))
    assert lines(plan) == [
        ("trial", "adopt", "configured-id"),
        ("trial.one", "adopt", "found"),
        ("trial.two", "adopt", "found"),
        ("trial.task", "adopt", "found"),
        ("trial.new", "blocked", "unclear"),
    ]
    assert drift(plan) == []


def test_configured_id_missing_in_the_account_is_blocked(scenario: Scenario) -> None:
    other = desired("other", "Other", "NONE", steps={"call": call(1)})
    scenario.files["other"] = other
    scenario.rows["other"] = None
    assert lines(scenario.plan()) == [("other", "blocked", "gone"), ("other.call", "blocked", "blocked-sequence")]


def test_create_with_the_title_of_an_unmanaged_sequence_is_blocked(scenario: Scenario) -> None:
    scenario.others.append(RemoteSequence("hers", " OTHER", False))
    scenario.files["other"] = desired("other", "Other", steps={"call": call(1)})
    assert lines(scenario.plan())[0] == ("other", "blocked", "title-taken")
    other = entry("SEQ2", "Other", call=call(1))
    scenario.state = scenario.state.model_copy(update={"sequences": {**scenario.state.sequences, "other": other}})
    scenario.rows["other"], scenario.steps["other"] = None, {}
    assert ("other", "blocked", "title-taken") in lines(scenario.plan("drift"))


def test_active_sequence_meets_the_gate_under_its_new_key_too(scenario: Scenario) -> None:
    row = scenario.rows["trial"]
    assert row is not None
    scenario.rows["trial"] = RemoteSequence(row.id, row.title, True)
    old = scenario.files.pop("trial")
    scenario.files["demo"] = desired("demo", old.title, steps={**old.steps, "new": email(9, *NEW)}, formerly="trial")
    plan = scenario.plan()
    assert [(gate.name, gate.allowed) for gate in plan.gates] == [("active", False)]
    assert plan.sequences["demo"].active is True


def test_normal_priority_equals_an_absent_one() -> None:
    """An unknown priority is not compared."""
    scenario = Scenario.of(trial=entry(task=message(4)))
    for told_priority in (3, None, 0, 7):
        scenario.edit("task", priority=told_priority)
        assert scenario.plan().known_drift == ()
    scenario.want(task=message(4, priority=Priority.NORMAL))
    assert scenario.plan().known_drift == ()


def test_days_of_unmanaged_emails_are_those_that_were_read(scenario: Scenario) -> None:
    trial = scenario.state.sequences["trial"].model_copy(update={"unmanaged": {"hers": 9}, "declared": True})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})
    scenario.want(new=email(9, *NEW))
    hers = there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers")
    for day, action in ((9, "blocked"), (None, "blocked"), (8, "create-step")):
        scenario.add(replace(hers, day=day))
        assert lines(scenario.plan())[0][1] == action
    scenario.want(new=email(8, *NEW))
    assert lines(scenario.plan())[0][1:] == ("blocked", "day-held")
    del scenario.steps["trial"]["hers"]
    assert lines(scenario.plan())[0][1] == "create-step"
