"""Three ways, field by field: what was last applied, what the file says, what the app says. Pure.

The app changed a field and the file did not: the file takes it. Both changed it to the same: it is settled. Both
changed it, and differently: a conflict, in which nobody loses anything. Where it is not known what was last applied,
whatever differs is a conflict. The app's texts are compared by what they say, ours exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import EMAIL, PAYLOAD_FIELDS, STEP_TYPES
from sequence_sync.plan.compare import canonical_payload, canonical_text
from sequence_sync.plan.drift import payload_digest
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState, VariantState, variant_digest


@dataclass(frozen=True, slots=True)
class RemoteVariantView:
    """A variant. `payload` holds the fields of its type that say anything; None: not told. `returned` names the
    payload as the server gave it."""

    id: str
    payload: Mapping[str, Any]
    note: str | None
    attachments: tuple[str, ...] | None
    on: bool
    returned: str


@dataclass(frozen=True, slots=True)
class RemoteStepView:
    """A step. None: not told."""

    id: str
    type: str
    day: int | None
    priority: Priority | None
    assignee: str | None
    variants: tuple[RemoteVariantView, ...]

    @property
    def is_email(self) -> bool:
        """Whether the one-email-a-day rule counts it."""
        return self.type == EMAIL

    @property
    def is_on(self) -> bool:
        """Whether any variant is switched on."""
        return any(row.on for row in self.variants)

    def untold(self) -> tuple[str, ...]:
        """The fields that the answer leaves out."""
        is_told = {
            "day": self.day is not None,
            "priority": self.is_email or self.priority is not None,
            "assignee": self.is_email or self.assignee is not None,
            "attachments": not self.is_email or all(row.attachments is not None for row in self.variants),
            "task_note": self.is_email or all(row.note is not None for row in self.variants),
        }
        return tuple(name for name, told in is_told.items() if not told)


def view_of_step(step: RemoteStep, reads_days: bool = True) -> RemoteStepView | None:
    """`step` in our words; None where its type is none that we know. Variants that are on come first."""
    kind = step.type
    if kind not in STEP_TYPES:
        return None
    variants = tuple(_variant(kind, row) for row in step.variants)
    return RemoteStepView(
        id=step.id,
        type=kind,
        day=step.day if reads_days else None,
        priority=Priority(step.priority) if step.priority in set(Priority) else None,
        assignee=step.assignee,
        variants=tuple(sorted(variants, key=lambda row: not row.on)),
    )


def _variant(kind: str, row: RemoteVariant) -> RemoteVariantView:
    payload = {name: said for name in PAYLOAD_FIELDS.get(kind, ()) if (said := _said(row.payload.get(name)))}
    return RemoteVariantView(
        id=row.id,
        payload=payload,
        note=None if kind == EMAIL else row.task_note,
        attachments=row.attachments if kind == EMAIL else None,
        on=row.status != 0,
        returned=payload_digest(row.payload),
    )


def _said(value: Any) -> Any:
    """A text, or a mapping of texts; empty where it says nothing."""
    if isinstance(value, Mapping):
        inner = {name: said for name, below in value.items() if (said := _said(below))}
        return inner or ""
    return "" if value is None else value if isinstance(value, str) else str(value)


# ("day",), ("a", "payload", "subject"), ("a", "task_note"), ("a", "attachments"), ("a", "status")
Field = tuple[str, ...]
Flat = dict[Field, Any]


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that file and app changed differently, each side as it stands; `base` None: not known."""

    field: Field
    base: Any
    ours: Any
    theirs: Any


@dataclass(slots=True)
class MergeResult:
    """What is to become of each field that the app changed. `takes`: into the file. `settled`: file and app agree.
    `dark` tells that all variants are switched off in the app, which a file cannot say."""

    takes: Flat = field(default_factory=dict)
    settled: set[Field] = field(default_factory=set)
    clashes: list[FieldConflict] = field(default_factory=list)
    dark: bool = False

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.takes or self.settled or self.clashes)


def letters_of(base: StepState | None, ours: Content | None, theirs: RemoteStepView) -> dict[str, RemoteVariantView]:
    """Which letter each of the app's variants has: by its id, by what it says, by its order; new ones get free ones.

    Raises ValueError where there are more variants than letters.
    """
    left = list(theirs.variants)
    found: dict[str, RemoteVariantView] = {}
    known = dict(base.variants) if base else {}
    for letter, row in known.items():
        match = next((each for each in left if each.id == row.id), None)
        if match:
            left.remove(match)
            found[letter] = match
    texts = {letter: row.content for letter, row in known.items() if row.id is None}
    texts |= {letter: row for letter, row in (ours.variants if ours else {}).items() if letter not in known}
    for letter, variant in texts.items():
        match = next((each for each in left if _says(theirs.type, variant, each)), None)
        if match:
            left.remove(match)
            found[letter] = match
    by_order = [letter for letter in texts if letter not in found and (letter in known or base is None)]
    for letter, each in zip(by_order, list(left), strict=False):
        left.remove(each)
        found[letter] = each
    taken = {*known, *found, *(ours.variants if ours else {})}
    free = [letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in taken]
    if len(left) > len(free):
        raise ValueError("it has more variants than there are letters")
    found.update(zip(free, left, strict=False))
    return dict(sorted(found.items()))


