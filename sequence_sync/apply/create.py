"""Creates, each exactly once (docs/exactly-once.md): look, intent, one call, outcome; what is unclear is read.

Sends again only what is proved not to have been made. Knows nothing of files or of the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sequence_sync.apply.context import ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.in_doubt import (
    CreateResolution,
    Doubt,
    Evidence,
    Observation,
    observe_sequences,
    observe_steps,
)
from sequence_sync.apply.preflight import fill_variant_ids, preflight_read, unknown_ids
from sequence_sync.errors import AccountError
from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.compare import same_payload
from sequence_sync.plan.matching import adopted_step, created_step_state, same_title
from sequence_sync.plan.model import Change
from sequence_sync.provider.base import (
    CERTAINLY_NOT_MADE,
    Answer,
    AnswerKind,
    Call,
    Created,
    RemoteSequence,
    RemoteStep,
    RemoteVariant,
    Request,
)
from sequence_sync.state.journal import CallResult, IntentRecord, OutcomeRecord
from sequence_sync.state.model import Delta, SequenceHead, StepState, VariantState, variant_digest

MOST_SENDS = 5  # times that one create is sent in one run, each after proof that the one before was not made
CONNECT_GAP = 1.0  # seconds before a call that never connected is tried again; doubled each time
FOUND = "the answer was lost; found by reading"
# Asked directly before a call: it raises where the call must not go. What it gives is what the call replaces.
Guard = Callable[[], dict[str, Any] | None]


def create_sequence(session: SequenceSession, change: Change) -> HandlerResult:
    """Make a sequence, unless one with its title is there."""
    if session.known is not None:
        return Status.ALREADY, ""
    title, call = change.title or "", _call(change)

    def still_free() -> None:
        _ids_with_title(session, title, session.context.remote_sequences())

    sends = 0
    while sends < MOST_SENDS:
        listed = session.context.remote_sequences()
        seen = _ids_with_title(session, title, listed)
        session.announce()
        intent = intent_of(session, change).model_copy(update={"seen": seen, "title": title})
        request = session.request(call)
        number, answer = send_once(session, request, intent, still_free)
        made = created_by(session, request, answer, {row.id for row in listed})
        if made:
            _sequence_is(session, number, CallResult.MADE, made.id, title)
            return Status.DONE, ""
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(session, number, answer, sends)
            continue
        decision, evidence = _settle_sequence(session, doubt_of(answer), session.context.clock.now(), seen, title)
        if decision is CreateResolution.ADOPT and evidence.found_id:
            _sequence_is(session, number, CallResult.ADOPTED, evidence.found_id, title)
            return Status.DONE, FOUND
        after_resolution(session, number, decision, evidence, answer, change.address)
        sends += 1
    raise never_made()


def create_step(session: SequenceSession, change: Change) -> HandlerResult:
    """Make a step with all its variants."""
    step_key, content, call = change.step or "", change.after, _call(change)
    if content is None or step_key in session.entry().steps:
        return Status.ALREADY, ""
    preflight_read(session)
    if step_key in session.entry().steps:
        return Status.ADOPTED, "it was there already"
    request = session.request(call)
    sends = 0
    while sends < MOST_SENDS:
        number, answer = send_once(session, request, intent_of(session, change), session.still_alone)
        made = created_by(session, request, answer, session.seen)
        if made:
            _step_is(session, number, CallResult.MADE, step_key, created_step_state(content, made.id, made.variant_ids))
            return Status.DONE, ""
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(session, number, answer, sends)
            continue
        session.unclear = True
        session.context.emit("unclear", change.address, answer.message)
        decision, evidence = resolve_step(session, doubt_of(answer), session.context.clock.now(), session.seen, content)
        if decision is CreateResolution.ADOPT and (entry := _found(evidence, content)):
            _step_is(session, number, CallResult.ADOPTED, step_key, entry)
            return Status.DONE, FOUND
        after_resolution(session, number, decision, evidence, answer, change.address)
        sends += 1
    raise never_made()


def resolve_open_create(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what an earlier run's create became. Sends nothing; raises ChangeFailedError where a person must
    decide."""
    session.id = intent.remote_id
    seen = set(intent.seen)
    if intent.content is None:
        title = intent.title or ""
        decision, evidence = _settle_sequence(session, Doubt.OPEN, since, intent.seen, title)
        if decision is CreateResolution.ADOPT and evidence.found_id:
            _sequence_is(session, intent.n, CallResult.ADOPTED, evidence.found_id, title)
            return
    else:
        decision, evidence = resolve_step(session, Doubt.OPEN, since, seen, intent.content)
        entry = _found(evidence, intent.content) if decision is CreateResolution.ADOPT else None
        if entry is not None:
            _step_is(session, intent.n, CallResult.ADOPTED, intent.address.step_key, entry)
            return
    # In a sequence that the state has lost no step can be recorded, nor decided upon by a person. When the sequence is
    # known again, the look before the first write meets whatever stands there.
    lost = intent.content is not None and session.known is None and evidence.seen is Observation.OTHER
    if decision is CreateResolution.CLOSE or lost:
        detail = f"{session.key} is not in the state" if lost else ""
        close_intent(session, intent.n, CallResult.NOT_MADE, detail=detail)
        return
    why = f"An earlier run was cut off while it made {intent.address}; nobody can know what became of it."
    raise ChangeFailedError(Status.UNKNOWN, 9, with_candidates(why, evidence), resolve_words(intent.address, evidence))


