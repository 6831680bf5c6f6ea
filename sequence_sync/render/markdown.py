"""A plan as the Markdown of a comment on a pull request, within the host's limit. Pure.

First the counts, the plan hash, active sequences, gates, blocked changes and drift. Then each change, with its text
in a fold; then the timeline. A comment that would be too long drops parts in this order, and says how much is missing:

1. the timeline
2. the text of drift, where it takes more than a quarter; then the text of changes without calls, of new steps, and of
   the other changes, the last first; every change keeps its line
3. everything but the addresses of changes; the space that is left shows the text of the most important changes
4. addresses: of changes without calls, then of new steps, then of the others, the last first
5. lines of the lists at the top, down to 5 each, then to their counts

A user's text is only in code blocks, code spans and escaped HTML (`code_block`, `code_span`, `fold`), so that it stays
text. Other Markdown (the report of an apply) uses the same functions.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape

from sequence_sync.plan.model import CREATES, STATE_ONLY, UPDATES, Action, Change, Plan
from sequence_sync.render.escape import one_line
from sequence_sync.render.hosts import HOSTS, Host
from sequence_sync.render.text import (
    Level,
    advice_on,
    comparison_line,
    drift_head,
    drift_lines,
    forecast_line,
    group_title,
    head_line,
    ink,
    rows_text,
)
from sequence_sync.render.view import Group, View, ViewRow, blocked_rows, view_of
from sequence_sync.render.words import DRIFT_HEADING, counted

LONGEST_LINE = 500  # characters of a line of a list; a longer one is cut and ends with an ellipsis
_NAME = re.compile("[A-Za-z0-9_.-]{1,64}")
_MENTION = re.compile("([@#!])(?=[^\\s@#!])")
_JOINER = "\u2060"  # no width, no break
_RUN = re.compile("`+")

SHOW_ALL = "`seqsync show FILE` shows everything"
MOST_EVENTS = 60  # a larger diagram is not readable
_NOT_PLAIN = re.compile("[^A-Za-z0-9_-]")

_EVENTS: Mapping[Action, str] = {
    **dict.fromkeys(CREATES, "new"),
    **dict.fromkeys(UPDATES, "changed"),
    Action.DEACTIVATE_VARIANT: "variant deactivated",
    Action.BLOCKED: "blocked",
}

MOST_LINES = (20, 5, 0)  # lines of each list at the top
LONGEST_TEXT_LINE = 2_000  # characters of a line of a changed text
LEAST_FOLD = 90  # characters that a change with its text takes at least
MOST_MISSES = 50  # changes that do not fit, after which no more are tried
LEAST_LINE = 10  # characters that the line of a change takes at least

_PLAIN = ink(False)
_NO_TIMELINE = "The timeline is not shown: the comment would be too long."
_FEWER_TEXTS = f"The text of {{}} of {{}} changes is not shown: the comment would be too long. {SHOW_ALL}."
_NO_DRIFT_TEXT = f"The text of what changed outside seqsync is not shown: {SHOW_ALL}."
_FEWEST_TEXTS = (
    "Changes are listed by address, and the text of {} of {} is not shown: the comment would be too long. "
    f"{SHOW_ALL}."
)
_FEWER_LINES = f"{{}} of {{}} changes are not listed ({{}}), and no text is shown: {SHOW_ALL}."


def marker(kind: str, environment: str, host: Host) -> str:
    """Return the first line, by which the next run finds the comment that it updates.

    `<!-- seqsync:plan:production -->`, or `[//]: # (seqsync:plan:production)` for hosts that show HTML comments. A name
    with other characters becomes its hash.
    """
    plain = _NAME.fullmatch(environment)
    name = environment if plain else hashlib.sha256(environment.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    hides = host.html and not host.breaks_mentions
    return f"<!-- seqsync:{kind}:{name} -->\n" if hides else f"[//]: # (seqsync:{kind}:{name})\n"


def without_mentions(text: str, host: Host) -> str:
    """Return `text` so that `host` finds no mention and no reference in it."""
    return _MENTION.sub(rf"\1{_JOINER}", text) if host.breaks_mentions else text


def code_block(lines: Iterable[str], host: Host, language: str = "") -> str:
    """Return a code block that no backticks in `lines` can close. The lines are safe, and begin with a mark of ours."""
    text = without_mentions("\n".join(lines), host)
    ticks = "`" * max(3, 1 + max(map(len, _RUN.findall(text)), default=0))
    return f"\n{ticks}{language}\n{text}\n{ticks}\n"


def code_span(text: str, host: Host) -> str:
    """Return `text` on one line, as inline code."""
    shown = without_mentions(one_line(text, LONGEST_LINE), host) or " "
    ticks = "`" * (1 + max(map(len, _RUN.findall(shown)), default=0))
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"{ticks}{shown}{ticks}"


def fold(head: str, lines: Iterable[str], host: Host) -> str:
    """Return `lines` under `head`: in a fold that a click opens, where the host can show one."""
    if not host.html:
        return code_block([head, *lines], host)
    shown = escape(without_mentions(one_line(head, LONGEST_LINE), host))
    return f"\n<details><summary><code>{shown}</code></summary>\n{code_block(lines, host)}\n</details>\n"


def listed(title: str, lines: Sequence[str], most: int, host: Host, mark: str = "- ") -> str:
    """Return a bold title, at most `most` of `lines`, each after `mark`, and how many are not shown.

    Empty without lines. Without a `mark` the lines must begin with a mark of ours.
    """
    if not lines:
        return ""
    shown = code_block((f"{mark}{one_line(line, LONGEST_LINE)}" for line in lines[:most]), host) if most else ""
    more = len(lines) - most
    return f"\n**{title}**\n{shown}" + (f"\n{more} not shown here: {SHOW_ALL}.\n" if more > 0 else "")


def timeline_lines(groups: Iterable[Group]) -> list[str]:
    """Return the lines of the diagram; empty for a plan without a step that has a day.

    Shows whole sequences, as many as have at most `MOST_EVENTS` events together.
    """
    lines: list[str] = []
    events = 0
    for group in groups:
        days = _days(group)
        events += sum(map(len, days.values()))
        if events > MOST_EVENTS:
            break
        if days:
            lines.append(f"  section {_plain(group.key)}")
        lines += [f"    Day {day} : {' : '.join(days[day])}" for day in sorted(days)]
    return ["timeline", *lines] if lines else []


def _days(group: Group) -> dict[int, list[str]]:
    """Return the events of each day. A step with several changes has one event."""
    days: dict[int, list[str]] = {}
    steps = {row.change.step: row.change for row in group.rows if row.change.step and row.change.action in _EVENTS}
    for change in steps.values():
        content = change.after or change.before
        if content is not None:
            days.setdefault(content.day, []).append(_event(change, content.type))
    return days


def _event(change: Change, kind: str) -> str:
    before = change.before.day if change.before else None
    moved = before is not None and change.after is not None and change.after.day != before
    event = f"from day {before}" if moved else _EVENTS[change.action]
    return f"{_plain(change.step or '')} ({_plain(kind)}, {event})"


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub("_", text)[:63]


def plan_markdown(plan: Plan, host: str = "github", limit: int | None = None) -> str:
    """Return `plan` as a comment for `host` (a name in `HOSTS`).

    `limit`: the longest comment, in the host's unit; by default the host's own limit. Counts, hash and gates are always
    shown; they take about 4,000 characters.
    """
    where = HOSTS[host]
    return _Comment(view_of(plan), where, where.limit if limit is None else limit).text()


class _Comment:
    """One comment, shortened until it fits its limit."""

    def __init__(self, view: View, host: Host, limit: int) -> None:
        self.view, self.host, self.limit = view, host, limit
        self.rows = [row for group in view.groups for row in group.rows]
        self._folds: dict[int, str] = {}

    def text(self) -> str:
        """Return the longest form that fits the limit."""
        tops = (_top(self.view, most, self.host) for most in MOST_LINES)
        top = next((text for text in tops if self._fits(text, self.limit // 2)), _top(self.view, 0, self.host))
        room = self.limit - self.host.size(top)
        return top + next((body for body in self._bodies(room) if self._fits(body, room)), "")

    def _fits(self, text: str, room: int) -> bool:
        return self.host.size(text) <= room

    def _bodies(self, room: int) -> Iterator[str]:
        """Yield the forms of the part below the top, from the longest to the shortest."""
        total = len(self.rows)
        if self._may_fit(room):
            everything = self._drift + self._changes(set(range(total)))
            yield everything + self._timeline
            if self._timeline:
                yield f"\n{_NO_TIMELINE}\n{everything}"
        yield from self._with_texts(room)
        if total * LEAST_LINE <= room:
            short = self._short(range(total))
            shown = self._shown_in(room - self.host.size(short) - self.host.size(_FEWEST_TEXTS) - 30)
            fewer = _FEWEST_TEXTS.format(total - len(shown), total)
            yield f"\n{fewer}\n{short}{''.join(map(self._folded, sorted(shown)))}"
        yield from self._what_fits(room)

    def _may_fit(self, room: int) -> bool:
        """Whether every text may fit. The cheapest test comes first: comparing thousands of texts takes seconds."""
        left = room
        for index in range(len(self.rows)) if len(self.rows) * LEAST_FOLD <= room else ():
            left -= self.host.size(self._folded(index))
            if left < 0:
                return False
        return len(self.rows) * LEAST_FOLD <= room

    def _with_texts(self, room: int) -> Iterator[str]:
        """Yield forms with a line for every change, and the text of as many changes as fit."""
        if len(self.rows) * LEAST_LINE > room:
            return
        drift = self._drift if self._fits(self._drift, room // 4) else f"\n{_NO_DRIFT_TEXT}\n"
        lines = self.host.size(self._changes(set()))
        shown = self._shown_in(room - self.host.size(drift) - self.host.size(_FEWER_TEXTS) - 30 - lines)
        while True:
            fewer = _FEWER_TEXTS.format(len(self.rows) - len(shown), len(self.rows))
            yield f"\n{fewer}\n{drift}{self._changes(set(shown))}"
            if not shown:
                return
            shown = shown[: len(shown) * 9 // 10]

    @cached_property
    def _by_weight(self) -> list[int]:
        """The indexes of the rows: changes of existing steps first, then new ones, then changes without calls."""
        return sorted(range(len(self.rows)), key=lambda index: _weight(self.rows[index]))

    @cached_property
    def _drift(self) -> str:
        with_text = (row for row in self.view.drift if row.fields)
        return "".join(
            fold(drift_head(row), _cut([*drift_lines([row], Level.DEFAULT, _PLAIN, indent="")][1:]), self.host)
            for row in with_text
        )

    @cached_property
    def _timeline(self) -> str:
        lines = timeline_lines(self.view.groups) if self.host.mermaid else []
        return f"\n**Days of what this plan changes**\n{code_block(lines, self.host, 'mermaid')}" if lines else ""

    def _folded(self, index: int) -> str:
        """Return a change with its text in a fold; empty for a change that its line describes completely."""
        if index not in self._folds:
            row = self.rows[index]
            lines = _cut(rows_text([row], Level.DEFAULT, _PLAIN, indent="")[1:])
            self._folds[index] = fold(head_line(row), lines, self.host) if lines else ""
        return self._folds[index]

    def _changes(self, shown: set[int]) -> str:
        """Return every change under its sequence: those in `shown` with their text, the others as a line."""
        parts, index = [], 0
        for group in self.view.groups:
            parts.append(f"\n#### {code_span(group_title(group), self.host)}\n")
            lines: list[str] = []
            for row in group.rows:
                if index in shown and self._folded(index):
                    parts += [self._lines(lines), self._folded(index)]
                    lines = []
                else:
                    lines.append(one_line(head_line(row), LONGEST_LINE))
                index += 1
            parts.append(self._lines(lines))
        return "".join(parts)

    def _lines(self, lines: Sequence[str]) -> str:
        return code_block(lines, self.host, "diff") if lines else ""

    def _shown_in(self, room: int) -> list[int]:
        """Return the changes whose text roughly fits in `room`, the most important first."""
        left, misses = room, 0
        shown: list[int] = []
        for index in self._by_weight:
            if left < LEAST_FOLD or misses == MOST_MISSES:
                break
            cost = self.host.size(self._folded(index)) + 2 * len("\n```diff\n\n```\n")  # it may split a block of lines
            if cost > left:
                misses += 1
                continue
            shown.append(index)
            left -= cost
        return shown

    def _short(self, indexes: Sequence[int]) -> str:
        return self._lines([self._short_line(index) for index in indexes])

    def _short_line(self, index: int) -> str:
        return one_line(f"{self.rows[index].mark} {self.rows[index].address}", LONGEST_LINE)

    def _what_fits(self, room: int) -> Iterator[str]:
        """Yield forms with the addresses of as many changes as fit, the most important first, and what is missing."""
        left, count = room - self.host.size(_FEWER_LINES) - 200, 0
        for index in self._by_weight:
            left -= self.host.size(self._short_line(index)) + 1
            if left < 0:
                break
            count += 1
        while True:
            verbs = Counter(self.rows[index].verb for index in self._by_weight[count:])
            missing = ", ".join(f"{number} {verb}" for verb, number in verbs.most_common())
            fewer = _FEWER_LINES.format(len(self.rows) - count, len(self.rows), missing)
            yield f"\n{fewer}\n{self._short(sorted(self._by_weight[:count]))}"
            if not count:
                return
            count = count * 9 // 10


def _weight(row: ViewRow) -> int:
    action = row.change.wanted or row.change.action
    return 2 if action in STATE_ONLY else 1 if action in CREATES else 0


def _cut(lines: Sequence[str]) -> list[str]:
    """Return `lines` with the very long ones cut, and marked as cut."""
    return [
        line if len(line) <= LONGEST_TEXT_LINE else f"{line[:LONGEST_TEXT_LINE]} … (cut here: {len(line)} characters)"
        for line in lines
    ]


def _top(view: View, most: int, host: Host) -> str:
    facts = [f"environment {view.environment} at {view.api_host}", f"plan hash {view.plan_hash}"]
    facts += [forecast_line(view)] if view.calls else []
    facts += [comparison_line(view)] if view.refreshed else []
    active = [f"{group_title(group)}: {counted(group.writes, 'change')}" for group in view.active]
    shut = [f"{gate.name}: {gate.detail}" for gate in view.gates if not gate.allowed]
    opened = [f"{gate.name}: {gate.detail}" for gate in view.gates if gate.allowed]
    blocked = [f"{row.address}: {row.reason}. {row.advice}" for row in blocked_rows(view.groups)]
    drift = list(map(drift_head, view.drift))
    advice = "".join(f"\n{line}\n" for line in advice_on(view.drift))
    return "".join(
        [
            marker("plan", view.environment, host),
            f"\n### {view.summary_line}\n",
            code_block((one_line(fact, LONGEST_LINE) for fact in facts), host),
            listed(f"Active sequences that this plan changes: {len(active)}", active, most, host),
            listed("Shut gates: apply does nothing until they are open", shut, max(most, len(shut)), host),
            listed("Open gates", opened, max(most, len(opened)), host),
            listed(f"Blocked: {len(blocked)}", blocked, most, host),
            listed(f"{DRIFT_HEADING}: {len(view.drift)}", drift, most, host, mark=""),
            advice,
            listed("Notes", view.notes, most, host),
        ]
    )
