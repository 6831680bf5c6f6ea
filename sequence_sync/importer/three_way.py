"""The three-way merge of a step on import, by field: last applied (base), file (ours), Saleshandy (theirs). Pure.

A change in Saleshandy alone goes into the file. The same change on both sides is agreed. Different changes are a
conflict, and both sides are kept. If it is not known what was last applied, every difference is a conflict. The rule is
`plan/three_way.compare_sides`; remote text is compared by what it says. Must not read or write anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sequence_sync.model.address import FieldPath
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import EMAIL, PAYLOAD_FIELDS, STEP_TYPES
from sequence_sync.plan.compare import canonical_payload, canonical_text
from sequence_sync.plan.drift import payload_digest
from sequence_sync.plan.matching import not_returned, says_the_same_variant
from sequence_sync.plan.three_way import Cell, compare_sides
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState, VariantState, variant_digest


def importable(step: RemoteStep, reads_days: bool = True) -> RemoteStep | None:
    """Return `step` with nothing but what an import may trust, variants that are on first.

    None if seqsync does not know its type. `reads_days`: the claim that the API returns days is switched on.
    """
    if step.type not in STEP_TYPES:
        return None
    variants = tuple(
        replace(
            row,
            task_note=None if step.is_email else row.task_note,
            attachments=row.attachments if step.is_email else None,
        )
        for row in step.variants
    )
    return replace(
        step,
        day=step.day if reads_days else None,
        priority=step.priority if step.priority in set(Priority) else None,
        variants=tuple(sorted(variants, key=lambda row: not row.is_on)),
    )


def own_payload(kind: str, row: RemoteVariant) -> dict[str, Any]:
    """Return the fields of the payload that belong to the type `kind` and are not empty, as text."""
    return {name: text for name in PAYLOAD_FIELDS.get(kind, ()) if (text := _as_text(row.payload.get(name)))}


def with_own_payload(step: RemoteStep) -> RemoteStep:
    """Return `step` without payload fields that a server may add."""
    return replace(step, variants=tuple(replace(row, payload=own_payload(step.type, row)) for row in step.variants))


def _as_text(value: Any) -> Any:
    """Return a text, or a mapping of texts without empty ones; "" if there is none."""
    if isinstance(value, Mapping):
        return {name: text for name, inner in value.items() if (text := _as_text(inner))} or ""
    return "" if value is None else value if isinstance(value, str) else str(value)


Fields = dict[FieldPath, Any]
DAY, PRIORITY, ASSIGNEE = FieldPath("day"), FieldPath("priority"), FieldPath("assignee")


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that file and Saleshandy changed differently. `base` None: not known."""

    field: FieldPath
    base: Any
    ours: Any
    theirs: Any


@dataclass(slots=True)
class MergeResult:
    """What happens to each field that was changed in Saleshandy.

    `take_remote`: goes into the file. `agreed`: file and Saleshandy are equal. `all_disabled`: all variants are
    deactivated in Saleshandy, which a file cannot say.
    """

    take_remote: Fields = field(default_factory=dict)
    agreed: set[FieldPath] = field(default_factory=set)
    conflicts: list[FieldConflict] = field(default_factory=list)
    all_disabled: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.take_remote or self.agreed or self.conflicts)


def same_value(key: FieldPath, one: Any, other: Any) -> bool:
    """Whether two values of a field say the same."""
    if key.of_variant == "payload":
        return canonical_payload({key.name: one}) == canonical_payload({key.name: other})
    if key.of_variant == "task_note":
        return canonical_text(one or "") == canonical_text(other or "")
    if key.of_variant == "attachments":
        return sorted(one or ()) == sorted(other or ())
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class _Sides:
    """The fields of one step on all three sides. `base` None: not known."""

    base: Fields | None
    ours: Fields
    theirs: Fields

    def compare(self, key: FieldPath) -> Cell:
        base, ours, theirs = (self.base or {}).get(key), self.ours.get(key), self.theirs.get(key)
        is_known = self.base is not None
        return compare_sides(
            theirs_is_base=is_known and same_value(key, base, theirs),
            ours_is_base=is_known and ours == base,
            ours_is_theirs=same_value(key, ours, theirs),
        )

    def conflict(self, key: FieldPath) -> FieldConflict:
        return FieldConflict(key, (self.base or {}).get(key), self.ours.get(key), self.theirs.get(key))


