"""Changes of what is there: look, hold against the state, intent, one PATCH, outcome.

A PATCH may be repeated as it is; another one to the same variant waits until the first cannot arrive any more. What
somebody changed in the app is never overwritten unless the gate `drift` is open. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sequence_sync.apply import create as creating
from sequence_sync.apply.context import (
    FIRST_GAP,
    TRIES_UNREAD,
    ChangeFailedError,
    HandlerResult,
    SequenceSession,
    not_there,
)
from sequence_sync.apply.create import (
    MOST_SENDS,
    Guard,
    after_refusal,
    close_intent,
    doubt_of,
    refusal,
    resolve_open_variant,
    send_once,
)
from sequence_sync.apply.in_doubt import (
    UPDATE_RESOLUTIONS,
    Doubt,
    FieldComparison,
    PatchComparison,
    UpdateResolution,
    VariantObservation,
    compare_patch,
)
from sequence_sync.apply.preflight import SHOWN, fill_variant_ids, preflight_read, remember_server_spelling, unknown_ids
from sequence_sync.model.gates import DRIFT
from sequence_sync.model.report import Status
from sequence_sync.plan.calls import apply_patch, marked
from sequence_sync.plan.model import UPDATES, Action, Change, Reason
from sequence_sync.provider.base import (
    CERTAINLY_NOT_MADE,
    STEP_FIELDS,
    Answer,
    AnswerKind,
    Call,
    Patch,
    ReadFailedError,
    Request,
)
from sequence_sync.state.journal import CallResult, IntentRecord
from sequence_sync.state.model import Delta, StepState

OVERWRITES = frozenset({Reason.DRIFT, Reason.CONFLICT})
PATCHES = UPDATES | {Action.DEACTIVATE_VARIANT}


class _NotNeededError(Exception):
    """All that a PATCH says is there already."""


def update(session: SequenceSession, change: Change) -> HandlerResult:
    """Make the calls of a change to a step or a variant that is there."""
    if _is_done(session, change):
        return Status.ALREADY, ""
    _compare_all(session)
    letters = _letters(session, change)
    if change.reason is Reason.PARKED and session.remote_step(_entry(session, change).id).day is None:
        raise ChangeFailedError(
            Status.REFUSED,
            6,
            f"Saleshandy does not tell the day of {change.address}.",
            "Emails can change places only where the days can be read. Write `capabilities: {read-day: false}` into "
            "seqsync.yaml, and plan again: the plan says what to click.",
        )
    sent = False
    for place, letter in enumerate(letters):
        last = place == len(letters) - 1
        sent |= _one_call(session, change, letter, change.calls[place], last, may_skip=len(letters) == 1)
    if any(row.reason is Reason.PARKED for row in session.changes) and _moves_an_email(change):
        _confirm_day(session, change)
    return (Status.DONE, "") if sent else (Status.RECORDED, "Saleshandy said so already")


def _entry(session: SequenceSession, change: Change) -> StepState:
    entry = session.entry().steps.get(change.step or "")
    if entry is None:
        raise ChangeFailedError(
            Status.FAILED, 1, f"{change.sequence}.{change.step} is not in the state.", "Plan again."
        )
    return entry


def _letters(session: SequenceSession, change: Change) -> list[str]:
    if change.action is not Action.UPDATE_STEP:
        return [change.address.letter]
    return list(_entry(session, change).variants)[: len(change.calls)]


def _is_done(session: SequenceSession, change: Change) -> bool:
    """Whether an earlier run of this plan did it: the state is past what the change begins with. Where the app's side
    was changed the state does not tell; there the read does."""
    entry, before = _entry(session, change), change.before
    if change.reason in OVERWRITES:
        return False
    if change.action is Action.UPDATE_STEP and before is not None:
        now = entry.content
        if change.reason is Reason.PARKED and change.after is not None and _is_overwritten(session, change):
            return now.day == change.after.day
        if all(getattr(change.after, row.field) == getattr(before, row.field) for row in change.fields):
            return not any(row.field in entry.unsettled for row in change.fields)
        return any(getattr(now, row.field) != getattr(before, row.field) for row in change.fields)
    letter = change.address.letter
    return letter in entry.variants and apply_patch(entry, letter, session.patch(change.calls[0].body)) == entry


def _is_overwritten(session: SequenceSession, change: Change) -> bool:
    """Whether the step starts from a day that the app has and the state has not."""
    return any(row.address == change.address and row.reason in OVERWRITES for row in session.changes)


def _compare_all(session: SequenceSession) -> None:
    """Before the first PATCH of a sequence everything that will be changed is held against what was last applied."""
    preflight_read(session)
    if session.compared:
        return
    session.fresh()
    if any(row.id is None for step in session.entry().steps.values() for row in step.variants.values()):
        fill_variant_ids(session)
    patches = [
        (change, letter, session.patch(call.body))
        for change in session.changes
        if change.action in PATCHES and change.step in session.entry().steps and not _is_done(session, change)
        for letter, call in zip(_letters(session, change), change.calls, strict=False)
    ]
    if any(_found(session, *patch).held is VariantObservation.GONE for patch in patches):
        session.look_again("something is missing there")
    for patch in patches:
        _not_foreign(session, *patch)
    session.compared = True
    remember_server_spelling(session)


def _found(session: SequenceSession, change: Change, letter: str, patch: Patch) -> PatchComparison:
    entry = _entry(session, change)
    if letter not in entry.variants or entry.variants[letter].id is None:
        raise unknown_ids(session, change.step or "")
    return compare_patch(entry, letter, patch, session.remote_or_none(entry.id))


def _not_foreign(session: SequenceSession, change: Change, letter: str, patch: Patch) -> PatchComparison:
    finding, name = _found(session, change, letter, patch), f"{change.sequence}.{change.step}.{letter}"
    if finding.held is VariantObservation.GONE:
        raise not_there(session, name)
    if finding.held is VariantObservation.OTHER and DRIFT not in session.context.allowed:
        raise _foreign(name, finding.changed)
    return finding


def _foreign(name: str, aspect: FieldComparison | None) -> ChangeFailedError:
    both = f' In Saleshandy: "{_short(aspect.theirs)}". Last applied: "{_short(aspect.applied)}".' if aspect else ""
    return ChangeFailedError(
        Status.REFUSED,
        6,
        f"{name} was changed in Saleshandy since the last apply.{both}",
        "Nothing of it is overwritten. `seqsync import` takes the edit into the file; `-refresh -allow drift` puts the "
        "file's text in its place.",
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"


def _one_call(session: SequenceSession, change: Change, letter: str, call: Call, last: bool, may_skip: bool) -> bool:
    """One PATCH, until its outcome is clear. False where it was not needed."""
    entry = _entry(session, change)
    name, variant_id = f"{change.sequence}.{change.step}.{letter}", entry.variants[letter].id or ""
    request, patch = session.request(call), session.patch(call.body)
    intent = IntentRecord(
        run=session.context.run,
        address=name,
        action=change.action,
        remote_id=session.id,
        body=call.body,
        seen=tuple(sorted(session.seen)),
    )
    _await_given_up(session, request.path, patch)
    before: list[VariantObservation] = []

    def guard() -> dict[str, Any]:
        session.still_alone()
        before.append(_not_foreign(session, change, letter, patch).held)
        if before[-1] is VariantObservation.WANTED and may_skip:
            raise _NotNeededError
        return session.context.api.dialect.body(patch.replaced_in(session.remote_or_none(entry.id), variant_id))

    try:
        _until_clear(session, request, intent, guard, last, before)
    except _NotNeededError:
        session.note(f"{name} is so already", _delta(session, intent, last))
        return False
    return True


def _until_clear(
    session: SequenceSession,
    request: Request,
    intent: IntentRecord,
    guard: Guard,
    last: bool,
    before: Sequence[VariantObservation],
) -> None:
    """`before` is what the guard saw directly before each call."""
    sends = 0
    while sends < MOST_SENDS:
        number, answer = send_once(session, request, intent, guard)
        if answer.kind is AnswerKind.OK:
            return _made(session, number, intent, last)
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(session, number, answer, sends)
            continue
        session.context.emit("unclear", intent.address, answer.message)
        stand, since = doubt_of(answer), session.context.clock.now()
        todo, finding = resolve_update(session, stand, since, intent)
        if (
            todo is UpdateResolution.UPDATED
            and before[-1] is not VariantObservation.WANTED
            and request.path not in session.given_up
        ):
            return _made(session, number, intent, last)
        if todo is UpdateResolution.UPDATED:
            # It was so before, or by an earlier call: this one may still arrive.
            session.give_up(request.path, session.patch(intent.body), since, number)
            return _made(session, None, intent, last)
        if todo is UpdateResolution.REFUSED:
            close_intent(session, number, CallResult.REFUSED, *_marks(session, intent, finding), detail=answer.message)
            raise refusal(answer)
        if todo is UpdateResolution.ASK:
            raise _unknown(intent, answer)
        # Its intent stays open: it may arrive after the repeat.
        session.give_up(request.path, session.patch(intent.body), since, number)
        session.context.clock.sleep(FIRST_GAP * 2**sends)
        sends += 1
    raise creating.never_made()


def _unknown(intent: IntentRecord, answer: Answer) -> ChangeFailedError:
    return ChangeFailedError(
        Status.UNKNOWN,
        9,
        f"Nobody can know what became of {intent.address} ({answer.message or answer.kind}).",
        "Look at it in Saleshandy, then run the same apply again: it looks before it sends anything.",
    )


def _await_given_up(session: SequenceSession, path: str, patch: Patch) -> None:
    """Another PATCH to a variant, or another day of its step, waits until the one given up cannot arrive any more."""
    for other, row in list(session.given_up.items()):
        if not _would_undo(path, patch, other, row.patch):
            continue
        left = row.since + session.context.settle_grace - session.context.clock.now()
        if left > 0:
            session.context.emit("wait", other, f"an earlier change of it may still arrive: {left:.0f} s")
            session.context.clock.sleep(left)
            session.read()
    close_abandoned(session)


def _would_undo(path: str, patch: Patch, other: str, late: Patch) -> bool:
    """Whether an update `late` of `other` would change what `patch` of `path` has just written."""
    if path == other:
        return late != patch
    of_one_step = path.rpartition("/")[0] == other.rpartition("/")[0]
    sent, may_arrive = patch.values(), late.values()
    return of_one_step and any(may_arrive.get(name, sent[name]) != sent[name] for name in STEP_FIELDS if name in sent)


def close_abandoned(session: SequenceSession) -> None:
    """Close the PATCHes that were repeated, when they cannot arrive any more; the others wait for the next run."""
    for path, row in list(session.given_up.items()):
        if session.context.clock.now() - row.since >= session.context.settle_grace:
            for number in session.given_up.pop(path).numbers:
                close_intent(session, number, CallResult.NOT_MADE, detail="it was given up, and sent again")


def _delta(session: SequenceSession, intent: IntentRecord, last: bool) -> Delta:
    step, letter = intent.address.step_key, intent.address.letter
    return Delta(
        sequence=session.key,
        steps={step: apply_patch(session.entry().steps[step], letter, session.patch(intent.body), last)},
    )


def _marks(session: SequenceSession, intent: IntentRecord, finding: PatchComparison) -> tuple[Delta, ...]:
    """What stays unsettled of a PATCH that counts as not made: all that may be as it says."""
    step, letter = intent.address.step_key, intent.address.letter
    entry = session.entry().steps[step]
    marks = marked(entry, letter, session.patch(intent.body), finding.could_be)
    return (Delta(sequence=session.key, steps={step: marks}),) if marks != entry else ()


def _made(session: SequenceSession, number: int | None, intent: IntentRecord, last: bool) -> None:
    """Record it, and let the read that is at hand show it: it is not read again for each call. Without a number the
    call's intent stays open."""
    step, letter = intent.address.step_key, intent.address.letter
    if number is None:
        session.note(f"{intent.address} has been changed", _delta(session, intent, last))
    else:
        close_intent(session, number, CallResult.UPDATED, _delta(session, intent, last))
    entry = session.entry().steps[step]
    variant_id = entry.variants[letter].id or ""
    was = next((row.payload for each in session.steps for row in each.variants if row.id == variant_id), {})
    session.before.setdefault(variant_id, was)
    session.patched.add(variant_id)
    session.steps = [
        session.patch(intent.body).applied_to(row, variant_id) if row.id == entry.id else row for row in session.steps
    ]


