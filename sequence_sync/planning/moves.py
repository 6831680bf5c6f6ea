"""Emails change days so that no call needs a day that another email holds. Pure; knows days and names, no plan.

A day holds one email (D: docs/api.md 4). Shifts go in the direction that frees days first; where emails
only change places among themselves, one of them waits on a free day after the last one (late is better than early).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequence_sync.model.fields import LAST_DAY


@dataclass(frozen=True, slots=True)
class Leg:
    """One change of day. `parked`: it is on its way, and another leg follows."""

    name: str
    start: int
    day: int
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The legs in order; who cannot move, with who is in the way (None: they only change places, and nobody may be
    parked); and where every email is in the end."""

    legs: tuple[Leg, ...]
    stuck: Mapping[str, str | None]
    days: Mapping[str, int]


def route(held: Mapping[str, int], wanted: Mapping[str, int], *, may_park: bool, last: int = 0) -> Route:
    """The way from `held` (every email's day, movers or not) to `wanted` (the movers' days).

    `last` is the last day that anything else of the plan takes. The same input gives the same route.
    """
    now, left = dict(held), {name: day for name, day in wanted.items() if held[name] != day}
    legs: list[Leg] = []
    stuck: dict[str, str | None] = {}
    parked: set[str] = set()

    def go(name: str, day: int, stop: bool) -> None:
        legs.append(Leg(name, now[name], day, stop))
        now[name] = day

    while left:
        if blocked := _in_the_way(now, left):
            stuck |= blocked
            left = {name: day for name, day in left.items() if name not in blocked}
        elif free := [name for name in left if left[name] not in now.values()]:
            name = min(free, key=lambda each: (now[each], each))
            go(name, left.pop(name), False)
        else:
            waiting = [name for name in left if name not in parked]
            aside = max(last, *now.values(), *wanted.values()) + 1
            if not may_park or aside > LAST_DAY or not waiting:
                stuck |= dict.fromkeys(left)
                break
            name = max(waiting, key=lambda each: (left[each], each))
            parked.add(name)
            go(name, aside, True)
    return Route(tuple(legs), stuck, now)


def _in_the_way(now: Mapping[str, int], left: Mapping[str, int]) -> dict[str, str | None]:
    """Who wants a day that somebody holds who stays there."""
    holders = {day: name for name, day in sorted(now.items()) if name not in left}
    return {name: holders[day] for name, day in left.items() if day in holders}