def resolve_step(
    session: SequenceSession, stand: Doubt, since: float, seen: set[str], content: Content
) -> tuple[CreateResolution, Evidence]:
    """Read the steps until the table decides. Where the sequence itself is not there, the step is not either."""
    before = seen | ids_known(session)
    return session.context.settle(stand, since, lambda: observe_steps(session.read_if_there() or [], before, content))


def _settle_sequence(
    session: SequenceSession, stand: Doubt, since: float, seen: tuple[str, ...], title: str
) -> tuple[CreateResolution, Evidence]:
    context = session.context
    ours = {row.id for row in context.manager.state.sequences.values()} | set(seen)
    return context.settle(
        stand, since, lambda: observe_sequences(context.remote_sequences(context.clock.now()), ours, title)
    )


def _call(change: Change) -> Call:
    if change.call is None:
        raise ChangeFailedError(Status.FAILED, 1, f"The plan has no call for {change.address}.")
    return change.call


def intent_of(session: SequenceSession, change: Change) -> IntentRecord:
    """What is written down before a create."""
    return IntentRecord(
        run=session.context.run,
        address=change.address,
        action=change.action,
        remote_id=session.id,
        body=change.call.body if change.call else None,
        seen=tuple(sorted(session.seen)),
        content=change.after,
    )


def send_once(session: SequenceSession, request: Request, intent: IntentRecord, guard: Guard) -> tuple[int, Answer]:
    """One call: its turn, `guard`, the intent, the lock, then the wire. Gives the intent's number."""
    written: list[int] = []

    def before() -> None:
        session.check_stop()
        replaced = guard()
        written.append(session.context.manager.append(intent.model_copy(update={"replaced": replaced or None})))
        session.context.lock.check()

    session.context.emit("sending", intent.address)
    answer = session.context.api.write(request, before)
    return written[0], answer


def close_intent(session: SequenceSession, of: int, became: CallResult, *deltas: Delta, detail: str = "") -> None:
    """Write down what became of intent number `of`."""
    session.context.manager.append(
        OutcomeRecord(run=session.context.run, of=of, result=became, detail=detail, deltas=deltas)
    )


def _sequence_is(session: SequenceSession, number: int, became: CallResult, remote_id: str, title: str) -> None:
    close_intent(session, number, became, Delta(sequence=session.key, head=SequenceHead(id=remote_id, title=title)))
    session.id, session.seen, session.steps = remote_id, set(), []
    session.read_at = session.context.clock.now()


