"""Plans back to an earlier state: what was applied then is wanted again, and nothing is ever made a second time."""

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


def told(plan: Plan) -> list[tuple[str, str]]:
    """Action and address of each change."""
    return [(change.action, change.address) for change in plan.changes]


def switched_off(step: StepState, *letters: str) -> StepState:
    """The same with these variants off."""
    rows = {name: row.model_copy(update={"status": int(name not in letters)}) for name, row in step.variants.items()}
    return step.model_copy(update={"variants": rows})


def only(**steps: StepState) -> State:
    """A state with one sequence and these steps."""
    return a_state(trial=a_sequence("L1", **steps))


def test_nothing_differs() -> None:
    """The same content is an empty plan, which is made from no file."""
    plan = back(a_state(trial=made_from(a_sequence())), a_state())
    assert plan.changes == ()
    assert not plan.sequences["trial"].complete
    assert plan.base.files_digest == "files"
    assert "cannot be recalled" in plan.notes[0]
    assert "serial 7" in plan.notes[0]


def test_texts_and_days_go_back() -> None:
    """Only what differs is a call, with the earlier words."""
    plan = back(only(intro=an_email(), call=a_call()), only(intro=an_email(subject="Newer"), call=a_call(day=8)))
    assert told(plan) == [
        (Action.UPDATE_STEP, "trial.call"),
        (Action.UPDATE_VARIANT, "trial.intro.a"),
        (Action.UPDATE_VARIANT, "trial.intro.b"),
    ]
    assert plan.changes[1].calls[0].body["payload"]["subject"] == "Hallo Jörg, {{firstName}}"


def test_made_since_is_blocked_in_its_own_words() -> None:
    """Steps and sequences made since stay: the API deletes none, and no file can be put back for them."""
    plan = back(
        only(intro=an_email()),
        a_state(trial=a_sequence("L1", intro=an_email(), call=a_call()), more=a_sequence("L2")),
        removed=("more",),
    )
    assert told(plan) == [(Action.BLOCKED, "more"), (Action.BLOCKED, "trial.call")]
    assert all("created after serial 7" in change.advice for change in plan.changes)


def test_made_since_is_switched_off_where_the_policy_says_so() -> None:
    """With `removed_steps: deactivate` it is, behind the gate."""
    now = only(intro=an_email(), call=a_call())
    plan = back(only(intro=an_email()), now, policy=Policy(removed_steps=RemovedSteps.DEACTIVATE))
    assert told(plan) == [(Action.DEACTIVATE_VARIANT, "trial.call.a")]
    assert [gate.name for gate in plan.closed_gates] == ["destructive"]


@pytest.mark.parametrize("now", [a_state(other=a_sequence("L2")), only(intro=an_email("S1"))])
def test_what_was_let_go_is_taken_over_by_its_id(now: State) -> None:
    """A step or a sequence that the state does not know any more is adopted, never created."""
    plan = back(only(intro=an_email("S1"), call=a_call("S2")), now)
    adopted = {change.address: change.remote_id for change in plan.changes if change.action is Action.ADOPT}
    assert adopted["trial.call"] == "S2"
    assert not [change for change in plan.changes if change.calls]


def test_renamed_since_is_renamed_back() -> None:
    """Both a sequence and a step; the words that changed meanwhile go back too."""
    now = a_state(newer=a_sequence("L1", hello=an_email("S1", subject="Newer"), call=a_call("S2")))
    plan = back(only(intro=an_email("S1"), call=a_call("S2")), now)
    assert told(plan)[:2] == [(Action.MOVE, "trial"), (Action.MOVE, "trial.intro")]
    assert {address for _, address in told(plan)[2:]} == {"trial.intro.a", "trial.intro.b"}


def test_keys_that_were_swapped_are_never_guessed() -> None:
    """Where each of two keys names the other's step today, both are blocked."""
    plan = back(only(one=a_call("S1"), two=a_call("S2", 5)), only(one=a_call("S2"), two=a_call("S1", 5)))
    assert [(change.action, change.reason) for change in plan.changes] == [(Action.BLOCKED, Reason.ID_CHANGED)] * 2


def test_variants_that_were_off_go_off_again() -> None:
    """And one that was on is switched on."""
    then = only(intro=switched_off(an_email(), "b"))
    assert told(back(then, only(intro=an_email()))) == [(Action.DEACTIVATE_VARIANT, "trial.intro.b")]
    assert told(back(only(intro=an_email()), then)) == [(Action.UPDATE_VARIANT, "trial.intro.b")]
    assert told(back(then, then)) == []


def test_a_title_and_a_type_are_blocked_as_ever() -> None:
    """The API can change neither."""
    then = a_state(trial=SequenceState(id="L1", title="Old", steps={"intro": a_call("S1")}))
    plan = back(then, a_state(trial=SequenceState(id="L1", title="New", steps={"intro": an_email("S1", day=4)})))
    assert {change.reason for change in plan.changes} == {Reason.TITLE_CHANGED, Reason.TYPE_CHANGED}


def test_a_part_of_it() -> None:
    """Targets choose as ever, and one that is nowhere is refused."""
    then, now = only(intro=an_email(), call=a_call()), only(intro=an_email(day=2), call=a_call(day=8))
    assert told(back(then, now, selection=Selection(("trial.call",)))) == [(Action.UPDATE_STEP, "trial.call")]
    with pytest.raises(UsageError):
        back(then, now, selection=Selection(("trial.nothing",)))
