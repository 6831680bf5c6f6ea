"""Escaping: no terminal code, no invisible character; the words of an email."""

from __future__ import annotations

import pytest

from sequence_sync.render.escape import first_words, one_line, visible, words_of_html


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
