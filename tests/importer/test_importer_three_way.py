"""The three-way merge of one step, cell by cell: every combination of what each side may say."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from sequence_sync.importer.three_way import (
    Field,
    RemoteStepView,
    RemoteVariantView,
    entry_after,
    letters_of,
    merge_step,
    same_value,
)
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.state.model import StepState, step_state

VALUES: dict[Field, tuple[Any, ...]] = {
    ("day",): (1, 2, 3),
    ("priority",): (Priority.HIGH, Priority.LOW, Priority.NORMAL),
    ("assignee",): ("one", "two", "three"),
    ("a", "payload", "message"): ("first words", "second words", "third words"),
    ("a", "task_note"): ("a note", "another", ""),
}
EMAIL_VALUES: dict[Field, tuple[Any, ...]] = {
    ("a", "payload", "subject"): ("one", "two", "three"),
    ("a", "payload", "content"): ("<p>one</p>", "<p>two</p>", "<b>three</b>"),
    ("a", "payload", "preheader"): ("one", "", "three"),
    ("a", "attachments"): (("x",), (), ("y", "z")),
}
CELLS = [(place, *cell) for place, values in {**VALUES, **EMAIL_VALUES}.items() for cell in product(values, repeat=3)]


def content(place: Field, value: Any) -> Content:
    """A step in which one field has that value."""
    is_email = place in EMAIL_VALUES
    payload = {"subject": "S", "content": "<p>C</p>", "preheader": "P"} if is_email else {"message": "M"}
    variant = Variant(payload=payload, task_note="" if is_email else "N")
    fields: dict[str, Any] = {"day": 5} if is_email else {"day": 5, "priority": Priority.HIGH, "assignee": "me"}
    if len(place) == 1:
        fields[place[0]] = value
    elif place[1] == "payload":
        variant = variant.model_copy(update={"payload": {**payload, place[2]: value}})
    else:
        variant = variant.model_copy(update={place[1]: value})
    return Content(type="email" if is_email else "linkedin_message", variants={"a": variant}, **fields)


def told(said: Content, **changed: Any) -> RemoteStepView:
    """The same as the app tells it."""
    variants = tuple(
        RemoteVariantView(
            f"v-{letter}",
            row.payload,
            None if said.is_email else row.task_note,
            row.attachments if said.is_email else None,
            True,
            f"digest {row.payload}",
        )
        for letter, row in said.variants.items()
    )
    fields = {"day": said.day, "priority": said.priority, "assignee": said.assignee, "variants": variants}
    return RemoteStepView("step", said.type, **{**fields, **changed})


def value_of(step: StepState | Content, place: Field) -> Any:
    """One field."""
    if len(place) == 1:
        return getattr(step, place[0])
    variant = step.content.variants[place[0]] if isinstance(step, StepState) else step.variants[place[0]]
    return variant.payload.get(place[2], "") if place[1] == "payload" else getattr(variant, place[1])


@pytest.mark.parametrize(("place", "base", "ours", "theirs"), CELLS)
def test_each_cell(place: Field, base: Any, ours: Any, theirs: Any) -> None:
    """App as before: nothing; as the file: settled; the file as before: taken; else both are kept and told."""
    before = step_state(content(place, base), "step", {"a": "v-a"})
    file, app = content(place, ours), told(content(place, theirs))
    letters = letters_of(before, file, app)
    merged = merge_step(before, file, app, letters)
    expected = "nothing" if theirs == base else "settled" if theirs == ours else "taken" if ours == base else "conflict"
    assert {
        "nothing": merged.is_quiet,
        "settled": merged.settled == {place} and not merged.takes and not merged.clashes,
        "taken": merged.takes == {place: theirs} and not merged.settled and not merged.clashes,
        "conflict": [(each.field, each.base, each.ours, each.theirs) for each in merged.clashes]
        == [(place, base, ours, theirs)]
        and not merged.takes
        and not merged.settled,
    }[expected]
    after = content(place, theirs) if expected in ("settled", "taken") else file
    entry = entry_after(before, after, app, letters, merged)
    assert value_of(entry, place) == (base if expected in ("nothing", "conflict") else theirs)


@pytest.mark.parametrize(
    ("place", "ours", "theirs"), sorted({(p, str(o), str(t)) for p, o, t, _ in CELLS if len(p) == 3})
)
def test_an_unknown_base(place: Field, ours: Any, theirs: Any) -> None:
    """Equal texts are adopted as the file has them; others are told, and the state says what was read."""
    file, app = content(place, ours), told(content(place, theirs))
    letters = letters_of(None, file, app)
    merged = merge_step(None, file, app, letters)
    assert [each.field for each in merged.clashes] == ([] if ours == theirs else [place])
    assert not merged.takes
    entry = entry_after(None, file, app, letters, merged)
    assert same_value(place, value_of(entry, place), theirs)


def test_what_is_not_told_stays() -> None:
    """Day, priority, assignee and note that the app leaves out are no change, and stay assumed."""
    file = content(("day",), 3)
    before = step_state(file, "step", {"a": "v-a"}).model_copy(update={"assumed": ("day", "priority")})
    app = told(file, day=None, priority=None, assignee=None)
    letters = letters_of(before, file, app)
    assert merge_step(before, file, app, letters).is_quiet
    entry = entry_after(None, file, app, letters, merge_step(None, file, app, letters))
    assert (entry.day, entry.priority, entry.assumed) == (3, Priority.HIGH, ("day", "priority", "assignee"))


def test_the_servers_own_spelling_is_no_change() -> None:
    """What it gave back right after our own write counts as ours, however it reads."""
    place = ("a", "payload", "content")
    file = content(place, "<p>ours</p>")
    before = step_state(file, "step", {"a": "v-a"})
    app = told(content(place, "<p>quite another</p>"))
    known = before.variants["a"].model_copy(update={"returned": app.variants[0].returned})
    spelled = before.model_copy(update={"variants": {"a": known}})
    letters = letters_of(spelled, file, app)
    assert merge_step(spelled, file, app, letters).is_quiet
    assert not merge_step(before, file, app, letters).is_quiet


def test_more_variants_than_letters() -> None:
    """Told, with the reason."""
    step = told(content(("a", "payload", "subject"), "x"))
    rows = tuple(RemoteVariantView(f"v{at}", {"subject": f"{at}"}, None, None, True, "") for at in range(27))
    with pytest.raises(ValueError, match="more variants than there are letters"):
        letters_of(None, None, RemoteStepView("s", "email", 1, None, None, rows))
    assert list(letters_of(None, None, step)) == ["a"]
