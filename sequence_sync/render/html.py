"""A plan as one self-contained HTML page. Pure; its styles are in `page_style`.

Every text is escaped. An email is shown as a prospect sees it, in a sandboxed frame: no script, no form, no link that
leaves the page, and by the page's policy nothing is fetched, so a tracking pixel in an email stays silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from sequence_sync.model.sequence import Content
from sequence_sync.planning.plan import Change, Plan
from sequence_sync.render.ansi import ink
from sequence_sync.render.escape import visible
from sequence_sync.render.page_style import POLICY, STYLE
from sequence_sync.render.text import Level, closing, group_title, rows_text
from sequence_sync.render.view import Group, View, variants_of, view_of

_PLAIN = ink(False)


def plan_html(plan: Plan) -> str:
    """`plan` as a page: totals, gates, notes, then each sequence with its changes and emails before and after."""
    view = view_of(plan)
    place = _text(f"{view.environment} at {view.api_host}")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>Plan for {place}</title><style>{STYLE}</style></head><body>",
        f"<header><h1>Plan for {place}</h1>",
        *(f"<p>{_text(line)}</p>" for line in closing(view)),
        "</header><main>",
        *_told(view),
        *(part for group in view.groups for part in _section(group)),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return escape(visible(text))


def _told(view: View) -> Iterator[str]:
    yield from _list("Gates", (f"{'open' if g.allowed else 'shut'}: {g.name}. {g.detail}" for g in view.gates))
    yield from _list("Notes", view.notes)


def _list(title: str, lines: Iterable[str]) -> Iterator[str]:
    items = [f"<li>{_text(line)}</li>" for line in lines]
    if items:
        yield f"<section><h2>{title}</h2><ul>{''.join(items)}</ul></section>"


def _section(group: Group) -> Iterator[str]:
    yield f"<details open><summary><h2>{_text(group_title(group))}</h2></summary>"
    for row in group.rows:
        emails = list(_emails(row.change))
        # Without frames the text is all there is to read, so it is told whole.
        lines = rows_text([row], Level.DEFAULT if emails else Level.FULL, _PLAIN, indent="")
        yield f'<article class="{_CLASSES[row.mark]}"><pre>{_text(chr(10).join(lines))}</pre>'
        yield from emails
        yield "</article>"
    yield "</details>"


_CLASSES = {"+": "create", "~": "update", "-": "off", ">": "record", "!": "blocked"}


def _emails(change: Change) -> Iterator[str]:
    """Each email that the change is about, before and after; what is the same on both sides is shown once."""
    old, new = _bodies(change, change.before), _bodies(change, change.after)
    for letter in sorted(old.keys() | new.keys()):
        before, after = old.get(letter), new.get(letter)
        if before == after:
            yield f'<div class="mails">{_frame(letter, "unchanged", after)}</div>'
            continue
        yield f'<div class="mails">{_frame(letter, "before", before)}{_frame(letter, "after", after)}</div>'


def _bodies(change: Change, content: Content | None) -> dict[str, tuple[str, str]]:
    if content is None or not content.is_email:
        return {}
    return {
        letter: (str(row.payload.get("subject", "")), str(row.payload.get("content", "")))
        for letter, row in variants_of(change, content).items()
    }


def _frame(letter: str, side: str, mail: tuple[str, str] | None) -> str:
    if mail is None:
        return ""
    subject, body = mail
    page = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">{body}'
    label = f"Variant {_text(letter)}, {side}"
    return (
        f"<figure><figcaption>{label}: <b>{_text(subject)}</b></figcaption>"
        f'<iframe sandbox="" loading="lazy" title="{label}" srcdoc="{escape(page)}"></iframe></figure>'
    )
