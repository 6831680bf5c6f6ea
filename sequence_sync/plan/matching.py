"""Likeness: whether a step in the app is one of ours, may be, or is somebody else's. Pure.

Used for one thing only: to find what a lost answer, a lost state or a click in the app may have made. Steps that are
known are known by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.plan.compare import has_text, same_payload, shared_words
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState, VariantState, step_state, variant_digest

MOSTLY_EQUAL = 0.5  # half of the words in common is too near to be somebody else's


def bare_title(title: str) -> str:
    """A title as it is compared: trimmed and case-folded (docs/exactly-once.md)."""
    return title.strip().casefold()


def same_title(one: str, other: str) -> bool:
    """Whether two titles are one."""
    return bare_title(one) == bare_title(other)


def same_kind(step: RemoteStep, content: Content) -> bool:
    """Same type, and the same day where the read tells it."""
    return step.type == STEP_TYPES[content.type].code and step.day in (None, content.day)


def says_the_same(step: RemoteStep, content: Content) -> bool:
    """Same type, day where told, and the same visible text in every variant."""
    return same_kind(step, content) and match_variants(step, content) is not None


def match_variants(step: RemoteStep, content: Content) -> dict[str, str] | None:
    """Which remote variant is which letter, by what they say; None where they do not all say the same."""
    left = list(step.variants)
    ids: dict[str, str] = {}
    for letter, variant in content.variants.items():
        match = next(
            (
                row
                for row in left
                if same_payload(content.type, variant.payload, row.payload, variant.task_note, row.task_note)
            ),
            None,
        )
        if match is None:
            return None
        left.remove(match)
        ids[letter] = match.id
    return None if left else ids


def similarity(step: RemoteStep, content: Content) -> float:
    """The share of words in common, from 0 to 1, of the two variants that are most alike."""
    return max(
        (
            shared_words(ours.payload | {"note": ours.task_note}, {**theirs.payload, "note": theirs.task_note or ""})
            for ours in content.variants.values()
            for theirs in step.variants
        ),
        default=0.0,
    )


def says_something(step: RemoteStep) -> bool:
    """Whether the step has any text; a bare call or profile view has none."""
    return any(has_text(row.payload, row.task_note) for row in step.variants)


def could_be(step: RemoteStep, content: Content) -> bool:
    """Whether a step could be `content` after all: its type, and its day or half of its words."""
    if step.type != STEP_TYPES[content.type].code:
        return False
    return step.day in (None, content.day) or similarity(step, content) >= MOSTLY_EQUAL


@dataclass(frozen=True, slots=True)
class Matches:
    """What the steps that a state does not know are: ours after all, too near to tell, second copies, or others'."""

    adopt: dict[str, RemoteStep]
    ask: tuple[tuple[tuple[str, ...], RemoteStep], ...]  # each with the addresses that it may be
    doubles: tuple[tuple[str, RemoteStep], ...]
    others: tuple[RemoteStep, ...]


def match_steps(
    unknown: Sequence[RemoteStep], creates: Mapping[str, Content], managed: Mapping[str, Content]
) -> Matches:
    """Sorts `unknown` steps. `creates` are the steps to come, `managed` those that the state knows, by address."""
    adopt: dict[str, RemoteStep] = {}
    ask: list[tuple[tuple[str, ...], RemoteStep]] = []
    doubles: list[tuple[str, RemoteStep]] = []
    others: list[RemoteStep] = []
    for step in unknown:
        open_ones = {address: content for address, content in creates.items() if address not in adopt}
        taken = {**managed, **{address: creates[address] for address in adopt}}
        near, twin = _near(step, open_ones), _same(step, taken)
        if says_something(step) and (same := _same(step, open_ones)):
            adopt[same] = step
        elif twin and (says_something(step) or not near):
            doubles.append((twin, step))
        elif near:
            ask.append((near, step))
        else:
            others.append(step)
    return Matches(adopt, tuple(ask), tuple(doubles), tuple(others))


def _same(step: RemoteStep, contents: Mapping[str, Content]) -> str | None:
    return next((address for address, content in contents.items() if says_the_same(step, content)), None)


def _near(step: RemoteStep, contents: Mapping[str, Content]) -> tuple[str, ...]:
    bare = not says_something(step)
    return tuple(
        address
        for address, content in contents.items()
        if same_kind(step, content) and (bare or similarity(step, content) >= MOSTLY_EQUAL)
    )


def created_step_state(content: Content, step_id: str, variant_ids: Sequence[str]) -> StepState:
    """The entry of a step whose create told its id; its variants' ids are in the order in which they were sent."""
    return step_state(content, step_id, dict(zip(content.variants, variant_ids, strict=False)))


def with_variant_ids(entry: StepState, step: RemoteStep) -> StepState | None:
    """`entry` with the ids of its variants and nothing else of what was read: a day or a switch that somebody changed
    there is drift. None where it cannot be told which is which; a single variant is, whatever it says."""
    ids = match_variants(step, entry.content)
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
    ids = match_variants(step, content)
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
        id=step.id,
        type=content.type,
        day=step.day or content.day,
        priority=content.priority,
        assignee=content.assignee,
        variants=variants,
        assumed=assumed,
    )
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
