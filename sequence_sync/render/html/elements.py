"""The small pieces of an HTML page: escaped text, values and word differences. Pure; knows nothing of plans.

Every text of a user's goes through here, and nothing that comes out can open or close a tag.
"""

from __future__ import annotations

import re
from html import escape

from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.worddiff import Kind, Piece, folded, word_diff

SHORT_TEXT = 32
_TYPED = re.compile("`([^`\n]+)`")
_TAGS = {Kind.GONE: "del", Kind.NEW: "ins"}


def text(value: str) -> str:
    """`value` for a text node or a quoted attribute; what nobody would see stands as its code, lines stay lines."""
    return escape(visible(value))


def line(value: str, width: int = 0) -> str:
    """`text(value)` on one line, cut to `width` characters before it is escaped (0: not cut)."""
    return escape(one_line(value, width))


def hint(value: str) -> str:
    """`text(value)` of a sentence of ours; what stands in backticks is for typing."""
    return _TYPED.sub(r"<code>\1</code>", text(value))


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(value: str | None) -> str:
    """A value in its place; what is empty or not there says so."""
    return f'<span class="value">{text(value)}</span>' if value else '<span class="none">none</span>'


def difference(before: str | None, after: str | None) -> str:
    """What changed from `before` to `after`: short values side by side, longer ones word by word."""
    if before and after and (_is_long(before) or _is_long(after)):
        return f'<div class="words">{"".join(map(_piece, folded(word_diff(before, after), around=14)))}</div>'
    old = f"<del>{text(before)}</del>" if before else quoted(None)
    new = f"<ins>{text(after)}</ins>" if after else quoted(None)
    return f'<div class="words">{old} <span class="arrow">→</span> {new}</div>'


def _is_long(value: str) -> bool:
    return len(value) > SHORT_TEXT or "\n" in value


def _piece(piece: Piece) -> str:
    if piece.kind is Kind.LEFT_OUT:
        return ' <span class="arrow">…</span> '
    if piece.kind is Kind.SAME:
        return text(piece.text)
    # A line break that is itself the change would not be seen.
    return f"<{_TAGS[piece.kind]}>{text(piece.text).replace(chr(10), '⏎')}</{_TAGS[piece.kind]}>"
