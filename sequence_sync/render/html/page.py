"""A plan as one self-contained HTML page for reviewers. Pure; its styles are in `page_style`.

The page has no script and fetches nothing, and its content policy forbids both. Every text is escaped. The parts: the
top (`html_top`), what changed in the app (`html_drift`), each change (`html_change`) with what the prospect gets
(`html_sides`), each email in its frame (`html_mail`), the days (`html_timeline`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sequence_sync.plan.model import Action, Drift, FieldChange, Plan
from sequence_sync.render.html.change import KINDS, change_article
from sequence_sync.render.html.elements import IN_APP, counted, field_lines, hint, line
from sequence_sync.render.html.mail import frame, frame_height
from sequence_sync.render.html.style import POLICY, POLICY_WITH_SCRIPT, SCRIPT, STYLE
from sequence_sync.render.html.timeline import stops_of, timeline
from sequence_sync.render.text import DRIFT_KINDS, HEADING, advice_on, drift_details
from sequence_sync.render.view import Group, View, ViewRow, variants_of, view_of

_TONES = {"~": "update", "-": "off", "+": "drift", "!": "blocked"}


def drift_section(found: Sequence[Drift], is_open: bool) -> str:
    """Everything that differs in Saleshandy from what was last applied; empty where nothing does.

    Where not `is_open`, emails are folded, and wait in a `<template>` for the page's script.
    """
    if not found:
        return ""
    advice = "".join(f"<li>{hint(words)}</li>" for words in advice_on(found))
    rows = "".join(_row(drifted, is_open) for drifted in found)
    return f'<section id="drift"><h2>{line(HEADING)}</h2><ul class="why">{advice}</ul>{rows}</section>'


def _row(drifted: Drift, is_open: bool) -> str:
    words = DRIFT_KINDS[drifted.kind]
    told = [f"id {drifted.remote_id}"] if drifted.remote_id else []
    about = " · ".join(map(line, [*told, *([drifted.detail] if drifted.detail else [])]))
    lines = field_lines(drift_details(drifted))
    frames = "".join(_bodies(drifted.address, field) for field in drifted.fields if _is_body(field))
    if frames and not is_open:
        frames = (
            f'<details class="quiet"><summary>As a prospect sees it</summary><template>{frames}</template></details>'
        )
    inside = f'<div class="inside"><dl class="fields">{lines}</dl>{frames}</div>' if lines else ""
    return (
        f'<article class="change {_TONES[words.mark]}"><div class="top">'
        f'<span class="badge"><b aria-hidden="true">{words.mark}</b> {line(words.what)}</span>'
        f'<h3>{line(drifted.address)}</h3><span class="about">{about}</span></div>{inside}</article>'
    )


def _is_body(field: FieldChange) -> bool:
    return field.field.endswith("payload.content")


def _bodies(address: str, field: FieldChange) -> str:
    bodies = [
        (title, body)
        for title, body in (("Last applied", field.before), (IN_APP, field.after))
        if isinstance(body, str) and body
    ]
    height = frame_height(*(body for _, body in bodies))
    shown = "".join(
        f'<div class="side"><p class="sidetitle">{title}</p>{frame(body, f"{title}: email {address}", height)}</div>'
        for title, body in bodies
    )
    return f'<div class="sides">{shown}</div>'


MOST_LISTED = 12  # a longer list is folded

Anchors = Mapping[str, str]  # the key of a sequence to its id on the page


def header(view: View) -> str:
    """Where, how much, how long, and the plan hash."""
    told = view.summary
    tiles = [
        ("create", told.create, "to create"),
        ("update", told.update, "to update"),
        ("off", told.deactivate, "to deactivate"),
        ("record", told.record, "to record"),
        ("blocked", told.blocked, "blocked"),
    ]
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


def attention(view: View, blocked: Iterable[tuple[str, ViewRow]], anchors: Anchors) -> str:
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
        _box(
            "shut",
            f"{counted(len(shut), 'gate')} shut: apply does nothing",
            (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in shut),
        ),
        _box("active", f"{counted(len(active), 'active sequence')}: prospects get what is changed", active),
        _box("blocked", f"{len(stuck)} blocked: a person must act", stuck),
        _box(
            "drift",
            f"{len(view.drift)} changed in Saleshandy",
            ['<a href="#drift">What somebody changed there</a>, and what this plan leaves as it is']
            if view.drift
            else [],
        ),
        _box(
            "open",
            f"{counted(len(opened), 'gate')} opened",
            (f"<b>{line(gate.name)}</b>: {hint(gate.detail)}" for gate in opened),
        ),
        _box("note", "Notes", map(hint, view.notes)),
    ]
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


# Of more than so many changes, or emails in frames, each change is folded, so that the page opens quickly.
OPEN_AT_MOST = 24
FRAMES_AT_MOST = 60

_FOOT = "This page runs no script and loads nothing."
_FOOT_WITH_SCRIPT = "This page loads nothing; its one script, known by its hash, shows the emails of what is unfolded."
_FOOT_ON_EMAILS = (
    "Remote images in emails are shown as boxes with their address. Emails look here as their HTML says; "
    "email programs differ."
)

Anchored = tuple[str, ViewRow]


def plan_html(plan: Plan) -> str:
    """`plan` as a page: counts, what to look at first, drift, then each sequence with its days and its changes."""
    view = view_of(plan)
    anchors = {group.key: f"s{place}" for place, group in enumerate(view.groups)}
    groups = [
        (group, [(f"{anchors[group.key]}c{place}", row) for place, row in enumerate(group.rows)])
        for group in view.groups
    ]
    rows = [row for _, found in groups for row in found]
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
        *(_section(group, anchors[group.key], found, is_open) for group, found in groups),
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
