"""What all renderers use: escaping, words, durations, word differences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.model.report import Status
from sequence_sync.plan.model import Action, Call, Change, DriftKind, Impact, Reason
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.render.escape import first_words, one_line, visible, words_of_html
from sequence_sync.render.word_diff import MOST_PAIRS, Piece, PieceKind, shorten_unchanged, word_diff
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
    ("text", "shown"),
    [
        ("plain ä {{tag}} 🙂\n\ttab", "plain ä {{tag}} 🙂\n\ttab"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\x0db"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\u2028", "\\u2028"),
        ("\x7f", "\\x7f"),
    ],
)
def test_invisible_characters_are_shown_as_codes(text: str, shown: str) -> None:
    """Control characters, direction marks, separators and lone surrogates; not what scripts and emoji need."""
    assert visible(text) == shown


def test_a_cut_line_ends_with_an_ellipsis() -> None:
    assert one_line("a\n b\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>Hi {{firstName}},</p><p>you</p>", ["Hi", "{{firstName}},", "you"]),
        ("<b>quick</b>ly<br>done", ["quickly", "done"]),
        ("a < b and 2 > 1", ["a", "<", "b", "and", "2", ">", "1"]),
        ("<style>p { color: red }</style>x<!-- not\nseen -->y<SCRIPT>z</SCRIPT>", ["x", "y"]),
        ('<a href="https://x.example">our page</a>', ["our", "page"]),
        ("", []),
    ],
)
def test_words_of_an_email_are_those_that_a_reader_sees(markup: str, words: list[str]) -> None:
    assert words_of_html(markup) == words


def test_first_words_counts_all_words() -> None:
    assert first_words("<p>a &amp; b c</p>", 3, True) == ("a & b", 4)
    assert first_words("<p> x", 5, False) == ("<p> x", 2)


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


def calls(count: int, method: str = "POST", path: str = "/sequences/{id}/steps") -> list[Call]:
    """Return `count` calls of one endpoint, for different sequences."""
    return [Call(method=method, path=path.replace("{id}", f"id{n}"), body={}) for n in range(count)]


@pytest.mark.parametrize(
    ("made", "minutes"),
    [
        (calls(20), 0),
        (calls(21), 1),
        (calls(40), 1),
        (calls(41), 2),
        (calls(20) + calls(20, "PATCH", "/sequences/{id}/steps/{id}/variants/{id}"), 0),
        ([call for n in range(16) for call in calls(20, f"M{n}")], 1),
    ],
)
def test_twenty_calls_of_an_endpoint_do_not_wait(made: list[Call], minutes: int) -> None:
    """Different ids are one endpoint, and 300 calls are the limit of all endpoints."""
    assert minutes * 60 < SALESHANDY.duration(made) < minutes * 60 + 10


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


def test_no_calls_take_no_time() -> None:
    assert SALESHANDY.duration([]) == 0


TEXT = st.text(alphabet="ab {}<>/\n", max_size=40)


@given(TEXT, TEXT)
def test_a_word_diff_contains_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(text for kind, text in pieces if kind is not PieceKind.NEW) == before
    assert "".join(text for kind, text in pieces if kind is not PieceKind.GONE) == after
    assert not [piece for piece in pieces if not piece.text]


def test_a_merge_tag_is_one_word() -> None:
    assert word_diff("Hi {{First Name}}!", "Hi {{Last Name}}!") == [
        Piece(PieceKind.SAME, "Hi "),
        Piece(PieceKind.GONE, "{{First Name}}"),
        Piece(PieceKind.NEW, "{{Last Name}}"),
        Piece(PieceKind.SAME, "!"),
    ]


def test_texts_too_long_to_compare_are_replaced_as_a_whole() -> None:
    old, new = "a b " * 1000, "b a " * 1000
    assert len(old.split()) * len(new.split()) > MOST_PAIRS
    assert word_diff(old, new) == [Piece(PieceKind.GONE, old), Piece(PieceKind.NEW, new)]


@given(TEXT, TEXT)
def test_shortening_keeps_every_change(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    shown = shorten_unchanged(pieces, around=1)
    changed = (PieceKind.GONE, PieceKind.NEW)
    assert [piece for piece in shown if piece.kind in changed] == [piece for piece in pieces if piece.kind in changed]


def test_shortening_keeps_words_around_a_change() -> None:
    pieces = word_diff("a b c d e f X g", "a b c d e f Y g")
    assert shorten_unchanged(pieces, around=2) == [
        Piece(PieceKind.LEFT_OUT, ""),
        Piece(PieceKind.SAME, "e f "),
        Piece(PieceKind.GONE, "X "),
        Piece(PieceKind.NEW, "Y "),
        Piece(PieceKind.SAME, "g"),
    ]
