"""The reads of a run before its first write and after its last: matching, drift, the server's spelling. Sends nothing.

Drift that the plan did not show ends the sequence. The text that the server returns for what seqsync wrote is recorded,
so that its spelling is never taken for drift.
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
from sequence_sync.state.model import Delta, ForgottenStep, StepState, VariantState

MAX_SHOWN = 300  # characters of a text in an error


# -- drift ---------------------------------------------------------------------------------------------------------


def refuse_unplanned_drift(session: SequenceSession) -> None:
    """Raise ChangeFailedError where Saleshandy has changes that neither the state nor the plan knows. What a first read
    shows is confirmed by a second one, as a read may lag behind."""
    if DRIFT in session.context.allowed or not unplanned_drift(session):
        return
    session.reread(f"{session.key} was changed in Saleshandy.")
    rows = unplanned_drift(session)
    if rows:
        raise _drift_error(session, rows)


def unplanned_drift(session: SequenceSession) -> list[Drift]:
    """The drift in the last read that the plan did not show, and that is not what the plan writes."""
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
        and not _is_desired(session, found)
    ]


def _is_desired(session: SequenceSession, found: Drift) -> bool:
    """Whether Saleshandy has already what this plan is about to write."""
    step = found.address.step
    planned = [change for change in session.changes if change.step == step and change.calls]
    switches = tuple(row for row in found.fields if row.field.is_status)
    rest = tuple(row for row in found.fields if row not in switches)
    if switches and not any(_switches(session, change, found.address, switches[0].after == ON) for change in planned):
        return False
    found = found.model_copy(update={"fields": rest})
    return not rest or any(_is_content(session, found, change.after) for change in planned if change.after)


def _switches(session: SequenceSession, change: Change, address: Address, on: bool) -> bool:
    return change.address == address and any(session.patch(call.body).status == int(on) for call in change.calls)


def _is_content(session: SequenceSession, found: Drift, content: Content) -> bool:
    """Whether what was changed in Saleshandy says what `content` says."""
    address = found.address
    if address.variant is None:
        fields = step_fields(content, content.assignee is not None)
        return all(fields.get(row.field) == row.after for row in found.fields)
    entry, letter = session.entry().steps[address.step_key], address.variant
    row = next((row for step in session.steps for row in step.variants if row.id == found.remote_id), None)
    if row is None or letter not in content.variants:
        return False
    return same_text(entry.type, content.variants[letter], as_read(entry.type, entry.variants[letter], row))


def _drift_error(session: SequenceSession, rows: list[Drift]) -> ChangeFailedError:
    first = rows[0]
    fields = "; ".join(
        f"{row.field.parts[-1]}: last applied {_quoted(row.before)}, in Saleshandy {_quoted(row.after)}"
        for row in first.fields
    )
    more = f" And {len(rows) - 1} more." if len(rows) > 1 else ""
    return ChangeFailedError(
        Status.REFUSED,
        f"{first.address} was changed in Saleshandy since the last apply ({fields}).{more}",
        f"seqsync writes nothing to {session.key}. `seqsync import {session.id}` takes the change into the file. "
        "A plan with `-refresh` shows it. `-refresh -allow drift` restores the text from the file.",
    )


def _quoted(value: object) -> str:
    return shortened("nothing" if value in (None, "") else f'"{value}"', ' …"')


def shortened(text: str, ending: str = " …") -> str:
    """Return `text` as a message shows it: at most `MAX_SHOWN` characters, and `ending` for the rest."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + ending


# -- the server's spelling -----------------------------------------------------------------------------------------


def read_back(session: SequenceSession) -> None:
    """Read a sequence again after its last write, and record how the server returns its text."""
    written = session.created_ids or session.payload_before
    if not written or session.read_if_there() is not None:
        remember_server_spelling(session)


def remember_server_spelling(session: SequenceSession) -> None:
    """Record how the server returns what seqsync wrote. Uses the last read; later writes are left out."""
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
        session.note(
            f"{session.key}: recorded the text as Saleshandy returns it",
            Delta(sequence=session.key, steps=dict(changed)),
        )


def _with_returned(session: SequenceSession, step: StepState, remote: RemoteStep) -> StepState:
    variants = dict(step.variants)
    for letter, known in step.variants.items():
        row = _row(remote.variants, known, session.patched_ids)
        if row is None or row.payload == known.content.payload:
            continue
        if text_is_applied(step, letter, row) or _is_respelled(session, step, known, row):
            variants[letter] = known.model_copy(update={"returned": payload_digest(row.payload)})
    return step.model_copy(update={"variants": variants})


def _row(rows: Iterable[RemoteVariant], known: VariantState, patched: Collection[str]) -> RemoteVariant | None:
    return next((row for row in rows if row.id == known.id and row.id not in patched), None)