def _step_is(session: SequenceSession, number: int, became: CallResult, step_key: str, entry: StepState) -> None:
    close_intent(session, number, became, Delta(sequence=session.key, steps={step_key: entry}))
    session.seen.add(entry.id)
    session.made.add(entry.id)


def _found(evidence: Evidence, content: Content) -> StepState | None:
    return adopted_step(evidence.found, content, sent_by_us=True)[0] if evidence.found else None


def ids_known(session: SequenceSession) -> set[str]:
    return {remote_id for _, remote_id in session.context.manager.state.addresses()}


def _ids_with_title(session: SequenceSession, title: str, listed: Sequence[RemoteSequence]) -> tuple[str, ...]:
    """The ids that hold the title and are another entry's. Any other hit stops: neither adopted nor doubled."""
    owned = {row.id for row in session.context.manager.state.sequences.values()}
    hits = [row.id for row in listed if same_title(row.title, title)]
    strangers = [remote_id for remote_id in hits if remote_id not in owned]
    if strangers:
        raise ChangeFailedError(
            Status.UNKNOWN,
            9,
            f'A sequence "{title}" is in Saleshandy already (id {", ".join(strangers)}); the state does not know it.',
            f"If it is this one, write `ids: {{{session.key}: {strangers[0]}}}` into its environment in seqsync.yaml; "
            "if it is not, give this one another title.",
        )
    return tuple(hits)


def after_refusal(session: SequenceSession, number: int, answer: Answer, sends: int) -> int:
    """After a certain no: record it, then end the sequence, or give how many sends it counts for."""
    close_intent(session, number, CallResult.REFUSED, detail=answer.message)
    if answer.kind is AnswerKind.RATE_LIMITED:
        return 0  # the limiter has learnt it, and makes the next call wait
    if answer.kind is AnswerKind.NEVER_CONNECTED and sends + 1 < MOST_SENDS:
        session.context.clock.sleep(CONNECT_GAP * 2**sends)
        return 1
    raise refusal(answer)


def after_resolution(
    session: SequenceSession, number: int, decision: CreateResolution, evidence: Evidence, answer: Answer, address: str
) -> None:
    """What an unclear create means that was not found: send again, tell the refusal, or ask a person."""
    if decision is CreateResolution.SEND:
        close_intent(session, number, CallResult.NOT_MADE, detail=answer.message)
    elif decision is CreateResolution.CLOSE:
        close_intent(session, number, CallResult.NOT_MADE, detail=answer.message)
        session.read_at = None
        session.still_alone()
    elif decision is CreateResolution.REFUSED:
        close_intent(session, number, CallResult.REFUSED, detail=answer.message)
        raise refusal(answer)
    else:
        why = f"Nobody can know whether {address} was made ({answer.message or answer.kind})."
        raise ChangeFailedError(Status.UNKNOWN, 9, with_candidates(why, evidence), resolve_words(address, evidence))


def created_by(session: SequenceSession, request: Request, answer: Answer, seen: set[str]) -> Created | None:
    """What a create told, if it told a new id; an id already known makes the answer unreadable."""
    if answer.kind is not AnswerKind.OK:
        return None
    try:
        made = session.context.api.dialect.created(request, answer.payload)
    except ValueError:
        return None
    return None if made.id in seen or session.context.manager.knows(made.id) else made


def doubt_of(answer: Answer) -> Doubt:
    """How an answer that neither made nor refused for certain is to be settled."""
    return Doubt.DOUBTFUL if answer.kind in (AnswerKind.REFUSED, AnswerKind.MISSING) else Doubt.UNKNOWN


def refusal(answer: Answer) -> Exception:
    """What a certain no is told as. A refused key ends the whole run."""
    if answer.kind is AnswerKind.BAD_KEY:
        return AccountError("The API refused the key.", answer.message, "Mend it, then run the same apply again.")
    if answer.kind is AnswerKind.FORBIDDEN:
        return AccountError("The key may not do this.", answer.message, "Ask for the permission in Saleshandy.")
    if answer.kind is AnswerKind.NEVER_CONNECTED:
        return ChangeFailedError(Status.FAILED, 1, "The API could not be reached.", "Run the same apply again later.")
    return ChangeFailedError(
        Status.FAILED, 1, f"The API refused it: {answer.message}", "Mend the file, then plan again."
    )


