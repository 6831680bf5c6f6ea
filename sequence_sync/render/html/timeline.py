"""The timeline of a sequence: its changed steps on an axis of days, as plain HTML. Pure.

It shows only steps in the plan: a plan does not contain the steps that it does not change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sequence_sync.plan.model import Action
from sequence_sync.render.html.elements import line
from sequence_sync.render.view import ViewRow

# Days between two lines of the axis; the first stride that needs at most `MOST_LINES` is used.
_STRIDES = (1, 2, 5, 7, 14, 30, 60, 90, 180, 360)
MOST_LINES = 7


class TimelineStop(NamedTuple):
    """One step on the axis. `before` and `after`: its days, or None. `anchor`: the id of its change on the page."""

    key: str
    type: str
    kind: str
    anchor: str
    before: int | None
    after: int | None

    @property
    def days(self) -> list[int]:
        """The days that it has: before, then after."""
        return [day for day in (self.before, self.after) if day is not None]


def stops_of(rows: Iterable[tuple[str, str, ViewRow]]) -> list[TimelineStop]:
    """Return the steps of `rows` (anchor, kind, row) by day. Several changes of a step become one stop."""
    stops: dict[str, TimelineStop] = {}
    for anchor, kind, row in rows:
        change = row.change
        content = change.after or change.before
        if change.step is None or content is None:
            continue
        before = change.before.day if change.before else None
        after = change.after.day if change.after and change.action is not Action.FORGET else None
        known = stops.get(change.step)
        if known is None:
            stops[change.step] = TimelineStop(change.step, content.type.replace("_", " "), kind, anchor, before, after)
        else:
            stops[change.step] = known._replace(after=after)
    return sorted(stops.values(), key=lambda stop: stop.days[-1])


def timeline(stops: list[TimelineStop]) -> str:
    """Return `stops` on an axis from day 1; empty for fewer than two days."""
    last = max((day for stop in stops for day in stop.days), default=1)
    if last < 2:
        return ""
    stride = next((one for one in _STRIDES if (last - 1) // one < MOST_LINES), _STRIDES[-1])
    marks = "".join(f'<i style="left:{_place(day, last)}">{day}</i>' for day in range(1, last + 1, stride))
    rows = "".join(_row(stop, last) for stop in stops)
    return (
        "<h3>Timeline <small>of the steps in this plan</small></h3>"
        f'<div class="timeline" style="--stride:{_share(stride, last)}">'
        f'<div class="axis" aria-hidden="true"><span>Day</span><span class="track">{marks}</span></div>'
        f"<ol>{rows}</ol></div>"
    )


def _row(stop: TimelineStop, last: int) -> str:
    marks, when = "", ""
    moved = stop.before is not None and stop.after is not None and stop.before != stop.after
    if stop.before is not None and (moved or stop.after is None):
        marks += f'<i class="was" style="left:{_place(stop.before, last)}"></i>'
    if moved and stop.before and stop.after:
        low, high = sorted((stop.before, stop.after))
        marks += f'<i class="way" style="left:{_place(low, last)};width:{_share(high - low, last)}"></i>'
        when = f"day {stop.before} → {stop.after}"
    if stop.after is not None:
        marks += f'<i class="dot" style="left:{_place(stop.after, last)}"></i>'
    when = when or f"day {stop.days[-1]}"
    return (
        f'<li class="{stop.kind}"><span><a href="#{stop.anchor}">{line(stop.key)}</a> <small>{line(stop.type)}</small>'
        f'</span><span class="when">{when}</span><span class="track" aria-hidden="true">{marks}</span></li>'
    )


def _place(day: int, last: int) -> str:
    return _share(day - 1, last)


def _share(days: int, last: int) -> str:
    return f"{100 * days / (last - 1):.2f}%"
