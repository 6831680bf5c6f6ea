"""Drift: what differs in Saleshandy from what was last applied. Pure.

Text is compared in canonical form (visible words, links, line breaks), everything else exactly. Only what the API
returned, and what seqsync manages, is compared. The state records how the server returned seqsync's own text right
after the write (`VariantState.returned`): that is not drift. What follows from drift is for `plan/three_way` and apply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sequence_sync.model.address import Address, FieldPath
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Variant
from sequence_sync.model.steps import EMAIL, PAYLOAD_FIELDS, STEP_TYPES, payload_to_json
from sequence_sync.plan.calls import possible_variants
from sequence_sync.plan.compare import HTML_FIELD, canonical_html, canonical_text, flat_variant, same_payload
from sequence_sync.plan.matching import Matches, match_steps, same_title
from sequence_sync.plan.model import Drift, DriftKind, FieldChange
from sequence_sync.provider.base import RemoteStep, RemoteVariant, SequenceSnapshot
from sequence_sync.state.model import SequenceState, StepState, VariantState, digest_of

ON, OFF = "on", "off"


def payload_digest(payload: Mapping[str, Any]) -> str:
    """Return the digest of a payload exactly as the server returned it."""
    return digest_of(payload_to_json(dict(payload)))


def text_is_applied(entry: StepState, letter: str, row: RemoteVariant) -> bool:
    """Whether a variant, as read, has the text that was last applied."""
    known = entry.variants[letter]
    return same_payload(
        entry.type, known.content.payload, _spelling(known, row), known.content.task_note, row.task_note
    )


def text_is_ours(entry: StepState, letter: str, row: RemoteVariant) -> bool:
    """Whether it has that text, or text that a call in doubt may have written."""
    return text_is_applied(entry, letter, row) or any(
        same_payload(entry.type, sent.payload, row.payload, sent.task_note, row.task_note)
        for sent in possible_variants(entry.variants[letter])
    )


def _spelling(known: VariantState, row: RemoteVariant) -> Mapping[str, Any]:
    """Return the payload as read, or our own if it is the server's known spelling of ours."""
    if known.returned is not None and known.returned == payload_digest(row.payload):
        return known.content.payload
    return row.payload


def drift_of(
    key: str, entry: SequenceState, remote: SequenceSnapshot, leave_out: Collection[str] = ()
) -> tuple[Drift, ...]:
    """Return everything that differs from what was last applied, in the state's order, additions at the end.

    `key` is the sequence's key in the addresses. `leave_out` are ids of steps that are about to be adopted. If only the
    list of sequences was read (`remote.steps` is None), only the title and the ids of the steps are compared.
    """
    return tuple(_drift(key, entry, remote, leave_out))


def _drift(key: str, entry: SequenceState, remote: SequenceSnapshot, leave_out: Collection[str]) -> Iterator[Drift]:
    if remote.row is None:
        yield Drift(address=key, kind=DriftKind.GONE, remote_id=entry.id, detail=f'"{entry.title}"')
        return
    if remote.row.title != entry.title and not same_title(remote.row.title, entry.title):
        title = FieldChange(field="title", before=entry.title, after=remote.row.title)
        yield Drift(address=key, kind=DriftKind.CHANGED, remote_id=entry.id, fields=(title,))
    if remote.steps is None:
        yield from _by_ids(key, entry, remote)
        return
    read = {step.id: step for step in remote.steps}
    for name, step in entry.steps.items():
        if step.id in read:
            yield from _step(Address(key, name), step, read[step.id], remote.gone)
        elif step.id in remote.gone:
            yield Drift(
                address=Address(key, name), kind=DriftKind.GONE, remote_id=step.id, detail=_label(step.type, step.day)
            )
    ours = {step.id for step in entry.steps.values()} | entry.named_ids | set(leave_out)
    others = [step for step in remote.steps if step.id not in ours]
    if not others:
        return
    managed = {Address(key, name): step.content for name, step in entry.steps.items()}
    yield from added(key, match_steps(others, {}, managed), entry)


def _by_ids(key: str, entry: SequenceState, remote: SequenceSnapshot) -> Iterator[Drift]:
    for name, step in entry.steps.items():
        if step.id in remote.gone:
            yield Drift(
                address=Address(key, name), kind=DriftKind.GONE, remote_id=step.id, detail=_label(step.type, step.day)
            )
    known = {step.id for step in entry.steps.values()} | entry.named_ids
    for step_id in remote.row.step_ids if remote.row else ():
        if step_id not in known:
            yield Drift(address=key, kind=DriftKind.ADDED, remote_id=step_id, detail="a step")


def added(key: str, found: Matches, entry: SequenceState | None = None) -> Iterator[Drift]:
    """Yield what was added to sequence `key`: duplicates of steps that we have, and unmanaged steps."""
    for address, step in found.duplicates:
        ours = entry.steps.get(address.step_key) if entry else None
        equal = f"equals step {ours.id}" if ours else f"equals {address} in the file"
        yield Drift(address=address, kind=DriftKind.SECOND_COPY, remote_id=step.id, detail=f"step {step.id} {equal}")
    for step in found.unmanaged:
        back = "it was gone and is back: " if entry and step.id in entry.gone else ""
        yield Drift(address=key, kind=DriftKind.ADDED, remote_id=step.id, detail=back + _describe(step))


