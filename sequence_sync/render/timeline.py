"""The days of what a plan changes, as a Mermaid timeline. Pure.

Only keys, types and days stand in it, and of these only letters, digits, `_` and `-`: nothing of it can be read as
Mermaid's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sequence_sync.planning.plan import CREATES, UPDATES, Action, Change
from sequence_sync.render.view import Group

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
