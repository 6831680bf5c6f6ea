"""Changes of the state that need no call: record, adopt, move, forget. What depends on Saleshandy is read first.

Must not send anything.
"""

from __future__ import annotations

from typing import Any

from sequence_sync.apply.context import ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.create import adopt_variant
from sequence_sync.apply.preflight import preflight_read
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Priority
from sequence_sync.model.report import Status
from sequence_sync.plan.drift import ON, as_read, payload_digest, same_text
from sequence_sync.plan.matching import adopted_step, same_title
from sequence_sync.plan.model import Change, Reason
from sequence_sync.provider.base import ReadFailedError, RemoteStep
from sequence_sync.state.model import Delta, SequenceHead, StepState, VariantState, variant_digest

AGREES = "already in Saleshandy"
IS_GONE = "no longer in Saleshandy"


def record_agreement(session: SequenceSession, change: Change) -> HandlerResult:
    """Record as applied what Saleshandy has already."""
    if change.step is None:
        return _record_title(session, change)
    known = session.known
    if known is None or change.step not in known.steps:
        raise ChangeFailedError(Status.FAILED, f"{change.address} is not in the state.", "Plan again.")
    session.ensure_fresh()
    entry = known.steps[change.step]
    agreed = _as_agreed(entry, session.remote_step(entry.id), change)
    if agreed is None:
        raise _outdated_error(change.address, "no longer equals the file")
    if agreed == entry:
        return HandlerResult(Status.ALREADY)
    session.note(f"{change.address}: already in Saleshandy", Delta(sequence=session.key, steps={change.step: agreed}))
    return HandlerResult(Status.RECORDED, AGREES)


def _record_title(session: SequenceSession, change: Change) -> HandlerResult:
    row = next((row for row in session.context.remote_sequences() if row.id == session.id), None)
    title = change.title or ""
    if row is None or not same_title(row.title, title):
        raise _outdated_error(change.address, f'no longer has the title "{title}"')
    if session.entry().title == title:
        return HandlerResult(Status.ALREADY)
    head = session.entry().head.model_copy(update={"title": title, "made_from": None})
    session.note(f'{session.key} is called "{title}"', Delta(sequence=session.key, head=head))
    return HandlerResult(Status.RECORDED, AGREES)


def _as_agreed(entry: StepState, step: RemoteStep, change: Change) -> StepState | None:
    """`entry` as file and Saleshandy have it; None where Saleshandy now has something else."""
    letter = change.address.variant
    if letter is None:
        return _with_step_fields(entry, step, change)
    row = next((row for row in step.variants if row.id == entry.variants[letter].id), None)
    if row is None:
        return None
    known = entry.variants[letter]
    update: dict[str, Any] = {}
    for field in change.fields:
        if field.field.is_status:
            if row.status is None or (row.status != 0) != (field.after == ON):
                return None
            update["status"] = 1 if field.after == ON else 0
    if any(not field.field.is_status for field in change.fields):
        desired = change.after.variants.get(letter) if change.after else None
        if desired is None or not same_text(entry.type, desired, as_read(entry.type, known, row)):
            return None
        returned = None if row.payload == desired.payload else payload_digest(row.payload)
        update |= {"content": desired, "digest": variant_digest(desired), "returned": returned}
    agreed: VariantState = known.model_copy(update=update)
    return entry.model_copy(update={"variants": {**entry.variants, letter: agreed}})


def _with_step_fields(entry: StepState, step: RemoteStep, change: Change) -> StepState | None:
    remote = {"day": step.day, "priority": step.priority, "assignee": step.assignee}
    if any(remote[field.field] != field.after for field in change.fields):
        return None
    update = {str(row.field): Priority(row.after) if row.field == "priority" else row.after for row in change.fields}
    assumed = tuple(name for name in entry.assumed if name not in update)
    unsettled = {name: values for name, values in entry.unsettled.items() if name not in update}
    return entry.model_copy(update={**update, "assumed": assumed, "unsettled": unsettled})


