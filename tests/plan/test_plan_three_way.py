"""The table of last applied, Saleshandy and file, cell by cell."""

from __future__ import annotations

from typing import Any

import pytest
from support.build import email, entry, message
from support.scenario import Put, Scenario, bodies, drift, lines, of_step, of_variant, remote_step, words

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content
from sequence_sync.plan.model import Plan
from sequence_sync.state.model import step_state

HIGH, LOW, URGENT = Priority.HIGH, Priority.LOW, Priority.URGENT
HELLO, BYE, WHAT = "<p>Hello there</p>", "<p>Good bye</p>", "<p>What now</p>"
MAIL, NOTE = email(), message()
# What is changed, and three values of it.
ASPECTS: dict[str, tuple[Content, Put, Any, Any, Any]] = {
    "subject": (MAIL, words("subject"), "Hello", "Good bye", "What now"),
    "content": (MAIL, words("content"), HELLO, BYE, WHAT),
    "preheader": (MAIL, words("preheader"), "Hello", "Good bye", "What now"),
    "preheader-taken-out": (MAIL, words("preheader"), "Hello", "", "What now"),
    "message": (NOTE, words("message"), "Hello", "Good bye", "What now"),
    "note": (NOTE, of_variant("task_note"), "Look", "Listen", "Wait"),
    "attachments": (MAIL, of_variant("attachments"), ("f1",), ("f1", "f2"), ()),
    "day": (MAIL, of_step("day"), 1, 5, 9),
    "day-of-a-task": (NOTE, of_step("day"), 1, 5, 9),
    "priority": (NOTE, of_step("priority"), HIGH, LOW, URGENT),
    "priority-normal": (NOTE, of_step("priority"), None, LOW, URGENT),
    "assignee": (NOTE, of_step("assignee"), "anna", "bert", "carl"),
}
each_aspect = pytest.mark.parametrize("name", ASPECTS)


def held(name: str, applied: int, app: int, file: int, *allowed: str) -> Plan:
    """Return the plan for these values in state, Saleshandy and file."""
    base, put, *values = ASPECTS[name]
    scenario = Scenario.of(trial=entry(one=put(base, values[applied])))
    step = scenario.state.sequences["trial"].steps["one"]
    seen = step_state(put(base, values[app]), step.id, {letter: row.id for letter, row in step.variants.items()})
    scenario.steps["trial"]["one"] = remote_step(seen)
    scenario.want(one=put(base, values[file]))
    return scenario.plan(*allowed)


def address(name: str) -> str:
    """Return the address at which a difference of this kind is reported."""
    of_the_step = name.startswith(("day", "priority", "assignee"))
    return "trial.one" if of_the_step else "trial.one.a"


def action(name: str) -> str:
    """Return the call that resolves the conflict."""
    return "update-variant" if address(name).endswith(".a") else "update-step"


def sent(name: str, value: int) -> dict[str, Any]:
    """The body that sets this value, whole."""
    base, put, *values = ASPECTS[name]
    content, desired = put(base, values[0]), values[value]
    payload = content.variants["a"].payload
    if name == "day" or name == "day-of-a-task":
        return {"payload": payload, "absoluteDays": desired}
    if name.startswith("priority"):
        return {"payload": payload, "priority": (desired or Priority.NORMAL).code}
    if name == "assignee":
        return {"payload": payload, "assigneeId": desired}
    if name == "note":
        return {"payload": payload, "taskNote": desired}
    if name == "attachments":
        return {"payload": payload, "attachmentIds": list(desired)}
    return {"payload": {**payload, name.removesuffix("-taken-out"): desired}}


@each_aspect
def test_no_difference_gives_an_empty_plan(name: str) -> None:
    plan = held(name, 0, 0, 0)
    assert (plan.changes, plan.drift, plan.known_drift) == ((), (), ())


@each_aspect
def test_change_in_the_file_alone_is_an_update(name: str) -> None:
    """x x y"""
    plan = held(name, 0, 0, 1)
    assert (lines(plan), drift(plan)) == ([(address(name), action(name), "changed")], [])
    assert (bodies(plan), plan.gates) == ([sent(name, 1)], ())


@each_aspect
def test_change_in_saleshandy_alone_is_reported_as_drift(name: str) -> None:
    """x y x"""
    plan = held(name, 0, 1, 0)
    assert (lines(plan), drift(plan)) == ([], [(address(name), "changed")])
    assert [len(row.fields) for row in plan.drift] == [1]
    assert len(plan.known_drift) == 1