def _describe(step: RemoteStep) -> str:
    name = step.type if step.type in STEP_TYPES else f"type {step.type_words}"
    text = next((str(value) for row in step.variants for value in row.payload.values() if value), "")
    return _label(name, step.day) + (f' "{text}"' if text else "")


def _label(name: str, day: int | None) -> str:
    return name.replace("_", " ") + (f", day {day}" if day is not None else "")


def _step(address: Address, entry: StepState, step: RemoteStep, gone: Collection[str]) -> Iterator[Drift]:
    step_level = tuple(_step_level(entry, step))
    if step_level:
        yield Drift(address=address, kind=DriftKind.CHANGED, remote_id=entry.id, fields=step_level)
    rows = {row.id: row for row in step.variants}
    for letter, known in entry.variants.items():
        row = rows.get(known.id or "")
        if row is not None:
            fields = variant_fields(entry, letter, row)
            if fields:
                yield Drift(address=address.child(letter), kind=DriftKind.CHANGED, remote_id=row.id, fields=fields)
        elif known.id in gone:
            yield Drift(address=address.child(letter), kind=DriftKind.GONE, remote_id=known.id, detail="a variant")
    ids = {known.id for known in entry.variants.values()}
    if None not in ids:
        for row in step.variants:
            if row.id not in ids:
                yield Drift(address=address, kind=DriftKind.ADDED, remote_id=row.id, detail="a variant")


def _step_level(entry: StepState, step: RemoteStep) -> Iterator[FieldChange]:
    """Yield the changes of day, priority and assignee. A value that a call in doubt may have written is not drift."""
    ours = entry.unsettled
    if step.day is not None and step.day not in (entry.day, *ours.get("day", ())):
        yield FieldChange(field="day", before=entry.day, after=step.day)
    if entry.type != EMAIL and step.priority in set(Priority):
        before, after = entry.priority or Priority.NORMAL, Priority(step.priority)
        if after not in (before, *ours.get("priority", ())):
            yield FieldChange(field="priority", before=str(before), after=str(after))
    expected = (None, entry.assignee, *ours.get("assignee", ()))
    if entry.assignee is not None and step.assignee not in expected:
        yield FieldChange(field="assignee", before=entry.assignee, after=step.assignee)


def variant_fields(entry: StepState, letter: str, row: RemoteVariant) -> tuple[FieldChange, ...]:
    """Return what differs from what was last applied: text, attachments and status.

    What a call in doubt may have written is not drift.
    """
    known = entry.variants[letter]
    after = as_read(entry.type, known, row)
    ours = any(same_text(entry.type, sent, after) for sent in possible_variants(known)) if known.unsettled else False
    changed = [] if ours else _changed_text(letter, known.content, after)
    statuses = {known.status == 0, *(status == 0 for status in known.unsettled.get("status", ()))}
    if row.status is not None and (row.status == 0) not in statuses:
        was, now = (OFF, ON) if known.status == 0 else (ON, OFF)
        changed.append(FieldChange(field=FieldPath.in_variant(letter, "status"), before=was, after=now))
    return tuple(changed)


def _changed_text(letter: str, applied: Variant, read: Variant) -> list[FieldChange]:
    if applied == read:
        return []
    before, after = flat_variant(letter, applied), flat_variant(letter, read)
    return [
        FieldChange(field=path, before=before.get(path), after=after.get(path))
        for path in dict.fromkeys([*before, *after])
        if not _same_leaf(path, before.get(path), after.get(path))
    ]


def as_read(kind: str, known: VariantState, row: RemoteVariant) -> Variant:
    """Return a variant as Saleshandy has it, without payload fields that cannot be ours.

    What the API did not return is as last applied.
    """
    theirs = _spelling(known, row)
    names = {*PAYLOAD_FIELDS.get(kind, ()), *known.content.payload}
    payload = {name: value for name, value in theirs.items() if name in names and value not in ("", None, {})}
    attachments = known.content.attachments
    if row.attachments is not None and sorted(row.attachments) != sorted(attachments):
        attachments = row.attachments
    note = known.content.task_note if row.task_note is None else row.task_note
    return Variant(payload=payload, task_note=note, attachments=attachments)


def _same_leaf(path: str, one: Any, other: Any) -> bool:
    if one == other:
        return True
    canonical = canonical_html if path.endswith(f".payload.{HTML_FIELD}") else canonical_text
    return canonical(str(one or "")) == canonical(str(other or ""))


def same_text(kind: str, ours: Variant, theirs: Variant) -> bool:
    """Whether two variants have the same visible text, note and attachments."""
    return same_payload(kind, ours.payload, theirs.payload, ours.task_note, theirs.task_note) and sorted(
        ours.attachments
    ) == sorted(theirs.attachments)
