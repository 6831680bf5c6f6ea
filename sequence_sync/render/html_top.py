"""The top of the HTML page: the counts, what a reviewer must look at first, and where everything is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sequence_sync.render.html_change import KINDS
from sequence_sync.render.html_text import counted, hint, line
from sequence_sync.render.view import Group, Row, View

MOST_LISTED = 12  # a longer list is folded

Anchors = Mapping[str, str]  # the key of a sequence to its id on the page


def header(view: View) -> str:
    """Where, how much, how long, and the plan hash."""
    told = view.summary
    tiles = [
        ("create", told.create, "to create"), ("update", told.update, "to update"),
        ("off", told.deactivate, "to deactivate"), ("record", told.record, "to record"),
        ("blocked", told.blocked, "blocked"),
    ]  # fmt: skip
    if view.refreshed:
        tiles.append(("drift", len(view.drift), "changed in Saleshandy"))
    shown = "".join(
        f'<li class="{kind if count else "zero"}"><b>{count:,}</b> {words}</li>' for kind, count, words in tiles
    )
    read = "Saleshandy was read for this plan." if view.refreshed else "Saleshandy was not read for this plan."
    calls = f"Apply makes {counted(view.calls, 'call')} and takes {view.duration}. " if view.calls else ""
    return (
        f'<header><p class="eyebrow">seqsync plan</p><h1>Plan for {line(view.environment)}'
        f'<small> at {line(view.api_host)}</small></h1><p class="verdict">{line(view.summary_line)}</p>'
        f'<ul class="tiles" aria-label="Counts">{shown}</ul><p>{calls}{read}</p>'
        f'<p class="hash">Plan hash <code>{view.plan_hash}</code></p></header>'
    )


def attention(view: View, blocked: Iterable[tuple[str, Row]], anchors: Anchors) -> str:
    """What is shut, active, blocked or changed in the app, in this order; then open gates and notes.

    `blocked` are the rows that apply cannot carry out, each with its id on the page.
    """
    stuck = [
        f'<a href="#{anchor}">{line(row.address)}</a>: {hint(row.reason)}. {hint(row.advice)}'
        for anchor, row in blocked
    ]
    active = [
        f'<a href="#{anchors[group.key]}">{line(group.title or group.key)}</a>: {counted(group.writes, "change")}'
        for group in view.active
    ]
    shut, opened = ([gate for gate in view.gates if gate.allowed is allowed] for allowed in (False, True))
    boxes = [
        _box("shut", f"{counted(len(shut), 'gate')} shut: apply does nothing",
             (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in shut)),
        _box("active", f"{counted(len(active), 'active sequence')}: prospects get what is changed", active),
        _box("blocked", f"{len(stuck)} blocked: a person must act", stuck),
        _box("drift", f"{len(view.drift)} changed in Saleshandy",
             ['<a href="#drift">What somebody changed there</a>, and what this plan leaves as it is']
             if view.drift else []),
        _box("open", f"{counted(len(opened), 'gate')} opened",
             (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in opened)),
        _box("note", "Notes", map(hint, view.notes)),
    ]  # fmt: skip
    shown = "".join(boxes)
    return f'<section class="first"><h2>Look at this first</h2>{shown}</section>' if shown else ""


def contents(groups: Iterable[Group], anchors: Anchors) -> str:
    """Links to the sequences, each with its counts; nothing where there is but one."""
    rows = [
        f'<li><a href="#{anchors[group.key]}">{line(group.title or group.key)}</a> {"".join(_counts(group))}</li>'
        for group in groups
    ]
    if len(rows) < 2:
        return ""
    shown = " open" if len(rows) <= MOST_LISTED else ""
    return (
        f'<nav aria-label="Sequences"><details{shown}><summary>{counted(len(rows), "sequence")}</summary>'
        f"<ul>{''.join(rows)}</ul></details></nav>"
    )


def _counts(group: Group) -> Iterator[str]:
    for mark, kind in KINDS.items():
        count = sum(row.mark == mark for row in group.rows)
        if count:
            yield f'<span class="count {kind}">{line(mark)}{count}</span> '


def _box(kind: str, title: str, rows: Iterable[str]) -> str:
    items = [f"<li>{row}</li>" for row in rows]
    if not items:
        return ""
    listed = f"<ul>{''.join(items)}</ul>"
    if len(items) > MOST_LISTED:
        listed = f"<details><summary>Show all {len(items)}</summary>{listed}</details>"
    return f'<div class="box {kind}"><h3>{title}</h3>{listed}</div>'
