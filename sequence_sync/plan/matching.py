"""Match remote steps and variants with managed ones by content. The only matcher. Pure.

A step that the state knows is matched by its id and never gets here. Matching by content answers one question: what did
a lost response, a lost state or a change outside seqsync create? It must not decide what to do about the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sequence_sync.model.address import Address
from sequence_sync.model.sequence import Content, Variant, normalized_title
from sequence_sync.plan.compare import canonical_payload, has_text, same_payload, shared_words
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState, VariantState, step_state, variant_digest

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOSTLY_EQUAL = 0.5  # with half of the words in common, a step may be ours


def same_title(one: str, other: str) -> bool:
    """Whether two titles name the same sequence."""
    return normalized_title(one) == normalized_title(other)


def same_kind(step: RemoteStep, content: Content) -> bool:
    """Whether the type is the same, and the day too if the API returned one."""
    return step.type == content.type and step.day in (None, content.day)


def says_the_same_variant(kind: str, ours: Variant, theirs: RemoteVariant) -> bool:
    """Whether a remote variant of a step of type `kind` has the text and the note of `ours`.

    Attachments and status are not compared. A note that the API did not return is not compared either.
    """
    return same_payload(kind, ours.payload, theirs.payload, ours.task_note, theirs.task_note)


def says_the_same(step: RemoteStep, content: Content) -> bool:
    """Whether type, day (if returned) and the visible text of every variant are the same."""
    return same_kind(step, content) and match_variants(step, content) is not None


def match_variants(step: RemoteStep, content: Content) -> dict[str, str] | None:
    """Map each letter of `content` to the id of the remote variant with the same text.

    None if any variant of either side has no counterpart.
    """
    left = list(step.variants)
    ids: dict[str, str] = {}
    for letter, variant in content.variants.items():
        match = _take(left, content.type, variant)
        if match is None:
            return None
        ids[letter] = match.id
    return None if left else ids


def _take(left: list[RemoteVariant], kind: str, variant: Variant) -> RemoteVariant | None:
    """Remove the first of `left` that says the same as `variant`, and return it."""
    match = next((row for row in left if says_the_same_variant(kind, variant, row)), None)
    if match is not None:
        left.remove(match)
    return match


def assign_letters(
    kind: str, variants: Sequence[RemoteVariant], base: StepState | None, ours: Content | None
) -> dict[str, RemoteVariant]:
    """Give each remote variant of a step of type `kind` its letter: by id, else by text, else by order.

    A variant that neither the state (`base`) nor the file (`ours`) has gets a free letter.
    Raises ValueError if there are more variants than letters.
    """
    left = list(variants)
    found: dict[str, RemoteVariant] = {}
    known = dict(base.variants) if base else {}
    in_file = dict(ours.variants) if ours else {}
    for letter, row in known.items():
        match = next((each for each in left if each.id == row.id), None)
        if match:
            left.remove(match)
            found[letter] = match
    texts = {letter: row.content for letter, row in known.items() if row.id is None}
    texts |= {letter: row for letter, row in in_file.items() if letter not in known}
    for letter, variant in texts.items():
        match = _take(left, kind, variant)
        if match:
            found[letter] = match
    by_order = [letter for letter in texts if letter not in found and (letter in known or base is None)]
    for letter, each in zip(by_order, list(left), strict=False):
        left.remove(each)
        found[letter] = each
    free = [letter for letter in LETTERS if letter not in {*known, *found, *in_file}]
    if len(left) > len(free):
        raise ValueError("the step has more variants than there are letters")
    found.update(zip(free, left, strict=False))
    return dict(sorted(found.items()))


def similarity(step: RemoteStep, content: Content) -> float:
    """Return the share of common words, 0 to 1, of the two most similar variants."""
    return max(
        (
            shared_words(ours.payload | {"note": ours.task_note}, {**theirs.payload, "note": theirs.task_note or ""})
            for ours in content.variants.values()
            for theirs in step.variants
        ),
        default=0.0,
    )


def says_something(variants: Iterable[Variant | RemoteVariant]) -> bool:
    """Whether a step with these variants has any text. A bare call or profile view has none."""
    return any(has_text(row.payload, row.task_note) for row in variants)


def text_key(content: Content) -> tuple[object, ...]:
    """Return the type and the text of a step in canonical form: the same for steps of ours that say the same."""
    rows = sorted((canonical_payload(row.payload), row.task_note.strip()) for row in content.variants.values())
    return (content.type, tuple(rows))


def could_be(step: RemoteStep, content: Content) -> bool:
    """Whether a step could be a changed `content`: same type, and same day or half of the words."""
    if step.type != content.type:
        return False
    return step.day in (None, content.day) or similarity(step, content) >= MOSTLY_EQUAL


@dataclass(frozen=True, slots=True)
class Matches:
    """What the steps that the state does not know are.

    `adopt`: ours, by address. `possible`: too similar to decide without a person, each with the addresses it may be.
    `duplicates`: equal to a step that we have, by its address. `unmanaged`: everything else.
    """

    adopt: dict[Address, RemoteStep]
    possible: tuple[tuple[tuple[Address, ...], RemoteStep], ...]
    duplicates: tuple[tuple[Address, RemoteStep], ...]
    unmanaged: tuple[RemoteStep, ...]


def match_steps(
    unknown: Sequence[RemoteStep],
    creates: Mapping[Address, Content],
    managed: Mapping[Address, Content],
    forgotten: Collection[str] = (),
    released: Collection[str] = (),
) -> Matches:
    """Sort `unknown` steps. `creates` are the steps to create, `managed` those that the state knows, by address.

    `forgotten` are the ids of those that were managed before: they may have been moved meanwhile. `released` are those
    that the files name as removed: they are no candidates, unless they are equal.
    Strict on purpose: only an equal text is adopted, because a wrong match or a second create reaches prospects.
    """
    adopt = _equal_to_a_create(unknown, creates, forgotten)
    taken = {**managed, **{address: creates[address] for address in adopt}}
    open_creates = {address: content for address, content in creates.items() if address not in adopt}
    adopted = {step.id for step in adopt.values()}
    possible: list[tuple[tuple[Address, ...], RemoteStep]] = []
    duplicates: list[tuple[Address, RemoteStep]] = []
    unmanaged: list[RemoteStep] = []
    for step in unknown:
        if step.id in adopted:
            continue
        similar, original = _similar(step, {} if step.id in released else open_creates), _equal(step, taken)
        if original and (says_something(step.variants) or not similar):
            duplicates.append((original, step))
        elif similar:
            possible.append((similar, step))
        else:
            unmanaged.append(step)
    return Matches(adopt, tuple(possible), tuple(duplicates), tuple(unmanaged))


def _equal(step: RemoteStep, contents: Mapping[Address, Content]) -> Address | None:
    return next((address for address, content in contents.items() if says_the_same(step, content)), None)


def _equal_to_a_create(
    unknown: Iterable[RemoteStep], creates: Mapping[Address, Content], forgotten: Collection[str]
) -> dict[Address, RemoteStep]:
    """Return the steps that equal one that is to be created, by its address. An empty text never counts as equal."""
    adopt: dict[Address, RemoteStep] = {}
    for step in unknown:
        undated = replace(step, day=None) if step.id in forgotten else step
        left = {address: content for address, content in creates.items() if address not in adopt}
        if says_something(step.variants) and (equal := _equal(undated, left)):
            adopt[equal] = step
    return adopt


def _similar(step: RemoteStep, contents: Mapping[Address, Content]) -> tuple[Address, ...]:
    """Return what an unequal step may be: of the same type, on its day, with half of its words, or without text.

    Those of its own day come first.
    """
    bare = not says_something(step.variants)
    found = [
        address
        for address, content in contents.items()
        if step.type == content.type and (bare or step.day == content.day or similarity(step, content) >= MOSTLY_EQUAL)
    ]
    return tuple(sorted(found, key=lambda address: step.day != contents[address].day))


def pair_steps(
    steps: Sequence[RemoteStep],
    contents: Mapping[str, Content],
    ids: Mapping[str, str],
    equal: Callable[[RemoteStep, Content], bool],
) -> dict[str, str]:
    """Pair the remote steps of an import with the steps of its file; return the file's key by remote id.

    Strict on purpose: a wrong pair is recorded, and the next apply would overwrite a colleague's text. In this order:
    by configured id (`ids`), equal and on the same day, equal. `equal` compares everything but the day. A step without
    text is paired by its id only. `steps` must be in order of preference.
    """
    found = {step.id: ids[step.id] for step in steps if ids.get(step.id) in contents}

    def pair_where(is_pair: Callable[[RemoteStep, Content], bool]) -> None:
        for step in steps:
            if step.id in found or not says_something(step.variants):
                continue
            left = [name for name in contents if name not in found.values() and contents[name].type == step.type]
            name = next((name for name in left if is_pair(step, contents[name])), None)
            if name is not None:
                found[step.id] = name

    pair_where(lambda step, content: step.day in (None, content.day) and equal(step, content))
    pair_where(equal)
    return found


def with_variant_ids(entry: StepState, step: RemoteStep) -> StepState | None:
    """Return `entry` with the ids of its variants and nothing else that was read.

    A day or a status that was changed in Saleshandy is drift. A single variant is matched whatever its text.
    None if nothing distinguishes the variants.
    """
    ids = match_variants(step, entry.content)
    if ids is None and len(entry.variants) == 1 == len(step.variants):
        ids = dict.fromkeys(entry.variants, step.variants[0].id)
    if ids is None:
        return None
    rows = {letter: row.model_copy(update={"id": ids[letter]}) for letter, row in entry.variants.items()}
    return entry.model_copy(update={"variants": rows})


def adopted_step(step: RemoteStep, content: Content, sent_by_us: bool = False) -> tuple[StepState | None, bool]:
    """Return the entry of a step that was found by reading, and whether it says what `content` says.

    None if the type differs. If the text differs, the entry records what was *read*. Fields that the API did not return
    are taken from `content` and marked `assumed`, unless seqsync sent them itself (`sent_by_us`).
    """
    if step.type != content.type:
        return None, False
    ids = match_variants(step, content)
    assumed = () if sent_by_us else tuple(not_returned(step, content.assignee is not None))
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
        letter: _variant_as_read(row, content.variants.get(letter))
        for letter, row in zip(LETTERS, step.variants, strict=False)
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


def not_returned(step: RemoteStep, needs_assignee: bool) -> list[str]:
    """Name the fields that the API did not return. `needs_assignee`: seqsync manages the assignee of the step."""
    returned = {
        "day": step.day is not None,
        "priority": step.is_email or step.priority is not None,
        "assignee": not needs_assignee or step.assignee is not None,
        "attachments": not step.is_email or all(row.attachments is not None for row in step.variants),
        "task_note": step.is_email or all(row.task_note is not None for row in step.variants),
    }
    return [name for name, is_returned in returned.items() if not is_returned]


def _variant_as_read(row: RemoteVariant, desired: Variant | None) -> VariantState:
    payload = {name: value for name, value in row.payload.items() if value not in ("", None)}
    content = Variant(
        payload=payload,
        task_note=row.task_note if row.task_note is not None else (desired.task_note if desired else ""),
        attachments=row.attachments if row.attachments is not None else (desired.attachments if desired else ()),
    )
    return VariantState(id=row.id, content=content, digest=variant_digest(content), status=0 if row.status == 0 else 1)