def forget_missing(session: SequenceSession, change: Change) -> HandlerResult:
    """Remove from the state what two reads of the plan did not find and this one does not either.

    It is identified by its id: its address may now belong to a new step, or its entry may still have its old key.
    """
    if change.step is None:
        return _forget_missing_sequence(session, change)
    known = session.known
    if known is None:
        return HandlerResult(Status.ALREADY)
    session.ensure_fresh()
    if change.address.variant:
        return _forget_missing_variant(session, change)
    key = next((name for name, row in known.steps.items() if row.id == change.remote_id), None)
    if key is None:
        return HandlerResult(Status.ALREADY)
    if session.remote_or_none(known.steps[key].id) is not None:
        raise _outdated_error(change.address, "is there again")
    head = known.head.model_copy(update={"gone": tuple(sorted({*known.gone, known.steps[key].id})), "made_from": None})
    session.note(f"{change.address} is gone from Saleshandy", Delta(sequence=session.key, head=head, steps={key: None}))
    return HandlerResult(Status.RECORDED, IS_GONE)


def _forget_missing_sequence(session: SequenceSession, change: Change) -> HandlerResult:
    known = session.context.manager.state.sequences
    key = next((name for name, row in known.items() if row.id == change.remote_id), None)
    if key is None:
        return HandlerResult(Status.ALREADY)
    if any(row.id == change.remote_id for row in session.context.remote_sequences()):
        raise _outdated_error(change.address, "is there again")
    session.note(f"{change.address} is gone from Saleshandy", Delta(sequence=key, drop=True))
    session.id = None
    return HandlerResult(Status.RECORDED, IS_GONE)


def _forget_missing_variant(session: SequenceSession, change: Change) -> HandlerResult:
    entry = session.known.steps.get(change.step or "") if session.known else None
    letter = change.address.letter
    if entry is None or letter not in entry.variants or entry.variants[letter].id != change.remote_id:
        return HandlerResult(Status.ALREADY)
    step = session.remote_or_none(entry.id)
    if step is None or any(row.id == change.remote_id for row in step.variants):
        raise _outdated_error(change.address, "differs from the plan")
    rest = {name: row for name, row in entry.variants.items() if name != letter}
    less = entry.model_copy(update={"variants": rest})
    session.note(
        f"{change.address} is gone from Saleshandy", Delta(sequence=session.key, steps={change.step or "": less})
    )
    return HandlerResult(Status.RECORDED, IS_GONE)


def _outdated_error(address: Address, what: str) -> ChangeFailedError:
    return ChangeFailedError(
        Status.REFUSED, f"{address} {what}: Saleshandy was changed since the plan.", "Plan again with -refresh."
    )


STAYS = "it stays in Saleshandy; seqsync no longer manages it"


def move(session: SequenceSession, change: Change) -> HandlerResult:
    """Rename a sequence or a step in the state."""
    source = change.source or ""
    if change.step is None:
        return _move_sequence(session, source)
    old_key = Address(source).step_key
    known = session.known
    if known is None or old_key not in known.steps:
        return HandlerResult(Status.ALREADY)
    steps: dict[str, StepState | None] = {old_key: None, change.step: known.steps[old_key]}
    session.note(f"{source} is {change.address} now", Delta(sequence=session.key, steps=steps))
    return HandlerResult(Status.RECORDED, f"was {source}")


def _move_sequence(session: SequenceSession, source: str) -> HandlerResult:
    old = session.context.manager.state.sequences.get(source)
    if old is None:
        return HandlerResult(Status.ALREADY)
    head = old.head.model_copy(update={"made_from": None})
    session.note(
        f"{source} is {session.key} now",
        Delta(sequence=source, drop=True),
        Delta(sequence=session.key, head=head, steps=dict(old.steps)),
    )
    session.id = old.id
    return HandlerResult(Status.RECORDED, f"was {source}")


