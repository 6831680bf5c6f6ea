"""Three-way comparison where several differences meet in one step, sequence or account."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.build import call, desired, email, entry, message
from support.scenario import Scenario, bodies, drift, lines, remote_step

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.model import Change
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import SequenceState, step_state

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


def edited(scenario: Scenario) -> None:
    """Edit the first email in Saleshandy."""
    scenario.edit("one", letter=0, payload={"subject": "Theirs"})


def advice(change: Change) -> str:
    """What a blocked change says to do."""
    assert change.advice
    return change.advice


# -- in one step ------------------------------------------------------------------------------------------------------


def test_day_change_waits_while_a_text_was_edited(scenario: Scenario) -> None:
    """A change of day sends the text too. With the gate both are restored."""
    edited(scenario)
    scenario.want(one=email(9, "First", "<p>The first mail</p>"))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "conflict")], [("trial.one.a", "changed")])
    plan = scenario.plan("drift")
    assert lines(plan) == [("trial.one", "update-step", "changed"), ("trial.one.a", "update-variant", "drift")]
    assert [body["payload"]["subject"] for body in bodies(plan)] == ["Theirs", "First"]


def test_conflict_in_one_variant_does_not_block_the_other(scenario: Scenario) -> None:
    scenario.edit("two", letter=0, payload={"subject": "Theirs"})
    scenario.want(two=email(3, "Ours", b="Another way now"))
    plan = scenario.plan()
    assert lines(plan) == [("trial.two.b", "update-variant", "changed"), ("trial.two.a", "blocked", "conflict")]
    assert lines(scenario.plan("drift")) == [
        ("trial.two.a", "update-variant", "conflict"),
        ("trial.two.b", "update-variant", "changed"),
    ]


def test_text_update_ignores_drift_of_day_and_status(scenario: Scenario) -> None:
    scenario.edit("one", day=8)
    scenario.edit("one", letter=0, status=0)
    scenario.want(one=email(1, "Reworded", "<p>The first mail</p>"))
    plan = scenario.plan()
    assert lines(plan) == [("trial.one.a", "update-variant", "changed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]
    assert [set(body) for body in bodies(plan)] == [{"payload"}]


def test_agreed_field_is_recorded_beside_drift_of_another(scenario: Scenario) -> None:
    scenario.edit("task", day=6, priority="urgent")
    scenario.want(task=message(6))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.task", "record", "same-in-app")], [("trial.task", "changed")])
    assert [row.field for row in plan.changes[0].fields] == ["day"]
    assert [row.field for row in plan.drift[0].fields] == ["priority"]


def test_edit_of_a_disabled_variant_is_kept_by_a_day_change(scenario: Scenario) -> None:
    row = scenario.state.sequences["trial"].steps["two"]
    variants = {**row.variants, "b": row.variants["b"].model_copy(update={"status": 0})}
    steps = {**scenario.state.sequences["trial"].steps, "two": row.model_copy(update={"variants": variants})}
    trial = scenario.state.sequences["trial"].model_copy(update={"steps": steps})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})
    scenario.edit("two", letter=1, status=0, payload={"subject": "Theirs"})
    scenario.want(two=email(9, "Second"))
    for allowed in ((), ("drift",)):
        plan = scenario.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([("trial.two", "update-step", "changed")], [("trial.two.b", "changed")])
        assert bodies(plan)[1]["payload"]["subject"] == "Theirs"


def test_changed_type_does_not_hide_drift(scenario: Scenario) -> None:
    scenario.edit("task", day=9)
    scenario.edit("task", letter=0, payload={"message": "Theirs"})
    scenario.want(task=call(4, "Ask"))
    for allowed in ((), ("drift",)):
        plan = scenario.plan(*allowed)
        assert lines(plan) == [("trial.task", "blocked", "type-changed")]
        assert sorted(field.field for row in plan.drift for field in row.fields) == [
            "day",
            "variants.a.payload.message",
        ]


def test_missing_variant_blocks_a_day_change(scenario: Scenario) -> None:
    scenario.lose("two", letter=1)
    scenario.want(two=email(9, "Second", b="Another way"))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.two", "blocked", "gone")], [("trial.two.b", "gone")])


def test_variant_added_in_saleshandy_is_reported_or_adopted(scenario: Scenario) -> None:
    row = scenario.steps["trial"]["one"]
    made = RemoteVariant("made", {"subject": "A third", "content": "<p>A third</p>"}, "", (), 1)
    scenario.steps["trial"]["one"] = replace(row, variants=(*row.variants, made))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial.one", "added")])
    scenario.want(one=email(1, "First", "<p>The first mail</p>", b="A third", c="A third"))
    plan = scenario.plan()
    assert lines(plan) == [("trial.one.b", "adopt", "found"), ("trial.one.c", "create-variant", "new")]
    assert (plan.changes[0].remote_id, drift(plan), len(bodies(plan))) == ("made", [], 1)


def test_assignee_absent_in_the_file_is_taken_from_saleshandy(scenario: Scenario) -> None:
    scenario = Scenario.of(trial=entry(task=message(4, assignee="anna")))
    scenario.want(task=message(4))
    assert scenario.plan().changes == ()
    scenario.edit("task", assignee="bert")
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.task", "record", "same-in-app")], [])
    assert plan.changes[0].fields[0].after == "bert"


# -- removed ----------------------------------------------------------------------------------------------------------


def test_edit_of_a_removed_step_is_reported(scenario: Scenario) -> None:
    edited(scenario)
    scenario.want(one=None)
    for allowed in ((), ("drift",)):
        plan = scenario.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "step-removed")], [("trial.one.a", "changed")])


def test_removed_step_that_was_disabled_in_saleshandy_is_recorded(scenario: Scenario) -> None:
    scenario.edit("one", letter=0, status=0)
    scenario.want(one=None)
    plan = scenario.plan()
    assert lines(plan) == [("trial.one.a", "record", "same-in-app"), ("trial.one", "blocked", "step-removed")]
    plan = scenario.plan(policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert lines(plan) == [("trial.one.a", "record", "same-in-app")]


@pytest.mark.parametrize("allowed", [(), ("drift",)])
def test_step_listed_as_removed_is_forgotten_as_it_is(scenario: Scenario, allowed: tuple[str, ...]) -> None:
    scenario.edit("one", letter=0, status=0)
    scenario.edit("one", day=8)
    scenario.want(one=None)
    scenario.file(removed=("one",))
    plan = scenario.plan(*allowed)
    assert lines(plan) == [("trial.one", "forget", "removed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]
    del scenario.files["trial"]
    plan = scenario.plan(*allowed, removed=("trial",))
    assert lines(plan) == [("trial", "forget", "removed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]


def test_deactivated_step_that_was_reenabled_is_switched_off_with_the_gate(scenario: Scenario) -> None:
    row = scenario.state.sequences["trial"].steps["one"]
    variants = {"a": row.variants["a"].model_copy(update={"status": 0})}
    steps = {**scenario.state.sequences["trial"].steps, "one": row.model_copy(update={"variants": variants})}
    trial = scenario.state.sequences["trial"].model_copy(update={"steps": steps})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})
    scenario.want(one=None)
    plan = scenario.plan("drift")
    assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "step-removed")], [("trial.one.a", "changed")])
    plan = scenario.plan("drift", "destructive", policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert (lines(plan), drift(plan)) == ([("trial.one.a", "deactivate-variant", "drift")], [])


# -- days -------------------------------------------------------------------------------------------------------------


def test_day_swap_does_not_use_a_day_held_in_saleshandy(scenario: Scenario) -> None:
    scenario.want(one=email(3, "First", "<p>The first mail</p>"), two=email(1, "Second", b="Another way"))
    scenario.edit("one", day=8)
    plan = scenario.plan()
    assert ("trial.one", "blocked", "conflict") in lines(plan)
    assert [change.address for change in plan.to_do] == []
    plan = scenario.plan("drift")
    assert [(row.address, row.fields[0].before, row.fields[0].after) for row in plan.changes] == [
        ("trial.two", 3, 1),
        ("trial.one", 8, 3),
    ]


def test_day_swap_in_saleshandy_is_reversed_through_a_free_day(scenario: Scenario) -> None:
    scenario.edit("one", day=3)
    scenario.edit("two", day=1)
    assert drift(scenario.plan()) == [("trial.one", "changed"), ("trial.two", "changed")]
    legs = [(row.address, row.fields[0].before, row.fields[0].after) for row in scenario.plan("drift").changes]
    assert legs == [("trial.two", 1, 4), ("trial.one", 3, 1), ("trial.two", 4, 3)]


def test_create_is_blocked_on_a_day_held_in_saleshandy(scenario: Scenario) -> None:
    """By our own moved email, or by an unmanaged one."""
    scenario.edit("one", day=8)
    scenario.add(there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers"))
    scenario.want(new=email(8, *NEW), more=email(9, "Words unheard", "<p>Of before</p>"))
    plan = scenario.plan()
    assert lines(plan) == [("trial.new", "blocked", "day-held"), ("trial.more", "blocked", "unclear")]
    assert "trial.one" in advice(plan.changes[0])
    assert "hers" in advice(plan.changes[1])
    assert drift(plan) == [("trial.one", "changed")]
    trial = scenario.state.sequences["trial"]
    trial = SequenceState(**dict(trial.head.with_declared({"hers": 9})), steps=trial.steps)
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})
    assert lines(scenario.plan()) == [("trial.new", "blocked", "day-held"), ("trial.more", "blocked", "day-held")]


def test_removed_email_holds_its_day_in_saleshandy(scenario: Scenario) -> None:
    """Not the day that was last applied."""
    scenario.edit("one", day=8)
    scenario.want(one=None, new=email(1, *NEW))
    assert lines(scenario.plan()) == [("trial.new", "create-step", "new"), ("trial.one", "blocked", "step-removed")]


def test_duplicate_email_is_reported_and_holds_its_day(scenario: Scenario) -> None:
    scenario.add(there(email(1, "First", "<p>The first mail</p>"), "copy"))
    scenario.want(one=email(7, "First", "<p>The first mail</p>"), new=email(1, *NEW))
    plan = scenario.plan()
    assert ("trial.new", "blocked", "day-held") in lines(plan)
    assert drift(plan) == [("trial.one", "second-copy")]
    assert "copy" in plan.drift[0].detail


# -- renamed ----------------------------------------------------------------------------------------------------------


def test_drift_of_a_renamed_step_has_its_new_key(scenario: Scenario) -> None:
    edited(scenario)
    scenario.want(one=None, first=email(1, "First", "<p>The first mail</p>"))
    scenario.file(moved={"one": "first"})
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.first", "move", "moved")], [("trial.first.a", "changed")])
    plan = scenario.plan("drift")
    assert lines(plan) == [("trial.first", "move", "moved"), ("trial.first.a", "update-variant", "drift")]
    scenario.want(first=email(1, "Theirs", "<p>The first mail</p>"))
    assert lines(scenario.plan()) == [("trial.first", "move", "moved"), ("trial.first.a", "record", "same-in-app")]


def test_missing_renamed_step_is_recreated_with_the_gate_without_a_move(scenario: Scenario) -> None:
    scenario.lose("one")
    scenario.want(one=None, first=email(1, "First", "<p>The first mail</p>"))
    scenario.file(moved={"one": "first"})
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.first", "move", "moved")], [("trial.first", "gone")])
    plan = scenario.plan("drift")
    assert lines(plan) == [("trial.first", "forget", "gone"), ("trial.first", "create-step", "gone")]
    assert plan.changes[0].remote_id == "SEQ1-one"


def rename(scenario: Scenario, **steps: Content) -> None:
    """The file calls the sequence otherwise now, and wants `steps` too."""
    old = scenario.files.pop("trial")
    scenario.files["demo"] = desired("demo", old.title, steps={**old.steps, **steps}, formerly="trial")


def test_drift_of_a_renamed_sequence_has_its_new_key(scenario: Scenario) -> None:
    edited(scenario)
    scenario.edit("task", day=6)
    rename(scenario)
    scenario.want("demo", task=message(6))
    plan = scenario.plan(selection=Selection(("demo",)))
    assert lines(plan) == [("demo", "move", "moved"), ("demo.task", "record", "same-in-app")]
    assert drift(plan) == [("demo.one.a", "changed")]


def test_renamed_sequence_does_not_treat_its_own_steps_as_unmanaged() -> None:
    scenario = Scenario.of(trial=entry(one=message(4, "Words of a message in the one step"), call=call(2)))
    rename(scenario, more=message(4, "Words of a message in the other step"), again=call(2))
    plan = scenario.plan()
    assert lines(plan) == [
        ("demo", "move", "moved"),
        ("demo.again", "create-step", "new"),
        ("demo.more", "create-step", "new"),
    ]


def test_unmanaged_emails_in_a_renamed_sequence_hold_their_days(scenario: Scenario) -> None:
    scenario.add(there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers"))
    rename(scenario, new=email(9, *NEW))
    plan = scenario.plan()
    assert ("demo.new", "blocked", "unclear") in lines(plan)
    assert drift(plan) == []


def test_missing_renamed_sequence_is_recreated_under_its_new_key(scenario: Scenario) -> None:
    other = entry("SEQ2", "Other", call=message(2))
    scenario.state = scenario.state.model_copy(update={"sequences": {**scenario.state.sequences, "other": other}})
    scenario.lose_sequence()
    rename(scenario)
    plan = scenario.plan(selection=Selection(("demo",)))
    assert (lines(plan), drift(plan)) == ([("demo", "move", "moved")], [("demo", "gone")])
    plan = scenario.plan("drift", selection=Selection(("demo",)))
    assert lines(plan)[:2] == [("demo", "forget", "gone"), ("demo", "create-sequence", "gone")]
    assert plan.changes[0].remote_id == "SEQ1"


def test_formerly_does_not_merge_two_sequences_of_the_state(scenario: Scenario) -> None:
    scenario = Scenario.of(trial=entry(one=email()), demo=entry("SEQ2", "Demo", one=email(5, "Other words")))
    scenario.file("demo", formerly="trial")
    del scenario.files["trial"]
    scenario.edit("one", letter=0, payload={"subject": "Theirs"})
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial", "blocked", "sequence-removed")], [("trial.one.a", "changed")])
