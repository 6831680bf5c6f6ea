"""The lines below a change: one field each, folded or whole, old and new word by word. Pure.

Lines of a longer text stand behind a bar: they are told from ours, whatever they say, and begin no line of a log or of
a comment, where some hosts read commands.
"""

from __future__ import annotations

from enum import StrEnum

from sequence_sync.render.ansi import Ink
from sequence_sync.render.escape import first_words, one_line, visible
from sequence_sync.render.view import Detail
from sequence_sync.render.worddiff import Kind, Piece, folded, word_diff


class Level(StrEnum):
    """How much is told: one line a step; long texts folded; everything."""

    SUMMARY = "summary"
    DEFAULT = "default"
    FULL = "full"


SHORT_TEXT = 100
FOLDED_WORDS = 12
NONE = "(none)"
BAR = "| "


def detail_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """The lines of `detail`; what `paint` adds are the only terminal codes in them."""
    if detail.is_heading:
        return [f"{detail.label}:"]
    if detail.app is not None:
        return _three_lines(detail, level, paint)
    if detail.change:
        remark = [f"{detail.label}: {detail.remark}"] if detail.remark else []
        return remark + _change_lines(detail.label, detail.before, detail.after, detail.markup, level, paint)
    text = detail.after or ""
    if _is_short(text) and not detail.markup:
        return [f"{detail.label}: {visible(text)}"]
    if level is Level.FULL:
        return _block(detail.label, visible(text))
    return [f"{detail.label}: {_folded(text, detail.markup)}"]


def _is_short(text: str) -> bool:
    return len(text) <= SHORT_TEXT and "\n" not in text


def _folded(text: str, markup: bool) -> str:
    start, count = first_words(text, FOLDED_WORDS, markup)
    more = f" … ({count} words)" if count > FOLDED_WORDS else ""
    return one_line(start, SHORT_TEXT) + more


def _block(label: str, text: str) -> list[str]:
    return [f"{label}:", *(f"  {BAR}{line}".rstrip() for line in text.split("\n"))]


def _three_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """A conflict: what was last applied, and what became of it on either side."""
    label, before = detail.label, detail.before
    sides = {"file": detail.after, "Saleshandy": detail.app}
    if all(text is None or _is_short(text) for text in (before, *sides.values())):
        shown = {"last applied": before, **sides}
        return [f"{label}, {side}: {_side(text, detail.markup, level)}" for side, text in shown.items()]
    return [
        line
        for side, text in sides.items()
        for line in _change_lines(f"{label}, last applied -> {side}", before, text, detail.markup, level, paint)
    ]


def _change_lines(
    label: str, before: str | None, after: str | None, markup: bool, level: Level, paint: Ink
) -> list[str]:
    if before is not None and after is not None and not (_is_short(before) and _is_short(after)):
        return _block(label, _diffed(before, after, level, paint))
    old, new = _side(before, markup, level), _side(after, markup, level)
    if "\n" in old + new:
        return _block(f"{label}, old", old) + _block(f"{label}, new", new)
    return [f"{label}: {paint(old, 'red')} -> {paint(new, 'green')}"]


def _side(text: str | None, markup: bool, level: Level) -> str:
    if not text:
        return NONE
    return visible(text) if _is_short(text) or level is Level.FULL else _folded(text, markup)


def _diffed(before: str, after: str, level: Level, paint: Ink) -> str:
    pieces = word_diff(before, after)
    if level is Level.FULL:
        return "".join(_piece(piece, paint) for piece in pieces)
    return "".join(_piece(piece, paint) for piece in folded(pieces)).strip()


def _piece(piece: Piece, paint: Ink) -> str:
    if piece.kind is Kind.LEFT_OUT:
        return " … "
    text = visible(piece.text)
    if piece.kind is Kind.SAME:
        return text
    text = text.replace("\n", "⏎")  # a line break that is itself the change would not be seen
    return paint(f"[-{text}-]", "red") if piece.kind is Kind.GONE else paint(f"{{+{text}+}}", "green")
