"""Word differences: complete, with merge tags as one word, shortened around changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.render.word_diff import MOST_PAIRS, Piece, PieceKind, shorten_unchanged, word_diff

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
