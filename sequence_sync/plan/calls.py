"""The bodies and paths of the calls, exactly as the API's validator accepts them. Pure.

Only what is set is sent, `payload` always, and never a field that the type does not have: the validator refuses
unknown properties (L). The type goes as its number (L: a name is refused), the priority too (I). Whether a PATCH merges
or replaces a payload is not known, so it goes whole; what a read does not tell is sent only when it changes.
Sources: docs/api.md 2, 3, 4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.plan.compare import flat_variant
from sequence_sync.plan.model import Action, Call, Change, FieldChange
from sequence_sync.state.model import StepState, Unsettled, VariantState, variant_digest

# What the state calls a field, by what a PATCH calls it.
OF_STEP: Mapping[str, str] = {"absoluteDays": "day", "priority": "priority", "assigneeId": "assignee"}
OF_VARIANT: Mapping[str, str] = {
    "payload": "payload",
    "taskNote": "task_note",
    "attachmentIds": "attachments",
    "status": "status",
}


def marked(step: StepState, letter: str, body: Mapping[str, Any], names: Collection[str]) -> StepState:
    """`step` of which `names` may be as a PATCH with `body` to one of its variants says; names are the body's."""
    sent = {name: value for name, value in body.items() if name in names}
    known = step.variants[letter]
    of_variant = {OF_VARIANT[name]: _plain(name, value) for name, value in sent.items() if name in OF_VARIANT}
    of_step = {OF_STEP[name]: _plain(name, value) for name, value in sent.items() if name in OF_STEP}
    now = {**known.content.model_dump(mode="json"), "status": known.status}
    row = known.model_copy(update={"unsettled": _with(known.unsettled, of_variant, now)})
    placed = {"day": step.day, "priority": step.priority or Priority.NORMAL, "assignee": step.assignee}
    update = {"variants": {**step.variants, letter: row}, "unsettled": _with(step.unsettled, of_step, placed)}
    return step.model_copy(update=update)


def without(marks: Unsettled, body: Collection[str]) -> Unsettled:
    """`marks` after a PATCH with the fields of `body` was proved."""
    settled = {OF_STEP.get(name) or OF_VARIANT.get(name) for name in body}
    return {name: values for name, values in marks.items() if name not in settled}


def _plain(name: str, value: Any) -> Any:
    """A value of the wire as the state has it."""
    if name == "payload":
        return {key: each for key, each in value.items() if each != ""}
    if name == "priority":
        return str(list(Priority)[value - 1])
    return list(value) if name == "attachmentIds" else value


def _with(marks: Unsettled, sent: Mapping[str, Any], now: Mapping[str, Any]) -> Unsettled:
    more = dict(marks)
    for name, value in sent.items():
        if value != now[name] and value not in more.get(name, ()):
            more[name] = (*more.get(name, ()), value)
    return more


def contents(known: VariantState) -> Iterator[Variant]:
    """All that a variant may say: as it was last applied, then what else may have been written."""
    plain = known.content.model_dump(mode="json")
    for values in product(*((plain[name], *known.unsettled.get(name, ())) for name in plain)):
        yield Variant(**dict(zip(plain, values, strict=True)))


