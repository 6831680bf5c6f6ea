"""A plan as one self-contained HTML page for reviewers: `plan_html`. Pure.

The page loads nothing, and its content policy forbids every request. A large page has one script (`style.SCRIPT`).
Every text is escaped. This module has the top of the page, the drift and the sequences; `change` has one change, `mail`
an email in its frame, `timeline` the days, `style` the styles and the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sequence_sync.model.address import Address
from sequence_sync.plan.model import Action, Drift, FieldChange, Plan
from sequence_sync.render.html.change import KINDS, change_article
from sequence_sync.render.html.elements import IN_SALESHANDY, field_lines, hint, line
from sequence_sync.render.html.mail import frame, frame_height
from sequence_sync.render.html.style import POLICY, POLICY_WITH_SCRIPT, SCRIPT, STYLE
from sequence_sync.render.html.timeline import stops_of, timeline
from sequence_sync.render.text import advice_on, comparison_line, drift_details, forecast_line
from sequence_sync.render.view import Group, View, ViewRow, variants_of, view_of
from sequence_sync.render.words import DRIFT_HEADING, DRIFT_WORDS, counted

_DRIFT_CLASSES = {"~": "update", "-": "off", "+": "drift", "!": "blocked"}
MOST_LISTED = 12  # lines of a list; a longer one is in a fold

Anchors = Mapping[str, str]  # the key of a sequence to its id on the page
# A page with more changes, or more emails in frames, opens with every change folded, so that it opens quickly.
OPEN_AT_MOST = 24
FRAMES_AT_MOST = 60

_FOOT = "This page runs no script and loads nothing."
_FOOT_WITH_SCRIPT = "This page loads nothing. Its only script shows the emails of a change when you open it."
_FOOT_ON_EMAILS = (
    "Remote images in emails are shown as boxes with their address. "
    "Email programs may show an email differently from this page."
)

Anchored = tuple[str, ViewRow]


def plan_html(plan: Plan) -> str:
    """Return `plan` as a page: counts, what to read first, drift, then each sequence with its timeline and changes."""
    view = view_of(plan)
    anchors = {group.key: f"s{index}" for index, group in enumerate(view.groups)}
    groups = [
        (group, [(f"{anchors[group.key]}c{index}", row) for index, row in enumerate(group.rows)])
        for group in view.groups
    ]
    rows = [row for _, anchored in groups for row in anchored]
    blocked = [(anchor, row) for anchor, row in rows if row.change.action is Action.BLOCKED]
    is_open = len(rows) <= OPEN_AT_MOST and _emails(view) <= FRAMES_AT_MOST
    parts = [
        *_head(view, is_open),
        '<body><a class="skip" href="#changes">Skip to the changes</a>',
        header(view),
        "<main>",
        attention(view, blocked, anchors),
        drift_section(view.drift, is_open),
        contents(view.groups, anchors),
        '<div id="changes">',
        *(_section(group, anchors[group.key], anchored, is_open) for group, anchored in groups),
        "</div></main>",
        f"<footer><p>{_FOOT if is_open else _FOOT_WITH_SCRIPT} {_FOOT_ON_EMAILS}</p></footer>",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _emails(view: View) -> int:
    changes = (row.change for group in view.groups for row in group.rows)
    contents_of = ((change, content) for change in changes for content in (change.before, change.after))
    emails = sum(len(variants_of(change, content)) for change, content in contents_of if content and content.is_email)
    return emails + 2 * len(view.drift)


def _head(view: View, is_open: bool) -> list[str]:
    return [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY if is_open else POLICY_WITH_SCRIPT}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>Plan for {line(view.environment)} at {line(view.api_host)}</title>",
        f"<style>{STYLE}</style>",
        "" if is_open else f"<script>{SCRIPT}</script>",
        "</head>",
    ]


def _section(group: Group, anchor: str, rows: Sequence[Anchored], is_open: bool) -> str:
    facts = [f"<code>{line(group.key)}</code>"]
    facts.append(f"id <code>{line(group.remote_id)}</code>" if group.remote_id else "not in Saleshandy yet")
    if group.active is not None:
        facts.append('<b class="live">active</b>' if group.active else "not active")
    facts.append(counted(len(rows), "change"))
    days = timeline(stops_of((anchor, KINDS[row.mark], row) for anchor, row in rows))
    changes = "\n".join(change_article(row, anchor, is_open) for anchor, row in rows)
    return (
        f'<section class="sequence" id="{anchor}"><h2>{line(group.title or group.key)}</h2>'
        f'<p class="facts">{" · ".join(facts)}</p>{days}\n{changes}</section>'
    )


def drift_section(drift: Sequence[Drift], is_open: bool) -> str:
    """Return everything that differs in Saleshandy from the last apply; empty without drift.

    Without `is_open`, emails are in folds, inside a `<template>` for the page's script.
    """
    if not drift:
        return ""
    advice = "".join(f"<li>{hint(words)}</li>" for words in advice_on(drift))
    rows = "".join(_drift_row(row, is_open) for row in drift)
    return f'<section id="drift"><h2>{line(DRIFT_HEADING)}</h2><ul class="why">{advice}</ul>{rows}</section>'


def _drift_row(row: Drift, is_open: bool) -> str:
    words = DRIFT_WORDS[row.kind]
    facts = [f"id {row.remote_id}"] if row.remote_id else []
    about = " · ".join(map(line, [*facts, *([row.detail] if row.detail else [])]))
    lines = field_lines(drift_details(row))
    frames = "".join(_bodies(row.address, field) for field in row.fields if _is_body(field))
    if frames and not is_open:
        frames = (
            f'<details class="quiet"><summary>As a prospect sees it</summary><template>{frames}</template></details>'
        )
    inside = f'<div class="inside"><dl class="fields">{lines}</dl>{frames}</div>' if lines else ""
    return (
        f'<article class="change {_DRIFT_CLASSES[words.mark]}"><div class="top">'
        f'<span class="badge"><b aria-hidden="true">{words.mark}</b> {line(words.happened)}</span>'
        f'<h3>{line(row.address)}</h3><span class="about">{about}</span></div>{inside}</article>'
    )


def _is_body(field: FieldChange) -> bool:
    return field.field.endswith("payload.content")


def _bodies(address: Address, field: FieldChange) -> str:
    bodies = [
        (title, body)
        for title, body in (("Last applied", field.before), (IN_SALESHANDY, field.after))
        if isinstance(body, str) and body
    ]
    height = frame_height(*(body for _, body in bodies))
    shown = "".join(
        f'<div class="side"><p class="sidetitle">{title}</p>{frame(body, f"{title}: email {address}", height)}</div>'
        for title, body in bodies
    )
    return f'<div class="sides">{shown}</div>'


def header(view: View) -> str:
    """Return the top of the page: environment, counts, forecast and plan hash."""
    summary = view.summary
    tiles = [
        ("create", summary.create, "to create"),
        ("update", summary.update, "to update"),
        ("off", summary.deactivate, "to deactivate"),
        ("record", summary.record, "to record"),
        ("blocked", summary.blocked, "blocked"),
    ]
    if view.refreshed:
        tiles.append(("drift", len(view.drift), "changed outside seqsync"))
    shown = "".join(
        f'<li class="{kind if count else "zero"}"><b>{count:,}</b> {words}</li>' for kind, count, words in tiles
    )
    compared = comparison_line(view) if view.refreshed else "Not compared with Saleshandy."
    forecast = f"{forecast_line(view)} " if view.calls else ""
    return (
        f'<header><p class="eyebrow">seqsync plan</p><h1>Plan for {line(view.environment)}'
        f'<small> at {line(view.api_host)}</small></h1><p class="verdict">{line(view.summary_line)}</p>'
        f'<ul class="tiles" aria-label="Counts">{shown}</ul><p>{forecast}{compared}</p>'
        f'<p class="hash">Plan hash <code>{view.plan_hash}</code></p></header>'
    )


def attention(view: View, blocked: Iterable[tuple[str, ViewRow]], anchors: Anchors) -> str:
    """Return what to read first: shut gates, active sequences, blocked changes, drift; then open gates and notes.

    `blocked`: the rows that apply does not carry out, each with its id on the page.
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
        _box(
            "shut",
            f"{counted(len(shut), 'gate')} shut: apply does nothing",
            (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in shut),
        ),
        _box("active", f"{counted(len(active), 'active sequence')}: prospects receive the changes", active),
        _box("blocked", f"{counted(len(stuck), 'blocked change')}, not part of this apply", stuck),
        _box(
            "drift",
            f"{counted(len(view.drift), 'change')} outside seqsync",
            ['<a href="#drift">Changes in Saleshandy</a> that this plan does not touch'] if view.drift else [],
        ),
        _box(
            "open",
            f"{counted(len(opened), 'gate')} open",
            (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in opened),
        ),
        _box("note", "Notes", map(hint, view.notes)),
    ]
    shown = "".join(boxes)
    return f'<section class="first"><h2>Read this first</h2>{shown}</section>' if shown else ""


def contents(groups: Iterable[Group], anchors: Anchors) -> str:
    """Return links to the sequences, each with its counts; empty for a single sequence."""
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
