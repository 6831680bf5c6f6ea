"""Changes of the state to what the app says: what it says already, and what is gone from it. No call is made.

Each is read once more before it is written down, as the plan may be old.
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
from sequence_sync.provider.base import RemoteStep
from sequence_sync.state.model import Delta, SequenceHead, StepState, VariantState, variant_digest

AGREES = "Saleshandy says it already"
IS_GONE = "it is not in Saleshandy any more"


def record_agreement(session: SequenceSession, change: Change) -> HandlerResult:
    """The app says what the file says: write down that it was applied."""
    if change.step is None:
        return _title(session, change)
    known = session.known
    if known is None or change.step not in known.steps:
        raise ChangeFailedError(Status.FAILED, 1, f"{change.address} is not in the state.", "Plan again.")
    session.fresh()
    entry = known.steps[change.step]
    agreed = _agreed(entry, session.remote_step(entry.id), change)
    if agreed is None:
        raise _not_any_more(change.address, "does not say what the file says any more")
    if agreed == entry:
        return Status.ALREADY, ""
    session.note(f"{change.address} is so in Saleshandy", Delta(sequence=session.key, steps={change.step: agreed}))
    return Status.RECORDED, AGREES


def _title(session: SequenceSession, change: Change) -> HandlerResult:
    row = next((row for row in session.context.remote_sequences() if row.id == session.id), None)
    title = change.title or ""
    if row is None or not same_title(row.title, title):
        raise _not_any_more(change.address, f'is not called "{title}" any more')
    if session.entry().title == title:
        return Status.ALREADY, ""
    head = session.entry().head.model_copy(update={"title": title, "made_from": None})
    session.note(f'{session.key} is called "{title}"', Delta(sequence=session.key, head=head))
    return Status.RECORDED, AGREES


def _agreed(entry: StepState, step: RemoteStep, change: Change) -> StepState | None:
    """`entry` as file and app have it; None where the app says something else by now."""
    letter = change.address.variant
    if letter is None:
        return _placed(entry, step, change)
    row = next((row for row in step.variants if row.id == entry.variants[letter].id), None)
    if row is None:
        return None
    known = entry.variants[letter]
    update: dict[str, Any] = {}
    for field in change.fields:
        if field.field.endswith(".status"):
            if row.status is None or (row.status != 0) != (field.after == ON):
                return None
            update["status"] = 1 if field.after == ON else 0
    if any(not field.field.endswith(".status") for field in change.fields):
        wanted = change.after.variants.get(letter) if change.after else None
        if wanted is None or not same_text(entry.type, wanted, as_read(entry.type, known, row)):
            return None
        returned = None if row.payload == wanted.payload else payload_digest(row.payload)
        update |= {"content": wanted, "digest": variant_digest(wanted), "returned": returned}
    agreed: VariantState = known.model_copy(update=update)
    return entry.model_copy(update={"variants": {**entry.variants, letter: agreed}})


def _placed(entry: StepState, step: RemoteStep, change: Change) -> StepState | None:
    told = {"day": step.day, "priority": step.priority, "assignee": step.assignee}
    if any(told[field.field] != field.after for field in change.fields):
        return None
    update = {str(row.field): Priority(row.after) if row.field == "priority" else row.after for row in change.fields}
    assumed = tuple(name for name in entry.assumed if name not in update)
    unsettled = {name: values for name, values in entry.unsettled.items() if name not in update}
    return entry.model_copy(update={**update, "assumed": assumed, "unsettled": unsettled})


def forget_missing(session: SequenceSession, change: Change) -> HandlerResult:
    """What two readings did not find, and this one does not either, leaves the state. It is known by its id: under that
    address there may be a new one by now, or its entry may still have its old key."""
    if change.step is None:
        return _let_sequence_go(session, change)
    known = session.known
    if known is None:
        return Status.ALREADY, ""
    session.fresh()
    if change.address.variant:
        return _let_variant_go(session, change)
    key = next((name for name, row in known.steps.items() if row.id == change.remote_id), None)
    if key is None:
        return Status.ALREADY, ""
    if session.remote_or_none(known.steps[key].id) is not None:
        raise _not_any_more(change.address, "is there again")
    head = known.head.model_copy(update={"gone": tuple(sorted({*known.gone, known.steps[key].id})), "made_from": None})
    session.note(f"{change.address} is gone from Saleshandy", Delta(sequence=session.key, head=head, steps={key: None}))
    return Status.RECORDED, IS_GONE


def _let_sequence_go(session: SequenceSession, change: Change) -> HandlerResult:
    known = session.context.manager.state.sequences
    key = next((name for name, row in known.items() if row.id == change.remote_id), None)
    if key is None:
        return Status.ALREADY, ""
    if any(row.id == change.remote_id for row in session.context.remote_sequences()):
        raise _not_any_more(change.address, "is there again")
    session.note(f"{change.address} is gone from Saleshandy", Delta(sequence=key, drop=True))
    session.id = None
    return Status.RECORDED, IS_GONE


def _let_variant_go(session: SequenceSession, change: Change) -> HandlerResult:
    entry = session.known.steps.get(change.step or "") if session.known else None
    letter = change.address.letter
    if entry is None or letter not in entry.variants or entry.variants[letter].id != change.remote_id:
        return Status.ALREADY, ""
    step = session.remote_or_none(entry.id)
    if step is None or any(row.id == change.remote_id for row in step.variants):
        raise _not_any_more(change.address, "is not as the plan has it")
    rest = {name: row for name, row in entry.variants.items() if name != letter}
    less = entry.model_copy(update={"variants": rest})
    session.note(
        f"{change.address} is gone from Saleshandy", Delta(sequence=session.key, steps={change.step or "": less})
    )
    return Status.RECORDED, IS_GONE


def _not_any_more(address: str, what: str) -> ChangeFailedError:
    return ChangeFailedError(
        Status.REFUSED, 6, f"{address} {what}: Saleshandy was changed since the plan.", "Plan with -refresh."
    )


STAYS = "it stays in Saleshandy, and is not managed any more"


def move(session: SequenceSession, change: Change) -> HandlerResult:
    """A sequence or a step has another key now."""
    source = change.source or ""
    if change.step is None:
        return _move_sequence(session, source)
    old_key = Address(source).step_key
    known = session.known
    if known is None or old_key not in known.steps:
        return Status.ALREADY, ""
    steps: dict[str, StepState | None] = {old_key: None, change.step: known.steps[old_key]}
    session.note(f"{source} is {change.address} now", Delta(sequence=session.key, steps=steps))
    return Status.RECORDED, f"was {source}"


def _move_sequence(session: SequenceSession, source: str) -> HandlerResult:
    old = session.context.manager.state.sequences.get(source)
    if old is None:
        return Status.ALREADY, ""
    head = old.head.model_copy(update={"made_from": None})
    session.note(
        f"{source} is {session.key} now",
        Delta(sequence=source, drop=True),
        Delta(sequence=session.key, head=head, steps=dict(old.steps)),
    )
    session.id = old.id
    return Status.RECORDED, f"was {source}"


def forget(session: SequenceSession, change: Change) -> HandlerResult:
    """Stop managing a sequence or a step; it stays where it is."""
    known = session.known
    if change.reason is Reason.GONE:
        return forget_missing(session, change)
    if known is None or (change.step is not None and change.step not in known.steps):
        return Status.ALREADY, ""
    if change.step is None:
        session.note(f"{session.key} is not managed any more", Delta(sequence=session.key, drop=True))
        return Status.RECORDED, STAYS
    step = known.steps[change.step]
    was = change.before or step.content  # as the plan read it, if it did
    head = session.head({step.id: was.day if was.is_email else None})
    session.note(
        f"{change.address} is not managed any more",
        Delta(sequence=session.key, head=head, steps={change.step: None}),
    )
    return Status.RECORDED, STAYS


def adopt(session: SequenceSession, change: Change) -> HandlerResult:
    """Take what `id:` or `ids:` name into the state."""
    if change.step is None:
        return (Status.ALREADY, "") if session.known else _adopt_sequence(session, change)
    if change.address.variant:
        return adopt_variant(session, change)
    if change.step in session.entry().steps:
        return Status.ALREADY, ""
    preflight_read(session)
    step = next((row for row in session.steps if row.id == change.remote_id), None)
    if step is None or change.after is None:
        raise ChangeFailedError(
            Status.FAILED,
            1,
            f"There is no step {change.remote_id} in {session.key}.",
            "Look at its id in Saleshandy, and mend `ids:` in seqsync.yaml.",
        )
    entry, same = adopted_step(step, change.after)
    if entry is None:
        why = f"Step {step.id} has another type than {change.address}."
        raise ChangeFailedError(Status.FAILED, 1, why, "Mend `ids:` in seqsync.yaml.")
    if not same and change.reason is Reason.FOUND:
        why = f"Step {step.id} does not say any more what {change.address} says."
        raise ChangeFailedError(
            Status.REFUSED, 6, why, "Saleshandy was changed since the plan: plan again with -refresh."
        )
    known = session.entry()
    unmanaged = {remote_id: day for remote_id, day in known.unmanaged.items() if remote_id != step.id}
    head = known.head.model_copy(update={"made_from": None, "unmanaged": unmanaged})
    session.note(
        f"{change.address} is step {step.id}", Delta(sequence=session.key, head=head, steps={change.step: entry})
    )
    return Status.ADOPTED, "" if same else "its text differs from the file's: see the next plan"


def _adopt_sequence(session: SequenceSession, change: Change) -> HandlerResult:
    row = next((row for row in session.context.remote_sequences() if row.id == change.remote_id), None)
    if row is None:
        raise ChangeFailedError(
            Status.FAILED,
            1,
            f"There is no sequence {change.remote_id} in this account.",
            "Mend the id in the file or under `ids:`; or is this another account's key?",
        )
    wanted = change.title or row.title
    title = wanted if same_title(wanted, row.title) else row.title
    session.id = row.id
    session.note(
        f"{session.key} is sequence {row.id}", Delta(sequence=session.key, head=SequenceHead(id=row.id, title=title))
    )
    return Status.ADOPTED, ""
