"""The calls that change an existing step."""

from __future__ import annotations

import pytest
from support.build import desired, email, entry, message, state

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Claim, Policy, RemovedSteps
from sequence_sync.plan.model import Action, Call, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import SequenceState

HELLO = {"subject": "Hello", "content": "<p>Hello there</p>"}


def planned(before: SequenceState, after: dict[str, Content], **more: object) -> Plan:
    """The plan of one sequence."""
    fields = {name: more.pop(name) for name in ("moved", "removed") if name in more}
    rows = {"trial": desired(steps=after, **fields)}
    return make_plan(
        PlanInputs(desired=rows, state=state(trial=before), environment="e", api_host="a", **more, dialect=SALESHANDY)
    )


def calls(plan: Plan) -> list[Call]:
    """All calls, in order."""
    return [call for change in plan.changes for call in change.calls]


def with_variant(content: Content, **changed: object) -> Content:
    """`content` with its first variant changed."""
    return content.model_copy(update={"variants": {"a": content.variants["a"].model_copy(update=changed)}})


def off(row: SequenceState, step: str, *letters: str) -> SequenceState:
    """`row` with variants of a step switched off."""
    old = row.steps[step]
    variants = {
        letter: each.model_copy(update={"status": 0}) if letter in letters else each
        for letter, each in old.variants.items()
    }
    return row.model_copy(update={"steps": {**row.steps, step: old.model_copy(update={"variants": variants})}})


@pytest.mark.parametrize(
    ("before", "after", "body"),
    [
        ({}, {"payload": {**HELLO, "subject": "Hi"}}, {"payload": {**HELLO, "subject": "Hi"}}),
        ({"payload": {**HELLO, "preheader": "x"}}, {}, {"payload": {"preheader": "", **HELLO}}),
        ({}, {"attachments": ("f1",)}, {"payload": HELLO, "attachmentIds": ["f1"]}),
        ({"attachments": ("f1",)}, {}, {"payload": HELLO, "attachmentIds": []}),
        (
            {"attachments": ("f1",)},
            {"attachments": ("f1",), "payload": {**HELLO, "subject": "Hi"}},
            {"payload": {**HELLO, "subject": "Hi"}},
        ),
    ],
)
def test_update_sends_the_whole_payload_and_attachments_only_if_they_change(
    before: dict[str, object], after: dict[str, object], body: dict[str, object]
) -> None:
    """A removed field is sent as empty text."""
    (call,) = calls(planned(entry(intro=with_variant(email(), **before)), {"intro": with_variant(email(), **after)}))
    assert (call.method, call.body) == ("PATCH", body)
    assert call.path == "/sequences/SEQ1/steps/SEQ1-intro/variants/SEQ1-intro-a"


def test_step_change_is_one_call_for_each_variant() -> None:
    sent = calls(planned(entry(intro=email(1, b="B")), {"intro": email(4, b="B")}))
    assert [call.path[-1] for call in sent] == ["a", "b"]
    assert sent[0].body == {"payload": HELLO, "absoluteDays": 4}
    assert sent[1].body["payload"]["subject"] == "B"


def test_removed_priority_is_sent_as_normal_and_removed_assignee_is_not_sent() -> None:
    before = message(2, priority="high", assignee="anna")
    (call,) = calls(planned(entry(m=before), {"m": message(2)}))
    assert call.body == {"payload": {"message": "A message about something"}, "priority": 3}
    (call,) = calls(planned(entry(m=before), {"m": message(2, priority="high", assignee="ben")}))
    assert call.body == {"payload": {"message": "A message about something"}, "assigneeId": "ben"}


def test_unknown_id_is_a_placeholder_in_the_path() -> None:
    row = entry(intro=email())
    step = row.steps["intro"]
    bare = {"a": step.variants["a"].model_copy(update={"id": None})}
    row = row.model_copy(update={"steps": {"intro": step.model_copy(update={"variants": bare})}})
    (call,) = calls(planned(row, {"intro": email(1, "Other")}))
    assert call.path.endswith("/variants/{trial.intro.a}")


def test_unsupported_fields_are_blocked_and_the_others_are_sent() -> None:
    after = with_variant(email(), payload={**HELLO, "subject": "Hi"}, attachments=("f1",))
    plan = planned(entry(intro=email()), {"intro": after}, off={Claim.UPDATE_ATTACHMENTS})
    assert [(str(c.action), [f.field for f in c.fields]) for c in plan.changes] == [
        ("update-variant", ["variants.a.payload.subject"]),
        ("blocked", ["variants.a.attachments"]),
    ]
    assert calls(plan)[0].body == {"payload": {**HELLO, "subject": "Hi"}}
    only_files = planned(entry(intro=email()), {"intro": after}, off={Claim.UPDATE_COPY})
    assert calls(only_files)[0].body == {"payload": HELLO, "attachmentIds": ["f1"]}


def test_disabled_variant_in_the_file_is_switched_on() -> None:
    row = off(entry(intro=email(1, b="B")), "intro", "b")
    (call,) = calls(planned(row, {"intro": email(1, b="B")}))
    assert call.body == {"payload": {"subject": "B", "content": "<p>B</p>"}, "status": 1}
    (call,) = calls(planned(row, {"intro": email(1, b="C")}))
    assert call.body == {"payload": {"subject": "C", "content": "<p>C</p>"}, "status": 1}
    plan = planned(row, {"intro": email(1, b="C")}, off={Claim.REACTIVATE})
    assert calls(plan)[0].body == {"payload": {"subject": "C", "content": "<p>C</p>"}}
    assert planned(row, {"intro": email(1)}).changes == ()


def test_policy_deactivates_a_removed_step_once() -> None:
    """Behind the gate. A rename still needs an answer."""
    policy = Policy(removed_steps=RemovedSteps.DEACTIVATE)
    row = entry(intro=email(1, b="B"))
    plan = planned(row, {}, policy=policy)
    assert [(c.address, c.action, c.reason) for c in plan.changes] == [
        ("trial.intro.a", Action.DEACTIVATE_VARIANT, Reason.STEP_REMOVED),
        ("trial.intro.b", Action.DEACTIVATE_VARIANT, Reason.STEP_REMOVED),
    ]
    assert [(gate.name, gate.allowed) for gate in plan.gates] == [("destructive", False)]
    assert planned(off(row, "intro", "a", "b"), {}, policy=policy).changes == ()
    renamed = planned(row, {"hello": email(2, b="B")}, policy=policy)
    assert Reason.SAME_CONTENT in {change.reason for change in renamed.changes}


def test_renamed_step_is_updated_under_its_id() -> None:
    """A target on its variant includes the move."""
    moved = {"hello": "intro"}
    plan = planned(entry(hello=email()), {"intro": email(1, "Other")}, moved=moved)
    assert [str(change.action) for change in plan.changes] == ["move", "update-variant"]
    assert calls(plan)[0].path == "/sequences/SEQ1/steps/SEQ1-hello/variants/SEQ1-hello-a"
    aimed = planned(
        entry(hello=email()), {"intro": email(1, "Other")}, moved=moved, selection=Selection(("trial.intro.a",))
    )
    assert [str(change.action) for change in aimed.changes] == ["move", "update-variant"]


def test_half_of_a_day_swap_is_blocked() -> None:
    before, after = entry(a=email(1, "A"), b=email(3, "B")), {"a": email(3, "A"), "b": email(1, "B")}
    (change,) = planned(before, after, selection=Selection(("trial.a",))).changes
    assert (change.reason, "trial.b" in change.advice) == (Reason.DAY_HELD, True)
