"""Updates what is there: compare, intent, one PATCH, outcome.

A PATCH may be repeated as it is; another one to the same variant waits until the first can no longer arrive. What
someone else changed is never overwritten unless the gate `drift` is open. Must not know files or the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sequence_sync.apply.context import ChangeFailedError, HandlerResult, SequenceSession, missing_error
from sequence_sync.apply.create import resolve_interrupted_create, resolve_interrupted_variant, step_entry
from sequence_sync.apply.in_doubt import (
    FIRST_GAP,
    UPDATE_RESOLUTIONS,
    Doubt,
    FieldComparison,
    PatchComparison,
    Resolution,
    VariantObservation,
    compare_patch,
    poll,
    resolve,
)
from sequence_sync.apply.preflight import (
    check_new_steps,
    fill_variant_ids,
    preflight_read,
    remember_server_spelling,
    shortened,
    unknown_ids,
)
from sequence_sync.apply.send import Attempt, Write, close_intent, send_exactly_once
from sequence_sync.model.address import Address
from sequence_sync.model.gates import DRIFT
from sequence_sync.model.report import Status
from sequence_sync.plan.calls import apply_patch, mark_uncertain
from sequence_sync.plan.model import UPDATES, Action, Change, Reason
from sequence_sync.provider.base import STEP_FIELDS, Answer, AnswerKind, Call, Patch
from sequence_sync.state.journal import CallResult, IntentRecord
from sequence_sync.state.model import Delta, StepState

OVERWRITES = frozenset({Reason.DRIFT, Reason.CONFLICT})
PATCHES = UPDATES | {Action.DEACTIVATE_VARIANT}
SENT_AGAIN = "it was abandoned, and sent again"


class _NotNeededError(Exception):
    """All that a PATCH says is there already."""


def update(session: SequenceSession, change: Change) -> HandlerResult:
    """Make the calls of a change to a step or a variant that is there."""
    if _is_done(session, change):
        return HandlerResult(Status.ALREADY)
    _compare_all(session)
    letters = _letters(session, change)
    entry = step_entry(session, change.address.step_key)
    if change.reason is Reason.PARKED and session.remote_step(entry.id).day is None:
        raise ChangeFailedError(
            Status.REFUSED,
            f'Saleshandy does not return the day of "{change.address}".',
            "Emails can change places only where their days can be read. Write `capabilities: {read-day: false}` into "
            "seqsync.yaml, and plan again: the plan says what to click.",
        )
    sent = False
    for index, letter in enumerate(letters):
        call, is_last = change.calls[index], index == len(letters) - 1
        sent |= _patch(session, change, letter, call, is_last, may_skip=len(letters) == 1)
    if any(row.reason is Reason.PARKED for row in session.changes) and _moves_an_email(change):
        _confirm_day(session, change)
    return HandlerResult(Status.DONE) if sent else HandlerResult(Status.RECORDED, "Saleshandy has it already")


def _letters(session: SequenceSession, change: Change) -> list[str]:
    if change.action is not Action.UPDATE_STEP:
        return [change.address.letter]
    return list(step_entry(session, change.address.step_key).variants)[: len(change.calls)]


def _is_done(session: SequenceSession, change: Change) -> bool:
    """Whether an earlier run of this plan made the change: the state already differs from `change.before`.

    A change that overwrites the remote side is never done by that: only the read shows it."""
    entry, before = step_entry(session, change.address.step_key), change.before
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
    """Whether the plan overwrites the step: its day in Saleshandy is not the day in the state."""
    return any(row.address == change.address and row.reason in OVERWRITES for row in session.changes)


# -- before the first PATCH ----------------------------------------------------------------------------------------


def _compare_all(session: SequenceSession) -> None:
    """Compare everything that will be changed with what was last applied, before the first PATCH of a sequence."""
    preflight_read(session)
    if session.compared:
        return
    session.ensure_fresh()
    if any(row.id is None for step in session.entry().steps.values() for row in step.variants.values()):
        fill_variant_ids(session)
    patches = [
        (change, letter, session.patch(call.body))
        for change in session.changes
        if change.action in PATCHES and change.step in session.entry().steps and not _is_done(session, change)
        for letter, call in zip(_letters(session, change), change.calls, strict=False)
    ]
    if any(_compare(session, *patch).observation is VariantObservation.MISSING for patch in patches):
        session.reread(f"Not all of {session.key} was found in Saleshandy.")
    for patch in patches:
        _check_unchanged(session, *patch)
    session.compared = True
    remember_server_spelling(session)


def _compare(session: SequenceSession, change: Change, letter: str, patch: Patch) -> PatchComparison:
    entry = step_entry(session, change.address.step_key)
    if letter not in entry.variants or entry.variants[letter].id is None:
        raise unknown_ids(session, change.address.step_key)
    return compare_patch(entry, letter, patch, session.remote_or_none(entry.id))


def _check_unchanged(session: SequenceSession, change: Change, letter: str, patch: Patch) -> PatchComparison:
    """Raise ChangeFailedError where a PATCH would overwrite someone else's change, or its variant is missing."""
    comparison, name = _compare(session, change, letter, patch), change.address.step_address.child(letter)
    if comparison.observation is VariantObservation.MISSING:
        raise missing_error(session, name)
    if comparison.observation is VariantObservation.CHANGED and DRIFT not in session.context.allowed:
        raise _changed_error(name, comparison.changed)
    return comparison


