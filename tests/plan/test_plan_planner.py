"""The planner: every difference is a change, and none becomes a create by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.build import call, desired, email, entry, message, state

from sequence_sync.errors import UsageError
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.settings import Claim
from sequence_sync.plan.model import Action, Change, Plan, Reason, summary_line
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import State


def planned(*sequences: DesiredSequence, by: State | None = None, **more: object) -> Plan:
    """The plan of `sequences` against the state `by`."""
    rows = {row.key: row for row in sequences}
    return make_plan(
        PlanInputs(desired=rows, state=by, environment="default", api_host="api", **more, dialect=SALESHANDY)
    )


def changes(plan: Plan) -> list[tuple[str, str, str]]:
    """Address, action and reason of every change."""
    return [(change.address, str(change.action), str(change.reason)) for change in plan.changes]


def only(plan: Plan) -> Change:
    """The one change of a plan."""
    assert len(plan.changes) == 1, changes(plan)
    return plan.changes[0]


def test_creates_are_ordered_by_sequence_then_day_then_position() -> None:
    steps = {"late": email(9), "second": call(2, "b"), "first": message(2), "early": email(1)}
    plan = planned(desired(steps=steps))
    assert changes(plan) == [
        ("trial", "create-sequence", "new"),
        ("trial.early", "create-step", "new"),
        ("trial.second", "create-step", "new"),
        ("trial.first", "create-step", "new"),
        ("trial.late", "create-step", "new"),
    ]
    assert summary_line(plan) == "Plan: 5 to create, 0 to update, 0 to deactivate, 0 to record, 0 blocked."


def test_create_call_equals_the_vendors_example() -> None:
    """Without the two fields that an email does not have."""
    content = Content.model_validate(
        {
            "type": "email",
            "day": 3,
            "variants": {
                "a": {
                    "payload": {
                        "subject": "Quick question, {{firstName}}",
                        "content": "<p>Hi {{firstName}},</p>",
                        "preheader": "Quick question about your team",
                    },
                    "attachments": ["lN5xKp2vJq"],
                }
            },
        }
    )
    plan = planned(desired(steps={"intro": content}, remote_id="LGz3m8KNPr"))
    created = plan.changes[-1].call
    assert created is not None
    assert created.path == "/sequences/LGz3m8KNPr/steps"
    assert created.body == {
        "type": 1,
        "variants": [
            {
                "payload": {
                    "subject": "Quick question, {{firstName}}",
                    "content": "<p>Hi {{firstName}},</p>",
                    "preheader": "Quick question about your team",
                },
                "attachmentIds": ["lN5xKp2vJq"],
            }
        ],
        "absoluteDays": 3,
    }


def test_state_equal_to_the_files_gives_an_empty_plan() -> None:
    steps = {"a": email(1), "b": call(2)}
    plan = planned(desired(steps=steps), by=state(trial=entry(**steps)))
    assert plan.changes == ()
    assert summary_line(plan).startswith("No changes.")


def test_absent_priority_is_normal_and_absent_assignee_is_not_managed() -> None:
    before = message(2, priority="normal", assignee="user-1")
    plan = planned(desired(steps={"m": message(2)}), by=state(trial=entry(m=before)))
    assert plan.changes == ()


@pytest.mark.parametrize(
    ("now", "action", "field", "claim"),
    [
        (email(1, "Other"), "update-variant", "variants.a.payload.subject", Claim.UPDATE_COPY),
        (email(2), "update-step", "day", Claim.UPDATE_DAY),
        (email(1, b="B"), "create-variant", "", Claim.ADD_VARIANT),
    ],
)
def test_difference_is_a_call_or_blocked_if_a_claim_is_off(now: Content, action: str, field: str, claim: Claim) -> None:
    """Never a create."""
    by = state(trial=entry(intro=email(1)))
    change = only(planned(desired(steps={"intro": now}), by=by))
    assert (str(change.action), len(change.calls)) == (action, 1)
    assert [row.field for row in change.fields] == ([field] if field else [])
    off = only(planned(desired(steps={"intro": now}), by=by, off={claim}))
    assert (off.action, off.reason, off.wanted, off.calls) == (Action.BLOCKED, Reason.NOT_SUPPORTED, action, ())
    assert "Saleshandy" in off.advice


def test_changed_type_is_the_only_change_and_is_blocked() -> None:
    change = only(planned(desired(steps={"intro": call(4)}), by=state(trial=entry(intro=email(1)))))
    assert (change.action, change.reason) == (Action.BLOCKED, Reason.TYPE_CHANGED)


def test_changed_title_is_blocked() -> None:
    change = only(planned(desired(title="New", steps={}), by=state(trial=entry(title="Old"))))
    assert (change.reason, change.fields[0].before, change.fields[0].after) == (Reason.TITLE_CHANGED, "Old", "New")


def test_step_missing_in_its_file_is_blocked_until_it_is_listed_as_removed() -> None:
    by = state(trial=entry(intro=email(1)))
    assert only(planned(desired(), by=by)).reason is Reason.STEP_REMOVED
    change = only(planned(desired(removed=("intro",)), by=by))
    assert (change.action, change.reason) == (Action.FORGET, Reason.REMOVED)


def test_sequence_without_its_file_is_blocked_until_it_is_listed_as_removed() -> None:
    by = state(trial=entry(intro=email(1)))
    assert only(planned(by=by)).reason is Reason.SEQUENCE_REMOVED
    assert only(planned(by=by, removed=("trial",))).action is Action.FORGET


def test_moved_and_formerly_rename_without_a_call() -> None:
    by = state(old=entry(hello=email(1)))
    renamed = desired("new", "Trial", formerly="old", moved={"hello": "intro"}, steps={"intro": email(1)})
    assert changes(planned(renamed, by=by)) == [("new", "move", "moved"), ("new.intro", "move", "moved")]
    assert planned(renamed, by=state(new=entry(intro=email(1)))).changes == ()


def test_rename_without_moved_is_blocked_instead_of_created_again() -> None:
    by = state(trial=entry(hello=message(2)))
    plan = planned(desired(steps={"intro": message(3)}), by=by)
    assert [(row[0], row[2]) for row in changes(plan)] == [
        ("trial.intro", "same-content"),
        ("trial.hello", "step-removed"),
    ]
    assert not plan.to_do


def test_renamed_sequence_without_formerly_is_blocked_instead_of_created_again() -> None:
    by = state(old=entry(title="Old", hello=message(2)))
    plan = planned(desired("new", "New", steps={"hello": message(2), "other": message(4, "Something else")}), by=by)
    reasons = {row[0]: row[2] for row in changes(plan)}
    assert reasons["new.hello"] == "same-content"
    same_title = planned(desired("new", "Old", steps={"other": message(4, "Something else")}), by=by)
    assert {row[0]: row[2] for row in changes(same_title)} == {
        "new": "same-content",
        "new.other": "blocked-sequence",
        "old": "sequence-removed",
    }


def test_email_is_blocked_while_its_day_is_held() -> None:
    """By a step that stays: removed, forgotten or unmanaged."""
    gone = planned(desired(steps={"new": email(1, "Other", "<p>Other words</p>")}), by=state(trial=entry(old=email(1))))
    assert {row[0]: row[2] for row in changes(gone)} == {"trial.new": "day-held", "trial.old": "step-removed"}
    held = entry().model_copy(update={"unmanaged": {"X9": 5}})
    unmanaged = only(planned(desired(steps={"new": email(5)}), by=state(trial=held)))
    assert unmanaged.reason is Reason.DAY_HELD
    assert "X9" in unmanaged.advice


def test_configured_id_is_adopted_and_a_contradiction_is_blocked() -> None:
    row = desired(remote_id="L1", step_ids={"intro": "S1"}, steps={"intro": email(1)})
    assert changes(planned(row)) == [("trial", "adopt", "configured-id"), ("trial.intro", "adopt", "configured-id")]
    change = only(planned(row, by=state(trial=entry("L2", intro=email(1)))))
    assert change.reason is Reason.ID_CHANGED


def test_target_includes_its_sequence_and_exclude_takes_precedence() -> None:
    row = desired(steps={"a": email(1), "b": email(2)})
    aimed = planned(row, selection=Selection(("trial.b",)))
    assert [change.address for change in aimed.changes] == ["trial", "trial.b"]
    assert not aimed.sequences["trial"].complete
    without = planned(row, desired("other", "O"), selection=Selection(("*.*",), ("trial.a",)))
    assert [change.address for change in without.changes] == ["trial", "trial.b"]
    with pytest.raises(UsageError, match="matches nothing"):
        planned(row, selection=Selection(("nope.*",)))


def test_create_in_doubt_has_the_reason_outcome_unknown() -> None:
    plan = planned(desired(steps={"a": email(1)}), by=state(trial=entry()), open_addresses={"trial.a"})
    assert only(plan).reason is Reason.OUTCOME_UNKNOWN
    assert any("trial.a" in note for note in plan.notes)


contents = st.builds(message, st.integers(1, 9), st.sampled_from(["one text", "another", "a third thing"]))


@given(st.dictionaries(st.sampled_from("abcdef"), contents), st.dictionaries(st.sampled_from("abcdef"), contents))
def test_known_step_is_never_created(before: dict[str, Content], after: dict[str, Content]) -> None:
    """And every key that differs has a change."""
    plan = planned(desired(steps=after), by=state(trial=entry(**before)))
    created = {change.step for change in plan.to_do if change.action is Action.CREATE_STEP}
    assert not created & set(before)
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert differing == {change.step for change in plan.changes}


@given(st.permutations(["a", "b", "c"]))
def test_plan_does_not_depend_on_the_order_of_input(keys: list[str]) -> None:
    rows = [desired(key, steps={"one": email(1)}) for key in keys]
    ordered = [desired(key, steps={"one": email(1)}) for key in "abc"]
    assert planned(*rows) == planned(*ordered)
    assert planned(*rows).plan_hash() == planned(*ordered).plan_hash()
