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

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

from sequence_sync.planning.plan import CREATES, STATE_ONLY, Plan
from sequence_sync.render.ansi import ink
from sequence_sync.render.comment import HOSTS, LONGEST_LINE, WHERE, Host, code_block, code_span, folded, listed, marker
from sequence_sync.render.details import Level
from sequence_sync.render.drift import HEADING, advice_on, drift_head, drift_lines
from sequence_sync.render.escape import one_line
from sequence_sync.render.text import group_title, head_line, read_line, rows_text
from sequence_sync.render.timeline import timeline_lines
from sequence_sync.render.view import Row, View, blocked_rows, view_of

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


def _weight(row: Row) -> int:
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
