"""What unknown steps are taken for, and how a step that was read becomes an entry of the state."""

from __future__ import annotations

from dataclasses import replace

from support.build import call, email, message
from support.engine import remote

from sequence_sync.model.fields import Priority
from sequence_sync.plan.matching import adopted_step, match_steps, with_variant_ids
from sequence_sync.provider.base import RemoteVariant
from sequence_sync.state.model import step_state

HELLO = message(2, "one two three four five six")
NEAR = message(2, "one two three four seven eight")
FAR = message(2, "nothing of all that is here")


def test_equal_text_is_adopted() -> None:
    """A step that says what one to be created says is that one."""
    found = match_steps([remote("s1", HELLO)], {"q.a": HELLO}, {})
    assert (list(found.adopt), found.possible, found.duplicates, found.unmanaged) == (["q.a"], (), (), ())


def test_another_day_is_not_the_same_step() -> None:
    """Where the day is told it counts; where it is not the text decides."""
    assert match_steps([remote("s1", HELLO, day=9)], {"q.a": HELLO}, {}).unmanaged
    assert list(match_steps([remote("s1", HELLO, day=None)], {"q.a": HELLO}, {}).adopt) == ["q.a"]


def test_half_of_the_words_is_too_near_to_tell() -> None:
    """An edited text is neither adopted nor doubled: a person is asked."""
    found = match_steps([remote("s1", NEAR)], {"q.a": HELLO}, {})
    assert [(addresses, step.id) for addresses, step in found.possible] == [(("q.a",), "s1")]


def test_a_bare_step_is_asked_about_with_every_address() -> None:
    """A call without a note may be any of the calls to come, and all of them are named."""
    found = match_steps([remote("s1", call(1))], {"q.a": call(1), "q.b": call(1), "q.c": call(2)}, {})
    assert found.possible[0][0] == ("q.a", "q.b")


def test_others_are_left_alone() -> None:
    """A step like nothing of ours is somebody else's."""
    assert [step.id for step in match_steps([remote("s1", FAR)], {"q.a": HELLO}, {}).unmanaged] == ["s1"]


def test_a_second_copy_of_a_managed_step_is_told() -> None:
    """What equals a managed step is a second copy, with or without content."""
    assert [(name, s.id) for name, s in match_steps([remote("s2", HELLO)], {}, {"q.a": HELLO}).duplicates] == [
        ("q.a", "s2")
    ]
    assert [(name, s.id) for name, s in match_steps([remote("s2", call(1))], {}, {"q.a": call(1)}).duplicates] == [
        ("q.a", "s2")
    ]


def test_a_second_copy_of_a_step_that_is_just_adopted_is_told() -> None:
    """Of two equal unknown steps one is ours and the other is a second copy, never somebody else's."""
    found = match_steps([remote("s1", HELLO), remote("s2", HELLO)], {"q.a": HELLO}, {})
    assert found.adopt["q.a"].id == "s1"
    assert [(name, step.id) for name, step in found.duplicates] == [("q.a", "s2")]


def test_a_bare_step_that_may_still_be_to_come_is_asked_about_first() -> None:
    """A call that equals a managed one and one to be created is a question, not a second copy."""
    found = match_steps([remote("s1", call(1))], {"q.b": call(1)}, {"q.a": call(1)})
    assert (len(found.possible), found.duplicates) == (1, ())


def test_variants_are_matched_by_what_they_say() -> None:
    """The ids go to the letters whose text stands there, whatever the order."""
    content = email(1, "First", b="Second")
    step = remote("s1", content)
    entry, same = adopted_step(step.__class__(step.id, step.type, day=1, variants=step.variants[::-1]), content)
    assert same
    assert entry is not None
    assert {letter: row.id for letter, row in entry.variants.items()} == {"a": "s1-a", "b": "s1-b"}


def test_what_was_read_is_recorded_where_it_differs() -> None:
    """A step that a person accepts although it says something else is recorded as it is."""
    entry, same = adopted_step(remote("s1", FAR), HELLO)
    assert entry is not None
    assert (same, entry.content.variants["a"].payload) == (False, {"message": "nothing of all that is here"})


def test_another_type_is_no_entry() -> None:
    """A step of another type cannot be adopted."""
    assert adopted_step(remote("s1", call(2)), HELLO) == (None, False)


def test_what_no_read_tells_is_assumed() -> None:
    """Fields that were neither read nor sent by us are marked; those that we sent are not."""
    content = HELLO.model_copy(update={"priority": Priority.HIGH})
    bare = remote("s1", content, day=None)
    entry, _ = adopted_step(bare, content)
    ours, _ = adopted_step(bare, content, sent_by_us=True)
    assert entry is not None
    assert ours is not None
    assert (entry.assumed, ours.assumed) == (("day", "priority"), ())


def test_an_inactive_variant_is_recorded_as_such() -> None:
    """A variant that is switched off in the app is off in the state."""
    step = remote("s1", HELLO, variants=(RemoteVariant("v", HELLO.variants["a"].payload, "", status=0),))
    entry, _ = adopted_step(step, HELLO)
    assert entry is not None
    assert entry.variants["a"].status == 0


def test_ids_that_no_answer_told_stay_unknown() -> None:
    """A create whose answer names no variants leaves their ids open."""
    entry = step_state(HELLO, "s1", {})
    assert (entry.id, entry.variants["a"].id) == ("s1", None)


def test_only_the_ids_of_variants_are_taken_from_a_read() -> None:
    """A day, a switch or a text that somebody changed in the app is drift, and never becomes what we applied."""
    content = email(2, "Hello", b="Hey")
    entry = step_state(content, "s1", {})
    moved = remote("s1", content, day=105)
    moved = replace(moved, variants=tuple(replace(row, status=0) for row in moved.variants))
    found = with_variant_ids(entry, moved)
    assert found is not None
    assert found == step_state(content, "s1", {"a": "s1-a", "b": "s1-b"})
    assert with_variant_ids(entry, remote("s1", email(2, "Hello", b="Quite another"))) is None
    lone = step_state(HELLO, "s2", {})
    assert with_variant_ids(lone, remote("s2", FAR)) == step_state(HELLO, "s2", {"a": "s2-a"})