def never_made() -> ChangeFailedError:
    """It was sent as often as it may be."""
    return ChangeFailedError(
        Status.FAILED, 1, f"It was sent {MOST_SENDS} times and never made.", "Run the same apply again later."
    )


def with_candidates(why: str, evidence: Evidence) -> str:
    """`why`, and what a person should look at."""
    if evidence.candidates:
        return f"{why} New there, but not equal to it: {', '.join(evidence.candidates)}."
    return f"{why} It could not be read."


def resolve_words(address: str, evidence: Evidence) -> str:
    """The two commands that settle it."""
    candidate = evidence.candidates[0] if evidence.candidates else "ID"
    return (
        f"Look in Saleshandy. If it is there: `seqsync state resolve {address} -adopt {candidate}`. If it is not: "
        f"`seqsync state resolve {address} -recreate`."
    )


def create_variant(session: SequenceSession, change: Change) -> HandlerResult:
    """Make one more variant of a step, unless one that says the same is there already."""
    step_key, letter = change.address.step_key, change.address.letter
    if letter in _entry(session, step_key).variants:
        return Status.ALREADY, ""
    _look(session, step_key)
    entry, wanted = _entry(session, step_key), _wanted(change, letter)
    seen = _ids(session.remote_step(entry.id))
    there = [row for row in _unknown(session, entry) if _says(entry.type, row, wanted)]
    if there:
        session.note(f"{change.address} was there already", _delta(session, step_key, letter, there[0].id, wanted))
        return Status.ADOPTED, "it was there already"
    request = session.request(change.calls[0])
    intent = IntentRecord(
        run=session.context.run,
        address=change.address,
        action=change.action,
        remote_id=session.id,
        body=change.calls[0].body,
        seen=tuple(sorted(seen)),
        content=change.after,
    )

    sends = 0
    while sends < MOST_SENDS:
        number, answer = send_once(session, request, intent, session.still_alone)
        made = created_by(session, request, answer, seen)
        if made:
            close_intent(session, number, CallResult.MADE, _delta(session, step_key, letter, made.id, wanted))
            return Status.DONE, ""
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(session, number, answer, sends)
            continue
        session.unclear = True
        session.context.emit("unclear", change.address, answer.message)
        since = session.context.clock.now()
        decision, evidence = _settle(session, doubt_of(answer), since, entry, seen, wanted)
        if decision is CreateResolution.ADOPT and evidence.found_id:
            close_intent(
                session, number, CallResult.ADOPTED, _delta(session, step_key, letter, evidence.found_id, wanted)
            )
            return Status.DONE, FOUND
        after_resolution(session, number, decision, evidence, answer, change.address)
        sends += 1
    raise never_made()


def adopt_variant(session: SequenceSession, change: Change) -> HandlerResult:
    """Take a variant that a read has found into the state. Sends nothing."""
    step_key, letter = change.address.step_key, change.address.letter
    if letter in _entry(session, step_key).variants:
        return Status.ALREADY, ""
    _look(session, step_key)
    entry, wanted = _entry(session, step_key), _wanted(change, letter)
    row = next((row for row in _unknown(session, entry) if row.id == change.remote_id), None)
    if row is None or not _says(entry.type, row, wanted):
        why = f"Variant {change.remote_id} does not say any more what {change.address} says."
        raise ChangeFailedError(
            Status.REFUSED, 6, why, "Saleshandy was changed since the plan: plan again with -refresh."
        )
    session.note(f"{change.address} is variant {row.id}", _delta(session, step_key, letter, row.id, wanted))
    return Status.ADOPTED, ""