def same_value(place: Field, one: Any, other: Any) -> bool:
    """Whether two values of a field say the same."""
    if place[1:2] == ("payload",):
        name = place[2]
        return canonical_payload({name: one}) == canonical_payload({name: other})
    if place[1:2] == ("task_note",):
        return canonical_text(one or "") == canonical_text(other or "")
    if place[1:2] == ("attachments",):
        return sorted(one or ()) == sorted(other or ())
    return bool(one == other)


def merge_step(
    base: StepState | None, ours: Content, theirs: RemoteStepView, letters: Mapping[str, RemoteVariantView]
) -> MergeResult:
    """The three sides of one step. `letters` are those of `letters_of`."""
    merged = MergeResult()
    before, file, app = (
        base_fields(base) if base else None,
        _file_fields(ours, letters),
        _app_fields(theirs, letters, base, ours),
    )
    known = base.variants if base else {}
    # Those that the file will have: one of them must be left, or the file would say nothing.
    stays = theirs.is_email and any(
        row.on and (letter in ours.variants or letter not in known or known[letter].status == 0)
        for letter, row in letters.items()
    )
    merged.dark = not theirs.is_on
    for letter, row in letters.items():
        _switch(merged, letter, row, (before, file, app), stays, theirs.is_email)
    for place, value in app.items():
        old = before.get(place) if before is not None else None
        if before is not None and same_value(place, old, value):
            continue
        if same_value(place, file.get(place), value):
            merged.settled.add(place)
        elif before is not None and file.get(place) == old:
            merged.takes[place] = value
        else:
            merged.clashes.append(FieldConflict(place, old, file.get(place), value))
    return merged


def _switch(
    merged: MergeResult,
    letter: str,
    row: RemoteVariantView,
    sides: tuple[Flat | None, Flat, Flat],
    stays: bool,
    may_grow: bool,
) -> None:
    """On and off: a variant counts as a whole, so that its texts come and go with it."""
    before, file, app = sides
    place: Field = (letter, "status")
    known = before.get(place) if before is not None else None
    texts = [each for each in {**app, **(before or {})} if each[0] == letter and each != place]
    on_in_file = file[place]
    app.pop(place)
    if not row.on:
        for each in texts:
            app.pop(each, None)
        if known == 1 and not on_in_file:
            merged.settled.add(place)
        elif known == 1 and before is not None and stays:
            if all(file.get(each) == before.get(each) for each in texts):
                merged.takes[place] = 0
            else:
                merged.clashes.append(FieldConflict(place, 1, 1, 0))
        elif known is None and on_in_file and stays:
            merged.clashes.append(FieldConflict(place, None, 1, 0))
    elif known == 1 or (known is None and on_in_file):
        return
    elif on_in_file:
        merged.settled.add(place)
    else:
        for each in texts:
            app.pop(each, None)
        if may_grow:
            merged.takes[place] = 1
        else:
            merged.clashes.append(FieldConflict(place, known, 0, 1))


def base_fields(base: StepState) -> Flat:
    """What was last applied, field by field."""
    flat = _placing(base.day, base.priority, base.assignee, base.content.is_email)
    for letter, row in base.variants.items():
        flat |= _fields(letter, base.type, row.content) | {(letter, "status"): row.status}
    return flat


def _file_fields(ours: Content, letters: Mapping[str, RemoteVariantView]) -> Flat:
    flat = _placing(ours.day, ours.priority, ours.assignee, ours.is_email)
    for letter in {*ours.variants, *letters}:
        flat[(letter, "status")] = int(letter in ours.variants)
        if letter in ours.variants:
            flat |= _fields(letter, ours.type, ours.variants[letter])
    return flat


def _app_fields(
    theirs: RemoteStepView, letters: Mapping[str, RemoteVariantView], base: StepState | None, ours: Content
) -> Flat:
    """What is told, but for texts that are in the server's own spelling what was applied."""
    told = _placing(theirs.day, theirs.priority, theirs.assignee, theirs.is_email)
    if ours.assignee is None or (base and base.assignee is None):
        told.pop(("assignee",), None)
    flat = {place: value for place, value in told.items() if value is not None}
    if theirs.priority is None:
        flat.pop(("priority",), None)
    for letter, row in letters.items():
        known = base.variants.get(letter) if base else None
        payload = known.content.payload if known and known.returned == row.returned else row.payload
        variant = Variant(payload=dict(payload), task_note=row.note or "", attachments=row.attachments or ())
        fields = _fields(letter, theirs.type, variant)
        if row.note is None:
            fields.pop((letter, "task_note"), None)
        if row.attachments is None:
            fields.pop((letter, "attachments"), None)
        flat |= fields | {(letter, "status"): int(row.on)}
    return flat


