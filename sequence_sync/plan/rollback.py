"""A plan back to an earlier state: what was applied then is wanted again. Pure.

An ordinary plan in everything else. Steps keep their ids, so that none is ever made a second time: what was renamed is
renamed back, what was let go is taken over again. Knows nothing of where the earlier state comes from.
"""

from __future__ import annotations

from dataclasses import replace

from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.plan.model import Action, Change, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.state.model import SequenceState, State, StepState


def rollback_plan(then: State, inputs: PlanInputs) -> Plan:
    """The plan from the state of `inputs` to what `then` says; what `inputs` want besides plays no part.

    After it the files still say something else, so no sequence counts as made from its files.
    """
    now = inputs.state.sequences if inputs.state else {}
    notes = (
        f"This plan goes back to serial {then.serial}. What was sent to prospects since then cannot come back.",
        "The files still say today's text. Put them back too, in git, or the next plan undoes this one.",
    )
    plan = make_plan(
        replace(
            inputs,
            desired={key: _wanted(key, row, now) for key, row in then.sequences.items()},
            unchanged=(),
            removed=(),
            notes=(*notes, *inputs.notes),
        )
    )
    sequences = {key: row.model_copy(update={"complete": False}) for key, row in plan.sequences.items()}
    changes = tuple(_retold(change, then.serial) for change in plan.changes)
    return plan.model_copy(update={"changes": changes, "sequences": sequences})


def _wanted(key: str, then: SequenceState, now: dict[str, SequenceState]) -> DesiredSequence:
    """What was applied then. A variant that was off, and a step all of whose were, is not wanted."""
    owner = next((name for name, row in now.items() if row.id == then.id), None)
    renamed = {step.id: name for name, step in now[owner].steps.items()} if owner else {}
    steps = {name: content for name, step in then.steps.items() if (content := _content(step)).variants}
    return DesiredSequence(
        key=key,
        title=then.title,
        remote_id=then.id,
        steps=steps,
        files=(),
        source_digest="",
        step_ids={name: then.steps[name].id for name in steps},
        formerly=owner if owner != key else None,
        moved={old: name for name in steps if (old := renamed.get(then.steps[name].id, name)) != name},
    )


def _content(step: StepState) -> Content:
    on = {letter: row.content for letter, row in step.variants.items() if row.status != 0}
    return step.content.model_copy(update={"variants": on})


def _retold(change: Change, serial: int) -> Change:
    """What came after the earlier state is in no file to put back: it says so in its own words."""
    if change.action is not Action.BLOCKED or change.reason not in (Reason.STEP_REMOVED, Reason.SEQUENCE_REMOVED):
        return change
    what, click = ("step", "Switch it off or delete it") if change.step else ("sequence", "Pause it")
    advice = (
        f"It was made after serial {serial}, and the API cannot delete a {what}. {click} in Saleshandy, if need be."
    )
    return change.model_copy(update={"advice": advice})
