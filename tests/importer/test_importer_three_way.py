"""The three-way merge of one step, over every combination of values."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from sequence_sync.importer.three_way import entry_after_merge, merge_step, same_value
from sequence_sync.model.address import FieldPath
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.drift import payload_digest
from sequence_sync.plan.matching import assign_letters
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState, step_state

VALUES: dict[FieldPath, tuple[Any, ...]] = {
    FieldPath("day"): (1, 2, 3),
    FieldPath("priority"): (Priority.HIGH, Priority.LOW, Priority.NORMAL),
    FieldPath("assignee"): ("one", "two", "three"),
    FieldPath.in_variant("a", "payload", "message"): ("first words", "second words", "third words"),
    FieldPath.in_variant("a", "task_note"): ("a note", "another", ""),
}
EMAIL_VALUES: dict[FieldPath, tuple[Any, ...]] = {
    FieldPath.in_variant("a", "payload", "subject"): ("one", "two", "three"),
    FieldPath.in_variant("a", "payload", "content"): ("<p>one</p>", "<p>two</p>", "<b>three</b>"),
    FieldPath.in_variant("a", "payload", "preheader"): ("one", "", "three"),
    FieldPath.in_variant("a", "attachments"): (("x",), (), ("y", "z")),
}
CELLS = [(place, *cell) for place, values in {**VALUES, **EMAIL_VALUES}.items() for cell in product(values, repeat=3)]


def content(place: FieldPath, value: Any) -> Content:
    """A step in which one field has that value."""
    is_email = place in EMAIL_VALUES
    payload = {"subject": "S", "content": "<p>C</p>", "preheader": "P"} if is_email else {"message": "M"}
    variant = Variant(payload=payload, task_note="" if is_email else "N")
    fields: dict[str, Any] = {"day": 5} if is_email else {"day": 5, "priority": Priority.HIGH, "assignee": "me"}
    if place.letter is None:
        fields[place] = value
    elif place.of_variant == "payload":
        variant = variant.model_copy(update={"payload": {**payload, place.name: value}})
    else:
        variant = variant.model_copy(update={place.name: value})
    return Content(type="email" if is_email else "linkedin_message", variants={"a": variant}, **fields)


def remote(said: Content, **changed: Any) -> RemoteStep:
    """The same step as the API returns it."""
    variants = tuple(
        RemoteVariant(
            f"v-{letter}",
            row.payload,
            None if said.is_email else row.task_note,
            row.attachments if said.is_email else None,
            1,
        )
        for letter, row in said.variants.items()
    )
    fields = {"day": said.day, "priority": said.priority, "assignee": said.assignee, "variants": variants}
    return RemoteStep("step", said.type, **{**fields, **changed})


def letters_of(before: StepState | None, file: Content, theirs: RemoteStep) -> dict[str, RemoteVariant]:
    """The letters of the remote variants."""
    return assign_letters(theirs.type, theirs.variants, before, file)


def value_of(step: StepState | Content, place: FieldPath) -> Any:
    """One field."""
    if place.letter is None:
        return getattr(step, place)
    variants = step.content.variants if isinstance(step, StepState) else step.variants
    variant = variants[place.letter]
    return variant.payload.get(place.name, "") if place.of_variant == "payload" else getattr(variant, place.name)


@pytest.mark.parametrize(("place", "base", "ours", "theirs"), CELLS)
def test_merge_of_every_combination_of_three_values(place: FieldPath, base: Any, ours: Any, theirs: Any) -> None:
    """Unchanged there: nothing. Equal now: agreed. Changed there alone: taken. Else a conflict."""
    before = step_state(content(place, base), "step", {"a": "v-a"})
    file, app = content(place, ours), remote(content(place, theirs))
    letters = letters_of(before, file, app)
    merged = merge_step(before, file, app, letters)
    expected = "nothing" if theirs == base else "agreed" if theirs == ours else "taken" if ours == base else "conflict"
    assert {
        "nothing": merged.is_empty,
        "agreed": merged.agreed == {place} and not merged.take_remote and not merged.conflicts,
        "taken": merged.take_remote == {place: theirs} and not merged.agreed and not merged.conflicts,
        "conflict": [(each.field, each.base, each.ours, each.theirs) for each in merged.conflicts]
        == [(place, base, ours, theirs)]
        and not merged.take_remote
        and not merged.agreed,
    }[expected]
    after = content(place, theirs) if expected in ("agreed", "taken") else file
    entry = entry_after_merge(before, after, app, letters, merged)
    assert value_of(entry, place) == (base if expected in ("nothing", "conflict") else theirs)


@pytest.mark.parametrize(
    ("place", "ours", "theirs"), sorted({(p, str(o), str(t)) for p, o, t, _ in CELLS if p.of_variant == "payload"})
)
def test_difference_without_a_known_base_is_a_conflict(place: FieldPath, ours: Any, theirs: Any) -> None:
    """Equal texts are agreed. Of different ones, the state records what was read."""
    file, app = content(place, ours), remote(content(place, theirs))
    letters = letters_of(None, file, app)
    merged = merge_step(None, file, app, letters)
    assert [each.field for each in merged.conflicts] == ([] if ours == theirs else [place])
    assert not merged.take_remote
    entry = entry_after_merge(None, file, app, letters, merged)
    assert same_value(place, value_of(entry, place), theirs)


def test_fields_that_the_api_does_not_return_are_unchanged_and_assumed() -> None:
    file = content(FieldPath("day"), 3)
    before = step_state(file, "step", {"a": "v-a"}).model_copy(update={"assumed": ("day", "priority")})
    app = remote(file, day=None, priority=None, assignee=None)
    letters = letters_of(before, file, app)
    assert merge_step(before, file, app, letters).is_empty
    entry = entry_after_merge(None, file, app, letters, merge_step(None, file, app, letters))
    assert (entry.day, entry.priority, entry.assumed) == (3, Priority.HIGH, ("day", "priority", "assignee"))


def test_known_server_spelling_is_not_a_change() -> None:
    place = FieldPath.in_variant("a", "payload", "content")
    file = content(place, "<p>ours</p>")
    before = step_state(file, "step", {"a": "v-a"})
    app = remote(content(place, "<p>quite another</p>"))
    known = before.variants["a"].model_copy(update={"returned": payload_digest(app.variants[0].payload)})
    spelled = before.model_copy(update={"variants": {"a": known}})
    letters = letters_of(spelled, file, app)
    assert merge_step(spelled, file, app, letters).is_empty
    assert not merge_step(before, file, app, letters).is_empty


def test_more_variants_than_letters_raise() -> None:
    step = remote(content(FieldPath.in_variant("a", "payload", "subject"), "x"))
    rows = tuple(RemoteVariant(f"v{at}", {"subject": f"{at}"}, status=1) for at in range(27))
    with pytest.raises(ValueError, match="more variants than there are letters"):
        assign_letters("email", rows, None, None)
    assert list(assign_letters("email", step.variants, None, None)) == ["a"]