def step_again(step: StepState, wanted: Mapping[str, Any], changed: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """What of a step is written again though it does not change; `wanted` are its fields, `changed` those that do."""
    rest = step.unsettled.keys() - {row.field for row in changed}
    return tuple(FieldChange(field=name, before=wanted[name], after=wanted[name]) for name in wanted if name in rest)


def variant_again(
    letter: str, known: VariantState, wanted: Variant, changed: Iterable[FieldChange]
) -> tuple[FieldChange, ...]:
    """The same of a variant: of its payload the texts that may be others."""
    flat, told = flat_variant(letter, wanted), {row.field for row in changed}
    others = [flat_variant(letter, row) for row in contents(known)]
    paths = dict.fromkeys(path for row in others for path in row)
    again = [path for path in paths if any(row.get(path) != flat.get(path) for row in others) and path not in told]
    rows = [FieldChange(field=path, before=flat.get(path), after=flat.get(path)) for path in again]
    if "status" in known.unsettled and known.status != 0:
        rows.append(FieldChange(field=f"variants.{letter}.status", before="on", after="on"))
    return tuple(rows)


def variant_body(variant: Variant) -> dict[str, Any]:
    """One element of `variants`."""
    body: dict[str, Any] = {"payload": variant.payload}
    if variant.attachments:
        body["attachmentIds"] = list(variant.attachments)
    if variant.task_note:
        body["taskNote"] = variant.task_note
    return body


def step_body(content: Content) -> dict[str, Any]:
    """The body of POST /sequences/{id}/steps."""
    body: dict[str, Any] = {
        "type": STEP_TYPES[content.type].code,
        "variants": [variant_body(row) for row in content.variants.values()],
        "absoluteDays": content.day,
    }
    if content.priority is not None:
        body["priority"] = content.priority.code
    if content.assignee is not None:
        body["assigneeId"] = content.assignee
    return body


def create_step(sequence: str, sequence_id: str | None, content: Content) -> Call:
    """The call that makes a step; the sequence's address stands in braces while its id is not known."""
    return Call(method="POST", path=f"/sequences/{sequence_id or '{' + sequence + '}'}/steps", body=step_body(content))


def create_sequence(title: str) -> Call:
    """The call that makes a sequence; without accounts the API attaches the caller's default one (D)."""
    return Call(method="POST", path="/sequences", body={"title": title})


def update_calls(change: Change, step: StepState) -> tuple[Call, ...]:
    """The calls of a change to `step` as it was last applied. The address of a variant stands in braces while its id
    is not known."""
    letters = list(step.variants) if change.action is Action.UPDATE_STEP else [change.address.letter]
    where = f"/sequences/{change.sequence_id}/steps/{step.id}/variants"
    if change.action is Action.CREATE_VARIANT and change.after:
        body = {"type": STEP_TYPES[step.type].code, **variant_body(change.after.variants[letters[0]])}
        return (Call(method="POST", path=where, body=body),)
    return tuple(
        Call(
            method="PATCH",
            path=f"{where}/{row.id or '{' + change.sequence + '.' + (change.step or '') + '.' + letter + '}'}",
            body=_patch(change, letter, row),
        )
        for letter in letters
        if (row := step.variants.get(letter))
    )


def _patch(change: Change, letter: str, row: VariantState) -> dict[str, Any]:
    after = change.after
    if change.action is Action.DEACTIVATE_VARIANT or after is None:
        return {"status": 0}
    if change.action is Action.UPDATE_STEP:
        return {"payload": row.content.payload, **_placing(change, after)}
    names = {field.field.of_variant for field in change.fields}
    new = after.variants[letter] if not names or "payload" in names else row.content
    may_be = [row.content.payload, *row.unsettled.get("payload", ())]
    gone = {name: "" for payload in may_be for name, value in payload.items() if isinstance(value, str)}
    body: dict[str, Any] = {"payload": {**{n: v for n, v in gone.items() if n not in new.payload}, **new.payload}}
    if "task_note" in names:
        body["taskNote"] = after.variants[letter].task_note
    if "attachments" in names:
        body["attachmentIds"] = list(after.variants[letter].attachments)
    if (row.status == 0 or "status" in row.unsettled) and (not names or "status" in names):
        body["status"] = 1
    return body


def _placing(change: Change, after: Content) -> dict[str, Any]:
    names = {field.field for field in change.fields}
    body: dict[str, Any] = {}
    if "day" in names:
        body["absoluteDays"] = after.day
    if "priority" in names:
        body["priority"] = (after.priority or Priority.NORMAL).code
    if "assignee" in names:
        body["assigneeId"] = after.assignee
    return body


def applied(step: StepState, letter: str, body: Mapping[str, Any], placed: bool = True) -> StepState:
    """`step` after a PATCH with `body` to one of its variants; `placed`: day, priority and assignee count too, which
    else are unsettled until its other variants have them.

    An emptied text of a payload is one that is not there, as in a file.
    """
    old = step.variants[letter]
    content = old.content
    if "payload" in body:
        payload = {name: value for name, value in body["payload"].items() if value != ""}
        content = content.model_copy(update={"payload": payload})
    if "taskNote" in body:
        content = content.model_copy(update={"task_note": body["taskNote"]})
    if "attachmentIds" in body:
        content = content.model_copy(update={"attachments": tuple(body["attachmentIds"])})
    new = old.model_copy(
        update={
            "content": content,
            "digest": variant_digest(content),
            "status": body.get("status", old.status),
            "returned": old.returned if content == old.content else None,
            "unsettled": without(old.unsettled, body),
        }
    )
    changed = step.model_copy(update={"variants": {**step.variants, letter: new}})
    return changed.model_copy(update=_placed(step, body)) if placed else marked(changed, letter, body, OF_STEP)


def _placed(step: StepState, body: Mapping[str, Any]) -> dict[str, Any]:
    update: dict[str, Any] = {name: body[wire] for wire, name in OF_STEP.items() if wire in body}
    if "priority" in update:
        update["priority"] = list(Priority)[update["priority"] - 1]
    if not update:
        return {}
    assumed = tuple(name for name in step.assumed if name not in update)
    return {**update, "assumed": assumed, "unsettled": without(step.unsettled, body)}