def _changed_error(name: str, field: FieldComparison | None) -> ChangeFailedError:
    both = ""
    if field is not None:
        remote, applied = shortened(field.remote_text), shortened(field.last_applied_text)
        both = f' In Saleshandy: "{remote}". Last applied: "{applied}".'
    return ChangeFailedError(
        Status.REFUSED,
        f"{name} was changed in Saleshandy since the last apply.{both}",
        "seqsync does not overwrite it. `seqsync import` takes the change into the file. `-refresh -allow drift` "
        "restores the text from the file.",
    )


# -- one PATCH -----------------------------------------------------------------------------------------------------


def _patch(session: SequenceSession, change: Change, letter: str, call: Call, is_last: bool, may_skip: bool) -> bool:
    """Send one PATCH until its outcome is known. False where it was not needed."""
    write = PatchWrite(session, change, letter, call, is_last, may_skip)
    _wait_for_abandoned(session, write.address, write.patch)
    try:
        send_exactly_once(write)
    except _NotNeededError:
        session.note(f"{write.address} needs no update", write.delta())
        return False
    return True


class PatchWrite(Write[PatchComparison]):
    """A PATCH of one variant. It may be repeated: an intent without a clear answer stays open meanwhile.

    `is_last`: the last of several calls that move a step. `may_skip`: not needed where all of it is there already.
    """

    def __init__(
        self,
        session: SequenceSession,
        change: Change,
        letter: str,
        call: Call,
        is_last: bool,
        may_skip: bool,
    ) -> None:
        super().__init__(session, change, change.address.step_address.child(letter), call)
        self.letter, self.is_last, self.may_skip = letter, is_last, may_skip
        self.entry = step_entry(session, change.address.step_key)
        self.variant_id = self.entry.variants[letter].id or ""
        self.patch, self.seen_ids = session.patch(call.body), session.seen_ids
        self.was_applied = False  # before the last call

    def guard(self) -> dict[str, Any]:
        """See Write. Raises _NotNeededError where all of it is there already."""
        check_new_steps(self.session)
        comparison = _check_unchanged(self.session, self.change, self.letter, self.patch)
        self.was_applied = comparison.observation is VariantObservation.APPLIED
        if self.was_applied and self.may_skip:
            raise _NotNeededError
        replaced = self.patch.replaced_in(self.session.remote_or_none(self.entry.id), self.variant_id)
        return self.session.context.api.dialect.body(replaced)

    def record(self, number: int, answer: Answer) -> bool:
        """See Write."""
        if answer.kind is AnswerKind.OK:
            self._record(number)
        return answer.kind is AnswerKind.OK

    def resolve(self, doubt: Doubt, since: float) -> tuple[Resolution, PatchComparison]:
        """See Write."""
        return resolve_update(self.session, doubt, since, self.address, self.patch)

    def record_found(self, attempt: Attempt, observed: PatchComparison) -> bool:
        """See Write. An intent stays open where an earlier call, or someone else, set it: the call may still arrive."""
        if self.was_applied or self.address in self.session.abandoned:
            self.session.abandon(self.address, self.patch, attempt.since, attempt.number)
            self._record(None)
        else:
            self._record(attempt.number)
        return True

    def prepare_resend(self, attempt: Attempt) -> None:
        """See Write. The intent stays open: the call may arrive after the repeated one."""
        self.session.abandon(self.address, self.patch, attempt.since, attempt.number)
        seconds = FIRST_GAP * 2**attempt.sends
        self.session.context.wait(seconds, f"Sending the change of {self.address} again in {seconds:.0f} s.")

    def undecided(self, attempt: Attempt, observed: PatchComparison) -> ChangeFailedError:
        """See Write."""
        answer = attempt.answer
        return ChangeFailedError(
            Status.UNKNOWN,
            f"The outcome of changing {self.address} is in doubt ({answer.message or answer.kind}).",
            "Check it in Saleshandy, then run the same apply again: it reads before it sends anything.",
        )

    def possibly_applied(self, observed: PatchComparison) -> Sequence[Delta]:
        """See Write."""
        return possibly_applied(self.session, self.address, self.patch, observed)

    def delta(self) -> Delta:
        """The step as the PATCH leaves it."""
        return _delta(self.session, self.address, self.patch, self.is_last)

    def _record(self, number: int | None) -> None:
        """Record it, and put it into the last read: the sequence is not read again for each call. Without a number the
        call's intent stays open."""
        session = self.session
        if number is None:
            session.note(f"{self.address} has been changed", self.delta())
        else:
            close_intent(session, number, CallResult.UPDATED, self.delta())
        rows = (row for step in session.steps for row in step.variants)
        payload = next((row.payload for row in rows if row.id == self.variant_id), {})
        session.payload_before.setdefault(self.variant_id, payload)
        session.patched_ids.add(self.variant_id)
        session.steps = [
            self.patch.applied_to(step, self.variant_id) if step.id == self.entry.id else step for step in session.steps
        ]


