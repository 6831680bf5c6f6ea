"""The operations of a change, and what an update does to the state. Pure.

An update always sends the whole payload, because an API may replace it. Fields that a read leaves out are sent only
when they change. Names no field of a vendor: the dialect turns an operation into its request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from sequence_sync.model.address import Address, FieldPath
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Variant
from sequence_sync.model.steps import payload_from_json, payload_to_json
from sequence_sync.plan.compare import flat_variant
from sequence_sync.plan.model import UPDATES, Action, Change, FieldChange
from sequence_sync.provider.base import (
    STEP_FIELDS,
    UNSET,
    VARIANT_FIELDS,
    CreateSequence,
    CreateStep,
    CreateVariant,
    Operation,
    Patch,
    UpdateVariant,
    placeholder,
)
from sequence_sync.state.model import StepState, Unsettled, VariantState, variant_digest

# Changes of a step that exists: their operations name its id and those of its variants.
NEEDS_STEP = UPDATES | {Action.CREATE_VARIANT, Action.DEACTIVATE_VARIANT}


def mark_uncertain(step: StepState, letter: str, patch: Patch, names: Collection[str]) -> StepState:
    """Return `step` with the fields `names` of `patch` marked as possibly written to one of its variants."""
    sent = {name: _stored(name, value) for name, value in patch.values().items() if name in names}
    known = step.variants[letter]
    now = {**known.content.model_dump(mode="json"), "status": known.status}
    marks = _with(known.unsettled, {name: sent[name] for name in VARIANT_FIELDS if name in sent}, now)
    row = known.model_copy(update={"unsettled": marks})
    placed = {"day": step.day, "priority": step.priority or Priority.NORMAL, "assignee": step.assignee}
    marks = _with(step.unsettled, {name: sent[name] for name in STEP_FIELDS if name in sent}, placed)
    return step.model_copy(update={"variants": {**step.variants, letter: row}, "unsettled": marks})


def without_fields(marks: Unsettled, proved: Collection[str]) -> Unsettled:
    """Return `marks` without the fields `proved`."""
    return {name: values for name, values in marks.items() if name not in proved}


def _stored(name: str, value: Any) -> Any:
    """Return a value of a patch as the state stores it: plain JSON."""
    if name == "payload":
        return payload_to_json(_filled(value))
    return list(value) if name == "attachments" else value


def _filled(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return `payload` without empty texts: an empty text is an absent one, as in a file."""
    return {name: value for name, value in payload.items() if value != ""}


def _with(marks: Unsettled, sent: Mapping[str, Any], now: Mapping[str, Any]) -> Unsettled:
    more = dict(marks)
    for name, value in sent.items():
        if value != now[name] and value not in more.get(name, ()):
            more[name] = (*more.get(name, ()), value)
    return more


def possible_variants(known: VariantState) -> Iterator[Variant]:
    """Yield all that a variant may say: as last applied, then what calls in doubt may have written."""
    plain = known.content.model_dump(mode="json")
    for values in product(*((plain[name], *known.unsettled.get(name, ())) for name in plain)):
        yield Variant(**dict(zip(plain, values, strict=True)))


def repeated_step_fields(
    step: StepState, desired: Mapping[str, Any], changed: Iterable[FieldChange]
) -> tuple[FieldChange, ...]:
    """Return the fields of a step to write again, because an earlier update of them is in doubt.

    `desired` are the fields of the file. `changed` are the fields that the plan changes anyway.
    """
    rest = step.unsettled.keys() - {row.field for row in changed}
    return tuple(FieldChange(field=name, before=desired[name], after=desired[name]) for name in desired if name in rest)


def repeated_variant_fields(
    letter: str, known: VariantState, desired: Variant, changed: Iterable[FieldChange]
) -> tuple[FieldChange, ...]:
    """Return the fields of a variant to write again. Of its payload, the texts that may differ remotely."""
    flat, planned = flat_variant(letter, desired), {row.field for row in changed}
    others = [flat_variant(letter, row) for row in possible_variants(known)]
    paths = dict.fromkeys(path for row in others for path in row)
    again = [path for path in paths if any(row.get(path) != flat.get(path) for row in others) and path not in planned]
    rows = [FieldChange(field=path, before=flat.get(path), after=flat.get(path)) for path in again]
    if "status" in known.unsettled and known.status != 0:
        rows.append(FieldChange(field=FieldPath.in_variant(letter, "status"), before="on", after="on"))
    return tuple(rows)


