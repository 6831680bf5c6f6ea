"""Fields that a call of ours may have written although nothing proves it: how they are marked, and written again. Pure.

Killed between the calls of one change, or a call without an answer whose field no read tells: then the state names the
values that Saleshandy may have instead. They are no edit of anybody's, and the next plan writes the field again, also
where file and state agree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Variant
from sequence_sync.planning.fields import flat_variant
from sequence_sync.planning.plan import FieldChange
from sequence_sync.state.snapshot import StepState, Unsettled, VariantState

# What the state calls a field, by what a PATCH calls it.
OF_STEP: Mapping[str, str] = {"absoluteDays": "day", "priority": "priority", "assigneeId": "assignee"}
OF_VARIANT: Mapping[str, str] = {
    "payload": "payload", "taskNote": "task_note", "attachmentIds": "attachments", "status": "status",
}  # fmt: skip


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