def forget(session: SequenceSession, change: Change) -> HandlerResult:
    """Stop managing a sequence or a step; it stays in Saleshandy."""
    known = session.known
    if change.reason is Reason.GONE:
        return forget_missing(session, change)
    if known is None or (change.step is not None and change.step not in known.steps):
        return HandlerResult(Status.ALREADY)
    if change.step is None:
        session.note(f"{session.key} is no longer managed", Delta(sequence=session.key, drop=True))
        return HandlerResult(Status.RECORDED, STAYS)
    step = known.steps[change.step]
    was = change.before or step.content  # as the plan read it, if it did
    is_there = not was.is_email or _is_there(session, step.id)
    head = known.head.with_forgotten(change.step, step.model_copy(update={"day": was.day}), is_there)
    session.note(
        f"{change.address} is no longer managed",
        Delta(sequence=session.key, head=head, steps={change.step: None}),
    )
    return HandlerResult(Status.RECORDED, STAYS)


def _is_there(session: SequenceSession, step_id: str) -> bool:
    """Whether Saleshandy still has the step, so that its day is held. What cannot be read counts as there."""
    try:
        steps = session.read_if_there()
    except ReadFailedError:
        return True
    return steps is None or any(step.id == step_id for step in steps)


def adopt(session: SequenceSession, change: Change) -> HandlerResult:
    """Take a sequence, a step or a variant of Saleshandy into the state."""
    if change.step is None:
        return HandlerResult(Status.ALREADY) if session.known else _adopt_sequence(session, change)
    if change.address.variant:
        return adopt_variant(session, change)
    if change.step in session.entry().steps:
        return HandlerResult(Status.ALREADY)
    preflight_read(session)
    if change.reason is Reason.FORGOTTEN:
        return _adopt_again(session, change, change.step)
    step = next((row for row in session.steps if row.id == change.remote_id), None)
    if step is None or change.after is None:
        raise ChangeFailedError(
            Status.FAILED,
            f'There is no step {change.remote_id} in "{session.key}".',
            "Copy its id from Saleshandy, and fix `ids:` in seqsync.yaml.",
        )
    entry, same = adopted_step(step, change.after)
    if entry is None:
        why = f'Step {step.id} has another type than "{change.address}".'
        raise ChangeFailedError(Status.FAILED, why, "Fix `ids:` in seqsync.yaml.")
    if not same and change.reason is Reason.FOUND:
        why = f'Step {step.id} no longer has the text of "{change.address}".'
        raise ChangeFailedError(Status.REFUSED, why, "Saleshandy was changed since the plan: plan again with -refresh.")
    known = session.entry()
    head = known.head.model_copy(update={"made_from": None})
    session.note(
        f"{change.address} is step {step.id}", Delta(sequence=session.key, head=head, steps={change.step: entry})
    )
    return HandlerResult(Status.ADOPTED, "" if same else "its text differs from the file; see the next plan")


def _adopt_again(session: SequenceSession, change: Change, key: str) -> HandlerResult:
    """Manage a forgotten step again, as it was last applied: an edit since then is drift."""
    known = session.entry()
    forgotten = known.forgotten.get(change.remote_id or "")
    if forgotten is None:
        raise ChangeFailedError(
            Status.FAILED, f"The state does not have step {change.remote_id} any more.", "Plan again."
        )
    if session.remote_or_none(forgotten.id) is None:
        raise ChangeFailedError(
            Status.REFUSED,
            f"{change.address} (step {forgotten.id}) is no longer in Saleshandy.",
            "To create it again: `seqsync plan -refresh`.",
        )
    head = known.head.model_copy(update={"made_from": None})
    session.note(
        f"{change.address} is step {forgotten.id} again",
        Delta(sequence=session.key, head=head, steps={key: forgotten.step}),
    )
    return HandlerResult(Status.ADOPTED, "seqsync managed this step before")


def _adopt_sequence(session: SequenceSession, change: Change) -> HandlerResult:
    row = next((row for row in session.context.remote_sequences() if row.id == change.remote_id), None)
    if row is None:
        raise ChangeFailedError(
            Status.FAILED,
            f"There is no sequence {change.remote_id} in this account.",
            "Fix the id in the file or under `ids:`, and check that the API key is of the right account.",
        )
    desired = change.title or row.title
    title = desired if same_title(desired, row.title) else row.title
    session.id = row.id
    session.note(
        f"{session.key} is sequence {row.id}", Delta(sequence=session.key, head=SequenceHead(id=row.id, title=title))
    )
    return HandlerResult(Status.ADOPTED)