@each_aspect
def test_allow_drift_restores_the_text_from_the_file(name: str) -> None:
    """x y x. The change shows the edit, so it is not reported again."""
    plan = held(name, 0, 1, 0, "drift")
    assert (lines(plan), drift(plan)) == ([(address(name), action(name), "drift")], [])
    (body,) = bodies(plan)
    assert body == {**sent(name, 0), "payload": {**body["payload"], **sent(name, 0)["payload"]}}
    assert [(gate.name, gate.allowed) for gate in plan.gates] == [("drift", True)]
    (field,) = plan.changes[0].fields
    assert field.before != field.after


@each_aspect
def test_same_change_on_both_sides_is_recorded(name: str) -> None:
    """x y y, with the gate too."""
    for allowed in ((), ("drift",)):
        plan = held(name, 0, 1, 1, *allowed)
        assert (lines(plan), drift(plan)) == ([(address(name), "record", "same-in-app")], [])
        assert (bodies(plan), plan.gates) == ([], ())


@each_aspect
def test_different_changes_are_blocked_as_a_conflict(name: str) -> None:
    """x y z, with all three values."""
    plan = held(name, 0, 1, 2)
    assert (lines(plan), drift(plan), bodies(plan)) == ([(address(name), "blocked", "conflict")], [], [])
    (field,) = plan.changes[0].fields
    assert None in (field.before, field.after, field.app) or len({field.before, field.after, field.app}) == 3
    assert "-allow drift" in plan.changes[0].advice


@each_aspect
def test_allow_drift_overwrites_a_conflict(name: str) -> None:
    """x y z. The reason stays `conflict`."""
    plan = held(name, 0, 1, 2, "drift")
    assert (lines(plan), drift(plan)) == ([(address(name), action(name), "conflict")], [])
    (body,) = bodies(plan)
    assert body == {**sent(name, 2), "payload": {**body["payload"], **sent(name, 2)["payload"]}}
    assert [gate.name for gate in plan.gates] == ["drift"]


def off(scenario: Scenario, letter: str = "b") -> None:
    """The state has a variant switched off."""
    row = scenario.state.sequences["trial"].steps["one"]
    variants = {**row.variants, letter: row.variants[letter].model_copy(update={"status": 0})}
    steps = {"one": row.model_copy(update={"variants": variants})}
    trial = scenario.state.sequences["trial"].model_copy(update={"steps": steps})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})


def switched(applied: bool, app: bool, file: bool) -> Scenario:
    """Return the plan for a second variant that is on or off in state, Saleshandy and file."""
    scenario = Scenario.of(trial=entry(one=email(b="Another way")))
    if not applied:
        off(scenario)
    scenario.edit("one", letter=1, status=int(app))
    if not file:
        scenario.want(one=email())
    return scenario


@pytest.mark.parametrize(
    ("on", "changes", "rows"),
    [
        ((True, True, True), [], []),
        ((False, False, False), [], []),
        ((True, True, False), [("trial.one.b", "deactivate-variant", "variant-removed")], []),
        ((False, False, True), [("trial.one.b", "update-variant", "changed")], []),
        ((True, False, True), [], [("trial.one.b", "changed")]),
        ((False, True, False), [], [("trial.one.b", "changed")]),
        ((True, False, False), [("trial.one.b", "record", "same-in-app")], []),
        ((False, True, True), [("trial.one.b", "record", "same-in-app")], []),
    ],
)
def test_status_of_a_variant_never_conflicts(on: tuple[bool, bool, bool], changes: object, rows: object) -> None:
    """It has only two values."""
    plan = switched(*on).plan()
    assert (lines(plan), drift(plan)) == (changes, rows)


def test_allow_drift_restores_the_status_of_a_variant() -> None:
    """Switching off needs its own gate too."""
    plan = switched(True, False, True).plan("drift")
    assert (lines(plan), drift(plan)) == ([("trial.one.b", "update-variant", "drift")], [])
    assert bodies(plan)[0]["status"] == 1
    plan = switched(False, True, False).plan("drift")
    assert (lines(plan), drift(plan)) == ([("trial.one.b", "deactivate-variant", "drift")], [])
    assert (bodies(plan), {gate.name for gate in plan.shut_gates}) == ([{"status": 0}], {"destructive"})