def _moves_an_email(change: Change) -> bool:
    moved = any(field.field == "day" for field in change.fields)
    return moved and change.after is not None and change.after.is_email


def _confirm_day(session: SequenceSession, change: Change) -> None:
    """Where emails change places each move is seen before the next one is sent."""
    wanted, entry = change.after.day if change.after else None, _entry(session, change)
    since, gap = session.context.clock.now(), FIRST_GAP
    while True:
        session.read()
        told = session.remote_step(entry.id).day
        if told == wanted:
            return
        if session.context.clock.now() - since >= session.context.settle_grace:
            break
        session.context.clock.sleep(gap)
        gap *= 2
    raise ChangeFailedError(
        Status.FAILED,
        1,
        f"Saleshandy took the new day of {change.address}, but still shows day {told}.",
        "Look at it in Saleshandy. If its day cannot be changed by the API, write `capabilities: {update-day: false}` "
        "into seqsync.yaml.",
    )


def resolve_update(
    session: SequenceSession, stand: Doubt, since: float, intent: IntentRecord
) -> tuple[UpdateResolution, PatchComparison]:
    """Read until the table decides what became of a PATCH; with what the last read shows."""
    context, gap, unread = session.context, FIRST_GAP, 0
    while True:
        over = context.clock.now() - since >= context.settle_grace
        finding = _held_now(session, intent)
        unread += finding.held is VariantObservation.UNREAD and over
        todo = UpdateResolution.WAIT if 0 < unread < TRIES_UNREAD else UPDATE_RESOLUTIONS[stand, over][finding.held]
        if todo is not UpdateResolution.WAIT:
            return todo, finding
        left = context.settle_grace - (context.clock.now() - since)
        context.clock.sleep(min(gap, left) if left > 0 else gap)
        gap *= 2