def _placing(day: int | None, priority: Priority | None, assignee: str | None, is_email: bool) -> Flat:
    if is_email:
        return {("day",): day}
    return {("day",): day, ("priority",): priority or Priority.NORMAL, ("assignee",): assignee}


def _fields(letter: str, kind: str, variant: Variant) -> Flat:
    flat: Flat = {(letter, "payload", name): variant.payload.get(name) or "" for name in PAYLOAD_FIELDS.get(kind, ())}
    if kind == "email":
        return flat | {(letter, "attachments"): variant.attachments}
    return flat | {(letter, "task_note"): variant.task_note}


def _says(kind: str, variant: Variant, row: RemoteVariantView) -> bool:
    names = PAYLOAD_FIELDS.get(kind, ())
    ours = canonical_payload({name: variant.payload.get(name) for name in names})
    return ours == canonical_payload(row.payload) and (
        row.note is None or canonical_text(row.note) == canonical_text(variant.task_note)
    )


def entry_after(
    base: StepState | None,
    after: Content,
    theirs: RemoteStepView,
    letters: Mapping[str, RemoteVariantView],
    merged: MergeResult,
) -> StepState:
    """The step's entry when the file says `after`: the app's side where both agree now, what was last applied where
    they do not; what was read where that is not known."""
    agreed = {*merged.takes, *merged.settled}
    variants = dict(base.variants) if base else {}
    for letter, row in letters.items():
        variants[letter] = _variant_after(variants.get(letter), after, letter, row, agreed)
    placed = _placed_after(base, after, theirs, agreed)
    if base is None:
        assumed: tuple[str, ...] = theirs.untold()
    else:
        untold = theirs.untold()
        assumed = tuple(name for name in base.assumed if name in untold)
    marks = base.unsettled if base else {}
    return StepState(
        id=theirs.id,
        type=theirs.type,
        variants=dict(sorted(variants.items())),
        assumed=assumed,
        unsettled={name: values for name, values in marks.items() if name in theirs.untold()},
        **placed,
    )


def _placed_after(base: StepState | None, after: Content, theirs: RemoteStepView, agreed: set[Field]) -> dict[str, Any]:
    told = {"day": theirs.day, "priority": theirs.priority, "assignee": theirs.assignee}
    placed: dict[str, Any] = {}
    for name, said in told.items():
        if (name,) in agreed:
            placed[name] = getattr(after, name)
        elif base is not None:
            placed[name] = getattr(base, name)
        else:
            placed[name] = getattr(after, name) if said is None or getattr(after, name) is None else said
    return placed


def _variant_after(
    known: VariantState | None, after: Content, letter: str, row: RemoteVariantView, agreed: set[Field]
) -> VariantState:
    ours = after.variants.get(letter)
    mine = {place for place in agreed if place[0] == letter}
    status = int(row.on) if known is None or (letter, "status") in mine else known.status
    if known is not None and not mine:
        return known if known.id else known.model_copy(update={"id": row.id})
    whole = ours is not None and (letter, "status") in mine and row.on
    read = Variant(
        payload=dict(row.payload),
        task_note=row.note if row.note is not None else (ours.task_note if ours else ""),
        attachments=row.attachments if row.attachments is not None else (ours.attachments if ours else ()),
    )
    rest = known.content if known is not None else read
    content = ours if whole and ours is not None else _mixed(after.type, letter, ours or rest, rest, mine)
    same = _says(after.type, content, row) and row.on
    unchanged = known is not None and content == known.content
    return VariantState(
        id=row.id,
        content=content,
        digest=variant_digest(content),
        status=status,
        returned=row.returned if same else known.returned if known and unchanged else None,
        unsettled={n: v for n, v in known.unsettled.items() if n not in {each[1] for each in mine}} if known else {},
    )


def _mixed(kind: str, letter: str, ours: Variant, rest: Variant, mine: set[Field]) -> Variant:
    """Each field from the file where it is agreed, else from `rest`."""
    payload: dict[str, Any] = {}
    for name in PAYLOAD_FIELDS.get(kind, ()):
        source = ours if (letter, "payload", name) in mine else rest
        if name in source.payload:
            payload[name] = source.payload[name]
    return Variant(
        payload=payload,
        task_note=(ours if (letter, "task_note") in mine else rest).task_note,
        attachments=(ours if (letter, "attachments") in mine else rest).attachments,
    )


def misplaced(
    ours: Content, after: Content, letters: Mapping[str, RemoteVariantView], merged: MergeResult
) -> Field | None:
    """The first field that is not as it should be, where a file that said `ours` says `after` now."""
    before, now = _file_fields(ours, letters), _file_fields(after, letters)
    switched = {place[0] for place in merged.takes if place[1:] == ("status",)}
    for place in dict.fromkeys([*now, *before]):
        if place in merged.takes:
            good = same_value(place, now.get(place), merged.takes[place])
        else:
            good = place[0] in switched or now.get(place) == before.get(place)
        if not good:
            return place
    return next(
        (
            (letter, "payload")
            for letter in switched
            if letter in after.variants and not _says(after.type, after.variants[letter], letters[letter])
        ),
        None,
    )
