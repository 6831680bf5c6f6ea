"""From a step as read to its entry in the state. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sequence_sync.api.types import RemoteStep, RemoteVariant
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.planning.likeness import paired
from sequence_sync.state.snapshot import StepState, VariantState, step_state, variant_digest


def made_step_state(content: Content, step_id: str, variant_ids: Sequence[str]) -> StepState:
    """The entry of a step whose create told its id; its variants' ids are in the order in which they were sent."""
    return step_state(content, step_id, dict(zip(content.variants, variant_ids, strict=False)))


def with_variant_ids(entry: StepState, step: RemoteStep) -> StepState | None:
    """`entry` with the ids of its variants and nothing else of what was read: a day or a switch that somebody changed
    there is drift. None where it cannot be told which is which; a single variant is, whatever it says."""
    ids = paired(step, entry.content)
    if ids is None and len(entry.variants) == 1 == len(step.variants):
        ids = dict.fromkeys(entry.variants, step.variants[0].id)
    if ids is None:
        return None
    rows = {letter: row.model_copy(update={"id": ids[letter]}) for letter, row in entry.variants.items()}
    return entry.model_copy(update={"variants": rows})


def adopted_step(step: RemoteStep, content: Content, sent_by_us: bool = False) -> tuple[StepState | None, bool]:
    """The entry of a step that was found by reading, and whether it says what `content` says.

    None where the type is another. Where the text is another, the entry records what was *read*. Fields that the
    read does not tell are taken from `content` on trust and marked `assumed`, unless we sent them ourselves.
    """
    if step.type != STEP_TYPES[content.type].code:
        return None, False
    ids = paired(step, content)
    assumed = () if sent_by_us else tuple(_untold(step, content))
    if ids is not None:
        entry = step_state(content, step.id, ids)
        off = {row.id for row in step.variants if row.status == 0}
        variants = {
            letter: row.model_copy(update={"status": 0}) if row.id in off else row
            for letter, row in entry.variants.items()
        }
        day = step.day or content.day
        return entry.model_copy(update={"assumed": assumed, "variants": variants, "day": day}), True
    variants = {
        letter: _as_read(row, content.variants.get(letter))
        for letter, row in zip("abcdefghijklmnopqrstuvwxyz", step.variants, strict=False)
    }
    entry = StepState(
        id=step.id, type=content.type, day=step.day or content.day, priority=content.priority,
        assignee=content.assignee, variants=variants, assumed=assumed,
    )  # fmt: skip
    return entry, False


def _untold(step: RemoteStep, content: Content) -> list[str]:
    told = {
        "day": step.day is not None,
        "priority": content.is_email or step.priority is not None,
        "assignee": content.assignee is None or step.assignee is not None,
        "attachments": not content.is_email or all(row.attachments is not None for row in step.variants),
        "task_note": content.is_email or all(row.task_note is not None for row in step.variants),
    }
    return [name for name, is_told in told.items() if not is_told]


def _as_read(row: RemoteVariant, wanted: Variant | None) -> VariantState:
    payload = {name: value for name, value in row.payload.items() if value not in ("", None)}
    content = Variant(
        payload=payload,
        task_note=row.task_note if row.task_note is not None else (wanted.task_note if wanted else ""),
        attachments=row.attachments if row.attachments is not None else (wanted.attachments if wanted else ()),
    )
    return VariantState(id=row.id, content=content, digest=variant_digest(content), status=0 if row.status == 0 else 1)