def resolve_open_variant(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what an earlier run's new variant became. Sends nothing; raises ChangeFailedError where a person must
    decide."""
    session.id = intent.remote_id
    step_key, letter = intent.address.step_key, intent.address.letter
    entry = session.known.steps.get(step_key) if session.known else None
    if entry is None or intent.content is None or letter in entry.variants:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail="its step is not managed any more")
        return
    wanted = intent.content.variants[letter]
    decision, evidence = _settle(session, Doubt.OPEN, since, entry, set(intent.seen), wanted)
    if decision is CreateResolution.ADOPT and evidence.found_id:
        close_intent(
            session, intent.n, CallResult.ADOPTED, _delta(session, step_key, letter, evidence.found_id, wanted)
        )
    elif decision is CreateResolution.CLOSE:
        close_intent(session, intent.n, CallResult.NOT_MADE)
    else:
        why = f"An earlier run was cut off while it made {intent.address}; nobody can know what became of it."
        raise ChangeFailedError(
            Status.UNKNOWN, 9, with_candidates(why, evidence), resolve_words(intent.address, evidence)
        )


def observe_variants(step: RemoteStep | None, before: set[str], kind: str, wanted: Variant) -> Evidence:
    """What a read of a step says about a new variant of it; `before` are the ids seen before it."""
    if step is None:
        return Evidence(Observation.UNREAD)
    new = [row for row in step.variants if row.id not in before]
    if len(new) == 1 and _says(kind, new[0], wanted):
        return Evidence(Observation.EQUAL, found_id=new[0].id)
    return (
        Evidence(Observation.OTHER, candidates=tuple(row.id for row in new)) if new else Evidence(Observation.NOTHING)
    )


def _settle(
    session: SequenceSession, stand: Doubt, since: float, entry: StepState, seen: set[str], wanted: Variant
) -> tuple[CreateResolution, Evidence]:
    before = seen | {row.id for row in entry.variants.values() if row.id}

    def weigh() -> Evidence:
        session.read_if_there()
        return observe_variants(session.remote_or_none(entry.id), before, entry.type, wanted)

    return session.context.settle(stand, since, weigh)


def _look(session: SequenceSession, step_key: str) -> None:
    preflight_read(session)
    session.fresh()
    if any(row.id is None for row in _entry(session, step_key).variants.values()):
        fill_variant_ids(session)
    if any(row.id is None for row in _entry(session, step_key).variants.values()):
        raise unknown_ids(session, step_key)


def _entry(session: SequenceSession, step_key: str) -> StepState:
    entry = session.entry().steps.get(step_key)
    if entry is None:
        raise ChangeFailedError(Status.FAILED, 1, f"{session.key}.{step_key} is not in the state.", "Plan again.")
    return entry


def _wanted(change: Change, letter: str) -> Variant:
    if change.after is None:
        raise ChangeFailedError(Status.FAILED, 1, f"The plan has no text for {change.address}.")
    return change.after.variants[letter]


def _unknown(session: SequenceSession, entry: StepState) -> list[RemoteVariant]:
    ours = {row.id for row in entry.variants.values()}
    return [row for row in session.remote_step(entry.id).variants if row.id not in ours]


def _ids(step: RemoteStep) -> set[str]:
    return {row.id for row in step.variants}


def _says(kind: str, row: RemoteVariant, wanted: Variant) -> bool:
    return same_payload(kind, wanted.payload, row.payload, wanted.task_note, row.task_note)


def _delta(session: SequenceSession, step_key: str, letter: str, variant_id: str, wanted: Variant) -> Delta:
    grown = with_variant(_entry(session, step_key), letter, variant_id, wanted)
    return Delta(sequence=session.key, steps={step_key: grown})


def with_variant(entry: StepState, letter: str, variant_id: str, wanted: Variant) -> StepState:
    """`entry` with one more variant."""
    made = VariantState(id=variant_id, content=wanted, digest=variant_digest(wanted))
    return entry.model_copy(update={"variants": dict(sorted({**entry.variants, letter: made}.items()))})
