"""The difference between two texts, word by word. Pure; must not know plans, colors or pages.

A merge tag (`{{First Name}}`), a spintax mark and an HTML tag each count as one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

_WORD = re.compile(r"(?:\{\{[^{}]*\}\}|\{spin\}|\{endspin\}|<[a-zA-Z/!][^<>]*>|\w+|[^\w\s])\s*|\s+")
# Comparing costs up to the product of both lengths; beyond this many pairs (about 1,000 words against 1,000) the
# changed middle is shown as a whole.
MOST_PAIRS = 1_000_000


class PieceKind(StrEnum):
    """Where a piece occurs: in both texts, or in one of them."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"
    LEFT_OUT = "left-out"  # a placeholder for unchanged text that is not shown


class Piece(NamedTuple):
    """A run of text and its kind."""

    kind: PieceKind
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Return the pieces in reading order.

    Joined without the NEW pieces they are `before`; joined without the GONE pieces, `after`.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    start = _common_length(old, new)
    end = _common_length(reversed(old[start:]), reversed(new[start:]))
    pieces = [Piece(PieceKind.SAME, "".join(old[:start]))]
    pieces += _middle(old[start : len(old) - end], new[start : len(new) - end])
    pieces.append(Piece(PieceKind.SAME, "".join(old[len(old) - end :])))
    return [piece for piece in pieces if piece.text]


def _common_length(one: Iterable[str], other: Iterable[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _middle(old: list[str], new: list[str]) -> list[Piece]:
    if len(old) * len(new) > MOST_PAIRS:
        return [Piece(PieceKind.GONE, "".join(old)), Piece(PieceKind.NEW, "".join(new))]
    pieces = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece(PieceKind.SAME, "".join(old[i:j])))
        else:
            pieces += [Piece(PieceKind.GONE, "".join(old[i:j])), Piece(PieceKind.NEW, "".join(new[k:m]))]
    return pieces


def shorten_unchanged(pieces: list[Piece], around: int = 8) -> list[Piece]:
    """Return `pieces` with at most `around` words of unchanged text on each side of a change."""
    result = []
    for index, piece in enumerate(pieces):
        words = _WORD.findall(piece.text) if piece.kind is PieceKind.SAME else []
        head = around if index else 0
        tail = around if index < len(pieces) - 1 else 0
        if len(words) <= head + tail:
            result.append(piece)
            continue
        result += [
            Piece(PieceKind.SAME, "".join(words[:head])),
            Piece(PieceKind.LEFT_OUT, ""),
            Piece(PieceKind.SAME, "".join(words[len(words) - tail :])),
        ]
    return [piece for piece in result if piece.text or piece.kind is PieceKind.LEFT_OUT]
