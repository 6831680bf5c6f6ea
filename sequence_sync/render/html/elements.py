"""The small elements of an HTML page: escaped text, values and word differences. Pure; must not know plans.

Every text of a user goes through here. No result can open or close a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from sequence_sync.plan.compare import canonical_html
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.view import Detail
from sequence_sync.render.word_diff import Piece, PieceKind, shorten_unchanged, word_diff

SHORT_TEXT = 32  # characters of a value that is shown beside its new value
_IN_BACKTICKS = re.compile("`([^`\n]+)`")
_TAGS = {PieceKind.GONE: "del", PieceKind.NEW: "ins"}
IN_SALESHANDY = "In Saleshandy now"
# The form of links and images in the result of `canonical_html`.
_MARK = re.compile("\x01(a|img) ([^\x02]*)\x02")
_TAG = re.compile(r"<[^<>]*>")
_UNSEEN = re.compile(r"<(?:style|script|title|!)", re.IGNORECASE)  # readers do not see the text in these
_MARKS = {"a": "link", "img": "image"}


def text(value: str) -> str:
    """Return `value` for a text node or a quoted attribute. Invisible characters become codes; line breaks stay."""
    return escape(visible(value))


def line(value: str, width: int = 0) -> str:
    """Return `text(value)` on one line, cut to `width` characters before it is escaped; 0 does not cut."""
    return escape(one_line(value, width))


def hint(value: str) -> str:
    """Return `text(value)` of a sentence of ours; text in backticks becomes code."""
    return _IN_BACKTICKS.sub(r"<code>\1</code>", text(value))


def quoted(value: str | None) -> str:
    """Return a value as an element; an empty one reads `none`."""
    return f'<span class="value">{text(value)}</span>' if value else '<span class="none">none</span>'


def difference(before: str | None, after: str | None) -> str:
    """Return the change from `before` to `after`: short values side by side, longer ones word by word."""
    if before and after and (_is_long(before) or _is_long(after)):
        return (
            f'<div class="words">{"".join(map(_piece, shorten_unchanged(word_diff(before, after), around=14)))}</div>'
        )
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
    # The sign shows a change that is only a line break.
    return f"<{_TAGS[piece.kind]}>{text(piece.text).replace(chr(10), '⏎')}</{_TAGS[piece.kind]}>"


def field_lines(details: Iterable[Detail]) -> str:
    """Return a `<dt>` and a `<dd>` for each changed field; for a conflict also the text in Saleshandy."""
    return "".join(map(_field, (detail for detail in details if detail.change)))


def _field(detail: Detail) -> str:
    lines = f"<dt>{line(detail.label)}</dt><dd>{_difference(detail.before, detail.after, detail.markup)}"
    if detail.remark:
        lines += f"<p>{line(detail.remark)}</p>"
    if detail.remote is not None:
        lines += f"<p>{IN_SALESHANDY}, compared with the last apply:</p>"
        lines += _difference(detail.before, detail.remote, detail.markup)
    return lines + "</dd>"


def _difference(before: str | None, after: str | None, markup: bool) -> str:
    """Return the change of a field. For HTML: words, links and images; if tags differ too, also the HTML, in a fold."""
    if not (markup and before and after):
        return difference(before, after)
    old, new = _readable(before), _readable(after)
    if old == new:
        return difference(before, after)
    readable = difference(old, new)
    if _TAG.findall(before) == _TAG.findall(after) and not _UNSEEN.search(before + after):
        return readable
    exact = difference(before, after)
    return f'{readable}<details class="quiet"><summary>In the HTML</summary>{exact}</details>'


def _readable(markup: str) -> str:
    return _MARK.sub(lambda found: f"<{_MARKS[found[1]]} {found[2]}>", canonical_html(markup))