def merge_step(
    base: StepState | None, ours: Content, theirs: RemoteStep, letters: Mapping[str, RemoteVariant]
) -> MergeResult:
    """Merge the three sides of one step. `letters` are those of `matching.assign_letters`."""
    result = MergeResult(all_disabled=not theirs.is_on)
    sides = _Sides(
        base_fields(base) if base else None, _file_fields(ours, letters), _remote_fields(theirs, letters, base, ours)
    )
    known = base.variants if base else {}
    # Of the variants that the file will have, one must be left, or the file would say nothing.
    one_is_left = theirs.is_email and any(
        row.is_on and (letter in ours.variants or letter not in known or known[letter].status == 0)
        for letter, row in letters.items()
    )
    compared = dict(sides.theirs)
    for letter, row in letters.items():
        dropped = _merge_status(result, letter, row, sides, one_is_left, theirs.is_email)
        for key in [each for each in compared if each.letter == letter]:
            if dropped or key.is_status:
                del compared[key]
    for key, value in compared.items():
        what = sides.compare(key)
        if what is Cell.AGREE:
            result.agreed.add(key)
        elif what is Cell.CHANGED_THERE:
            result.take_remote[key] = value
        elif what is Cell.CONFLICT:
            result.conflicts.append(sides.conflict(key))
    return result


def _merge_status(
    result: MergeResult, letter: str, row: RemoteVariant, sides: _Sides, one_is_left: bool, may_add: bool
) -> bool:
    """Merge whether a variant is on; return whether its text is left out of the merge.

    Not a case of `compare_sides`: a variant comes and goes as a whole, with its text, and a file can neither lose its
    last variant nor (but for an email) get a second one.
    """
    key = FieldPath.in_variant(letter, "status")
    base, is_in_file = (sides.base or {}).get(key), bool(sides.ours[key])
    is_new_to_file = not is_in_file and base != 1
    if base is not None and int(row.is_on) != base and is_in_file == row.is_on:
        result.agreed.add(key)
    elif row.is_on and is_new_to_file:
        if may_add:
            result.take_remote[key] = 1
        else:
            result.conflicts.append(FieldConflict(key, base, 0, 1))
    elif not row.is_on and is_in_file and base in (None, 1) and one_is_left:
        texts = [each for each in {**sides.theirs, **(sides.base or {})} if each.letter == letter and each != key]
        if base == 1 and all(sides.ours.get(each) == (sides.base or {}).get(each) for each in texts):
            result.take_remote[key] = 0
        else:
            result.conflicts.append(FieldConflict(key, base, 1, 0))
    return not row.is_on or is_new_to_file


def base_fields(base: StepState) -> Fields:
    """Return what was last applied, field by field."""
    fields = _step_fields(base.day, base.priority, base.assignee, base.content.is_email)
    for letter, row in base.variants.items():
        fields |= _variant_fields(letter, base.type, row.content) | {FieldPath.in_variant(letter, "status"): row.status}
    return fields


def _file_fields(ours: Content, letters: Mapping[str, RemoteVariant]) -> Fields:
    fields = _step_fields(ours.day, ours.priority, ours.assignee, ours.is_email)
    for letter in {*ours.variants, *letters}:
        fields[FieldPath.in_variant(letter, "status")] = int(letter in ours.variants)
        if letter in ours.variants:
            fields |= _variant_fields(letter, ours.type, ours.variants[letter])
    return fields


def _remote_fields(
    theirs: RemoteStep, letters: Mapping[str, RemoteVariant], base: StepState | None, ours: Content
) -> Fields:
    """Return what the API returned. The server's known spelling of our own text counts as our text."""
    returned = _step_fields(theirs.day, priority_of(theirs), theirs.assignee, theirs.is_email)
    if ours.assignee is None or (base and base.assignee is None):
        returned.pop(ASSIGNEE, None)
    fields = {key: value for key, value in returned.items() if value is not None}
    if theirs.priority is None:
        fields.pop(PRIORITY, None)
    for letter, row in letters.items():
        known = base.variants.get(letter) if base else None
        is_ours = known is not None and known.returned == payload_digest(row.payload)
        payload = known.content.payload if known and is_ours else own_payload(theirs.type, row)
        variant = Variant(payload=dict(payload), task_note=row.task_note or "", attachments=row.attachments or ())
        of_variant = _variant_fields(letter, theirs.type, variant)
        if row.task_note is None:
            of_variant.pop(FieldPath.in_variant(letter, "task_note"), None)
        if row.attachments is None:
            of_variant.pop(FieldPath.in_variant(letter, "attachments"), None)
        fields |= of_variant | {FieldPath.in_variant(letter, "status"): int(row.is_on)}
    return fields


def priority_of(step: RemoteStep) -> Priority | None:
    """Return the priority of an importable step; None if the API did not return one that seqsync knows."""
    return Priority(step.priority) if step.priority is not None else None


def _step_fields(day: int | None, priority: Priority | None, assignee: str | None, is_email: bool) -> Fields:
    if is_email:
        return {DAY: day}
    return {DAY: day, PRIORITY: priority or Priority.NORMAL, ASSIGNEE: assignee}