def _delta(session: SequenceSession, address: Address, patch: Patch, is_last: bool) -> Delta:
    entry = session.entry().steps[address.step_key]
    return Delta(sequence=session.key, steps={address.step_key: apply_patch(entry, address.letter, patch, is_last)})


def possibly_applied(
    session: SequenceSession, address: Address, patch: Patch, comparison: PatchComparison
) -> tuple[Delta, ...]:
    """What stays in doubt of a PATCH that counts as not made: all that may be as it says."""
    entry = session.entry().steps[address.step_key]
    in_doubt = mark_uncertain(entry, address.letter, patch, comparison.possibly_applied)
    return (Delta(sequence=session.key, steps={address.step_key: in_doubt}),) if in_doubt != entry else ()


# -- PATCHes that may still arrive ---------------------------------------------------------------------------------


def _wait_for_abandoned(session: SequenceSession, address: Address, patch: Patch) -> None:
    """Wait, before another PATCH to a variant or another day of its step, until an abandoned one cannot arrive."""
    for other, row in list(session.abandoned.items()):
        if not _would_undo(address, patch, other, row.patch):
            continue
        left = session.context.grace_left(row.since)
        if left > 0:
            reason = f"An earlier change in {session.key} may still arrive."
            session.context.wait(left, f"{reason} Waiting {left:.0f} s before the next one (setting: settle_grace).")
            session.read()
    close_abandoned(session)


def _would_undo(address: Address, patch: Patch, other: Address, late: Patch) -> bool:
    """Whether an update `late` of `other` would change what `patch` of `address` has just written."""
    if address == other:
        return late != patch
    of_one_step = address.step_address == other.step_address
    sent, may_arrive = patch.values(), late.values()
    return of_one_step and any(may_arrive.get(name, sent[name]) != sent[name] for name in STEP_FIELDS if name in sent)


def close_abandoned(session: SequenceSession) -> None:
    """Close the abandoned PATCHes that can no longer arrive; the others stay open for the next run."""
    for address, row in list(session.abandoned.items()):
        if session.context.grace_left(row.since) <= 0:
            for number in session.abandoned.pop(address).numbers:
                close_intent(session, number, CallResult.NOT_MADE, detail=SENT_AGAIN)


