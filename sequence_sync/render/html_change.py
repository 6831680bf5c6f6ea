"""One change of a plan on the HTML page: what it does, why, and what is different. Pure: a row in, HTML out."""

from __future__ import annotations

from sequence_sync.planning.plan import CREATES
from sequence_sync.render.escape import first_words
from sequence_sync.render.html_fields import field_lines
from sequence_sync.render.html_sides import sides
from sequence_sync.render.html_text import counted, hint, line, quoted
from sequence_sync.render.view import Row

KINDS = {"+": "create", "~": "update", "-": "off", ">": "record", "!": "blocked"}
HEADLINE_WIDTH = 80
_OPENING_WORDS = 12


def change_article(row: Row, anchor: str, is_open: bool) -> str:
    """`row` as something that folds. `anchor` is its id on the page: ours, so it is safe. Where it is folded, its
    emails wait in a `<template>` for the page's script."""
    shown = "".join(sides(row.change))
    shown = f"<template>{shown}</template>" if shown and not is_open else shown
    impact = f'<span class="impact">{row.impact}</span>' if row.impact else ""
    return (
        f'<details class="change {KINDS[row.mark]}" id="{anchor}"{" open" if is_open else ""}>'
        f"<summary>{badge(row)}<h3>{line(row.address)}</h3>{_about(row)}{impact}</summary>"
        f'<div class="inside">{_why(row)}{_fields(row)}{shown}{_calls(row)}</div></details>'
    )


def badge(row: Row) -> str:
    """Mark and verb of `row`; its color stands for nothing that its words do not say."""
    return f'<span class="badge"><b aria-hidden="true">{line(row.mark)}</b> {line(row.verb)}</span>'


def _about(row: Row) -> str:
    words, said, markup, rest = row.headline
    if said:
        said = first_words(said, _OPENING_WORDS, True)[0] if markup else said
        said = f"“{line(said, HEADLINE_WIDTH)}”"
    told = " · ".join(part for part in (line(words), said, line(rest)) if part)
    return f'<span class="about">{told}</span>' if told else ""


def _why(row: Row) -> str:
    told = f'<p class="why">Why: {hint(row.reason)}.</p>'
    return told + (f'<p class="todo"><b>What to do:</b> {hint(row.advice)}</p>' if row.advice else "")


def _fields(row: Row) -> str:
    change = row.change
    lines = field_lines(row.details)
    if change.after is not None and (change.action in CREATES or change.wanted in CREATES):
        told = (("priority", change.after.priority), ("assignee", change.after.assignee))
        lines += "".join(f"<dt>{name}</dt><dd>{quoted(str(value))}</dd>" for name, value in told if value is not None)
    return f'<dl class="fields">{lines}</dl>' if lines else ""


def _calls(row: Row) -> str:
    if not row.calls:
        return ""
    calls = "".join(f"<li><code>{line(call)}</code></li>" for call in row.calls)
    return f'<details class="quiet"><summary>{counted(len(row.calls), "call")}</summary><ul>{calls}</ul></details>'
