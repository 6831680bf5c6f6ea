"""Fields that a call in doubt may have written: marked in the state, no drift, and written again."""

from __future__ import annotations

from typing import Any

import pytest
from support.build import applied, call, desired, email, message, state

from sequence_sync.apply.in_doubt import VariantObservation, compare_patch
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.calls import apply_patch, mark_uncertain, possible_variants
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Action, Change, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.schedule import plan_moves
from sequence_sync.provider.base import (
    STEP_FIELDS,
    VARIANT_FIELDS,
    Patch,
    RemoteSequence,
    RemoteStep,
    RemoteVariant,
    SequenceSnapshot,
)
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import SequenceState, StepState
from sequence_sync.state.statefile import decode, encode

TEXT = "<p>Old words</p>"
BOLD = "<p>Old <b>words</b></p>"
FILE = email(1, "Old", TEXT)


def known(step: StepState) -> SequenceState:
    """The entry of a sequence with that step alone."""
    return SequenceState(id="SEQ1", title="Trial", steps={"intro": step})


def planned(content: Content, step: StepState) -> tuple[Change, ...]:
    """The changes of one step with a file."""
    files = desired("trial", steps={"intro": content})
    before = state(trial=known(step))
    return make_plan(
        PlanInputs(desired={"trial": files}, state=before, environment="default", api_host="api", dialect=SALESHANDY)
    ).changes


def left(content: Content, **body: Any) -> StepState:
    """The step after a PATCH with `body` of which nothing is proved."""
    step = applied("intro", content)
    return mark_uncertain(step, "a", SALESHANDY.patch(body), VARIANT_FIELDS + STEP_FIELDS)


@pytest.mark.parametrize(
    ("content", "sent", "again"),
    [
        (FILE, {"absoluteDays": 9}, {"payload": FILE.variants["a"].payload, "absoluteDays": 1}),
        (FILE, {"payload": {"subject": "Old", "content": BOLD}}, {"payload": FILE.variants["a"].payload}),
        (
            FILE,
            {"payload": {"subject": "Old", "content": TEXT, "preheader": "New"}},
            {"payload": {"preheader": "", **FILE.variants["a"].payload}},
        ),
        (FILE, {"attachmentIds": ["f"]}, {"payload": FILE.variants["a"].payload, "attachmentIds": []}),
        (FILE, {"status": 0}, {"payload": FILE.variants["a"].payload, "status": 1}),
        (call(2), {"priority": 1}, {"payload": {}, "priority": 3}),
        (message(2, "Words"), {"taskNote": "Look"}, {"payload": {"message": "Words"}, "taskNote": ""}),
    ],
)
def test_each_field_is_written_again(content: Content, sent: dict[str, Any], again: dict[str, Any]) -> None:
    """If file and state agree, the plan has one call with their content and its reason. Then it is empty."""
    step = left(content, **sent)
    (change,) = planned(content, step)
    assert (change.reason, [row.body for row in change.calls]) == (Reason.UNSETTLED, [again])
    assert change.fields
    assert all(row.before == row.after for row in change.fields)
    after = apply_patch(step, "a", SALESHANDY.patch(again))
    assert after.is_certain
    assert planned(content, after) == ()


def test_content_of_an_unproved_call_is_no_drift() -> None:
    """Any other content is drift."""
    step = left(FILE, absoluteDays=9, payload={"subject": "New", "content": TEXT})
    row = RemoteVariant("SEQ1-intro-a", {"subject": "New", "content": TEXT})
    body = {"payload": dict(FILE.variants["a"].payload), "absoluteDays": 1}
    for day, observation in (
        (9, VariantObservation.UNCHANGED),
        (1, VariantObservation.UNCHANGED),
        (5, VariantObservation.CHANGED),
    ):
        read = RemoteStep(step.id, EMAIL, day=day, variants=(row,))
        assert compare_patch(step, "a", SALESHANDY.patch(body), read).observation is observation
        found = drift_of("trial", known(step), SequenceSnapshot(RemoteSequence("SEQ1", "Trial"), (read,)))
        assert [each.field for drift in found for each in drift.fields] == (["day"] if day == 5 else [])


def test_a_mark_outlives_the_file_and_leaves_no_trace_in_an_ordinary_state() -> None:
    """The bytes round-trip. A state without marks does not contain the word."""
    marks = state(trial=known(left(FILE, absoluteDays=9, attachmentIds=["f"])))
    assert encode(decode(encode(marks), "state")) == encode(marks)
    assert b"unsettled" in encode(marks)
    assert b"unsettled" not in encode(state(trial=known(applied("intro", FILE))))


def test_a_known_value_adds_no_mark() -> None:
    """A value that the state has, and one that is marked already, add nothing."""
    step = left(FILE, absoluteDays=9)
    assert mark_uncertain(step, "a", Patch(day=9, payload=dict(FILE.variants["a"].payload)), ["day"]) == step
    assert left(FILE, absoluteDays=1).is_certain
    assert [
        row.payload["content"]
        for row in possible_variants(left(FILE, payload={"subject": "Old", "content": BOLD}).variants["a"])
    ] == [TEXT, BOLD]


def test_an_email_that_may_be_elsewhere_holds_both_days() -> None:
    """It moves back before another email takes the day. If it stays, the other email is blocked."""
    way = plan_moves({"a": 1, "b": 5}, {"a": 1, "b": 3}, may_park=True, in_doubt={"a": (3,)})
    assert [(leg.name, leg.day) for leg in way.moves] == [("a", 1), ("b", 3)]
    assert plan_moves({"a": 1, "b": 5}, {"b": 3}, may_park=True, in_doubt={"a": (3,)}).blocked == {"b": "a"}


def test_a_step_without_variants_is_blocked() -> None:
    """No call can change its day, so the plan says what to click."""
    step = applied("intro", call(2)).model_copy(update={"variants": {}})
    moved, *_ = [row for row in planned(call(4), step) if row.wanted is Action.UPDATE_STEP]
    assert (moved.action, moved.reason, moved.calls) == (Action.BLOCKED, Reason.NOT_SUPPORTED, ())
    assert "by hand" in moved.advice