def _held_now(session: SequenceSession, intent: IntentRecord) -> PatchComparison:
    step, letter = intent.address.step_key, intent.address.letter
    entry = session.entry().steps[step]
    try:
        session.read_if_there()
    except ReadFailedError:
        return PatchComparison(VariantObservation.UNREAD, could_be=tuple(session.patch(intent.body).values()))
    return compare_patch(entry, letter, session.patch(intent.body), session.remote_or_none(entry.id))


def resolve_open_intent(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what an earlier run's write became. Sends nothing; raises ChangeFailedError where a person must decide."""
    if intent.action == Action.CREATE_VARIANT:
        resolve_open_variant(session, intent, since)
    elif intent.action in PATCHES:
        _settle_open_update(session, intent, since)
    else:
        creating.resolve_open_create(session, intent, since)


def _settle_open_update(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    session.id = intent.remote_id
    step, letter = intent.address.step_key, intent.address.letter
    entry = session.known.steps.get(step) if session.known else None
    if entry is None or letter not in entry.variants:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail="its step is not managed any more")
        return
    if _proves_nothing(session, intent, entry):
        session.context.clock.sleep(max(0.0, since + session.context.settle_grace - session.context.clock.now()))
    if apply_patch(entry, letter, session.patch(intent.body)) == entry:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail="it was given up, and sent again")
        return
    todo, finding = resolve_update(session, Doubt.OPEN, since, intent)
    if todo is UpdateResolution.ASK:
        raise ChangeFailedError(
            Status.FAILED, 1, f"What became of {intent.address} could not be read.", "Run the same apply again later."
        )
    if todo is UpdateResolution.NOT_MADE:
        close_intent(session, intent.n, CallResult.NOT_MADE, *_marks(session, intent, finding))
        return
    # Day, priority and assignee are the step's: they are so when its last variant has them.
    last = intent.action != Action.UPDATE_STEP or letter == list(entry.variants)[-1]
    close_intent(session, intent.n, CallResult.UPDATED, _delta(session, intent, last))


def _proves_nothing(session: SequenceSession, intent: IntentRecord, entry: StepState) -> bool:
    """Whether an open PATCH may still arrive though all that it says is so: another call of its kind made that."""
    letter = intent.address.letter
    if apply_patch(entry, letter, session.patch(intent.body)) == entry:
        return True
    if sum(row.address == intent.address for row in session.context.manager.open_intents) > 1:
        return True
    return intent.action == Action.UPDATE_STEP and letter != next(iter(entry.variants))