def _variant_fields(letter: str, kind: str, variant: Variant) -> Fields:
    fields: Fields = {
        FieldPath.in_variant(letter, "payload", name): variant.payload.get(name) or ""
        for name in PAYLOAD_FIELDS.get(kind, ())
    }
    if kind == EMAIL:
        return fields | {FieldPath.in_variant(letter, "attachments"): variant.attachments}
    return fields | {FieldPath.in_variant(letter, "task_note"): variant.task_note}


def entry_after_merge(
    base: StepState | None,
    after: Content,
    theirs: RemoteStep,
    letters: Mapping[str, RemoteVariant],
    merged: MergeResult,
) -> StepState:
    """Return the state entry of the step when its file says `after`.

    Where file and Saleshandy agree now, it has their value; elsewhere what was last applied, or what was read if that
    is not known.
    """
    agreed = {*merged.take_remote, *merged.agreed}
    variants = dict(base.variants) if base else {}
    for letter, row in letters.items():
        variants[letter] = _variant_after(variants.get(letter), after, theirs.type, letter, row, agreed)
    missing = tuple(not_returned(theirs, needs_assignee=not theirs.is_email))
    marks = base.unsettled if base else {}
    return StepState(
        id=theirs.id,
        type=theirs.type,
        variants=dict(sorted(variants.items())),
        assumed=missing if base is None else tuple(name for name in base.assumed if name in missing),
        unsettled={name: values for name, values in marks.items() if name in missing},
        **_step_fields_after(base, after, theirs, agreed),
    )


def _step_fields_after(
    base: StepState | None, after: Content, theirs: RemoteStep, agreed: set[FieldPath]
) -> dict[str, Any]:
    returned = {"day": theirs.day, "priority": priority_of(theirs), "assignee": theirs.assignee}
    fields: dict[str, Any] = {}
    for name, value in returned.items():
        if FieldPath(name) in agreed:
            fields[name] = getattr(after, name)
        elif base is not None:
            fields[name] = getattr(base, name)
        else:
            fields[name] = getattr(after, name) if value is None or getattr(after, name) is None else value
    return fields


def _variant_after(
    known: VariantState | None,
    after: Content,
    kind: str,
    letter: str,
    row: RemoteVariant,
    all_agreed: set[FieldPath],
) -> VariantState:
    ours = after.variants.get(letter)
    agreed = {key for key in all_agreed if key.letter == letter}
    status_key = FieldPath.in_variant(letter, "status")
    status = int(row.is_on) if known is None or status_key in agreed else known.status
    if known is not None and not agreed:
        return known if known.id else known.model_copy(update={"id": row.id})
    read = Variant(
        payload=own_payload(kind, row),
        task_note=row.task_note if row.task_note is not None else (ours.task_note if ours else ""),
        attachments=row.attachments if row.attachments is not None else (ours.attachments if ours else ()),
    )
    rest = known.content if known is not None else read
    if ours is not None and status_key in agreed and row.is_on:
        content = ours
    else:
        content = _mixed(after.type, letter, ours or rest, rest, agreed)
    is_same = says_the_same_variant(after.type, content, row) and row.is_on
    is_unchanged = known is not None and content == known.content
    names = {key.of_variant for key in agreed}
    return VariantState(
        id=row.id,
        content=content,
        digest=variant_digest(content),
        status=status,
        returned=payload_digest(row.payload) if is_same else known.returned if known and is_unchanged else None,
        unsettled={name: value for name, value in known.unsettled.items() if name not in names} if known else {},
    )


def _mixed(kind: str, letter: str, ours: Variant, rest: Variant, agreed: set[FieldPath]) -> Variant:
    """Return each agreed field from the file, and the others from `rest`."""
    payload: dict[str, Any] = {}
    for name in PAYLOAD_FIELDS.get(kind, ()):
        source = ours if FieldPath.in_variant(letter, "payload", name) in agreed else rest
        if name in source.payload:
            payload[name] = source.payload[name]
    return Variant(
        payload=payload,
        task_note=(ours if FieldPath.in_variant(letter, "task_note") in agreed else rest).task_note,
        attachments=(ours if FieldPath.in_variant(letter, "attachments") in agreed else rest).attachments,
    )


def unexpected_field(
    ours: Content, after: Content, letters: Mapping[str, RemoteVariant], merged: MergeResult
) -> FieldPath | None:
    """Return the first field that an edit of the file got wrong. The file said `ours`, and says `after` now."""
    before, now = _file_fields(ours, letters), _file_fields(after, letters)
    switched = {key.letter for key in merged.take_remote if key.is_status and key.letter}
    for key in dict.fromkeys([*now, *before]):
        if key in merged.take_remote:
            is_right = same_value(key, now.get(key), merged.take_remote[key])
        else:
            is_right = key.letter in switched or now.get(key) == before.get(key)
        if not is_right:
            return key
    return next(
        (
            FieldPath.in_variant(letter, "payload")
            for letter in switched
            if letter in after.variants
            and not says_the_same_variant(after.type, after.variants[letter], letters[letter])
        ),
        None,
    )