@pytest.mark.parametrize(
    ("file", "app", "changes", "rows"),
    [
        ("Trial", "Other", [], [("trial", "changed")]),
        ("Other", "Other", [("trial", "record", "same-in-app")], []),
        ("Other", "OTHER ", [("trial", "record", "same-in-app")], []),
        ("Trial", " TRIAL", [], []),
        ("Other", "Trial", [("trial", "blocked", "title-changed")], []),
        ("Other", "Third", [("trial", "blocked", "title-changed")], [("trial", "changed")]),
    ],
)
def test_changed_title_is_reported_recorded_or_blocked(file: str, app: str, changes: object, rows: object) -> None:
    """No call renames a sequence. Case and outer blanks are ignored."""
    scenario = Scenario.of(trial=entry(one=email()))
    scenario.file(title=file)
    row = scenario.rows["trial"]
    assert row is not None
    scenario.rows["trial"] = type(row)(row.id, app, False)
    for allowed in ((), ("drift",)):
        plan = scenario.plan(*allowed)
        assert (lines(plan), drift(plan)) == (changes, rows)


def test_missing_step_is_drift_recreated_with_the_gate_or_forgotten() -> None:
    scenario = Scenario.of(trial=entry(one=email(), two=message(4)))
    scenario.lose("two")
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial.two", "gone")])
    plan = scenario.plan("drift")
    assert lines(plan) == [("trial.two", "forget", "gone"), ("trial.two", "create-step", "gone")]
    assert (drift(plan), [gate.name for gate in plan.gates]) == ([], ["drift"])
    scenario.want(two=None)
    for allowed in ((), ("drift",)):
        plan = scenario.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([("trial.two", "forget", "gone")], [])


def test_missing_variant_is_drift_recreated_with_the_gate_or_forgotten() -> None:
    """The last variant of a step is left as it is."""
    scenario = Scenario.of(trial=entry(one=email(b="Another way")))
    scenario.lose("one", letter=1)
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial.one.b", "gone")])
    assert lines(scenario.plan("drift")) == [
        ("trial.one.b", "forget", "gone"),
        ("trial.one.b", "create-variant", "gone"),
    ]
    scenario.want(one=email())
    assert lines(scenario.plan()) == [("trial.one.b", "forget", "gone")]
    alone = Scenario.of(trial=entry(one=email()))
    alone.lose("one", letter=0)
    for allowed in ((), ("drift",)):
        plan = alone.plan(*allowed)
        assert (lines(plan), drift(plan)) == ([], [("trial.one.a", "gone")])


def test_missing_sequence_is_drift_recreated_with_the_gate_or_forgotten() -> None:
    scenario = Scenario.of(trial=entry(one=email()), other=entry("SEQ2", "Other", call=message(2)))
    scenario.lose_sequence()
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([], [("trial", "gone")])
    plan = scenario.plan("drift")
    assert lines(plan) == [
        ("trial", "forget", "gone"),
        ("trial", "create-sequence", "gone"),
        ("trial.one", "create-step", "gone"),
    ]
    assert [call.path for change in plan.changes for call in change.calls] == ["/sequences", "/sequences/{trial}/steps"]
    del scenario.files["trial"]
    for removed in ((), ("trial",)):
        plan = scenario.plan(removed=removed)
        assert (lines(plan), drift(plan)) == ([("trial", "forget", "gone")], [])


def test_step_not_in_the_state_is_adopted_reported_or_ignored() -> None:
    """Adopted if equal, reported if different, ignored if it is listed as unmanaged."""
    scenario = Scenario.of(trial=entry(one=email()))
    new = email(5, "One more thing", "<p>Ideas</p>")
    scenario.want(new=new)
    found = remote_step(step_state(new, "found", {"a": "found-a"}))
    scenario.add(found)
    scenario.add(remote_step(step_state(message(8, "Entirely different things"), "hers", {"a": "hers-a"})))
    plan = scenario.plan()
    assert (lines(plan), drift(plan)) == ([("trial.new", "adopt", "found")], [("trial", "added")])
    assert (plan.changes[0].remote_id, bodies(plan)) == ("found", [])
    assert plan.drift[0].remote_id == "hers"
    trial = scenario.state.sequences["trial"].model_copy(update={"unmanaged": {"hers": None}})
    scenario.state = scenario.state.model_copy(update={"sequences": {"trial": trial}})
    assert drift(scenario.plan()) == []