def _is_respelled(session: SequenceSession, step: StepState, known: VariantState, row: RemoteVariant) -> bool:
    """Whether this run wrote it, and the server changed the words: not an old text in a read that lags behind, and not
    something else altogether."""
    if step.id not in session.created_ids and known.id not in session.payload_before:
        return False
    before = session.payload_before.get(known.id or "")
    if before is not None and same_payload(step.type, before, row.payload, "", ""):
        return False
    if shared_words(known.content.payload, row.payload) < MOSTLY_EQUAL:
        return False
    session.context.emit("note", session.key, f"Saleshandy changed the words that were written to step {step.id}")
    return True


# -- before the first write ----------------------------------------------------------------------------------------


def gets_creates(session: SequenceSession) -> bool:
    """Whether the sequence was there before this run and a step is to be created in it."""
    known = session.known
    configured = next((c.remote_id for c in session.changes if c.action is Action.ADOPT and c.step is None), None)
    session.id = known.id if known else configured
    return session.id is not None and bool(session.pending_creates())


def preview(session: SequenceSession) -> bool:
    """Read once before anything is written. Whether steps are there that may be ours and are not in the state.

    An error here is not reported: the sequence's own run meets it again.
    """
    try:
        session.read()
    except (ChangeFailedError, SeqsyncError):
        return False
    found = matches(session)
    return bool(found.adopt or found.possible)


def preflight_read(session: SequenceSession) -> None:
    """Read a sequence before the first write to it, adopt what is ours, and write its record.

    Raises ChangeFailedError where a person must decide, and for drift that the plan did not show.
    """
    if session.is_recorded:
        return
    session.read()
    _update_forgotten(session)
    left_alone = adopt_or_ask(session)
    refuse_unplanned_drift(session)
    _report(session, left_alone, "seqsync does not manage these steps")
    # What the state has was seen before, even where a read that lags behind does not return it.
    session.seen_ids = {step.id for step in session.steps} | session.recorded_ids()
    session.write_sequence_record()


def check_new_steps(session: SequenceSession) -> None:
    """Before a write: match the steps that appeared since the preflight read. Reads, if the last read is too old.

    Raises ChangeFailedError where one of them may be a step that is to be created, or is a duplicate.
    """
    session.ensure_fresh()
    appeared = {step.id for step in session.steps if step.id not in session.seen_ids}
    if not appeared:
        return
    left_alone = [step for step in adopt_or_ask(session) if step.id in appeared]
    session.seen_ids |= appeared
    _report(session, left_alone, "Added during this run; seqsync does not manage these steps")


def matches(session: SequenceSession) -> Matches:
    """Match the unknown steps of the last read with the steps that are still to be created. Nothing is remembered."""
    known = session.known
    forgotten = known.forgotten if known else {}
    removed = session.context.removed.get(session.key, ())
    released = {step.id for step in forgotten.values() if step.key in removed}
    unknown = session.unmanaged_steps()
    return match_steps(unknown, session.pending_creates(), session.managed_steps(), forgotten, released)


def adopt_or_ask(session: SequenceSession) -> list[RemoteStep]:
    """Adopt those of the unknown steps that are ours. Returns the others, which are left alone.

    Raises ChangeFailedError for duplicates, and for steps of which only a person can say whether they are ours.
    """
    if not session.unmanaged_steps():
        return []
    found = matches(session)
    for address, step in found.adopt.items():
        _adopt(session, address, step)
    refuse_duplicates(session, found)
    refuse_candidates(found)
    return list(found.unmanaged)


def _report(session: SequenceSession, steps: Iterable[RemoteStep], text: str) -> None:
    """Name steps that are left alone, once. They stay unknown: every create is compared with them again."""
    entry = session.entry()
    new = {step.id: day_of(step) for step in steps if step.id not in entry.named_ids}
    if not new:
        return
    head = entry.head.model_copy(update={"made_from": None, "reported": {**entry.reported, **new}})
    names = ", ".join(sorted(new))
    session.note(f"not managed in {session.key}: {names}", Delta(sequence=session.key, head=head))
    session.context.emit("note", session.key, f"{text}: {names}")


def _update_forgotten(session: SequenceSession) -> None:
    """Record which forgotten steps are still in Saleshandy. One whose key is to be created is read twice for that."""
    known = session.known
    if known is None or not known.forgotten:
        return
    keys = {address.step for address in session.pending_creates()}
    if any(step.is_there and step.key in keys for step in _absent(session)):
        session.reread(f"A step that seqsync managed before was not found in {session.key}.")
    absent = {step.id for step in _absent(session)}
    forgotten = {
        name: step.model_copy(update={"is_there": name not in absent}) for name, step in known.forgotten.items()
    }
    if forgotten != known.forgotten:
        head = known.head.model_copy(update={"made_from": None, "forgotten": forgotten})
        session.note(
            f"deleted steps of {session.key}: {', '.join(sorted(absent))}", Delta(sequence=session.key, head=head)
        )


