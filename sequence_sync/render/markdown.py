"""A plan as the Markdown of a pull-request comment. Pure.

Whatever a user wrote stands in a code fence longer than any run of backticks in it, or escaped in a `<code>` of a
`<summary>`: there it can mention nobody, open no tag and end no block. Counts, gates and what is blocked come first;
where the comment would be too long it tells less, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from sequence_sync.planning.plan import Plan
from sequence_sync.render.ansi import ink
from sequence_sync.render.escape import one_line
from sequence_sync.render.text import Level, group_title, rows_text
from sequence_sync.render.view import Group, View, blocked_rows, view_of

COMMENT_LIMIT = 65_536  # characters of a GitHub comment; counted here in UTF-8 bytes, which are never fewer
LONGEST_LINE = 500
MOST_LINES = 20

_PLAIN = ink(False)
_SHORTER = "This plan is too long for a comment: texts are left out here. `seqsync show FILE` shows all of it."
_LEFT_OUT = (
    "{count} of {total} sequences are not shown here: the comment would be too long. `seqsync show FILE` shows them."
)


def plan_markdown(plan: Plan, budget: int = COMMENT_LIMIT) -> str:
    """`plan` as Markdown of at most `budget` bytes. Counts, hash and gates (some 3 kB) are never left out."""
    view = view_of(plan)
    heading = "\n\n".join(_heading(view, MOST_LINES)) + "\n"
    if _size(heading) > budget // 2:
        heading = "\n\n".join(_heading(view, 0)) + "\n"
    room = budget - _size(heading)
    for level, remark in ((Level.DEFAULT, ""), (Level.SUMMARY, _SHORTER)):
        body = [*([f"\n{remark}\n"] if remark else []), *(_section(group, level) for group in view.groups)]
        if sum(map(_size, body)) <= room:
            return heading + "".join(body)
    return heading + "".join(_what_fits(view.groups, room))


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _heading(view: View, most: int) -> Iterator[str]:
    yield f"### {escape(view.summary_line)}"
    takes = f", {view.calls} calls, {view.duration}" if view.calls else ""
    yield _fenced([f"environment {view.environment} at {view.api_host}{takes}", f"plan hash {view.plan_hash}"])
    shut = [gate for gate in view.gates if not gate.allowed]
    if shut:
        yield "**Gates that are shut: apply does nothing until they are opened.**"
        yield _fenced(f"{gate.name}: {gate.detail}" for gate in shut)
    opened = [gate for gate in view.gates if gate.allowed]
    if opened:
        yield "**Gates that this plan opens**"
        yield _fenced(f"{gate.name}: {gate.detail}" for gate in opened)
    blocked = [f"{row.address}: {row.reason}. {row.advice}" for row in blocked_rows(view.groups)]
    if blocked:
        yield f"**Blocked: {len(blocked)}**"
        yield from _some(blocked, most)
    if view.notes:
        yield "**Notes**"
        yield from _some(view.notes, most)


def _some(lines: Sequence[str], most: int) -> Iterator[str]:
    if most:
        yield _fenced(lines[:most])
    if len(lines) > most:
        yield f"{len(lines) - most} not shown here: `seqsync show FILE` shows them."


def _section(group: Group, level: Level) -> str:
    title = escape(one_line(group_title(group), LONGEST_LINE))
    changes = f"{len(group.rows)} change{'' if len(group.rows) == 1 else 's'}"
    rows = "\n".join(rows_text(group.rows, level, _PLAIN, indent=""))
    return f"\n<details><summary><code>{title}</code>: {changes}</summary>\n\n{_fence(rows, 'diff')}\n\n</details>\n"


def _what_fits(groups: Sequence[Group], room: int) -> Iterator[str]:
    told = f"\n{_SHORTER}\n"
    room -= _size(told) + _size(_LEFT_OUT) + 20
    shown = 0
    if room > 0:
        yield told
    for group in groups:
        section = _section(group, Level.SUMMARY)
        room -= _size(section)
        if room < 0:
            break
        shown += 1
        yield section
    yield f"\n{_LEFT_OUT.format(count=len(groups) - shown, total=len(groups))}\n"


def _fenced(lines: Iterable[str]) -> str:
    return _fence("\n".join(one_line(line, LONGEST_LINE) for line in lines))


def _fence(text: str, language: str = "") -> str:
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text}\n{ticks}"
