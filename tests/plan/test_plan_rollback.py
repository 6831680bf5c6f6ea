"""Plans to an earlier state: nothing is ever created a second time."""

from __future__ import annotations

import pytest
from support.states import HOST, a_call, a_sequence, a_state, an_email, made_from

from sequence_sync.errors import UsageError
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.model import Action, Plan, Reason
from sequence_sync.plan.planner import PlanInputs
from sequence_sync.plan.rollback import rollback_plan
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import SequenceState, State, StepState


def back(then: State, now: State, **more: object) -> Plan:
    """The plan from one to the other."""
    return rollback_plan(then, PlanInputs({}, now, "production", HOST, "files", **more, dialect=SALESHANDY))  # type: ignore[arg-type]


def changes(plan: Plan) -> list[tuple[str, str]]:
    """Action and address of each change."""
    return [(change.action, change.address) for change in plan.changes]


def switched_off(step: StepState, *letters: str) -> StepState:
    """The same with these variants off."""
    rows = {name: row.model_copy(update={"status": int(name not in letters)}) for name, row in step.variants.items()}
    return step.model_copy(update={"variants": rows})


def only(**steps: StepState) -> State:
    """A state with one sequence and these steps."""
    return a_state(trial=a_sequence("L1", **steps))


def test_no_difference_gives_an_empty_plan() -> None:
    plan = back(a_state(trial=made_from(a_sequence())), a_state())
    assert plan.changes == ()
    assert not plan.sequences["trial"].complete
    assert plan.base.files_digest == "files"
    assert "cannot be recalled" in plan.notes[0]
    assert "serial 7" in plan.notes[0]


def test_rollback_restores_earlier_texts_and_days() -> None:
    plan = back(only(intro=an_email(), call=a_call()), only(intro=an_email(subject="Newer"), call=a_call(day=8)))
    assert changes(plan) == [
        (Action.UPDATE_STEP, "trial.call"),
        (Action.UPDATE_VARIANT, "trial.intro.a"),
        (Action.UPDATE_VARIANT, "trial.intro.b"),
    ]
    assert plan.changes[1].calls[0].body["payload"]["subject"] == "Hallo Jörg, {{firstName}}"


def test_what_was_created_later_is_blocked_with_its_own_advice() -> None:
    plan = back(
        only(intro=an_email()),
        a_state(trial=a_sequence("L1", intro=an_email(), call=a_call()), more=a_sequence("L2")),
        removed=("more",),
    )
    assert changes(plan) == [(Action.BLOCKED, "more"), (Action.BLOCKED, "trial.call")]
    assert all("created after serial 7" in change.advice for change in plan.changes)


def test_policy_deactivates_what_was_created_later() -> None:
    now = only(intro=an_email(), call=a_call())
    plan = back(only(intro=an_email()), now, policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert changes(plan) == [(Action.DEACTIVATE_VARIANT, "trial.call.a")]
    assert [gate.name for gate in plan.shut_gates] == ["destructive"]


@pytest.mark.parametrize("now", [a_state(other=a_sequence("L2")), only(intro=an_email("S1"))])
def test_what_was_forgotten_is_adopted_by_its_id(now: State) -> None:
    plan = back(only(intro=an_email("S1"), call=a_call("S2")), now)
    adopted = {change.address: change.remote_id for change in plan.changes if change.action is Action.ADOPT}
    assert adopted["trial.call"] == "S2"
    assert not [change for change in plan.changes if change.calls]


def test_later_renames_are_reversed() -> None:
    now = a_state(newer=a_sequence("L1", hello=an_email("S1", subject="Newer"), call=a_call("S2")))
    plan = back(only(intro=an_email("S1"), call=a_call("S2")), now)
    assert changes(plan)[:2] == [(Action.MOVE, "trial"), (Action.MOVE, "trial.intro")]
    assert {address for _, address in changes(plan)[2:]} == {"trial.intro.a", "trial.intro.b"}


def test_swapped_keys_are_blocked() -> None:
    plan = back(only(one=a_call("S1"), two=a_call("S2", 5)), only(one=a_call("S2"), two=a_call("S1", 5)))
    assert [(change.action, change.reason) for change in plan.changes] == [(Action.BLOCKED, Reason.ID_CHANGED)] * 2


def test_variants_return_to_their_earlier_status() -> None:
    then = only(intro=switched_off(an_email(), "b"))
    assert changes(back(then, only(intro=an_email()))) == [(Action.DEACTIVATE_VARIANT, "trial.intro.b")]
    assert changes(back(only(intro=an_email()), then)) == [(Action.UPDATE_VARIANT, "trial.intro.b")]
    assert changes(back(then, then)) == []


def test_rollback_of_a_title_or_a_type_is_blocked() -> None:
    then = a_state(trial=SequenceState(id="L1", title="Old", steps={"intro": a_call("S1")}))
    plan = back(then, a_state(trial=SequenceState(id="L1", title="New", steps={"intro": an_email("S1", day=4)})))
    assert {change.reason for change in plan.changes} == {Reason.TITLE_CHANGED, Reason.TYPE_CHANGED}


def test_rollback_accepts_targets() -> None:
    then, now = only(intro=an_email(), call=a_call()), only(intro=an_email(day=2), call=a_call(day=8))
    assert changes(back(then, now, selection=Selection(("trial.call",)))) == [(Action.UPDATE_STEP, "trial.call")]
    with pytest.raises(UsageError):
        back(then, now, selection=Selection(("trial.nothing",)))
