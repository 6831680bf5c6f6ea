"""The changed fields of a change or of a drift on the HTML page. Pure: the view's details in, HTML out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sequence_sync.planning.canonical import canonical_html
from sequence_sync.render.html_text import difference, line
from sequence_sync.render.view import Detail

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