def _moves_an_email(change: Change) -> bool:
    moved = any(field.field == "day" for field in change.fields)
    return moved and change.after is not None and change.after.is_email


def _confirm_day(session: SequenceSession, change: Change) -> None:
    """Wait until a read shows an email's new day. Where emails change places each move must be seen before the next."""
    desired = change.after.day if change.after else None
    entry = step_entry(session, change.address.step_key)

    def decide(grace_is_over: bool) -> bool | None:
        session.read()
        if session.remote_step(entry.id).day == desired:
            return True
        return False if grace_is_over else None

    reason = f"Saleshandy does not show the new day of {change.address} yet. Reading it again for up to {{seconds}} s."
    if not poll(session.context, session.context.clock.now(), reason, decide):
        raise ChangeFailedError(
            Status.FAILED,
            f"Saleshandy accepted the new day of {change.address}, but still shows day "
            f"{session.remote_step(entry.id).day}.",
            "Check it in Saleshandy. If the API cannot change the day, write `capabilities: {update-day: false}` into "
            "seqsync.yaml.",
        )


# -- PATCHes in doubt ----------------------------------------------------------------------------------------------


def resolve_update(
    session: SequenceSession, doubt: Doubt, since: float, address: Address, patch: Patch
) -> tuple[Resolution, PatchComparison]:
    """Read until the table decides what became of a PATCH; with what the last read shows."""
    entry = session.entry().steps[address.step_key]

    def observe() -> PatchComparison:
        session.read_if_there()
        return compare_patch(entry, address.letter, patch, session.remote_or_none(entry.id))

    unreadable = PatchComparison(VariantObservation.UNREADABLE, possibly_applied=tuple(patch.values()))
    return resolve(session.context, UPDATE_RESOLUTIONS, doubt, since, observe, unreadable)


def resolve_interrupted(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what became of an earlier run's write. Sends nothing.

    Raises ChangeFailedError where a person must decide.
    """
    if intent.action == Action.CREATE_VARIANT:
        resolve_interrupted_variant(session, intent, since)
    elif intent.action in PATCHES:
        _resolve_interrupted_update(session, intent, since)
    else:
        resolve_interrupted_create(session, intent, since)


def _resolve_interrupted_update(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    session.id, address, patch = intent.remote_id, intent.address, session.patch(intent.body)
    entry = session.known.steps.get(address.step_key) if session.known else None
    if entry is None or address.letter not in entry.variants:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail="its step is no longer managed")
        return
    left = session.context.grace_left(since)
    if left > 0 and _may_still_arrive(session, intent, entry):
        session.context.wait(left, f"An earlier change of {address} may still arrive. Waiting {left:.0f} s for it.")
    if apply_patch(entry, address.letter, patch) == entry:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail=SENT_AGAIN)
        return
    resolution, comparison = resolve_update(session, Doubt.INTERRUPTED, since, address, patch)
    if resolution is Resolution.ASK:
        raise ChangeFailedError(
            Status.FAILED, f"The outcome of changing {address} could not be read.", "Run the same apply again later."
        )
    if resolution is Resolution.CLOSE:
        in_doubt = possibly_applied(session, address, patch, comparison)
        close_intent(session, intent.n, CallResult.NOT_MADE, *in_doubt)
        return
    # Day, priority and assignee are the step's: they are as the PATCHes say when its last variant has them.
    is_last = intent.action != Action.UPDATE_STEP or address.letter == list(entry.variants)[-1]
    close_intent(session, intent.n, CallResult.UPDATED, _delta(session, address, patch, is_last))


def _may_still_arrive(session: SequenceSession, intent: IntentRecord, entry: StepState) -> bool:
    """Whether an open PATCH may still arrive though all that it says is there: another call like it did that."""
    letter = intent.address.letter
    if apply_patch(entry, letter, session.patch(intent.body)) == entry:
        return True
    if sum(row.address == intent.address for row in session.context.manager.open_intents) > 1:
        return True
    return intent.action == Action.UPDATE_STEP and letter != next(iter(entry.variants))
