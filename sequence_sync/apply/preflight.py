"""What a run's own reads say of edits in the app. Sends nothing.

An edit that the plan did not show ends the sequence; how the server spells what we wrote is remembered, so that its
spelling is never taken for one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sequence_sync.apply.context import ChangeFailedError, SequenceSession, day_of
from sequence_sync.errors import SeqsyncError
from sequence_sync.model.address import Address
from sequence_sync.model.gates import DRIFT
from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content
from sequence_sync.plan.compare import same_payload, shared_words, step_fields
from sequence_sync.plan.drift import ON, as_read, drift_of, payload_digest, same_text, text_is_applied
from sequence_sync.plan.matching import MOSTLY_EQUAL, Matches, adopted_step, match_steps, with_variant_ids
from sequence_sync.plan.model import Action, Change, Drift, DriftKind
from sequence_sync.provider.base import ReadFailedError, RemoteStep, RemoteVariant, SequenceSnapshot
from sequence_sync.state.model import Delta, StepState, VariantState

SHOWN = 300  # characters of a text in a refusal


def refuse_unplanned_drift(session: SequenceSession) -> None:
    """Raises ChangeFailedError where the app says what neither the state nor the plan knows of. A first reading may
    lag behind."""
    if DRIFT in session.context.allowed or not unshown(session):
        return
    session.look_again("something differs there")
    rows = unshown(session)
    if rows:
        raise _refusal(session, rows)


def unshown(session: SequenceSession) -> list[Drift]:
    """The edits in the last read that the plan did not show, and that are not what the plan wants."""
    entry = session.entry()
    row = next((row for row in session.context.remote_sequences() if row.id == entry.id), None)
    if row is None:
        return []
    return [
        found
        for found in drift_of(session.key, entry, SequenceSnapshot(row, tuple(session.steps)))
        if found.kind is DriftKind.CHANGED
        and found.address.step
        and not session.context.known_drift.issuperset(found.digests())
        and not _is_wanted(session, found)
    ]


def _is_wanted(session: SequenceSession, found: Drift) -> bool:
    """Whether the app says already what this plan is about to write."""
    step = found.address.step
    planned = [change for change in session.changes if change.step == step and change.calls]
    switches = tuple(row for row in found.fields if row.field.endswith(".status"))
    rest = tuple(row for row in found.fields if row not in switches)
    if switches and not any(_switches(session, change, found.address, switches[0].after == ON) for change in planned):
        return False
    found = found.model_copy(update={"fields": rest})
    return not rest or any(_says(session, found, change.after) for change in planned if change.after)


def _switches(session: SequenceSession, change: Change, address: str, on: bool) -> bool:
    return change.address == address and any(session.patch(call.body).status == int(on) for call in change.calls)


def _says(session: SequenceSession, found: Drift, content: Content) -> bool:
    address = found.address
    if address.variant is None:
        fields = step_fields(content, content.assignee is not None)
        return all(fields.get(row.field) == row.after for row in found.fields)
    entry, letter = session.entry().steps[address.step_key], address.variant
    row = next((row for step in session.steps for row in step.variants if row.id == found.remote_id), None)
    if row is None or letter not in content.variants:
        return False
    return same_text(entry.type, content.variants[letter], as_read(entry.type, entry.variants[letter], row))


def _refusal(session: SequenceSession, rows: list[Drift]) -> ChangeFailedError:
    first = rows[0]
    told = "; ".join(
        f"{row.field.parts[-1]}: last applied {_short(row.before)}, in Saleshandy {_short(row.after)}"
        for row in first.fields
    )
    more = f" And {len(rows) - 1} more." if len(rows) > 1 else ""
    return ChangeFailedError(
        Status.REFUSED,
        6,
        f"{first.address} was changed in Saleshandy since the last apply ({told}).{more}",
        f"Nothing of {session.key} is written. `seqsync import {session.id}` takes the edit into the file; a plan with "
        "`-refresh` shows it; `-refresh -allow drift` puts the file's words in its place.",
    )


def _short(value: object) -> str:
    text = "nothing" if value in (None, "") else f'"{value}"'
    return text if len(text) <= SHOWN else text[:SHOWN] + ' …"'


def read_back(session: SequenceSession) -> None:
    """One read at the end of a sequence that was written to, for how the server spells it."""
    if not (session.made or session.before) or session.read_if_there() is not None:
        remember_server_spelling(session)


def remember_server_spelling(session: SequenceSession) -> None:
    """Keep how the server spells what we wrote. Needs no read; what was written since the last one is left out."""
    known = session.known
    if known is None or session.read_at is None:
        return
    remote = {step.id: step for step in session.steps}
    changed = {
        key: entry
        for key, step in known.steps.items()
        if step.id in remote and (entry := _with_returned(session, step, remote[step.id])) != step
    }
    if changed:
        session.note(f"how Saleshandy spells {session.key}", Delta(sequence=session.key, steps=dict(changed)))


def _with_returned(session: SequenceSession, step: StepState, remote: RemoteStep) -> StepState:
    variants = dict(step.variants)
    for letter, known in step.variants.items():
        row = _row(remote.variants, known, session.patched)
        if row is None or row.payload == known.content.payload:
            continue
        if text_is_applied(step, letter, row) or _is_respelled(session, step, known, row):
            variants[letter] = known.model_copy(update={"returned": payload_digest(row.payload)})
    return step.model_copy(update={"variants": variants})


def _row(rows: Iterable[RemoteVariant], known: VariantState, patched: Collection[str]) -> RemoteVariant | None:
    return next((row for row in rows if row.id == known.id and row.id not in patched), None)


def _is_respelled(session: SequenceSession, step: StepState, known: VariantState, row: RemoteVariant) -> bool:
    """Whether this run wrote it, and the server made other words of it: neither an old text that a reading still shows,
    nor something else altogether."""
    if step.id not in session.made and known.id not in session.before:
        return False
    before = session.before.get(known.id or "")
    if before is not None and same_payload(step.type, before, row.payload, "", ""):
        return False
    if shared_words(known.content.payload, row.payload) < MOSTLY_EQUAL:
        return False
    session.context.emit("note", session.key, f"Saleshandy made other words of what was written to step {step.id}")
    return True


def gets_creates(session: SequenceSession) -> bool:
    """Whether the sequence was there before this run and gets a step created."""
    known = session.known
    configured = next((c.remote_id for c in session.changes if c.action is Action.ADOPT and c.step is None), None)
    session.id = known.id if known else configured
    return session.id is not None and bool(session.creates())


def preview(session: SequenceSession) -> bool:
    """Before anything is written anywhere, read once. Whether steps of ours are there that the state does not know.

    What fails here is met again, and told, by the sequence's own run.
    """
    try:
        session.read()
    except (ChangeFailedError, SeqsyncError):
        return False
    found = match_steps(session.unknown(), session.creates(), session.managed())
    return bool(found.adopt or found.possible)


def preflight_read(session: SequenceSession) -> None:
    """The read before the first write to a sequence that is there already."""
    if session.announced:
        return
    session.read()
    found = match_steps(session.unknown(), session.creates(), session.managed())
    for address, step in found.adopt.items():
        _adopt(session, address, step)
    refuse_duplicates(session, found)
    refuse_candidates(found)
    refuse_unplanned_drift(session)
    others = {step.id: day_of(step) for step in found.unmanaged if step.id not in _in_question(session, found)}
    if others:
        names = ", ".join(sorted(others))
        session.note(f"not managed in {session.key}: {names}", Delta(sequence=session.key, head=session.head(others)))
        session.context.emit("note", session.key, f"steps that seqsync does not manage, left alone: {names}")
    # What the state knows has been seen too, also where this read is too old to show it.
    session.seen = {step.id for step in session.steps} | session.known_ids()
    session.announce()


def _in_question(session: SequenceSession, found: Matches) -> set[str]:
    """What may be one of those that the plan blocks for that very reason: a person decides, and has not yet."""
    waiting = {name: row for name, row in session.context.in_question.items() if Address(name).sequence == session.key}
    again = match_steps(found.unmanaged, waiting, {})
    return {step.id for _, step in again.possible} | {step.id for step in again.adopt.values()}


def refuse_candidates(found: Matches) -> None:
    """Steps that may be ones to be created, or may not: a person decides, and must see all that are in question."""
    if not found.possible:
        return
    address = found.possible[0][0][0]
    asked = [(addresses, step.id) for addresses, step in found.possible if address in addresses]
    may_be = dict.fromkeys(name for addresses, _ in asked for name in addresses)
    ids = ", ".join(step_id for _, step_id in asked)
    raise ChangeFailedError(
        Status.UNKNOWN,
        9,
        f"In Saleshandy and not in the state: {ids}. It cannot be told whether that is {' or '.join(may_be)}.",
        f"For one that is: `seqsync state resolve {address} -adopt {asked[0][1]}`, with its address and its id. If all "
        f"of them are somebody else's: `seqsync state resolve {address} -recreate`.",
    )


def final_check(session: SequenceSession) -> ChangeFailedError | None:
    """A sequence in which something was unknown is read once more at its end. What it shows that a person must see."""
    try:
        session.read()
        refuse_duplicates(session, match_steps(session.unknown(), {}, session.managed()))
    except ChangeFailedError as halt:
        return halt
    except ReadFailedError as problem:
        return ChangeFailedError(Status.FAILED, 1, "It could not be read once more at the end.", problem.summary)
    return None


def refuse_duplicates(session: SequenceSession, found: Matches) -> None:
    """Steps equal to managed ones are told before anything else is asked or sent, each with both ids."""
    if not found.duplicates:
        return
    steps = session.entry().steps
    told = (
        f"Step {step.id} is a second copy of {name} (step {steps[Address(name).step_key].id})."
        for name, step in found.duplicates
    )
    address = found.duplicates[0][0]
    raise ChangeFailedError(
        Status.UNKNOWN,
        9,
        " ".join(told),
        f"Delete one of the two in Saleshandy; then run `seqsync state resolve {address} -adopt ID` with the id of the "
        f"one that stays. If both are meant, `seqsync state resolve {address} -recreate` leaves the other one alone.",
    )


def fill_variant_ids(session: SequenceSession) -> None:
    """One read finds the ids of variants whose create's answer did not tell them. Not found: they stay unknown."""
    entry = session.entry()
    lacking = {key: row for key, row in entry.steps.items() if any(v.id is None for v in row.variants.values())}
    if not lacking:
        return
    try:
        steps = {step.id: step for step in session.read()}
    except (ReadFailedError, ChangeFailedError):
        return
    found = {key: with_variant_ids(row, steps[row.id]) for key, row in lacking.items() if row.id in steps}
    whole = {key: step for key, step in found.items() if step is not None}
    if whole:
        session.note(f"variants of {session.key} found by reading", Delta(sequence=session.key, steps=dict(whole)))


def unknown_ids(session: SequenceSession, step_key: str) -> ChangeFailedError:
    """A step whose variants in Saleshandy cannot be told apart, or are others than those that were last applied."""
    step_id = session.entry().steps[step_key].id
    return ChangeFailedError(
        Status.FAILED,
        1,
        f"Which variants of step {step_id} are those of {session.key}.{step_key} is not known.",
        f"Look at it in Saleshandy: it should have the variants that "
        f"`seqsync state show {session.key}.{step_key}` tells. "
        f"Then run `seqsync state resolve {session.key}.{step_key} -adopt {step_id}`: it takes them as they are there.",
    )


def _adopt(session: SequenceSession, address: str, step: RemoteStep) -> None:
    entry, _ = adopted_step(step, session.creates()[address])
    if entry is not None:
        text = f"{address} was there already: step {step.id}"
        session.note(text, Delta(sequence=session.key, steps={Address(address).step_key: entry}))
