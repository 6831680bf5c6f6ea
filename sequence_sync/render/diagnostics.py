"""Diagnostics as text: position, what is wrong, the line with a caret, what to do. Pure; must not know files or YAML.

User text is escaped for the terminal. The caret is below the right character even after tabs and wide characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.text import Ink, ink

TAB = "    "
WIDEST = 110  # terminal cells of a source line; a longer one is cut around the caret
_GUTTER = "    "


def diagnostics_text(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """Return `diagnostics` as text, in the order given; empty without any."""
    paint = ink(color)
    return "\n".join(_one(diagnostic, paint) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic, paint: Ink) -> str:
    shade = "red" if diagnostic.severity is Severity.ERROR else "yellow"
    where = f"{one_line(diagnostic.where)}: " if diagnostic.path else ""
    lines = [f"{paint(where, 'bold')}{paint(f'{diagnostic.severity}:', shade)} {one_line(diagnostic.summary)}"]
    if diagnostic.source_line and diagnostic.line:
        shown, caret = _caret(diagnostic)
        lines += [f"{_GUTTER}{shown}".rstrip(), f"{_GUTTER}{paint(caret, shade)}"]
    if diagnostic.hint:
        lines.append(f"{_GUTTER}{one_line(diagnostic.hint)}")
    return "\n".join(lines) + "\n"


def _caret(diagnostic: Diagnostic) -> tuple[str, str]:
    """Return the source line as shown, and the line with the caret below it."""
    text = diagnostic.source_line
    start = min(diagnostic.column - 1, len(text))
    before, marked, after = text[:start], text[start : start + diagnostic.length], text[start + diagnostic.length :]
    shown = [_shown(part) for part in (before, marked, after)]
    if _cells("".join(shown)) > WIDEST:
        shown = _cut(shown)
    width = max(1, min(_cells(shown[1]), WIDEST))
    return "".join(shown), " " * _cells(shown[0]) + "^" * width


def _cut(parts: list[str]) -> list[str]:
    """Return the parts of a long line, cut on both sides of the marked part."""
    before, marked, after = parts
    if _cells(before) > WIDEST // 2:
        before = "…" + before[-(WIDEST // 2) :]
    marked = marked if len(marked) <= WIDEST // 2 else marked[: WIDEST // 2] + "…"
    room = max(10, WIDEST - _cells(before) - _cells(marked))
    return [before, marked, after if len(after) <= room else after[:room] + "…"]


def _shown(text: str) -> str:
    return visible(text.replace("\t", TAB)).replace("\n", " ")


def _cells(text: str) -> int:
    """Return the number of terminal cells that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
