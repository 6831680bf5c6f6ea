"""Differences between the files and the state: each is a change, a rename, or blocked."""

from __future__ import annotations

import pytest
from planned import changes, only, planned
from support.build import call, desired, email, entry, message, state

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Claim
from sequence_sync.plan.model import Action, Reason


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


def test_configured_id_is_adopted_and_a_contradiction_is_blocked() -> None:
    row = desired(remote_id="L1", step_ids={"intro": "S1"}, steps={"intro": email(1)})
    assert changes(planned(row)) == [("trial", "adopt", "configured-id"), ("trial.intro", "adopt", "configured-id")]
    change = only(planned(row, by=state(trial=entry("L2", intro=email(1)))))
    assert change.reason is Reason.ID_CHANGED
