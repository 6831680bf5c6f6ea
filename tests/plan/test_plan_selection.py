"""Plans of a part: guards still apply, and no difference is hidden."""

from __future__ import annotations

import pytest
from support.build import call, desired, email, entry, message, state

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.plan.model import Action, Plan, Reason, summary_line
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


@pytest.mark.parametrize("selection", [Selection(("trial.intro",)), Selection((), ("trial.hello",))])
def test_target_does_not_bypass_the_duplicate_guard(selection: Selection) -> None:
    plan = planned(desired(steps={"intro": call(2)}), by=state(trial=entry(hello=call(2))), selection=selection)
    assert [(change.address, change.reason) for change in plan.changes] == [("trial.intro", Reason.SAME_CONTENT)]
    assert not plan.to_do


def test_target_does_not_create_a_renamed_sequence_again() -> None:
    by = state(old=entry(title="Old", hello=message(2)))
    new = desired("new", "Old", steps={"hello": message(2), "other": message(4, "Something else")})
    plan = planned(new, by=by, selection=Selection(("new.other",)))
    assert [(change.address, change.reason) for change in plan.changes] == [
        ("new", Reason.SAME_CONTENT),
        ("new.other", Reason.BLOCKED_SEQUENCE),
    ]


def test_target_or_exclude_of_a_new_variant_means_its_step() -> None:
    row = desired(steps={"ab": email(1, b="B"), "ring": call(2)})
    aimed = planned(row, selection=Selection(("trial.ab.b",)))
    assert [change.address for change in aimed.changes] == ["trial", "trial.ab"]
    without = planned(row, selection=Selection((), ("trial.*.b",)))
    assert [change.address for change in without.changes] == ["trial", "trial.ring"]


def test_empty_selection_does_not_claim_that_files_match() -> None:
    row = desired(steps={"ring": call(2)})
    assert summary_line(planned(row, selection=Selection((), ("trial",)))).startswith("No changes in the selected part")


def test_sequence_id_known_under_another_key_is_blocked() -> None:
    row = desired("new", "New", remote_id="L1", step_ids={"two": "S2"}, steps={"one": call(1), "two": call(2)})
    plan = planned(row, by=state(old=entry("L1")), removed=("old",))
    assert {change.address: change.reason for change in plan.changes if change.action is Action.BLOCKED} == {
        "new": Reason.ID_CHANGED,
        "new.one": Reason.BLOCKED_SEQUENCE,
        "new.two": Reason.BLOCKED_SEQUENCE,
    }
    assert "formerly: old" in plan.changes[0].advice


def test_step_id_known_under_another_key_is_blocked() -> None:
    by = state(trial=entry(old=call(2)))
    held = by.sequences["trial"].steps["old"].id
    plan = planned(desired(step_ids={"new": held}, steps={"old": call(2), "new": call(3)}), by=by)
    assert [(change.address, change.reason) for change in plan.changes] == [("trial.new", Reason.ID_CHANGED)]
    assert "moved: [{from: old, to: new}]" in plan.changes[0].advice
