"""The small pieces of an HTML page: escaped text, values and word differences. Pure; knows nothing of plans.

Every text of a user's goes through here, and nothing that comes out can open or close a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from sequence_sync.plan.compare import canonical_html
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.view import Detail
from sequence_sync.render.word_diff import Piece, PieceKind, folded, word_diff

SHORT_TEXT = 32
_TYPED = re.compile("`([^`\n]+)`")
_TAGS = {PieceKind.GONE: "del", PieceKind.NEW: "ins"}


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
    if piece.kind is PieceKind.LEFT_OUT:
        return ' <span class="arrow">…</span> '
    if piece.kind is PieceKind.SAME:
        return text(piece.text)
    # A line break that is itself the change would not be seen.
    return f"<{_TAGS[piece.kind]}>{text(piece.text).replace(chr(10), '⏎')}</{_TAGS[piece.kind]}>"


IN_APP = "In Saleshandy now"
# How links and images stand in a canonical text.
_MARK = re.compile("\x01(a|img) ([^\x02]*)\x02")
_TAG = re.compile(r"<[^<>]*>")
_UNSEEN = re.compile(r"<(?:style|script|title|!)", re.IGNORECASE)  # text in it is not among the words
_MARKS = {"a": "link", "img": "image"}


def field_lines(details: Iterable[Detail]) -> str:
    """A `<dt>` and a `<dd>` for each changed field; in a conflict of three what the app says stands below."""
    return "".join(map(_field, (detail for detail in details if detail.change)))


def _field(detail: Detail) -> str:
    told = f"<dt>{line(detail.label)}</dt><dd>{_difference(detail.before, detail.after, detail.markup)}"
    if detail.remark:
        told += f"<p>{line(detail.remark)}</p>"
    if detail.app is not None:
        told += (
            f"<p>{IN_APP}, against what was last applied:</p>{_difference(detail.before, detail.app, detail.markup)}"
        )
    return told + "</dd>"


def _difference(before: str | None, after: str | None, markup: bool) -> str:
    """Of HTML the words, links and images as a reader takes them; where its tags differ too, the HTML folded below."""
    if not (markup and before and after):
        return difference(before, after)
    old, new = _reading(before), _reading(after)
    if old == new:
        return difference(before, after)
    told = difference(old, new)
    if _TAG.findall(before) == _TAG.findall(after) and not _UNSEEN.search(before + after):
        return told
    exact = difference(before, after)
    return f'{told}<details class="quiet"><summary>In the HTML</summary>{exact}</details>'


def _reading(markup: str) -> str:
    return _MARK.sub(lambda found: f"<{_MARKS[found[1]]} {found[2]}>", canonical_html(markup))
