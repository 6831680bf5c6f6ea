"""Rollback: a plan to an earlier state. What was applied then is desired again. Pure.

An ordinary plan in everything else. Steps keep their ids, so that none is created twice: what was renamed is
renamed back, what was forgotten is adopted again. Must not know where the earlier state comes from.
"""

from __future__ import annotations

from dataclasses import replace

from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.plan.model import Action, Change, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.state.model import SequenceState, State, StepState


def rollback_plan(then: State, inputs: PlanInputs) -> Plan:
    """Return the plan from the state of `inputs` to `then`. The desired sequences of `inputs` are not used.

    Afterwards the files still say something else, so no sequence counts as made from its files.
    """
    now = inputs.state.sequences if inputs.state else {}
    notes = (
        f"This plan rolls back to serial {then.serial}. Messages that were already sent cannot be recalled.",
        "Your files still have the current text. Revert them in git too, or the next plan undoes this one.",
    )
    plan = make_plan(
        replace(
            inputs,
            desired={key: _desired(key, row, now) for key, row in then.sequences.items()},
            unchanged=(),
            removed=(),
            notes=(*notes, *inputs.notes),
        )
    )
    sequences = {key: row.model_copy(update={"complete": False}) for key, row in plan.sequences.items()}
    changes = tuple(_with_advice(change, then.serial) for change in plan.changes)
    return plan.model_copy(update={"changes": changes, "sequences": sequences})


def _desired(key: str, then: SequenceState, now: dict[str, SequenceState]) -> DesiredSequence:
    """Return what was applied then, without variants that were off, and without steps that had no other."""
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


def _with_advice(change: Change, serial: int) -> Change:
    """Reword the advice for what was created after the earlier state: there is no file to restore."""
    if change.action is not Action.BLOCKED or change.reason not in (Reason.STEP_REMOVED, Reason.SEQUENCE_REMOVED):
        return change
    what, click = ("step", "Switch it off or delete it") if change.step else ("sequence", "Pause it")
    advice = f"It was created after serial {serial}, and the API cannot delete a {what}. {click} in Saleshandy."
    return change.model_copy(update={"advice": advice})
