"""File, state and app where several things meet in one step, one sequence or one account."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.build import call, email, entry, message, wanted
from support.desk import Desk, bodies, drift, lines, told

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.model import Change
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import step_state

NEW = "One more thing", "<p>Plenty of ideas</p>"


@pytest.fixture
def desk() -> Desk:
    """Two emails, the second one with two variants, and a task."""
    steps = {
        "one": email(1, "First", "<p>The first mail</p>"),
        "two": email(3, "Second", b="Another way"),
        "task": message(4),
    }
    return Desk.of(trial=entry(**steps))


def there(content: Content, step_id: str = "found") -> RemoteStep:
    """A step in the app that the state does not know."""
    return told(step_state(content, step_id, {letter: f"{step_id}-{letter}" for letter in content.variants}))


def edited(desk: Desk) -> None:
    """Somebody rewords the first mail in the app."""
    desk.edit("one", letter=0, payload={"subject": "Theirs"})


def advice(change: Change) -> str:
    """What a blocked change says to do."""
    assert change.advice
    return change.advice


# -- in one step ------------------------------------------------------------------------------------------------------


def test_a_day_is_not_changed_over_words_that_were_edited(desk: Desk) -> None:
    """A change of day sends the words along, so it waits; with the gate day and words go back."""
    edited(desk)
    desk.want(one=email(9, "First", "<p>The first mail</p>"))
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "conflict")], [("trial.one.a", "changed")])
    plan = desk.plan("drift")
    assert lines(plan) == [("trial.one", "update-step", "changed"), ("trial.one.a", "update-variant", "drift")]
    assert [body["payload"]["subject"] for body in bodies(plan)] == ["Theirs", "First"]


def test_one_variant_in_conflict_leaves_the_other_alone(desk: Desk) -> None:
    """Each variant is judged by itself."""
    desk.edit("two", letter=0, payload={"subject": "Theirs"})
    desk.want(two=email(3, "Ours", b="Another way now"))
    plan = desk.plan()
    assert lines(plan) == [("trial.two.b", "update-variant", "changed"), ("trial.two.a", "blocked", "conflict")]
    assert lines(desk.plan("drift")) == [
        ("trial.two.a", "update-variant", "conflict"),
        ("trial.two.b", "update-variant", "changed"),
    ]


def test_words_go_out_though_day_and_switch_were_changed(desk: Desk) -> None:
    """What the call does not write is told, and left."""
    desk.edit("one", day=8)
    desk.edit("one", letter=0, status=0)
    desk.want(one=email(1, "Reworded", "<p>The first mail</p>"))
    plan = desk.plan()
    assert lines(plan) == [("trial.one.a", "update-variant", "changed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]
    assert [set(body) for body in bodies(plan)] == [{"payload"}]


def test_one_field_recorded_and_one_told(desk: Desk) -> None:
    """Day agreed on, priority edited: a record of the one, drift of the other."""
    desk.edit("task", day=6, priority="urgent")
    desk.want(task=message(6))
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.task", "record", "same-in-app")], [("trial.task", "changed")])
    assert [row.field for row in plan.changes[0].fields] == ["day"]
    assert [row.field for row in plan.drift[0].fields] == ["priority"]


def test_an_edit_of_a_variant_that_is_switched_off(desk: Desk) -> None:
    """It is told; a change of day keeps those words, and is not held up by them."""
    row = desk.state.sequences["trial"].steps["two"]
    variants = {**row.variants, "b": row.variants["b"].model_copy(update={"status": 0})}
    steps = {**desk.state.sequences["trial"].steps, "two": row.model_copy(update={"variants": variants})}
    trial = desk.state.sequences["trial"].model_copy(update={"steps": steps})
    desk.state = desk.state.model_copy(update={"sequences": {"trial": trial}})
    desk.edit("two", letter=1, status=0, payload={"subject": "Theirs"})
    desk.want(two=email(9, "Second"))
    for allowed in ((), ("drift",)):
        plan = desk.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([("trial.two", "update-step", "changed")], [("trial.two.b", "changed")])
        assert bodies(plan)[1]["payload"]["subject"] == "Theirs"


def test_a_step_with_another_type_in_the_file_still_tells_its_edits(desk: Desk) -> None:
    """No call changes a type, and the edit does not get lost behind that."""
    desk.edit("task", day=9)
    desk.edit("task", letter=0, payload={"message": "Theirs"})
    desk.want(task=call(4, "Ask"))
    for allowed in ((), ("drift",)):
        plan = desk.plan(*allowed)
        assert lines(plan) == [("trial.task", "blocked", "type-changed")]
        assert sorted(field.field for row in plan.drift for field in row.fields) == [
            "day",
            "variants.a.payload.message",
        ]


def test_a_gone_variant_keeps_its_step_where_it_is(desk: Desk) -> None:
    """A change of day would be sent to every variant, so to the one that is gone: blocked."""
    desk.lose("two", letter=1)
    desk.want(two=email(9, "Second", b="Another way"))
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.two", "blocked", "gone")], [("trial.two.b", "gone")])


def test_a_variant_made_in_the_app(desk: Desk) -> None:
    """Told; where the file wants just that one it is adopted, without a call."""
    row = desk.steps["trial"]["one"]
    made = RemoteVariant("made", {"subject": "A third", "content": "<p>A third</p>"}, "", (), 1)
    desk.steps["trial"]["one"] = replace(row, variants=(*row.variants, made))
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial.one", "added")])
    desk.want(one=email(1, "First", "<p>The first mail</p>", b="A third", c="A third"))
    plan = desk.plan()
    assert lines(plan) == [("trial.one.b", "adopt", "found"), ("trial.one.c", "create-variant", "new")]
    assert (plan.changes[0].remote_id, drift(plan), len(bodies(plan))) == ("made", [], 1)


def test_an_assignee_that_the_file_lets_go(desk: Desk) -> None:
    """Absent is not managed: what the app says is taken, and nobody is asked."""
    desk = Desk.of(trial=entry(task=message(4, assignee="anna")))
    desk.want(task=message(4))
    assert desk.plan().changes == ()
    desk.edit("task", assignee="bert")
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.task", "record", "same-in-app")], [])
    assert plan.changes[0].fields[0].after == "bert"


# -- removed ----------------------------------------------------------------------------------------------------------


def test_a_removed_step_that_was_edited(desk: Desk) -> None:
    """The block stays, the edit is told; the gate changes nothing."""
    edited(desk)
    desk.want(one=None)
    for allowed in ((), ("drift",)):
        plan = desk.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "step-removed")], [("trial.one.a", "changed")])


def test_a_removed_step_that_somebody_switched_off(desk: Desk) -> None:
    """As the advice says: then that is recorded; with the policy there is nothing left to switch off."""
    desk.edit("one", letter=0, status=0)
    desk.want(one=None)
    plan = desk.plan()
    assert lines(plan) == [("trial.one.a", "record", "same-in-app"), ("trial.one", "blocked", "step-removed")]
    plan = desk.plan(policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert lines(plan) == [("trial.one.a", "record", "same-in-app")]


@pytest.mark.parametrize("allowed", [(), ("drift",)])
def test_what_is_let_go_is_only_told(desk: Desk, allowed: tuple[str, ...]) -> None:
    """A step or sequence under `removed:` is forgotten as it is: nothing of it is recorded or put back."""
    desk.edit("one", letter=0, status=0)
    desk.edit("one", day=8)
    desk.want(one=None)
    desk.file(removed=("one",))
    plan = desk.plan(*allowed)
    assert lines(plan) == [("trial.one", "forget", "removed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]
    del desk.files["trial"]
    plan = desk.plan(*allowed, removed=("trial",))
    assert lines(plan) == [("trial", "forget", "removed")]
    assert drift(plan) == [("trial.one", "changed"), ("trial.one.a", "changed")]


def test_a_switched_off_step_that_somebody_switches_on_again(desk: Desk) -> None:
    """With the policy the gate switches it off again; without the policy it is only told."""
    row = desk.state.sequences["trial"].steps["one"]
    variants = {"a": row.variants["a"].model_copy(update={"status": 0})}
    steps = {**desk.state.sequences["trial"].steps, "one": row.model_copy(update={"variants": variants})}
    trial = desk.state.sequences["trial"].model_copy(update={"steps": steps})
    desk.state = desk.state.model_copy(update={"sequences": {"trial": trial}})
    desk.want(one=None)
    plan = desk.plan("drift")
    assert (lines(plan), drift(plan)) == ([("trial.one", "blocked", "step-removed")], [("trial.one.a", "changed")])
    plan = desk.plan("drift", "destructive", policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert (lines(plan), drift(plan)) == ([("trial.one.a", "deactivate-variant", "drift")], [])


# -- days -------------------------------------------------------------------------------------------------------------


def test_places_changed_by_the_file_and_one_of_them_in_the_app(desk: Desk) -> None:
    """The file swaps; in the app one has a day of its own by now, and nobody is sent to a day that is held there."""
    desk.want(one=email(3, "First", "<p>The first mail</p>"), two=email(1, "Second", b="Another way"))
    desk.edit("one", day=8)
    plan = desk.plan()
    assert ("trial.one", "blocked", "conflict") in lines(plan)
    assert [change.address for change in plan.to_do] == []
    plan = desk.plan("drift")
    assert [(row.address, row.fields[0].before, row.fields[0].after) for row in plan.changes] == [
        ("trial.two", 3, 1),
        ("trial.one", 8, 3),
    ]


def test_a_swap_in_the_app_is_put_back_by_way_of_a_free_day(desk: Desk) -> None:
    """All three legs start from where the app has them."""
    desk.edit("one", day=3)
    desk.edit("two", day=1)
    assert drift(desk.plan()) == [("trial.one", "changed"), ("trial.two", "changed")]
    legs = [(row.address, row.fields[0].before, row.fields[0].after) for row in desk.plan("drift").changes]
    assert legs == [("trial.two", 1, 4), ("trial.one", 3, 1), ("trial.two", 4, 3)]


def test_a_create_does_not_go_to_a_day_that_is_held_in_the_app(desk: Desk) -> None:
    """By an email of ours that was moved there, or by a stranger's."""
    desk.edit("one", day=8)
    desk.add(there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers"))
    desk.want(new=email(8, *NEW), more=email(9, "Words unheard", "<p>Of before</p>"))
    plan = desk.plan()
    assert lines(plan) == [("trial.new", "blocked", "day-held"), ("trial.more", "blocked", "day-held")]
    assert "trial.one" in advice(plan.changes[0])
    assert "hers" in advice(plan.changes[1])
    assert drift(plan) == [("trial.one", "changed"), ("trial", "added")]


def test_a_removed_email_leaves_its_day_in_the_app(desk: Desk) -> None:
    """What holds a day is where the app has it, not where it was applied."""
    desk.edit("one", day=8)
    desk.want(one=None, new=email(1, *NEW))
    assert lines(desk.plan()) == [("trial.new", "create-step", "new"), ("trial.one", "blocked", "step-removed")]


def test_a_second_copy_holds_its_day_too(desk: Desk) -> None:
    """An email that equals a managed one is told, and nothing is put on its day."""
    desk.add(there(email(1, "First", "<p>The first mail</p>"), "copy"))
    desk.want(one=email(7, "First", "<p>The first mail</p>"), new=email(1, *NEW))
    plan = desk.plan()
    assert ("trial.new", "blocked", "day-held") in lines(plan)
    assert drift(plan) == [("trial.one", "second-copy")]
    assert "copy" in plan.drift[0].detail


# -- renamed ----------------------------------------------------------------------------------------------------------


def test_a_renamed_step_that_was_edited(desk: Desk) -> None:
    """It is told under the key that it has now."""
    edited(desk)
    desk.want(one=None, first=email(1, "First", "<p>The first mail</p>"))
    desk.file(moved={"one": "first"})
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.first", "move", "moved")], [("trial.first.a", "changed")])
    plan = desk.plan("drift")
    assert lines(plan) == [("trial.first", "move", "moved"), ("trial.first.a", "update-variant", "drift")]
    desk.want(first=email(1, "Theirs", "<p>The first mail</p>"))
    assert lines(desk.plan()) == [("trial.first", "move", "moved"), ("trial.first.a", "record", "same-in-app")]


def test_a_renamed_step_that_is_gone(desk: Desk) -> None:
    """Told under its new key; let go and made anew with the gate, and without a move."""
    desk.lose("one")
    desk.want(one=None, first=email(1, "First", "<p>The first mail</p>"))
    desk.file(moved={"one": "first"})
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial.first", "move", "moved")], [("trial.first", "gone")])
    plan = desk.plan("drift")
    assert lines(plan) == [("trial.first", "forget", "gone"), ("trial.first", "create-step", "gone")]
    assert plan.changes[0].remote_id == "SEQ1-one"


def rename(desk: Desk, **steps: Content) -> None:
    """The file calls the sequence otherwise now, and wants `steps` too."""
    old = desk.files.pop("trial")
    desk.files["demo"] = wanted("demo", old.title, steps={**old.steps, **steps}, formerly="trial")


def test_a_renamed_sequence_that_was_edited(desk: Desk) -> None:
    """Its drift, its records and its own steps are known under the new key, by -target too."""
    edited(desk)
    desk.edit("task", day=6)
    rename(desk)
    desk.want("demo", task=message(6))
    plan = desk.plan(selection=Selection(("demo",)))
    assert lines(plan) == [("demo", "move", "moved"), ("demo.task", "record", "same-in-app")]
    assert drift(plan) == [("demo.one.a", "changed")]


def test_a_renamed_sequence_does_not_take_its_own_steps_for_strangers() -> None:
    """A step that is added while the sequence gets another key is created, though one of ours says much the same."""
    desk = Desk.of(trial=entry(one=message(4, "Words of a message in the one step"), call=call(2)))
    rename(desk, more=message(4, "Words of a message in the other step"), again=call(2))
    plan = desk.plan()
    assert lines(plan) == [
        ("demo", "move", "moved"),
        ("demo.again", "create-step", "new"),
        ("demo.more", "create-step", "new"),
    ]


def test_strangers_in_a_renamed_sequence_hold_their_days(desk: Desk) -> None:
    """Told under the new key, and in nobody's way."""
    desk.add(there(email(9, "Hers altogether", "<p>Nothing like it</p>"), "hers"))
    rename(desk, new=email(9, *NEW))
    plan = desk.plan()
    assert ("demo.new", "blocked", "day-held") in lines(plan)
    assert drift(plan) == [("demo", "added")]


def test_a_renamed_sequence_that_is_gone(desk: Desk) -> None:
    """Told under the new key; the old entry is let go by its id when it is made anew."""
    other = entry("SEQ2", "Other", call=message(2))
    desk.state = desk.state.model_copy(update={"sequences": {**desk.state.sequences, "other": other}})
    desk.lose_sequence()
    rename(desk)
    plan = desk.plan(selection=Selection(("demo",)))
    assert (lines(plan), drift(plan)) == ([("demo", "move", "moved")], [("demo", "gone")])
    plan = desk.plan("drift", selection=Selection(("demo",)))
    assert lines(plan)[:2] == [("demo", "forget", "gone"), ("demo", "create-sequence", "gone")]
    assert plan.changes[0].remote_id == "SEQ1"


def test_two_sequences_of_the_state_are_two_whatever_formerly_says(desk: Desk) -> None:
    """`formerly` names one that is there beside it: its edits are told under its own key."""
    desk = Desk.of(trial=entry(one=email()), demo=entry("SEQ2", "Demo", one=email(5, "Other words")))
    desk.file("demo", formerly="trial")
    del desk.files["trial"]
    desk.edit("one", letter=0, payload={"subject": "Theirs"})
    plan = desk.plan()
    assert (lines(plan), drift(plan)) == ([("trial", "blocked", "sequence-removed")], [("trial.one.a", "changed")])
