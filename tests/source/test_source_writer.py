"""Editing a file in place: only what was asked for changes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequence_sync.source.content import without_ends
from sequence_sync.source.problems import Data
from sequence_sync.source.writer import (
    Draft,
    EditError,
    add_step,
    as_variants,
    drop,
    file_text,
    put,
    scalar,
    tree,
    writable,
)
from sequence_sync.source.yaml import parse

FILE = """\
# head
sequence: trial   # the key
steps:
  intro:   # why
    day: 1  # first
    content: |  # a block
      <p>x</p>

      y


    # before the subject
    subject:   Hi there  # a note
    attachments:
      - one
      - two # last

  # before the second
  nudge: {day: 2, type: email, "preheader": [a, b], subject: x, content: <p>}
  many:
      type: >-
        folded
        text
      # inside
      subject: "quoted
        twice"
      task_note: 'single'
# end
"""
WAYS = [
    ("steps", "intro", "content"),
    ("steps", "intro", "subject"),
    ("steps", "nudge", "subject"),
    ("steps", "nudge", "content"),
    ("steps", "many", "type"),
    ("steps", "many", "subject"),
    ("steps", "many", "task_note"),
    ("steps", "intro", "preheader"),
    ("steps", "nudge", "task_note"),
    ("title",),
]
TEXTS = st.text(
    st.one_of(
        st.sampled_from("\n\n \t:#'\"\\-{}[]&*!|>%@`$a1é\u00a0\u2028\x85\ufeff,?"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=30,
).map(writable)


def data_of(text: str) -> dict[str, Data]:
    """The data of a document without problems."""
    document = parse(text)
    assert document.problems == []
    assert isinstance(document.data, dict)
    return document.data


def with_value(data: dict[str, Data], way: tuple[str, ...], value: Data) -> dict[str, Data]:
    """`data` with another value at one path."""
    head, *rest = way
    inner = data.get(head)
    if not rest:
        return {**data, head: value}
    assert isinstance(inner, dict)
    return {**data, head: with_value(inner, tuple(rest), value)}


def without_trailing_breaks(data: Data) -> Data:
    """`data` without line breaks at the end of texts, which do not count."""
    if isinstance(data, dict):
        return {key: without_trailing_breaks(value) for key, value in data.items()}
    return without_ends(data) if isinstance(data, str) else data


@settings(max_examples=150)
@given(text=TEXTS, way=st.sampled_from(WAYS))
@example("\u00a0", ("steps", "intro", "subject"))
@example("\u00a0", ("steps", "many", "subject"))
def test_any_text_can_be_put_anywhere_and_nothing_else_changes(text: str, way: tuple[str, ...]) -> None:
    changed = put(FILE, way, text)
    assert without_trailing_breaks(data_of(changed)) == without_trailing_breaks(with_value(data_of(FILE), way, text))
    for comment in (
        "# head",
        "# the key",
        "# why",
        "# first",
        "# a block",
        "# before the subject",
        "# inside",
        "# end",
    ):
        assert comment in changed


@settings(max_examples=150)
@given(text=TEXTS)
def test_any_text_in_a_new_file_reads_back(text: str) -> None:
    new_file = file_text(Draft("trial", "Trial", {"one": {"content": text}, "two": {"subject": text, "day": 1}}))
    steps = data_of(new_file)["steps"]
    assert without_trailing_breaks(steps) == {"one": {"content": text}, "two": {"subject": text, "day": "1"}}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Hi there", " Hi there"),
        ("Hi, {{First Name|'there'}}", " Hi, {{First Name|'there'}}"),
        ("{{firstName}}, hi", ' "{{firstName}}, hi"'),
        ("a: b", ' "a: b"'),
        ("mail #1", ' "mail #1"'),
        ('say "x": y', " 'say \"x\": y'"),
        ("yes", ' "yes"'),
        ("1.10", ' "1.10"'),
        ("2026-11-24", ' "2026-11-24"'),
        ("", ' ""'),
        (" lead", ' " lead"'),
        ("one\n\ntwo", " |\n  one\n\n  two"),
        ("  one\ntwo", " |2\n    one\n  two"),
        ("\ttab\nx", " |\n  \ttab\n  x"),
        ("\u2028", ' "\\u2028"'),
        ("x" * 120, " " + "x" * 120),
        ("x: " + "y" * 120, " |\n  x: " + "y" * 120),
    ],
)
def test_text_is_written_as_a_person_would(text: str, written: str) -> None:
    """Plain if possible, no needless quotes, a block for long texts and several lines."""
    assert scalar(text) == written


def test_key_is_deleted_with_its_lines_or_its_comma() -> None:
    assert drop(FILE, ("steps", "intro", "subject")) == FILE.replace("    subject:   Hi there  # a note\n", "")
    assert 'nudge: {type: email, "preheader"' in drop(FILE, ("steps", "nudge", "day"))
    assert "subject: x}" in drop(FILE, ("steps", "nudge", "content"))
    assert drop(FILE, ("steps", "intro", "nothing")) == FILE


def test_step_is_added_below_the_comments_of_the_step_before_it() -> None:
    text = "steps:\n  a:\n    day: 1\n    # of a\n\n  # of b\n  b: {day: 2}\n"
    assert add_step(text, "c", {"type": "email", "day": 3}, "a") == (
        "steps:\n  a:\n    day: 1\n    # of a\n\n  c:\n    day: 3\n    type: email\n\n  # of b\n  b: {day: 2}\n"
    )
    assert add_step("steps: {}\n", "c", {"day": 3}, None) == "steps:\n  c:\n    day: 3\n"
    assert add_step('{"steps": {"a": {"day": 1}}}\n', "c", {"day": 3, "type": "x"}, None) == (
        '{"steps": {"a": {"day": 1}, "c": {"day": 3, "type": "x"}}}\n'
    )


def test_content_of_a_step_is_moved_to_variant_a_with_its_comments() -> None:
    text = (
        "steps:\n  a:\n    # who\n    day: 1\n    subject: x # s\n    # why\n    content: |\n      <p>\n\n      y\n"
        "# end\n"
    )
    assert as_variants(text, "a") == (
        "steps:\n  a:\n    # who\n    day: 1\n    variants:\n      a:\n        subject: x # s\n        # why\n"
        "        content: |\n          <p>\n\n          y\n# end\n"
    )
    assert as_variants("steps: {a: {day: 1, subject: x}}\n", "a") == (
        'steps: {a: {day: 1, "variants": {"a": {subject: x}}}}\n'
    )


@pytest.mark.parametrize("way", [("steps", "gone", "day"), ("steps", "b", "day"), ("steps", "c", "day")])
def test_missing_path_and_alias_cannot_be_edited(way: tuple[str, ...]) -> None:
    with pytest.raises(EditError):
        put("steps:\n  a: &a {day: 1}\n  b: *a\n  c: text\n", way, 2)


def test_only_key_of_a_mapping_cannot_be_deleted() -> None:
    with pytest.raises(EditError):
        drop("steps:\n  a:\n    day: 1\n", ("steps", "a", "day"))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "a: [", "a: b: c"])
def test_invalid_or_empty_document_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        tree(text)