def _absent(session: SequenceSession) -> list[ForgottenStep]:
    """The forgotten steps that the last read did not return."""
    read = {step.id for step in session.steps}
    return [step for step in session.entry().forgotten.values() if step.id not in read]


def refuse_candidates(found: Matches) -> None:
    """Raise ChangeFailedError where steps may be ones that are to be created; it names all of them."""
    if not found.possible:
        return
    may_be = dict.fromkeys(name for addresses, _ in found.possible for name in addresses)
    ids = ", ".join(step.id for _, step in found.possible)
    pairs = _proposed_pairs(found.possible)
    address, step_id = next(iter(pairs.items()))
    answer = f"{address} -adopt {step_id}" if len(pairs) == 1 else " ".join(f"{a}={i}" for a, i in pairs.items())
    raise ChangeFailedError(
        Status.UNKNOWN,
        f"Saleshandy has steps that are not in the state: {ids}. They may be {' or '.join(may_be)}.",
        f"For {'a step that is' if len(pairs) == 1 else 'those that are'}: `seqsync state resolve {answer}`, with the "
        f"right addresses and ids. If none is: `seqsync state resolve {' '.join(pairs)} -recreate`.",
    )


def _proposed_pairs(possible: Iterable[tuple[tuple[Address, ...], RemoteStep]]) -> dict[Address, str]:
    """An id for each address that steps may be, each id once: a proposal that a person checks."""
    pairs: dict[Address, str] = {}
    for addresses, step in possible:
        free = next((address for address in addresses if address not in pairs), None)
        if free is not None:
            pairs[free] = step.id
    return pairs


def refuse_duplicates(session: SequenceSession, found: Matches) -> None:
    """Raise ChangeFailedError where steps are equal to managed ones, before anything else is asked or sent."""
    if not found.duplicates:
        return
    steps = session.entry().steps
    pairs = (
        f"Step {step.id} is a duplicate of {name} (step {steps[name.step_key].id})." for name, step in found.duplicates
    )
    address = found.duplicates[0][0]
    raise ChangeFailedError(
        Status.UNKNOWN,
        " ".join(pairs),
        f"Delete one of the two in Saleshandy. Then run `seqsync state resolve {address} -adopt ID` with the id of the "
        f"other one. To keep both: `seqsync state resolve {address} -recreate`.",
    )


def _adopt(session: SequenceSession, address: Address, step: RemoteStep) -> None:
    entry, _ = adopted_step(step, session.pending_creates()[address])
    if entry is not None:
        text = f"{address}: already in Saleshandy as step {step.id}"
        session.note(text, Delta(sequence=session.key, steps={address.step_key: entry}))


# -- after the last write, and ids that no answer returned ---------------------------------------------------------


def final_check(session: SequenceSession) -> ChangeFailedError | None:
    """Read a sequence in which a create was in doubt once more at its end. Returns what a person must see of it."""
    try:
        session.read()
        refuse_duplicates(session, match_steps(session.unmanaged_steps(), {}, session.managed_steps()))
    except ChangeFailedError as failed:
        return failed
    except ReadFailedError as failed:
        return ChangeFailedError(Status.FAILED, "The final read of the sequence failed.", failed.summary)
    return None


def fill_variant_ids(session: SequenceSession) -> None:
    """Read the ids of variants that no create's answer returned. Those that are not found stay unknown."""
    entry = session.entry()
    lacking = {key: row for key, row in entry.steps.items() if any(v.id is None for v in row.variants.values())}
    if not lacking:
        return
    try:
        steps = {step.id: step for step in session.read()}
    except (ReadFailedError, ChangeFailedError):
        return
    found = {key: with_variant_ids(row, steps[row.id]) for key, row in lacking.items() if row.id in steps}
    complete = {key: step for key, step in found.items() if step is not None}
    if complete:
        session.note(f"variants of {session.key} found by reading", Delta(sequence=session.key, steps=dict(complete)))


def unknown_ids(session: SequenceSession, step_key: str) -> ChangeFailedError:
    """The error for a step whose variants in Saleshandy cannot be assigned to those that were last applied."""
    step_id = session.entry().steps[step_key].id
    name = Address(session.key, step_key)
    return ChangeFailedError(
        Status.FAILED,
        f"It is not known which variants of step {step_id} are those of {name}.",
        f"Check it in Saleshandy: it should have the variants that `seqsync state show {name}` shows. Then run "
        f"`seqsync state resolve {name} -adopt {step_id}`: it takes the variants as they are there.",
    )
