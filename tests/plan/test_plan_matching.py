"""How unmanaged steps are matched, and how a step that was read becomes an entry of the state."""

from __future__ import annotations

from dataclasses import replace

from support.build import call, email, message
from support.engine import remote

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content
from sequence_sync.plan.matching import Matches, adopted_step, match_steps, with_variant_ids
from sequence_sync.provider.base import RemoteVariant
from sequence_sync.state.model import step_state

HELLO = message(2, "one two three four five six")
NEAR = message(2, "one two three four seven eight")
FAR = message(2, "nothing of all that is here")


def test_equal_text_is_adopted() -> None:
    found = match_steps([remote("s1", HELLO)], {"q.a": HELLO}, {})
    assert (list(found.adopt), found.possible, found.duplicates, found.unmanaged) == (["q.a"], (), (), ())


def test_equal_text_on_another_day_needs_a_decision() -> None:
    assert match_steps([remote("s1", HELLO, day=9)], {"q.a": HELLO}, {}).possible
    assert list(match_steps([remote("s1", HELLO, day=None)], {"q.a": HELLO}, {}).adopt) == ["q.a"]


def test_a_step_with_half_of_the_words_needs_a_decision() -> None:
    found = match_steps([remote("s1", NEAR)], {"q.a": HELLO}, {})
    assert [(addresses, step.id) for addresses, step in found.possible] == [(("q.a",), "s1")]


def test_a_step_without_content_needs_a_decision_with_every_address() -> None:
    found = match_steps([remote("s1", call(1))], {"q.a": call(1), "q.b": call(1), "q.c": call(2)}, {})
    assert found.possible[0][0] == ("q.a", "q.b", "q.c")


def test_a_step_unlike_any_of_ours_is_unmanaged() -> None:
    found = match_steps([remote("s1", FAR, day=9), remote("s2", FAR, day=None)], {"q.a": HELLO}, {})
    assert [step.id for step in found.unmanaged] == ["s1", "s2"]


def test_a_step_of_the_same_type_and_day_needs_a_decision() -> None:
    assert match_steps([remote("s1", FAR)], {"q.a": HELLO}, {}).possible


def test_a_forgotten_step_with_equal_text_is_adopted_on_any_day() -> None:
    assert list(match_steps([remote("s1", HELLO, day=9)], {"q.a": HELLO}, {}, ["s1"]).adopt) == ["q.a"]
    assert match_steps([remote("s1", NEAR, day=9)], {"q.a": HELLO}, {}, ["s1"]).possible


def test_a_step_that_the_file_names_as_removed_is_adopted_only_where_it_is_equal() -> None:
    def found(content: Content) -> Matches:
        return match_steps([remote("s1", content)], {"q.a": HELLO}, {}, ["s1"], ["s1"])

    assert list(found(HELLO).adopt) == ["q.a"]
    assert [step.id for step in found(NEAR).unmanaged] == ["s1"]


def test_equal_steps_are_adopted_before_any_other_is_asked_about() -> None:
    found = match_steps([remote("s1", FAR), remote("s2", HELLO)], {"q.a": HELLO}, {})
    assert (found.adopt["q.a"].id, found.possible) == ("s2", ())
    assert [step.id for step in found.unmanaged] == ["s1"]


def test_a_step_equal_to_a_managed_one_is_a_duplicate() -> None:
    assert [(name, s.id) for name, s in match_steps([remote("s2", HELLO)], {}, {"q.a": HELLO}).duplicates] == [
        ("q.a", "s2")
    ]
    assert [(name, s.id) for name, s in match_steps([remote("s2", call(1))], {}, {"q.a": call(1)}).duplicates] == [
        ("q.a", "s2")
    ]


def test_a_step_equal_to_one_that_is_just_adopted_is_a_duplicate() -> None:
    found = match_steps([remote("s1", HELLO), remote("s2", HELLO)], {"q.a": HELLO}, {})
    assert found.adopt["q.a"].id == "s1"
    assert [(name, step.id) for name, step in found.duplicates] == [("q.a", "s2")]


def test_a_step_that_may_still_be_created_needs_a_decision_before_it_is_a_duplicate() -> None:
    found = match_steps([remote("s1", call(1))], {"q.b": call(1)}, {"q.a": call(1)})
    assert (len(found.possible), found.duplicates) == (1, ())


def test_variants_are_matched_by_text_whatever_their_order() -> None:
    content = email(1, "First", b="Second")
    step = remote("s1", content)
    entry, same = adopted_step(step.__class__(step.id, step.type, day=1, variants=step.variants[::-1]), content)
    assert same
    assert entry is not None
    assert {letter: row.id for letter, row in entry.variants.items()} == {"a": "s1-a", "b": "s1-b"}


def test_a_step_with_another_text_is_recorded_as_it_was_read() -> None:
    entry, same = adopted_step(remote("s1", FAR), HELLO)
    assert entry is not None
    assert (same, entry.content.variants["a"].payload) == (False, {"message": "nothing of all that is here"})


def test_a_step_of_another_type_is_not_adopted() -> None:
    assert adopted_step(remote("s1", call(2)), HELLO) == (None, False)


def test_fields_neither_read_nor_sent_are_assumed() -> None:
    content = HELLO.model_copy(update={"priority": Priority.HIGH})
    bare = remote("s1", content, day=None)
    entry, _ = adopted_step(bare, content)
    ours, _ = adopted_step(bare, content, sent_by_us=True)
    assert entry is not None
    assert ours is not None
    assert (entry.assumed, ours.assumed) == (("day", "priority"), ())


def test_an_inactive_variant_is_recorded_as_inactive() -> None:
    step = remote("s1", HELLO, variants=(RemoteVariant("v", HELLO.variants["a"].payload, "", status=0),))
    entry, _ = adopted_step(step, HELLO)
    assert entry is not None
    assert entry.variants["a"].status == 0


def test_variant_ids_that_no_answer_returned_stay_unknown() -> None:
    entry = step_state(HELLO, "s1", {})
    assert (entry.id, entry.variants["a"].id) == ("s1", None)


def test_only_the_ids_of_variants_are_taken_from_a_read() -> None:
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
