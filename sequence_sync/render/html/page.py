"""A plan as one self-contained HTML page for reviewers. Pure; its styles are in `page_style`.

The page has no script and fetches nothing, and its content policy forbids both. Every text is escaped. The parts: the
top (`html_top`), what changed in the app (`html_drift`), each change (`html_change`) with what the prospect gets
(`html_sides`), each email in its frame (`html_mail`), the days (`html_timeline`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sequence_sync.planning.plan import Action, Plan
from sequence_sync.render.html_change import KINDS, change_article
from sequence_sync.render.html_drift import drift_section
from sequence_sync.render.html_text import counted, line
from sequence_sync.render.html_timeline import stops_of, timeline
from sequence_sync.render.html_top import attention, contents, header
from sequence_sync.render.page_style import POLICY, POLICY_WITH_SCRIPT, SCRIPT, STYLE
from sequence_sync.render.view import Group, Row, View, variants_of, view_of

# Of more than so many changes, or emails in frames, each change is folded, so that the page opens quickly.
OPEN_AT_MOST = 24
FRAMES_AT_MOST = 60

_FOOT = "This page runs no script and loads nothing."
_FOOT_WITH_SCRIPT = "This page loads nothing; its one script, known by its hash, shows the emails of what is unfolded."
_FOOT_ON_EMAILS = (
    "Remote images in emails are shown as boxes with their address. Emails look here as their HTML says; "
    "email programs differ."
)

Anchored = tuple[str, Row]


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
