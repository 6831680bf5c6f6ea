"""What changed in a text, word by word. Pure; knows nothing of plans, colors or pages.

A merge tag (`{{First Name}}`), a spintax mark and an HTML tag are one word each.
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
    """What became of a piece."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"
    LEFT_OUT = "left-out"  # stands for unchanged text that is not shown


class Piece(NamedTuple):
    """A run of text and what became of it."""

    kind: PieceKind
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """The pieces in reading order. Without the NEW ones they spell `before`, without the GONE ones `after`."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    start = _common(old, new)
    end = _common(reversed(old[start:]), reversed(new[start:]))
    pieces = [Piece(PieceKind.SAME, "".join(old[:start]))]
    pieces += _middle(old[start : len(old) - end], new[start : len(new) - end])
    pieces.append(Piece(PieceKind.SAME, "".join(old[len(old) - end :])))
    return [piece for piece in pieces if piece.text]


def _common(one: Iterable[str], other: Iterable[str]) -> int:
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


def folded(pieces: list[Piece], around: int = 8) -> list[Piece]:
    """`pieces` with only `around` words of unchanged text on each side of a change."""
    result = []
    for place, piece in enumerate(pieces):
        words = _WORD.findall(piece.text) if piece.kind is PieceKind.SAME else []
        head = around if place else 0
        tail = around if place < len(pieces) - 1 else 0
        if len(words) <= head + tail:
            result.append(piece)
            continue
        result += [
            Piece(PieceKind.SAME, "".join(words[:head])),
            Piece(PieceKind.LEFT_OUT, ""),
            Piece(PieceKind.SAME, "".join(words[len(words) - tail :])),
        ]
    return [piece for piece in result if piece.text or piece.kind is PieceKind.LEFT_OUT]
