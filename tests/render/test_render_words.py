"""Words for people: every enum value has them, numbers agree, durations are readable."""

from __future__ import annotations

import pytest

from sequence_sync.model.report import Status
from sequence_sync.plan.model import Action, Change, DriftKind, Impact, Reason
from sequence_sync.render.words import (
    DRIFT_WORDS,
    IMPACTS,
    MARKS,
    REASONS,
    STATUS_MARKS,
    STATUS_WORDS,
    VERBS,
    counted,
    duration_words,
    field_words,
    impact_words,
    value_words,
)


def test_every_enum_value_has_words_for_people() -> None:
    assert set(MARKS) == set(VERBS) == set(Action)
    assert set(REASONS) == set(Reason)
    assert set(IMPACTS) == set(Impact)
    assert set(DRIFT_WORDS) == set(DriftKind)
    assert set(STATUS_MARKS) == set(STATUS_WORDS) == set(Status)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("variants.a.payload.content", "body"),
        ("variants.b.task_note", "task note"),
        ("day", "day"),
        ("variants.a.payload.action.url", "link url"),
        ("variants.a.payload", "payload"),
        ("title", "title"),
        ("variants.a.payload.connectionNote", "note"),
        ("variants.a.payload.x\x1b", "x\\x1b"),
    ],
)
def test_fields_have_readable_names(path: str, words: str) -> None:
    assert field_words(path) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, None),
        ("x", "x"),
        (5, "5"),
        (("a", "b"), "a, b"),
        ({"name": "Open", "url": "u"}, "Open (u)"),
        ({"b": 1, "a": [2]}, '{"a": [2], "b": 1}'),
    ],
)
def test_values_are_readable(value: object, words: str | None) -> None:
    assert value_words(value) == words


@pytest.mark.parametrize(
    ("action", "reason", "words"),
    [
        (Action.CREATE_SEQUENCE, Reason.NEW, "adds a sequence"),
        (Action.CREATE_STEP, Reason.NEW, "adds a message"),
        (Action.CREATE_VARIANT, Reason.NEW, "adds a variant of a message"),
        (Action.DEACTIVATE_VARIANT, Reason.VARIANT_REMOVED, "removes a variant of a message"),
        (Action.DEACTIVATE_VARIANT, Reason.STEP_REMOVED, "removes a message"),
        (Action.BLOCKED, Reason.STEP_REMOVED, "removes a message"),
        (Action.BLOCKED, Reason.TYPE_CHANGED, "replaces a message"),
    ],
)
def test_a_change_of_structure_says_what_it_adds_or_removes(action: Action, reason: Reason, words: str) -> None:
    change = Change(address="t.s.a", action=action, reason=reason, impact=Impact.STRUCTURE)
    assert impact_words(change) == words


def test_one_is_singular() -> None:
    assert [counted(number, "call") for number in (0, 1, 2, 1200)] == ["0 calls", "1 call", "2 calls", "1,200 calls"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (4.9, "a few seconds"),
        (5, "about 5 seconds"),
        (59, "about 1 minute"),
        (130, "about 2 minutes 10 seconds"),
        (126, "about 2 minutes 10 seconds"),
        (3600, "about 1 hour"),
        (12_000, "about 3 hours 20 minutes"),
        (23_940, "about 6 hours 39 minutes"),
    ],
)
def test_durations_are_rounded_and_readable(seconds: float, words: str) -> None:
    """To five seconds, and to the minute above an hour."""
    assert duration_words(seconds) == words
