"""The planner: every difference is a change, and none becomes a create by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import changes, only, planned
from support.build import call, desired, email, entry, message, state

from sequence_sync.errors import UsageError
from sequence_sync.model.sequence import Content
from sequence_sync.plan.model import Action, Reason, summary_line
from sequence_sync.plan.selection import Selection


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


def test_email_is_blocked_while_its_day_is_held() -> None:
    """By a step that stays: removed, forgotten or unmanaged."""
    gone = planned(desired(steps={"new": email(1, "Other", "<p>Other words</p>")}), by=state(trial=entry(old=email(1))))
    assert {row[0]: row[2] for row in changes(gone)} == {"trial.new": "day-held", "trial.old": "step-removed"}
    held = entry().model_copy(update={"unmanaged": {"X9": 5}})
    unmanaged = only(planned(desired(steps={"new": email(5)}), by=state(trial=held)))
    assert unmanaged.reason is Reason.DAY_HELD
    assert "X9" in unmanaged.advice


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
