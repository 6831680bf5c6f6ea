"""The small functions below the renderers: escaping, words, times, word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.plan.model import Action, Call, Impact, Reason
from sequence_sync.render.escape import first_words, one_line, visible, words_of_html
from sequence_sync.render.view import (
    IMPACTS,
    MARKS,
    REASONS,
    VERBS,
    duration_words,
    field_words,
    seconds_of,
    value_words,
)
from sequence_sync.render.word_diff import MOST_PAIRS, Piece, PieceKind, folded, word_diff


def test_every_word_of_a_plan_has_words_for_people() -> None:
    """An action, reason or impact that is added needs its line in each table."""
    assert set(MARKS) == set(VERBS) == set(Action)
    assert set(REASONS) == set(Reason)
    assert set(IMPACTS) == set(Impact)


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
def test_what_nobody_sees_is_shown_as_its_code(text: str, shown: str) -> None:
    """Controls, direction marks, separators and halves of pairs; not what scripts and emoji need."""
    assert visible(text) == shown


def test_one_line_cuts_with_a_mark() -> None:
    """A cut is seen, and never longer than asked."""
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
def test_the_words_of_an_email_are_those_that_are_seen(markup: str, words: list[str]) -> None:
    """Tags are not words, and only those that break a line break a word."""
    assert words_of_html(markup) == words


def test_first_words_count_all_words() -> None:
    """The count is of the whole text, with entities read."""
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
def test_fields_are_named_as_people_name_them(path: str, words: str) -> None:
    """Not as the API does."""
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
def test_values_are_told_plainly(value: object, words: str | None) -> None:
    """A list by commas, a link by its name, anything else as JSON."""
    assert value_words(value) == words


def calls(count: int, method: str = "POST", path: str = "/sequences/{id}/steps") -> list[Call]:
    """`count` calls of one endpoint, on different sequences."""
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
def test_twenty_calls_of_an_endpoint_go_at_once(made: list[Call], minutes: int) -> None:
    """Ids do not make another endpoint; 300 calls are the limit of all."""
    assert minutes * 60 < seconds_of(made) < minutes * 60 + 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (4.9, "a few seconds"),
        (5, "about 5 s"),
        (59, "about 1 min"),
        (130, "about 2 min 10 s"),
        (126, "about 2 min 10 s"),
        (3600, "about 1 h"),
        (12_000, "about 3 h 20 min"),
        (23_940, "about 6 h 39 min"),
    ],
)
def test_times_are_told_in_plain_words(seconds: float, words: str) -> None:
    """To five seconds, and to the minute where it takes hours."""
    assert duration_words(seconds) == words


def test_no_call_takes_no_time() -> None:
    """An empty plan is done at once."""
    assert seconds_of([]) == 0


TEXT = st.text(alphabet="ab {}<>/\n", max_size=40)


@given(TEXT, TEXT)
def test_a_word_diff_spells_both_texts(before: str, after: str) -> None:
    """Without what is new it is the old text, without what is gone the new one."""
    pieces = word_diff(before, after)
    assert "".join(text for kind, text in pieces if kind is not PieceKind.NEW) == before
    assert "".join(text for kind, text in pieces if kind is not PieceKind.GONE) == after
    assert not [piece for piece in pieces if not piece.text]


def test_a_merge_tag_is_one_word() -> None:
    """`{{First Name}}` is exchanged as a whole, never letter by letter."""
    assert word_diff("Hi {{First Name}}!", "Hi {{Last Name}}!") == [
        Piece(PieceKind.SAME, "Hi "),
        Piece(PieceKind.GONE, "{{First Name}}"),
        Piece(PieceKind.NEW, "{{Last Name}}"),
        Piece(PieceKind.SAME, "!"),
    ]


def test_texts_too_long_to_compare_are_shown_as_a_whole() -> None:
    """A text of thousands of other words is not worth minutes of comparing."""
    old, new = "a b " * 1000, "b a " * 1000
    assert len(old.split()) * len(new.split()) > MOST_PAIRS
    assert word_diff(old, new) == [Piece(PieceKind.GONE, old), Piece(PieceKind.NEW, new)]


@given(TEXT, TEXT)
def test_folding_loses_no_change(before: str, after: str) -> None:
    """Only unchanged text is left out."""
    pieces = word_diff(before, after)
    shown = folded(pieces, around=1)
    changed = (PieceKind.GONE, PieceKind.NEW)
    assert [piece for piece in shown if piece.kind in changed] == [piece for piece in pieces if piece.kind in changed]


def test_folding_keeps_words_around_a_change() -> None:
    """On each side, and a short gap stays whole."""
    pieces = word_diff("a b c d e f X g", "a b c d e f Y g")
    assert folded(pieces, around=2) == [
        Piece(PieceKind.LEFT_OUT, ""),
        Piece(PieceKind.SAME, "e f "),
        Piece(PieceKind.GONE, "X "),
        Piece(PieceKind.NEW, "Y "),
        Piece(PieceKind.SAME, "g"),
    ]
