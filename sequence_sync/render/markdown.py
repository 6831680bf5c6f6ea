"""A plan as the Markdown of a comment on a pull request, within what the host takes. Pure.

It begins with what matters: counts, plan hash, sequences that are sending, gates, what is blocked, what somebody
changed in Saleshandy. Then each change, its words folded; then the timeline. What would be too long is left out in this
order, and each time the comment says how much is missing:

1. the timeline
2. the words of what changed in Saleshandy, where they are more than a quarter of it; of changes that make no call,
   then of new steps, then of the others, the last first; each keeps its line
3. the lines of all changes but their addresses; in what room is left, words of the weightiest
4. short lines: of changes that make no call, then of new steps, then of the others, the last first
5. lines of the lists at the top, down to 5 each, then to their counts

How a user's text stands in it, so that it stays text: `render.comment`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from sequence_sync.plan.model import CREATES, STATE_ONLY, UPDATES, Action, Change, Plan
from sequence_sync.render.escape import one_line
from sequence_sync.render.text import (
    HEADING,
    Level,
    advice_on,
    drift_head,
    drift_lines,
    group_title,
    head_line,
    ink,
    read_line,
    rows_text,
)
from sequence_sync.render.view import Group, View, ViewRow, blocked_rows, view_of

LONGEST_LINE = 500  # characters of a line of a list; a cut one ends with an ellipsis
_NAME = re.compile("[A-Za-z0-9_.-]{1,64}")
_CALLING = re.compile("([@#!])(?=[^\\s@#!])")
_JOINER = "\u2060"  # no width, no break
_RUN = re.compile("`+")


class Host(NamedTuple):
    """Where a comment goes. `limit` is in what `size` counts. `html`: it knows `<details>` and hides HTML comments.
    `mermaid`: it draws diagrams. `parts`: a mark that calls somebody gets an invisible sign behind it even in code,
    since nothing is said about whether code is left alone."""

    limit: int
    size: Callable[[str], int]
    html: bool
    mermaid: bool
    parts: bool


def _utf8(text: str) -> int:
    return len(text.encode("utf-8"))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# GitHub's message says 65,536 characters; measured: bodies of pull requests 65,536 code points, comments 262,144 bytes.
# So many code points keep to both. GitLab: 1,000,000 characters once, 1,048,576 bytes since. Bitbucket's message says
# less than 32,768, Azure DevOps' no more than 150,000: both in UTF-16 units, as their languages count. A step's summary
# on GitHub: 1 MiB, and a longer one is lost as a whole.
HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "github": Host(65_536, len, html=True, mermaid=True, parts=False),
        "gitlab": Host(1_000_000, _utf8, html=True, mermaid=True, parts=False),
        "bitbucket": Host(32_767, _utf16, html=False, mermaid=False, parts=True),
        "azure": Host(150_000, _utf16, html=True, mermaid=False, parts=True),
        "github-summary": Host(1_048_576, _utf8, html=True, mermaid=True, parts=False),
    }
)


def marker(kind: str, environment: str, host: Host) -> str:
    """The first line, by which the next run finds the comment that it updates: `<!-- seqsync:plan:production -->`, or
    `[//]: # (seqsync:plan:production)` where HTML comments would be seen. A strange name stands as its hash."""
    plain = _NAME.fullmatch(environment)
    name = environment if plain else hashlib.sha256(environment.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    hides = host.html and not host.parts
    return f"<!-- seqsync:{kind}:{name} -->\n" if hides else f"[//]: # (seqsync:{kind}:{name})\n"


def parted(text: str, host: Host) -> str:
    """`text` so that it calls nobody on `host`, even where code is searched for mentions and references."""
    return _CALLING.sub(rf"\1{_JOINER}", text) if host.parts else text


def code_block(lines: Iterable[str], host: Host, language: str = "") -> str:
    """A code block longer than any run of backticks in it. The lines are safe to show and begin with a mark of ours."""
    text = parted("\n".join(lines), host)
    ticks = "`" * max(3, 1 + max(map(len, _RUN.findall(text)), default=0))
    return f"\n{ticks}{language}\n{text}\n{ticks}\n"


def code_span(text: str, host: Host) -> str:
    """`text` on one line, as code within a line."""
    shown = parted(one_line(text, LONGEST_LINE), host) or " "
    ticks = "`" * (1 + max(map(len, _RUN.findall(shown)), default=0))
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"{ticks}{shown}{ticks}"


def folded(head: str, lines: Iterable[str], host: Host) -> str:
    """`lines` under `head`: unfolded by a click where the host can."""
    if not host.html:
        return code_block([head, *lines], host)
    shown = escape(parted(one_line(head, LONGEST_LINE), host))
    return f"\n<details><summary><code>{shown}</code></summary>\n{code_block(lines, host)}\n</details>\n"


def listed(title: str, lines: Sequence[str], most: int, host: Host, mark: str = "- ") -> str:
    """A bold title, `most` of `lines`, each behind `mark`, and how many more there are; nothing where there is none.
    Without a mark the lines must begin with one of ours."""
    if not lines:
        return ""
    shown = code_block((f"{mark}{one_line(line, LONGEST_LINE)}" for line in lines[:most]), host) if most else ""
    more = len(lines) - most
    return f"\n**{title}**\n{shown}" + (f"\n{more} not shown here: {WHERE}.\n" if more > 0 else "")


WHERE = "`seqsync show FILE` shows all of it"


MOST_EVENTS = 60  # more are no picture any more
_OTHER = re.compile("[^A-Za-z0-9_-]")

_FATES: Mapping[Action, str] = {
    **dict.fromkeys(CREATES, "new"),
    **dict.fromkeys(UPDATES, "changed"),
    Action.DEACTIVATE_VARIANT: "a variant off",
    Action.BLOCKED: "blocked",
}


def timeline_lines(groups: Iterable[Group]) -> list[str]:
    """The lines of the diagram, empty where no step with a day is in the plan. Whole sequences, as many as make no
    more than `MOST_EVENTS` events."""
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
    """What happens on each day; a step with several changes stands once."""
    days: dict[int, list[str]] = {}
    steps = {row.change.step: row.change for row in group.rows if row.change.step and row.change.action in _FATES}
    for change in steps.values():
        content = change.after or change.before
        if content is not None:
            days.setdefault(content.day, []).append(_event(change, content.type))
    return days


def _event(change: Change, kind: str) -> str:
    before = change.before.day if change.before else None
    moved = before is not None and change.after is not None and change.after.day != before
    fate = f"from day {before}" if moved else _FATES[change.action]
    return f"{_plain(change.step or '')} ({_plain(kind)}, {fate})"


def _plain(text: str) -> str:
    return _OTHER.sub("_", text)[:63]


MOST_LINES = (20, 5, 0)  # lines of each list at the top
LONGEST_WORDS = 2_000  # characters of a line of changed words
LEAST_FOLDED = 90  # characters that a change with its words takes at least
MOST_MISSES = 50  # changes whose words are looked at in vain before no more is tried
LEAST_LINE = 10  # the same, of its line

_PLAIN = ink(False)
_NO_TIMELINE = "The timeline is left out: the comment would be too long."
_FEWER_WORDS = f"The words of {{}} of {{}} changes are left out: the comment would be too long. {WHERE}."
_NO_DRIFT_WORDS = f"The words of what changed in Saleshandy are left out: {WHERE}."
_FEWEST_WORDS = (
    "Changes are listed by their addresses, and the words of {} of {} are left out: the comment would be too long. "
    f"{WHERE}."
)
_FEWER_LINES = f"{{}} of {{}} changes are not listed ({{}}), and all words are left out: {WHERE}."


def plan_markdown(plan: Plan, host: str = "github", limit: int | None = None) -> str:
    """`plan` as a comment for `host` (a name of `comment.HOSTS`), of at most `limit` (the host's own) of what the host
    counts. Counts, hash and gates are never left out; they take some 4,000."""
    where = HOSTS[host]
    return _Comment(view_of(plan), where, where.limit if limit is None else limit).text()


class _Comment:
    """One comment on its way to its size."""

    def __init__(self, view: View, host: Host, limit: int) -> None:
        self.view, self.host, self.limit = view, host, limit
        self.rows = [row for group in view.groups for row in group.rows]
        self._made: dict[int, str] = {}

    def text(self) -> str:
        """The longest form that keeps the limit."""
        tops = (_top(self.view, most, self.host) for most in MOST_LINES)
        top = next((text for text in tops if self._fits(text, self.limit // 2)), _top(self.view, 0, self.host))
        room = self.limit - self.host.size(top)
        return top + next((body for body in self._bodies(room) if self._fits(body, room)), "")

    def _fits(self, text: str, room: int) -> bool:
        return self.host.size(text) <= room

    def _bodies(self, room: int) -> Iterator[str]:
        """The forms of what follows the top, from the longest to the shortest."""
        total = len(self.rows)
        if self._may_fit(room):
            everything = self._drift + self._changes(set(range(total)))
            yield everything + self._timeline
            if self._timeline:
                yield f"\n{_NO_TIMELINE}\n{everything}"
        yield from self._with_words(room)
        if total * LEAST_LINE <= room:
            short = self._short(range(total))
            told = self._told_in(room - self.host.size(short) - self.host.size(_FEWEST_WORDS) - 30)
            fewer = _FEWEST_WORDS.format(total - len(told), total)
            yield f"\n{fewer}\n{short}{''.join(map(self._folded, sorted(told)))}"
        yield from self._what_fits(room)

    def _may_fit(self, room: int) -> bool:
        """Whether all words may have room. Begun with the cheapest test: comparing thousands of texts takes seconds."""
        left = room
        for place in range(len(self.rows)) if len(self.rows) * LEAST_FOLDED <= room else ():
            left -= self.host.size(self._folded(place))
            if left < 0:
                return False
        return len(self.rows) * LEAST_FOLDED <= room

    def _with_words(self, room: int) -> Iterator[str]:
        """Every change has its line, and as many as there is room for their words."""
        if len(self.rows) * LEAST_LINE > room:
            return
        drift = self._drift if self._fits(self._drift, room // 4) else f"\n{_NO_DRIFT_WORDS}\n"
        lines = self.host.size(self._changes(set()))
        told = self._told_in(room - self.host.size(drift) - self.host.size(_FEWER_WORDS) - 30 - lines)
        while True:
            fewer = _FEWER_WORDS.format(len(self.rows) - len(told), len(self.rows))
            yield f"\n{fewer}\n{drift}{self._changes(set(told))}"
            if not told:
                return
            told = told[: len(told) * 9 // 10]

    @cached_property
    def _by_weight(self) -> list[int]:
        """The places of the rows: what changes something that is there, then what is new, then what makes no call."""
        return sorted(range(len(self.rows)), key=lambda place: _weight(self.rows[place]))

    @cached_property
    def _drift(self) -> str:
        told = (row for row in self.view.drift if row.fields)
        return "".join(
            folded(drift_head(row), _cut([*drift_lines([row], Level.DEFAULT, _PLAIN, indent="")][1:]), self.host)
            for row in told
        )

    @cached_property
    def _timeline(self) -> str:
        lines = timeline_lines(self.view.groups) if self.host.mermaid else []
        return f"\n**Days of what this plan changes**\n{code_block(lines, self.host, 'mermaid')}" if lines else ""

    def _folded(self, place: int) -> str:
        """A change with its words; empty where it has none: its line says all of it."""
        if place not in self._made:
            row = self.rows[place]
            lines = _cut(rows_text([row], Level.DEFAULT, _PLAIN, indent="")[1:])
            self._made[place] = folded(head_line(row), lines, self.host) if lines else ""
        return self._made[place]

    def _changes(self, told: set[int]) -> str:
        """Every change under its sequence: those in `told` with their words, the others as a line."""
        parts, place = [], 0
        for group in self.view.groups:
            parts.append(f"\n#### {code_span(group_title(group), self.host)}\n")
            lines: list[str] = []
            for row in group.rows:
                if place in told and self._folded(place):
                    parts += [self._lines(lines), self._folded(place)]
                    lines = []
                else:
                    lines.append(one_line(head_line(row), LONGEST_LINE))
                place += 1
            parts.append(self._lines(lines))
        return "".join(parts)

    def _lines(self, lines: Sequence[str]) -> str:
        return code_block(lines, self.host, "diff") if lines else ""

    def _told_in(self, room: int) -> list[int]:
        """Whose words there is about room for, the weightiest first."""
        left, misses = room, 0
        told: list[int] = []
        for place in self._by_weight:
            if left < LEAST_FOLDED or misses == MOST_MISSES:
                break
            cost = self.host.size(self._folded(place)) + 2 * len("\n```diff\n\n```\n")  # it may part a block of lines
            if cost > left:
                misses += 1
                continue
            told.append(place)
            left -= cost
        return told

    def _short(self, places: Sequence[int]) -> str:
        return self._lines([self._short_line(place) for place in places])

    def _short_line(self, place: int) -> str:
        return one_line(f"{self.rows[place].mark} {self.rows[place].address}", LONGEST_LINE)

    def _what_fits(self, room: int) -> Iterator[str]:
        """Short lines of as many changes as there is room for, the weightiest first, and what is missing."""
        left, count = room - self.host.size(_FEWER_LINES) - 200, 0
        for place in self._by_weight:
            left -= self.host.size(self._short_line(place)) + 1
            if left < 0:
                break
            count += 1
        while True:
            verbs = Counter(self.rows[place].verb for place in self._by_weight[count:])
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
    """`lines` with the very long ones cut, visibly."""
    return [
        line if len(line) <= LONGEST_WORDS else f"{line[:LONGEST_WORDS]} … (cut here: {len(line)} characters)"
        for line in lines
    ]


def _top(view: View, most: int, host: Host) -> str:
    facts = [f"environment {view.environment} at {view.api_host}", f"plan hash {view.plan_hash}"]
    facts += [f"{view.calls} call{'' if view.calls == 1 else 's'}, {view.duration}"] if view.calls else []
    facts += [read_line(view)] if view.refreshed else []
    sending = [f"{group_title(group)}: {group.writes} change(s)" for group in view.active]
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
            listed(f"Sequences that are sending and get changed: {len(sending)}", sending, most, host),
            listed("Gates that are shut: apply does nothing until they are opened", shut, max(most, len(shut)), host),
            listed("Gates that this plan opens", opened, max(most, len(opened)), host),
            listed(f"Blocked: {len(blocked)}", blocked, most, host),
            listed(f"{HEADING}: {len(view.drift)}", drift, most, host, mark=""),
            advice,
            listed("Notes", view.notes, most, host),
        ]
    )