def operations_of(change: Change, step: StepState | None) -> tuple[Operation, ...]:
    """Return the operations of a change. `step` is the entry of its step, as last applied.

    An update of a step has one operation for each of its variants.
    """
    sequence = change.sequence_id or placeholder(Address(change.sequence))
    if change.action is Action.CREATE_SEQUENCE:
        return (CreateSequence(change.title or ""),)
    if change.action is Action.CREATE_STEP and change.after:
        return (CreateStep(sequence, change.after),)
    if step is None or change.action not in NEEDS_STEP:
        return ()
    letters = list(step.variants) if change.action is Action.UPDATE_STEP else [change.address.letter]
    if change.action is Action.CREATE_VARIANT and change.after:
        return (CreateVariant(sequence, step.id, step.type, change.after.variants[letters[0]]),)
    return tuple(
        UpdateVariant(
            sequence,
            step.id,
            row.id or placeholder(change.address.step_address.child(letter)),
            _patch(change, letter, row),
        )
        for letter in letters
        if (row := step.variants.get(letter))
    )


def _patch(change: Change, letter: str, row: VariantState) -> Patch:
    after = change.after
    if change.action is Action.DEACTIVATE_VARIANT or after is None:
        return Patch(status=0)
    names = {field.field.of_variant or str(field.field) for field in change.fields}
    if change.action is Action.UPDATE_STEP:
        return Patch(
            payload=row.content.payload,
            day=after.day if "day" in names else UNSET,
            priority=(after.priority or Priority.NORMAL) if "priority" in names else UNSET,
            assignee=after.assignee if "assignee" in names else UNSET,
        )
    new = after.variants[letter]
    payload = new.payload if not names or "payload" in names else row.content.payload
    activate = (row.status == 0 or "status" in row.unsettled) and (not names or "status" in names)
    return Patch(
        payload={**_emptied(row, payload), **payload},
        task_note=new.task_note if "task_note" in names else UNSET,
        attachments=new.attachments if "attachments" in names else UNSET,
        status=1 if activate else UNSET,
    )


def _emptied(row: VariantState, payload: Mapping[str, Any]) -> dict[str, str]:
    """Return, as empty, the texts that `row` has or may have and `payload` lacks: sending "" deletes a text."""
    return {
        name: ""
        for old in (row.content.payload, *map(payload_from_json, row.unsettled.get("payload", ())))
        for name, value in old.items()
        if isinstance(value, str) and name not in payload
    }


def apply_patch(step: StepState, letter: str, patch: Patch, whole_step: bool = True) -> StepState:
    """Return `step` after `patch` was written to one of its variants.

    Without `whole_step` the day, priority and assignee are only marked as possibly written, until the step's other
    variants have them too.
    """
    old, sent = step.variants[letter], patch.values()
    content = old.content
    if patch.payload is not UNSET:
        content = content.model_copy(update={"payload": _filled(patch.payload)})
    content = content.model_copy(update={name: sent[name] for name in ("task_note", "attachments") if name in sent})
    new = old.model_copy(
        update={
            "content": content,
            "digest": variant_digest(content),
            "status": sent.get("status", old.status),
            "returned": old.returned if content == old.content else None,
            "unsettled": without_fields(old.unsettled, sent),
        }
    )
    changed = step.model_copy(update={"variants": {**step.variants, letter: new}})
    return (
        changed.model_copy(update=_placed(step, sent))
        if whole_step
        else mark_uncertain(changed, letter, patch, STEP_FIELDS)
    )


def _placed(step: StepState, sent: Mapping[str, Any]) -> dict[str, Any]:
    update = {name: sent[name] for name in STEP_FIELDS if name in sent}
    if "priority" in update:
        update["priority"] = Priority(update["priority"])
    if not update:
        return {}
    assumed = tuple(name for name in step.assumed if name not in update)
    return {**update, "assumed": assumed, "unsettled": without_fields(step.unsettled, sent)}
